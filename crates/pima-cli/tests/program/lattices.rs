//! Photographs beside stress-strain curves: the folder that `pima data lattices` writes, and the configurations that go with such folders.

use std::fs;

use crate::harness::{Bench, TINY, json};

/// A few specimens, written once a test.
fn lab() -> Bench {
    let bench = Bench::new(TINY);
    let (out, _) = bench.ok("data lattices --out lab --specimens 8 --seed 2");
    assert!(out.contains("lab: 8 lattices (generated), of two kinds; next: pima train lab/lattice.toml"), "{out}");
    bench
}

fn row<'a>(out: &'a str, name: &str) -> &'a str {
    out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {out}"))
}

#[test]
fn a_folder_of_lattices_is_checked_trained_on_and_never_overwritten() {
    let bench = lab();
    assert!(bench.fails("data lattices --out lab", 2).contains("lab: is there already"));
    assert!(bench.fails("data lattices --out lab --force", 2).contains("lab: is a folder with files in it"));
    assert!(
        bench.fails("data lattices --out few --specimens 3", 2).contains("--specimens 3: some are needed to train")
    );
    let curve = fs::read_to_string(bench.path("lab/curves/L01.csv")).unwrap();
    assert!(curve.starts_with("strain,stress (MPa)\n0.000000,") && curve.lines().count() == 101, "{curve}");
    for config in ["lattice", "lattice-latent"] {
        let (out, said) = bench.ok(&format!("check lab/{config}.toml"));
        assert!(row(&out, "image ").contains("1x152x152 image"), "{out}");
        let stress = row(&out, "stress ");
        for part in
            ["1x100 curve", "strain 0 to 0.06", "MPa", "expert (elastic modulus, hardening modulus, yield strain)"]
        {
            assert!(stress.contains(part), "{part}: {out}");
        }
        assert!(out.contains("samples: 128, of them 64 to train on, 32 to validate, 32 to test"), "{out}");
        assert!(out.contains("specimens: 8, of them 4 to train on, 2 to validate, 2 to test"), "{out}");
        assert!(out.contains("2 classes of 64 to 64 samples"), "{out}");
        assert!(out.contains("warning: 4 specimens to train on for 2 clusters: fewer than 10 each"), "{out}");
        assert!(said.contains("lab/curves/L01.csv: ends at strain 0.06, and with it all curves do"), "{said}");
    }

    let file = bench.path("lab/lattice.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("epochs = 100\n"), "{text}");
    fs::write(&file, text.replace("epochs = 100\n", "epochs = 1\n")).unwrap();
    bench.ok("train lab/lattice.toml --out run --device cpu --threads 1 --quiet");
    let summary = json(&bench.path("run/summary.json"));
    assert_eq!(
        (&summary["status"], &summary["label_names"]),
        (&"finished".into(), &serde_json::json!(["gyroid", "octet"]))
    );
    let expert = &summary["experts"]["stress"];
    let names = ["elastic modulus", "hardening modulus", "yield strain", "yield stress"];
    assert_eq!(
        (&expert["parameters"], &expert["units"]),
        (&serde_json::json!(names), &serde_json::json!(["MPa", "MPa", "", "MPa"]))
    );

    // Every specimen by its name, seen as a whole and from either side.
    let samples = fs::read_to_string(bench.path("run/samples.csv")).unwrap();
    assert!(samples.contains("\nL03/1,") && samples.contains("\nL03/16,"), "{samples}");
    let table = fs::read_to_string(bench.path("run/parameters.csv")).unwrap();
    let heading =
        "specimen,split,label,from,samples,cluster,probability,elastic modulus (MPa),elastic modulus sd (MPa),";
    assert!(table.starts_with(heading) && table.lines().count() == 1 + 3 * 8, "{table}");
    for (specimen, from) in (1..=8).flat_map(|k| ["all", "image", "stress"].map(|from| (format!("L0{k}"), from))) {
        let found = table.lines().filter(|line| line.starts_with(&specimen) && line.contains(&format!(",{from},16,")));
        assert_eq!(found.count(), 1, "{specimen} {from}: {table}");
    }

    // New photographs, and one that comes with its curve.
    fs::create_dir(bench.path("new")).unwrap();
    for name in ["L03", "L04"] {
        fs::copy(bench.path(&format!("lab/images/{name}.png")), bench.path(&format!("new/{name}.png"))).unwrap();
    }
    let (out, said) = bench.ok("infer run --given new --device cpu --out new.npz --parameters new.csv");
    assert!(out.contains("clusters, stress from image by dropout for 32 samples"), "{out}");
    assert!(row(&out, "specimen").contains("yield stress (MPa)") && !row(&out, "L04").contains('±'), "{out}");
    assert!(out.contains("the parameters of each specimen's kind: this run has none of a specimen's own"), "{out}");
    assert!(!said.contains("warning"), "{said}");
    let of_photographs = fs::read_to_string(bench.path("new.csv")).unwrap();
    let of_run = table.lines().find(|line| line.starts_with("L03,") && line.contains(",image,16,")).unwrap();
    let modulus = |line: &str, at: usize| line.split(',').nth(at).unwrap().parse::<f64>().unwrap();
    let again = modulus(of_photographs.lines().find(|line| line.starts_with("L03,image,16,")).unwrap(), 5);
    // Other draws of z.
    assert!((again / modulus(of_run, 7) - 1.0).abs() < 0.05, "{again}: {of_run}");
    fs::copy(bench.path("lab/curves/L04.csv"), bench.path("new/L04.csv")).unwrap();
    let (out, _) = bench.ok("infer run --given new --device cpu --out both.npz");
    assert!(out.contains("clusters, stress from image, stress by dropout for 32 samples"), "{out}");
    bench.ok("impute run new --device cpu --out filled.npz");
    fs::write(bench.path("new/L03.csv"), "strain,stress (MPa)\n0,0\n0.01,10\n0.02,12\n0.03,13\n").unwrap();
    let said = bench.fails("infer run --given new --device cpu --out none.npz", 2);
    assert!(
        said.contains("new/L03.csv, line 5: ends at strain 0.03, but the model was trained on curves to 0.06"),
        "{said}"
    );
    fs::write(bench.path("new/L03.csv"), "strain,stress (GPa)\n0,0\n0.01,0.01\n0.02,0.012\n0.07,0.013\n").unwrap();
    let said = bench.fails("infer run --given new --device cpu --out none.npz", 2);
    assert!(said.contains("new: the run reads strains as fractions and stresses in MPa, and keeps to it"), "{said}");
    let said = bench.fails("infer run --given lab/images/L03.png --device cpu --out none.npz", 2);
    assert!(said.contains("L03.png: is a photograph; give the folder that it lies in"), "{said}");
    bench.ok("train tiny.toml --out digits --quiet --threads 1 --device cpu");
    let said = bench.fails("infer digits --given new --device cpu --out none.npz", 2);
    assert!(
        said.contains("new: is a folder; this run's samples were not photographs and curves in a folder"),
        "{said}"
    );
}

#[test]
fn init_reads_photographs_and_curves_together() {
    let bench = lab();
    for config in ["lattice", "lattice-latent"] {
        fs::remove_file(bench.path(&format!("lab/{config}.toml"))).unwrap();
    }
    let (out, _) = bench.ok("init lab");
    assert!(row(&out, "image ").contains("1x152x152 image") && row(&out, "stress ").contains("1x100 curve"), "{out}");
    assert!(out.contains("left out: truth: of folders only images and curves are read"), "{out}");
    let text = fs::read_to_string(bench.path("lab/pima.toml")).unwrap();
    for part in [
        "source = \"lattice-folder\"\nfolder = \".\"\n",
        "# Kinds to look for: as many as labels.csv has.\nclusters = 2\n",
        "source = { kind = \"images\" }",
        "source = { kind = \"data\" }",
        "pool = true",
        "kind = \"hardening\"",
    ] {
        assert!(text.contains(part), "{part:?} in: {text}");
    }
    assert!(!text.contains("[data.lattice_folder]"), "{text}");
    assert!(bench.ok("check lab/pima.toml").0.contains("\n1 warning; train with"));

    // Side by side, in other units, one photograph without its curve, no labels.
    fs::create_dir(bench.path("flat")).unwrap();
    for k in 1..=8 {
        fs::copy(bench.path(&format!("lab/images/L0{k}.png")), bench.path(&format!("flat/L0{k}.png"))).unwrap();
        let table = fs::read_to_string(bench.path(&format!("lab/curves/L0{k}.csv"))).unwrap();
        let number = |cell: &str| cell.parse::<f64>().unwrap();
        let line = |line: &str| {
            let (strain, stress) = line.split_once(',').unwrap();
            format!("{:.4};{:.6}\n", 100.0 * number(strain), number(stress) / 1000.0).replace('.', ",")
        };
        let lines: String = table.lines().skip(1).map(line).collect();
        fs::write(bench.path(&format!("flat/L0{k}.csv")), format!("strain [%];stress [GPa]\n{lines}")).unwrap();
    }
    fs::remove_file(bench.path("flat/L05.csv")).unwrap();
    bench.ok("init flat");
    let text = fs::read_to_string(bench.path("flat/pima.toml")).unwrap();
    for part in [
        "\npercent = true  # ",
        "\nstress = \"GPa\"  # ",
        "\nallow_missing = true  # a photograph or a curve alone: L05\n",
        "a guess",
    ] {
        assert!(text.contains(part), "{part:?} in: {text}");
    }
    let (out, _) = bench.ok("check flat/pima.toml");
    assert!(row(&out, "stress ").contains("strain 0 to 0.06") && row(&out, "stress ").contains("12.5 %"), "{out}");
    assert!(out.contains("\n1 warning; train with"), "{out}");
}

#[test]
fn init_refuses_tables_beside_photographs_that_are_no_curves_of_strain() {
    let bench = lab();
    fs::create_dir(bench.path("spectra")).unwrap();
    for k in 1..=8 {
        fs::copy(bench.path(&format!("lab/images/L0{k}.png")), bench.path(&format!("spectra/L0{k}.png"))).unwrap();
        fs::write(bench.path(&format!("spectra/L0{k}.csv")), "wavelength,intensity\n400,1\n500,2\n600,1\n").unwrap();
    }
    let said = bench.fails("init spectra", 2);
    assert!(said.contains("spectra/L01.csv: this and 7 more csv files go by the names of photographs"), "{said}");
    assert!(!bench.path("spectra/pima.toml").exists());
    // As it says.
    for (folder, ending) in [("photographs", "png"), ("curves", "csv")] {
        fs::create_dir(bench.path(&format!("spectra/{folder}"))).unwrap();
        for k in 1..=8 {
            let name = format!("L0{k}.{ending}");
            fs::rename(bench.path(&format!("spectra/{name}")), bench.path(&format!("spectra/{folder}/{name}")))
                .unwrap();
        }
    }
    let (out, _) = bench.ok("init spectra");
    assert!(row(&out, "curves ").contains("1x3 curve") && row(&out, "photographs ").contains("image"), "{out}");
}
