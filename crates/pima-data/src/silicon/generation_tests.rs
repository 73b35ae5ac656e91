//! Tests of the generated data set: what it holds, that it depends on nothing but recipe, seed and number, and that it
//! can be interrupted.

use super::*;

/// Eight atoms a cell and short spectra: milliseconds a structure.
fn small() -> Recipe {
    let text = include_str!("recipe.toml")
        .replace("repeats = [2, 2, 2]", "repeats = [1, 1, 2]")
        .replace("points = 10794", "points = 300")
        .replace("amount = [1, 4]", "amount = [1, 2]")
        .replace("amount = [1, 3]", "amount = [1, 1]");
    Recipe { max_unstable: 0.05, ..Recipe::from_toml(&text).unwrap() }
}

fn go(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn column(data: &Dataset, name: &str) -> Vec<f32> {
    data.modality(name).unwrap().values().unwrap().column(0).to_vec()
}

#[test]
fn structures_go_through_what_their_class_says() {
    let recipe = small();
    let data = generate(&recipe, 60, 1, None, &mut go).unwrap();
    assert!(data.name().contains("generated"));
    let labels = data.labels().unwrap();
    let (uniaxial, hydrostatic) = (column(&data, "uniaxial_strain"), column(&data, "hydrostatic_strain"));
    let (vacancies, interstitials) = (column(&data, "vacancies"), column(&data, "interstitials"));
    let (displacement, atoms, stress) =
        (column(&data, "displacement"), column(&data, "atoms"), column(&data, "stress"));
    for row in 0..60 {
        let compressed = uniaxial[row] + hydrostatic[row];
        let disordered = vacancies[row] + interstitials[row] + displacement[row];
        match labels.names()[labels.values()[row]].as_str() {
            "none" => assert_eq!((compressed, disordered), (0.0, 0.0)),
            "disorder" => assert!(compressed == 0.0 && disordered > 0.0),
            "deformed" => assert!((0.007..=0.06).contains(&compressed) && disordered <= 1.0),
            "highly deformed" => {
                assert!((0.027..=0.12).contains(&compressed));
                // A missing atom in so small a cell takes most of the stress away.
                assert!(stress[row] > 5.0 || vacancies[row] > 0.0);
            }
            other => panic!("{other}"),
        }
        assert_eq!(atoms[row], 16.0 - vacancies[row] + interstitials[row]);
    }
    for class in 0..4 {
        assert!(labels.values().contains(&class), "class {class} was never drawn");
    }
    // The mean of the normal stresses is the trace over three.
    let tensor = data.modality("stress_tensor").unwrap();
    for (row, stress) in stress.iter().enumerate() {
        let trace: f32 = tensor.gather(&[row]).unwrap().row(0).iter().take(3).sum();
        assert!((trace / 3.0 - stress).abs() < 1e-4);
    }
    let spectrum = data.modality("spectrum").unwrap();
    let points = &spectrum.axis().unwrap().points;
    assert_eq!((points.len(), points[0], points[299]), (300, 0.0, 25.0));
    for row in 0..60 {
        let mut buffer = Vec::new();
        let values = spectrum.row(row, &mut buffer).unwrap();
        let area: f64 =
            (1..300).map(|k| 0.5 * f64::from(values[k - 1] + values[k]) * (points[k] - points[k - 1])).sum();
        assert!((area - 1.0).abs() < 1e-5, "{area}");
    }
}

#[test]
fn a_structure_depends_on_recipe_seed_and_number_alone() {
    let recipe = small();
    let long = generate(&recipe, 24, 7, None, &mut go).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let serial = one.install(|| generate(&recipe, 24, 7, None, &mut go)).unwrap();
    assert_eq!(long, serial);
    let short = generate(&recipe, 10, 7, None, &mut go).unwrap();
    assert_eq!(long.select(&(0..10).collect::<Vec<_>>()).unwrap(), short);
    let other = generate(&recipe, 10, 8, None, &mut go).unwrap();
    assert_ne!(column(&short, "stress"), column(&other, "stress"));
}

#[test]
fn what_was_interrupted_goes_on_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("vdos.npz");
    let recipe = small();
    let whole = generate(&recipe, 40, 3, None, &mut go).unwrap();
    let mut stop =
        |progress: Progress| if progress.done > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let error = generate_file(&recipe, 40, 3, &out, &mut stop).unwrap_err();
    let Error::Stopped { done, total: 40 } = error else { panic!("{error}") };
    assert!((1..40).contains(&done) && !out.exists() && partial_results(&out).exists());

    // Not for another seed or recipe, which would mix two data sets.
    let other = Recipe { cell_scatter: 0.001, ..small() };
    for result in [generate_file(&recipe, 40, 4, &out, &mut go), generate_file(&other, 40, 3, &out, &mut go)] {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("vdos.npz.partial-results: has partial results of another recipe or seed"), "{text}");
    }

    let mut first = None;
    let resumed = generate_file(&recipe, 40, 3, &out, &mut |progress| {
        first.get_or_insert(progress.done);
        ControlFlow::Continue(())
    });
    assert_eq!(resumed.unwrap(), whole);
    assert_eq!(first, Some(done));
    assert_eq!(crate::read_npz(&out).unwrap(), whole);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn damaged_partial_results_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("partial");
    let mut partial = Partial::new(&small(), 3);
    let generators = RowGenerators::new(3);
    let (record, spectrum) = make(&small(), &generators, 0).unwrap();
    partial.push(record, &spectrum);
    partial.save(&path).unwrap();
    assert_eq!(Partial::load(&path, &small(), 3).unwrap(), partial);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let text = generate(&small(), 2, 3, Some(&path), &mut go).unwrap_err().to_string();
    assert!(text.contains("damaged") && text.contains("remove it") && !text.contains('\n'), "{text}");
}

#[test]
fn a_class_that_cannot_be_had_says_so() {
    // Nothing is given the time to settle.
    let mut recipe = small();
    recipe.classes.retain(|class| class.name == "disorder");
    recipe.classes[0].disorder.retain(|choice| choice.kind == Disorder::Scattered);
    let options = RelaxationOptions { max_steps: 3, ..RelaxationOptions::default() };
    let error = make_with(&recipe, &RowGenerators::new(0), 5, &options).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("structure 5 of class 'disorder': none of 50 draws will do"), "{text}");
    assert!(text.contains("not at rest after 3 steps"), "{text}");
    assert!(matches!(generate(&small(), 0, 0, None, &mut go), Err(Error::Empty { .. })));
}
