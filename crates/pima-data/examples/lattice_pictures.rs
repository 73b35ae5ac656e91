//! Writes generated lattices as pictures: `cargo run --release -p pima-data --example lattice_pictures -- FOLDER [SEED]`.

use std::path::PathBuf;
use std::time::Instant;

use pima_data::{LatticeKind, LatticeOptions, generate_lattices};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder to write to")?);
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    std::fs::create_dir_all(&folder)?;
    let options = LatticeOptions::default();
    let start = Instant::now();
    let lattices = generate_lattices(&options, seed)?;
    let (n, rows) = (lattices.specimens.len(), lattices.dataset.n_samples());
    println!("{n} specimens, {rows} rows in {:.2} s", start.elapsed().as_secs_f64());
    let images = lattices.dataset.modality("image")?;
    let side = options.side;
    let values = images.values()?;
    for kind in LatticeKind::ALL {
        let of_kind: Vec<usize> = (0..n).filter(|&i| lattices.specimens[i].kind == kind).collect();
        // A sheet of six specimens, two quadrants of each.
        let sheet = image::GrayImage::from_fn(6 * side as u32, 2 * side as u32, |x, y| {
            let (column, quadrant) = (x as usize / side, y as usize / side);
            let row = of_kind[column] * (rows / n) + quadrant * 4;
            let value = values[[row, (y as usize % side) * side + x as usize % side]];
            image::Luma([(255.0 * value) as u8])
        });
        sheet.save(folder.join(format!("{}.png", kind.name())))?;
        for &i in &of_kind[..6] {
            let s = &lattices.specimens[i];
            println!(
                "{} thickness {:.4} density {:.4} E {:.0} H {:.1} yield {:.5} {:.2} MPa",
                kind.name(),
                s.thickness,
                s.density,
                s.elastic_modulus,
                s.hardening_modulus,
                s.yield_strain,
                s.yield_stress()
            );
        }
    }
    Ok(())
}
