//! Tests of reading a config.

use super::*;
use pima_core::ClusterPosterior;

const GOOD: &str = r#"
experiment = "4.1"
[data]
source = "mnist"
[model]
latent = 2
clusters = 10
[training]
epochs = 4
[training.paper]
learning_rate = 3.125e-7
epochs = 40000
[[modality]]
name = "image"
source = { kind = "images" }
encoder = { type = "conv" }
decoder = { type = "deconv" }
[[modality]]
name = "line"
source = { kind = "line" }
normalise = "standard"
encoder = { type = "conv", channels = [8, 16] }
expert = { kind = "linear", basis = { kind = "slope" } }
"#;

fn parse(text: &str) -> Result<ExperimentConfig> {
    ExperimentConfig::parse(text, Path::new("x.toml"), None)
}

fn message(from: &str, to: &str) -> String {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD, "the replacement must change the text");
    let message = parse(&text).unwrap_err().to_string();
    assert!(message.contains("x.toml") && !message.contains('\n'), "one line that names the file: {message}");
    message
}

#[test]
fn recipes_lay_their_tables_over_their_defaults() {
    let fast = parse(GOOD).unwrap().training;
    assert_eq!((fast.epochs, fast.learning_rate, fast.posterior), (4, 3e-3, ClusterPosterior::Exact));
    let paper = ExperimentConfig::parse(GOOD, Path::new("x.toml"), Some(Recipe::Paper)).unwrap().training;
    assert_eq!((paper.epochs, paper.learning_rate, paper.posterior), (40_000, 3.125e-7, ClusterPosterior::Latent));
    assert_eq!((paper.experts, paper.weights), (ExpertUpdate::Adam, WeightUpdate::Adam));
}

#[test]
fn a_resolved_config_reads_back_as_itself() {
    for recipe in [Recipe::Fast, Recipe::Paper] {
        let config = ExperimentConfig::parse(GOOD, Path::new("x.toml"), Some(recipe)).unwrap();
        let again = ExperimentConfig::parse(&config.to_toml().unwrap(), Path::new("y.toml"), None).unwrap();
        assert_eq!(config, again);
    }
}

#[test]
fn mistakes_get_one_line_each() {
    let text = message("epochs = 4\n", "epoch = 4\n");
    assert!(text.contains("line 9: training.epoch: unknown field `epoch`"), "{text}");
    let text = message("latent = 2", "latent = 2\nlatnet = 3");
    assert!(text.contains("line 7"), "{text}");
    assert!(message("latent = 2", "latent = ").contains("line 6"));
    // The wrong type of value, in each kind of table.
    let text = message("latent = 2", "latent = \"two\"");
    assert!(text.contains("line 6: model.latent: ") && text.contains("string"), "{text}");
    let text = message("epochs = 4\n", "epochs = 4.5\n");
    assert!(text.contains("line 9: training.epochs: "), "{text}");
    let text = message("normalise = \"standard\"", "normalise = \"standart\"");
    assert!(text.contains("line 21: modality.1.normalise: "), "{text}");
    // The table of the recipe that does not run is read too.
    let text = message("epochs = 40000", "epochs = \"many\"");
    assert!(text.contains("line 12: training.epochs: "), "{text}");
    let text = message("epochs = 40000", "epohcs = 4");
    assert!(text.contains("line 12: training.epohcs: unknown field"), "{text}");
    let text = message("epochs = 4\n", "learning_rate = -1\n");
    assert!(text.contains("line 9: training.learning_rate is -1"), "{text}");
    assert!(message("clusters = 10", "clusters = 0").contains("model.clusters is 0"));
    assert!(message("name = \"line\"", "name = \"image\"").contains("given twice"));
    assert!(
        message("expert = { kind = \"linear\", basis = { kind = \"slope\" } }", "")
            .contains("neither a decoder nor an expert")
    );
    assert!(message("[training]", "[training]\nmodality_keep = 0.0").contains("modality_keep"));
    assert!(message("source = \"mnist\"", "source = \"minst\"").contains("minst"));
    assert!(
        message("source = \"mnist\"", "source = \"mnist\"\nsplit = { train = 0.8, validation = 0.1 }")
            .contains("sum to 1")
    );
    assert!(message("[training]", "[training]\nadam = { beta1 = 1.5 }").contains("training.adam"));
    let text = message("[training]", "[training]\nstart = { tie_epochs = 4 }");
    assert!(text.contains("training.start.tie_epochs needs training.start.modality"), "{text}");
    let text = message("[training]", "[training]\nstart = { modality = \"line\", tie_epochs = 4 }");
    assert!(text.contains("those of \"line\" are found by its expert: give training.start.components"), "{text}");
    parse(&GOOD.replace("[training]", "[training]\nstart = { modality = \"line\", components = 2, tie_epochs = 4 }"))
        .unwrap();
}

#[test]
fn each_source_has_its_own_keys() {
    let lattice = "source = \"lattice\"\nlattice = { n_gyroid = 4, n_octet = 5 }";
    let read = parse(&GOOD.replace("source = \"mnist\"", lattice)).unwrap();
    assert_eq!(read.data.lattice.unwrap().n_octet, 5);
    let folder = "source = \"lattice-folder\"\nfolder = \"lab\"\nlattice_folder = { percent = true, stress = \"GPa\" }";
    let read = parse(&GOOD.replace("source = \"mnist\"", folder)).unwrap();
    assert!(read.data.lattice_folder.unwrap().percent);
    for (wrong, says) in [
        ("source = \"mnist\"\nlattice = {}", "data.lattice is for another source"),
        ("source = \"lattice\"\nlattice_folder = {}", "data.lattice_folder is for another source"),
        ("source = \"lattice\"\nfolder = \"lab\"", "data.folder is for another source"),
        ("source = \"lattice-folder\"", "data.source needs data.folder"),
        ("source = \"lattice\"\nlattice = { n_cubic = 4 }", "n_cubic"),
    ] {
        let text = message("source = \"mnist\"", wrong);
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn the_units_of_lattices_cannot_be_written_over() {
    let config = |source: &str, more: &str| {
        let modality = "name = \"line\"\nsource = { kind = \"line\" }";
        assert!(GOOD.contains(modality), "{GOOD}");
        let stress = format!("name = \"stress\"\nsource = {{ kind = \"data\" }}\n{more}");
        parse(&GOOD.replace("source = \"mnist\"", source).replace(modality, &stress))
    };
    let folder = "source = \"lattice-folder\"\nfolder = \"lab\"";
    let generated = "source = \"lattice\"";
    for source in [folder, generated] {
        for same in ["", "units = \"MPa\"", "units = \"N/mm2\"\naxis = { name = \"compression\", units = \"\" }"] {
            config(source, same).unwrap();
        }
        for (other, said) in [
            (
                "units = \"GPa\"",
                "modality.1.units is \"GPa\", but the stresses of lattices are loaded in MPa, and units",
            ),
            (
                "axis = { units = \"%\" }",
                "modality.1.axis.units is \"%\", but the strains of lattices are loaded as frac",
            ),
            (
                "axis = { from = 0.0, to = 6.0 }",
                "modality.1.axis gives points, but the curves of lattices have their strains",
            ),
        ] {
            let text = config(source, other).unwrap_err().to_string();
            assert!(text.contains(said) && text.contains("line "), "{text}");
            assert_eq!(text.contains("[data.lattice_folder]"), source == folder, "{text}");
        }
    }
    // What has a file of its own has its own units.
    let own = "name = \"stress\"\nsource = { kind = \"npy\", path = \"a.npy\" }\nkind = \"curve\"\nunits = \"GPa\"";
    let modality = "name = \"line\"\nsource = { kind = \"line\" }";
    parse(&GOOD.replace("source = \"mnist\"", generated).replace(modality, own)).unwrap();
}

#[test]
fn only_an_expert_can_be_made_to_see() {
    let expert = "expert = { kind = \"linear\", basis = { kind = \"slope\" } }";
    let read = parse(&GOOD.replace(expert, &format!("{expert}\nexpert_sees_latent = {{ hold_epochs = 5 }}"))).unwrap();
    assert_eq!(read.modalities[1].expert_sees_latent, Some(SeesLatent { from_epoch: 2, hold_epochs: 5 }));
    let again = parse(&read.to_toml().unwrap()).unwrap();
    assert_eq!(again, read);
    let decoder = "decoder = { type = \"deconv\" }";
    let text = message(decoder, &format!("{decoder}\nexpert_sees_latent = {{}}"));
    assert!(text.contains("\"image\": expert_sees_latent is for experts"), "{text}");
    assert!(message(expert, &format!("{expert}\nexpert_sees_latent = {{ from = 1 }}")).contains("from"));
    let hardening = parse(&GOOD.replace(expert, "expert = { kind = \"hardening\", knee = 0.001 }")).unwrap();
    assert!(matches!(hardening.modalities[1].expert, Some(ExpertConfig::Hardening(options)) if options.knee == 0.001));
    assert!(message(expert, "expert = { kind = \"hardening\", kne = 0.001 }").contains("kne"));
}

#[test]
fn names_that_arrays_of_inferred_samples_have_are_refused() {
    assert!(message("name = \"line\"", "name = \"latent\"").contains("\"latent\": an array of that name"));
    let said = message("name = \"line\"", "name = \"image_var\"");
    assert!(said.contains("\"image_var\": its name is that of an array inferred for \"image\""), "{said}");
}

#[test]
fn images_are_changed_by_numbers_that_make_sense_and_on_one_scale() {
    let augment = |text: &str| format!("source = {{ kind = \"images\" }}\naugment = {text}");
    let good = parse(&GOOD.replace("source = { kind = \"images\" }", &augment("{ shift = 2, flip = true }"))).unwrap();
    let by = good.modalities[0].augment.unwrap();
    assert_eq!((by.shift, by.rotation, by.scale, by.flip), (2.0, 0.0, 0.0, true));
    let said = message("source = { kind = \"images\" }", &augment("{ shift = -1 }"));
    assert!(said.contains("modality \"image\": augment.shift is -1"), "{said}");
    let said = message("source = { kind = \"images\" }", &augment("{ shift = 1 }\nnormalise = \"standard\""));
    assert!(said.contains("must have one scale: normalise = \"standard_global\""), "{said}");
}
