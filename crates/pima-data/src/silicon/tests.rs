//! The potential and its waves against LAMMPS, finite differences and the known facts of the model.

use serde::Deserialize;

use super::lapack::OneThread;
use super::*;

/// 1 bar in GPa.
const BAR: f64 = 1e-4;
const LATTICE_CONSTANT: f64 = 5.43095;

#[derive(Deserialize)]
struct Reference {
    si8: Perturbed,
    si64: Perturbed,
    si64_relaxed_gamma: Relaxed,
}

#[derive(Deserialize)]
struct Perturbed {
    #[serde(rename = "box")]
    edges: [f64; 3],
    positions: Vec<[f64; 3]>,
    #[serde(rename = "energy_eV")]
    energy: f64,
    #[serde(rename = "forces_eV_A")]
    forces: Vec<[f64; 3]>,
    #[serde(rename = "virial_pressure_bar_xx_yy_zz_xy_xz_yz")]
    pressure: [f64; 6],
}

#[derive(Deserialize)]
struct Relaxed {
    #[serde(rename = "box")]
    edges: [f64; 3],
    positions: Vec<[f64; 3]>,
    #[serde(rename = "frequencies_THz_lammps")]
    frequencies: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/fixtures/sw_reference.json")).unwrap()
}

fn boxed(edges: [f64; 3], positions: &[[f64; 3]]) -> Structure {
    let cell = [[edges[0], 0.0, 0.0], [0.0, edges[1], 0.0], [0.0, 0.0, edges[2]]];
    Structure::new(cell, positions.to_vec()).unwrap()
}

/// The perturbed eight atoms in a sheared cell, where nothing is symmetric.
fn skew() -> Structure {
    let si8 = reference().si8;
    boxed(si8.edges, &si8.positions).deformed(&[[1.0, 0.03, -0.02], [0.01, 0.98, 0.04], [0.0, 0.02, 1.01]]).unwrap()
}

#[test]
fn energy_forces_and_virial_are_those_of_lammps() {
    let reference = reference();
    for perturbed in [reference.si8, reference.si64] {
        let structure = boxed(perturbed.edges, &perturbed.positions);
        let found = StillingerWeber::default().evaluate(&structure);
        assert!((found.energy / perturbed.energy - 1.0).abs() < 1e-12, "{}", found.energy);
        for (force, expected) in found.forces.iter().flatten().zip(perturbed.forces.iter().flatten()) {
            assert!((force - expected).abs() < 1e-10, "{force} {expected}");
        }
        for (stress, bars) in found.stress(structure.volume()).iter().zip(&perturbed.pressure) {
            assert!((stress / (bars * BAR) - 1.0).abs() < 1e-6, "{stress} {bars}");
        }
    }
}

#[test]
fn frequencies_are_those_of_lammps() {
    let relaxed = reference().si64_relaxed_gamma;
    let silicon = StillingerWeber::default();
    let _one_thread = OneThread::hold();
    let constants = silicon.force_constants(&boxed(relaxed.edges, &relaxed.positions));
    let found = constants.vibrations_at([false; 3], silicon.mass).unwrap();
    assert_eq!((found.frequencies.len(), found.n_unstable), (189, 0));
    let mut expected = relaxed.frequencies;
    expected.sort_by(f64::total_cmp);
    for (frequency, expected) in found.frequencies.iter().zip(&expected) {
        // The reference took finite differences of forces.
        assert!((frequency / expected - 1.0).abs() < 1e-5, "{frequency} {expected}");
    }
}

#[test]
fn forces_and_virial_are_derivatives_of_the_energy() {
    let silicon = StillingerWeber::default();
    let structure = skew();
    let found = silicon.evaluate(&structure);
    let h = 1e-5;
    for atom in 0..structure.n_atoms() {
        for k in 0..3 {
            let energy = |by: f64| {
                let mut moved = structure.clone();
                moved.positions_mut()[atom][k] += by;
                silicon.evaluate(&moved).energy
            };
            let force = -(energy(h) - energy(-h)) / (2.0 * h);
            assert!((force - found.forces[atom][k]).abs() < 1e-7, "{force} {}", found.forces[atom][k]);
        }
    }
    for a in 0..3 {
        for b in 0..3 {
            let energy = |by: f64| {
                let mut gradient = vector::IDENTITY;
                gradient[a][b] += by;
                silicon.evaluate(&structure.deformed(&gradient).unwrap()).energy
            };
            let virial = -(energy(h) - energy(-h)) / (2.0 * h);
            assert!((virial - found.virial[a][b]).abs() < 1e-6, "{virial} {}", found.virial[a][b]);
        }
    }
}

#[test]
fn the_hessian_is_the_derivative_of_the_forces() {
    let silicon = StillingerWeber::default();
    let structure = skew();
    let constants = silicon.force_constants(&structure);
    let n = structure.n_atoms();
    let hessian = constants.dynamical_matrix([false; 3], 1.0);
    let largest = hessian.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let h = 1e-5;
    for atom in 0..n {
        for k in 0..3 {
            let forces = |by: f64| {
                let mut moved = structure.clone();
                moved.positions_mut()[atom][k] += by;
                silicon.evaluate(&moved).forces
            };
            let (up, down) = (forces(h), forces(-h));
            for other in 0..n {
                for a in 0..3 {
                    let expected = -(up[other][a] - down[other][a]) / (2.0 * h);
                    let found = hessian[[3 * other + a, 3 * atom + k]];
                    assert!((found - expected).abs() < 1e-8 * largest, "{found} {expected}");
                }
            }
        }
    }
}

/// What the shifts are for: a cell with its wave vectors is the same crystal as the cell twice as long.
#[test]
fn a_wave_in_a_small_cell_is_a_standing_wave_of_a_large_one() {
    let silicon = StillingerWeber::default();
    let small = skew();
    let mut positions = Vec::new();
    for x in 0..2 {
        for y in 0..2 {
            for z in 0..2 {
                let by = small.translation([x, y, z]);
                positions.extend(small.positions().iter().map(|at| [at[0] + by[0], at[1] + by[1], at[2] + by[2]]));
            }
        }
    }
    let _one_thread = OneThread::hold();
    let large = Structure::new(small.cell().map(|row| row.map(|x| 2.0 * x)), positions).unwrap();
    let few = silicon.force_constants(&small).vibrations(silicon.mass).unwrap();
    let many = silicon.force_constants(&large).vibrations_at([false; 3], silicon.mass).unwrap();
    assert_eq!((few.n_modes(), few.n_unstable), (8 * 24 - 3, many.n_unstable));
    for (one, other) in few.frequencies.iter().zip(&many.frequencies) {
        assert!((one - other).abs() < 1e-6, "{one} {other}");
    }
}

#[test]
fn moving_everything_costs_nothing() {
    let structure = skew();
    let constants = StillingerWeber::default().force_constants(&structure);
    let mut sums = vec![[[0.0; 3]; 3]; structure.n_atoms()];
    let mut largest = 0.0_f64;
    for (i, j, shift, block) in constants.blocks() {
        vector::add_matrix(&mut sums[i], 1.0, block);
        largest = block.iter().flatten().fold(largest, |most, x| most.max(x.abs()));
        // And pushing back is as strong as pushing.
        let back = constants.blocks().find(|&(a, b, t, _)| (a, b, t) == (j, i, shift.map(|n| -n))).unwrap().3;
        for a in 0..3 {
            for b in 0..3 {
                assert!((block[a][b] - back[b][a]).abs() < 1e-12 * largest.max(1.0));
            }
        }
    }
    for x in sums.iter().flatten().flatten() {
        assert!(x.abs() < 1e-12 * largest, "{x}");
    }
}

#[test]
fn the_lattice_constant_and_the_cohesive_energy() {
    let silicon = StillingerWeber::default();
    let pressure = |a: f64| {
        let crystal = Structure::diamond(a, [1, 1, 1]).unwrap();
        silicon.evaluate(&crystal).stress(crystal.volume())[0]
    };
    let (mut low, mut high) = (5.3, 5.6);
    assert!(pressure(low) > 0.0 && pressure(high) < 0.0);
    while high - low > 1e-9 {
        let middle = 0.5 * (low + high);
        if pressure(middle) > 0.0 { low = middle } else { high = middle }
    }
    assert!((low - LATTICE_CONSTANT).abs() < 1e-5, "{low}");
    let energy = silicon.evaluate(&Structure::diamond(low, [1, 1, 1]).unwrap()).energy / 8.0;
    assert!((energy / (-2.0 * silicon.epsilon) - 1.0).abs() < 1e-9, "{energy}");
    assert!((energy + 4.33660).abs() < 1e-5, "{energy}");
}

/// Change of stress with strain, atoms at rest at every strain.
#[test]
fn the_elastic_constants() {
    let silicon = StillingerWeber::default();
    let crystal = Structure::diamond(LATTICE_CONSTANT, [1, 1, 1]).unwrap();
    let options = RelaxationOptions { force: 1e-6, ..RelaxationOptions::default() };
    let slope = |a: usize, b: usize| -> [f64; 6] {
        let h = 1e-4;
        let stress = |by: f64| {
            let mut gradient = vector::IDENTITY;
            gradient[a][b] += by;
            let strained = silicon.relax(&crystal.deformed(&gradient).unwrap(), &options).unwrap();
            silicon.evaluate(&strained).stress(strained.volume())
        };
        let (up, down) = (stress(h), stress(-h));
        std::array::from_fn(|k| -(up[k] - down[k]) / (2.0 * h))
    };
    let (stretch, shear) = (slope(0, 0), slope(1, 2));
    for (found, expected) in [(stretch[0], 151.4), (stretch[1], 76.4), (shear[5], 56.4)] {
        assert!((found - expected).abs() < 0.1, "{found} {expected}");
    }
}

#[test]
fn the_optical_mode() {
    let silicon = StillingerWeber::default();
    // Two atoms: at wave vector zero there are three translations and the optical mode, three times.
    let half = 0.5 * LATTICE_CONSTANT;
    let cell = [[0.0, half, half], [half, 0.0, half], [half, half, 0.0]];
    let primitive = Structure::new(cell, vec![[0.0; 3], [0.5 * half; 3]]).unwrap();
    let vibrations = silicon.force_constants(&primitive).vibrations_at([false; 3], silicon.mass).unwrap();
    assert_eq!(vibrations.frequencies.len(), 3);
    for frequency in vibrations.frequencies {
        assert!((frequency - 17.83).abs() < 5e-3, "{frequency}");
    }
}

/// Every coordinate moved by up to `by`; an orderless sequence will do for shaking.
fn shaken(structure: &Structure, by: f64) -> Structure {
    let mut shaken = structure.clone();
    for (at, x) in shaken.positions_mut().iter_mut().flatten().enumerate() {
        *x += by * ((at * at) as f64 * 0.7).sin();
    }
    shaken
}

#[test]
fn unstable_modes_are_left_out_and_counted() {
    let silicon = StillingerWeber::default();
    // Far from rest, some ways lead over a crest.
    let thrown = shaken(&Structure::diamond(LATTICE_CONSTANT, [1, 1, 1]).unwrap(), 0.8);
    let vibrations = silicon.force_constants(&thrown).vibrations(silicon.mass).unwrap();
    assert!(vibrations.n_unstable > 0);
    assert_eq!(vibrations.n_modes(), 8 * 24 - 3);
    assert!(vibrations.frequencies.iter().all(|&frequency| frequency >= 0.0));
    assert!(vibrations.frequencies.is_sorted());
}

#[test]
fn a_shaken_crystal_comes_back_to_rest() {
    let silicon = StillingerWeber::default();
    let crystal = Structure::diamond(LATTICE_CONSTANT, [2, 2, 2]).unwrap();
    let shaken = shaken(&crystal, 0.25);
    let options = RelaxationOptions::default();
    let rest = silicon.relax(&shaken, &options).unwrap();
    let found = silicon.evaluate(&rest);
    assert!(found.largest_force() <= options.force, "{}", found.largest_force());
    assert!((found.energy / 64.0 + 4.3366).abs() < 1e-6, "{}", found.energy / 64.0);
    let impatient = RelaxationOptions { max_steps: 2, ..options };
    assert!(matches!(silicon.relax(&shaken, &impatient), Err(crate::Error::Relaxation { .. })));
}

#[test]
fn compression_stiffens_the_optical_and_softens_the_transverse_acoustic_modes() {
    let silicon = StillingerWeber::default();
    let options = DensityOptions::default();
    let _one_thread = OneThread::hold();
    let peak = |structure: &Structure, from: f64, to: f64| {
        let vibrations = silicon.force_constants(structure).vibrations(silicon.mass).unwrap();
        let density = options.density(&vibrations.frequencies);
        let points = options.frequencies().into_iter().zip(density).filter(|&(f, _)| (from..to).contains(&f));
        points.max_by(|x, y| x.1.total_cmp(&y.1)).unwrap().0
    };
    let crystal = Structure::diamond(LATTICE_CONSTANT, [2, 2, 2]).unwrap();
    let squeezed = crystal.deformed(&[[0.88, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).unwrap();
    let squeezed = silicon.relax(&squeezed, &RelaxationOptions::default()).unwrap();
    let pressed = crystal.deformed(&vector::IDENTITY.map(|row| row.map(|x| 0.96 * x))).unwrap();
    let main = |structure| peak(structure, 12.0, 25.0);
    for (found, expected) in [(main(&crystal), 16.45), (main(&squeezed), 18.04), (main(&pressed), 18.32)] {
        // Where the top of a broad peak lies depends a little on the wave vectors that were taken.
        assert!((found - expected).abs() < 0.1, "{found} {expected}");
    }
    // The lowest wave of a conventional cell is the transverse acoustic one at the zone's boundary.
    let transverse = |a: f64| {
        let crystal = Structure::diamond(a, [1, 1, 1]).unwrap();
        silicon.force_constants(&crystal).vibrations_at([false; 3], silicon.mass).unwrap().frequencies[0]
    };
    assert!(transverse(0.98 * LATTICE_CONSTANT) < transverse(LATTICE_CONSTANT));
}
