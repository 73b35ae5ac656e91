//! docs/config.md against the code: every key that is read is on the page, every key of the page is read, with the default that the page says.

use super::ExperimentConfig;
use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../../docs/config.md");

/// What every config has.
const MODEL: &str = "[model]\nlatent = 2\nclusters = 3\n";
const MODALITY: &str =
    "[[modality]]\nname = \"a\"\nsource = { kind = \"npz\", path = \"a.npz\" }\nencoder = { type = \"mlp\" }\n";
const DECODER: &str = "decoder = { type = \"mlp\" }\n";

/// A section of the page: its heading, a config without a default in the section's table, with `@` where a key can be added, and the table's place.
type Section = (&'static str, String, &'static str);

fn sections() -> Vec<Section> {
    let data = |text: &str| format!("experiment = \"x\"\n{text}\n{MODEL}{MODALITY}{DECODER}");
    let top = |text: &str| format!("experiment = \"x\"\n{MODEL}{text}\n{MODALITY}{DECODER}");
    let modality = |text: &str| format!("experiment = \"x\"\n{MODEL}{MODALITY}{DECODER}{text}\n");
    let expert = |text: &str| format!("experiment = \"x\"\n{MODEL}{MODALITY}[modality.expert]\n{text}\n");
    let source = |text: &str| {
        format!(
            "experiment = \"x\"\n{MODEL}{MODALITY}{DECODER}[[modality]]\nname = \"b\"\nencoder = {{ type = \"mlp\" }}\ndecoder = {{ type = \"mlp\" }}\n[modality.source]\n{text}\n"
        )
    };
    let network = |text: &str| {
        format!(
            "experiment = \"x\"\n{MODEL}[[modality]]\nname = \"a\"\nsource = {{ kind = \"npz\", path = \"a.npz\" }}\n{text}\n"
        )
    };
    // Known trajectories are those of manufactured oscillators alone.
    let oscillating = |text: &str| {
        let source = ("source = { kind = \"npz\", path = \"a.npz\" }", "source = { kind = \"oscillator\" }");
        let data = ("experiment = \"x\"\n", "experiment = \"x\"\ndata = { source = \"digits\" }\n");
        expert(text).replace(source.0, source.1).replace(data.0, data.1)
    };
    let monomials = "equations = [[{ name = \"k\", exponents = [1] }]]";
    vec![
        ("Top level", format!("@\nexperiment = \"x\"\n{MODEL}{MODALITY}{DECODER}"), ""),
        ("`[data]`", data("[data]\n@"), "data"),
        ("`data.split`", data("[data.split]\n@\ntrain = 0.5\nvalidation = 0.5"), "data.split"),
        ("`data.labels` and `data.groups`", data("[data.labels]\n@\npath = \"a.csv\""), "data.labels"),
        ("`data.labels` and `data.groups`", data("[data.groups]\n@\npath = \"a.csv\""), "data.groups"),
        (
            "`data.spectra`",
            data("[data]\nsource = \"spectra\"\n[data.spectra]\n@\nspectra = \"a.csv\"\nstress = \"b.csv\""),
            "data.spectra",
        ),
        ("`data.lattice`", data("[data]\nsource = \"lattice\"\n[data.lattice]\n@"), "data.lattice"),
        ("`data.lattice.test`", data("[data]\nsource = \"lattice\"\n[data.lattice.test]\n@"), "data.lattice.test"),
        (
            "`data.lattice.test.gyroid` and `data.lattice.test.octet`",
            data(
                "[data]\nsource = \"lattice\"\n[data.lattice.test.gyroid]\n@\nthickness = 0.1\nmodulus_factor = 1.0\nmodulus_exponent = 1.0\nstrength_factor = 1.0\nstrength_exponent = 1.0\nhardening_ratio = 0.1",
            ),
            "data.lattice.test.gyroid",
        ),
        (
            "`data.lattice_folder`",
            data("[data]\nsource = \"lattice-folder\"\nfolder = \"a\"\n[data.lattice_folder]\n@"),
            "data.lattice_folder",
        ),
        ("`[model]`", format!("experiment = \"x\"\n{MODEL}@\n{MODALITY}{DECODER}"), "model"),
        ("`[training]`", top("[training]\n@"), "training"),
        ("`training.adam`", top("[training.adam]\n@"), "training.adam"),
        ("`training.em`", top("[training.em]\n@"), "training.em"),
        ("`training.start`", top("[training.start]\n@"), "training.start"),
        ("`[refit]`", top("[refit]\n@"), "refit"),
        ("`[peers]`", source("kind = \"npz\"\npath = \"b.npz\"\n[peers]\n@\nfrom = \"a\"\npredict = \"b\""), "peers"),
        ("`[[modality]]`", modality("@"), "modality.0"),
        ("`modality.augment`", modality("[modality.augment]\n@"), "modality.0.augment"),
        ("`modality.axis`", modality("[modality.axis]\n@"), "modality.0.axis"),
        ("`source`, `kind = \"npz\"`", source("@\nkind = \"npz\"\npath = \"b.npz\""), "modality.1.source"),
        ("`source`, `kind = \"npy\"`", source("@\nkind = \"npy\"\npath = \"b.npy\""), "modality.1.source"),
        ("`source`, `kind = \"hdf5\"`", source("@\nkind = \"hdf5\"\npath = \"b.h5\""), "modality.1.source"),
        (
            "`source`, `kind = \"table-folder\"`",
            source("@\nkind = \"table-folder\"\npath = \"b\""),
            "modality.1.source",
        ),
        ("`source`, `kind = \"table\"`", source("@\nkind = \"table\"\npath = \"b.csv\""), "modality.1.source"),
        (
            "`source`, `kind = \"image-folder\"`",
            source("@\nkind = \"image-folder\"\npath = \"b\""),
            "modality.1.source",
        ),
        ("`source`, `kind = \"line\"`", source("@\nkind = \"line\""), "modality.1.source"),
        ("`source`, `kind = \"oscillator\"`", source("@\nkind = \"oscillator\""), "modality.1.source"),
        (
            "`encoder`, `type = \"conv\"`",
            network(&format!("{DECODER}[modality.encoder]\n@\ntype = \"conv\"")),
            "modality.0.encoder",
        ),
        (
            "`encoder`, `type = \"mlp\"`",
            network(&format!("{DECODER}[modality.encoder]\n@\ntype = \"mlp\"")),
            "modality.0.encoder",
        ),
        (
            "`decoder`, `type = \"deconv\"`",
            network("encoder = { type = \"mlp\" }\n[modality.decoder]\n@\ntype = \"deconv\""),
            "modality.0.decoder",
        ),
        (
            "`decoder`, `type = \"mlp\"`",
            network("encoder = { type = \"mlp\" }\n[modality.decoder]\n@\ntype = \"mlp\""),
            "modality.0.decoder",
        ),
        (
            "`expert_sees_latent`",
            network(
                "encoder = { type = \"mlp\" }\nexpert = { kind = \"hardening\" }\n[modality.expert_sees_latent]\n@",
            ),
            "modality.0.expert_sees_latent",
        ),
        (
            "`expert`, `kind = \"formula\"`",
            expert("@\nformula = \"k*t\"\nparameters = { k = { init = 1.0 } }"),
            "modality.0.expert",
        ),
        (
            "`expert.parameters.NAME`",
            expert("formula = \"k*t\"\n[modality.expert.parameters.k]\n@\ninit = 1.0"),
            "modality.0.expert.parameters.k",
        ),
        (
            "`expert`, `kind = \"ode-formula\"`",
            expert("@\node = [\"-k*x\"]\nstart = [1.0]\nparameters = { k = { init = 1.0 } }"),
            "modality.0.expert",
        ),
        (
            "`expert`, `kind = \"linear\"`",
            expert("@\nkind = \"linear\"\nbasis = { kind = \"slope\" }"),
            "modality.0.expert",
        ),
        (
            "`basis`, `kind = \"matrix\"`",
            expert("kind = \"linear\"\n[modality.expert.basis]\n@\nkind = \"matrix\"\nrows = [[1.0]]\nnames = [\"k\"]"),
            "modality.0.expert.basis",
        ),
        ("`expert`, `kind = \"hardening\"`", expert("@\nkind = \"hardening\""), "modality.0.expert"),
        (
            "`expert`, `kind = \"principal-components\"`",
            expert("@\nkind = \"principal-components\""),
            "modality.0.expert",
        ),
        (
            "`expert`, `kind = \"ode\"`",
            expert(&format!("@\nkind = \"ode\"\nstart = [1.0]\n{monomials}")),
            "modality.0.expert",
        ),
        (
            "`expert.fit`",
            expert(&format!("kind = \"ode\"\nstart = [1.0]\n{monomials}\n[modality.expert.fit]\n@")),
            "modality.0.expert.fit",
        ),
        (
            "`expert`, `kind = \"snode\"`",
            oscillating(&format!("@\nkind = \"snode\"\n{monomials}")),
            "modality.0.expert",
        ),
        (
            "`expert.equations`",
            expert("kind = \"ode\"\nstart = [1.0]\n[[modality.expert.equations]]\n")
                .replace("[[modality.expert.equations]]", "equations = [[{ @ name = \"k\", exponents = [1] }]]"),
            "modality.0.expert.equations.0.0",
        ),
        (
            "`expert.pou`",
            oscillating(&format!("kind = \"snode\"\n{monomials}\n[modality.expert.pou]\n@")),
            "modality.0.expert.pou",
        ),
    ]
}

/// The config of a section with one key more in its table.
fn inserted(template: &str, key: &str) -> String {
    template.replace("@\n", &format!("{key}\n")).replace('@', &format!("{key},"))
}

/// The config of a section as it is.
fn without(template: &str) -> String {
    template.replace("@\n", "").replace('@', "")
}

/// The rows of the table under a heading: key, default, meaning.
fn rows(heading: &str) -> Vec<(String, String, String)> {
    let after = PAGE.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading).skip(1);
    let lines = after.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').splitn(3, '|').map(str::trim).collect();
            (cells[0].trim_matches('`').to_owned(), cells[1].to_owned(), cells[2].to_owned())
        })
        .collect()
}

fn at<'a>(value: &'a toml::Value, path: &str) -> Option<&'a toml::Value> {
    path.split('.').filter(|key| !key.is_empty()).try_fold(value, |value, key| match key.parse::<usize>() {
        Ok(index) => value.get(index),
        Err(_) => value.get(key),
    })
}

#[test]
fn the_page_has_every_key_and_every_default() {
    let parse = |text: &str| ExperimentConfig::parse(text, Path::new("x.toml"), None);
    let mut wrong = Vec::new();
    let mut described = BTreeSet::new();
    for (heading, template, path) in sections() {
        described.insert(heading);
        let rows = rows(heading);
        let said = parse(&inserted(&template, "__probe__ = 0")).expect_err("a key that there is not").to_string();
        let Some((_, known)) = said.split_once("unknown field `__probe__`; there are ") else {
            wrong.push(format!("{heading}: {said}"));
            continue;
        };
        let known: BTreeSet<&str> = known.split(", ").collect();
        let on_page: BTreeSet<&str> = rows.iter().map(|(key, ..)| key.as_str()).collect();
        if known != on_page {
            wrong.push(format!("{heading}: the code reads {known:?}, the page has {on_page:?}"));
        }
        let plain = without(&template);
        let given: toml::Value = toml::from_str(&plain).unwrap();
        let resolved = match parse(&plain).and_then(|config| config.to_toml()) {
            Ok(text) => toml::from_str::<toml::Value>(&text).unwrap(),
            Err(error) => {
                wrong.push(format!("{heading}: {error}"));
                continue;
            }
        };
        for (key, default, _) in &rows {
            let is_given = at(&given, path).is_some_and(|table| table.get(key).is_some());
            let resolved = at(&resolved, path).and_then(|table| table.get(key));
            let right = match (default.as_str(), resolved) {
                // One of the two must be given.
                ("absent", _) if path == "modality.0" && key == "decoder" => true,
                ("required", _) => is_given,
                ("absent", resolved) => resolved.is_none() && !is_given,
                ("below", Some(toml::Value::Table(_))) => true,
                // Written out, the default changes nothing.
                (literal, _) => {
                    let written = format!("{key} = {}", literal.trim_matches('`'));
                    !is_given && parse(&inserted(&template, &written)).ok() == parse(&plain).ok()
                }
            };
            if !right {
                wrong.push(format!("{heading}: {key} is {resolved:?} (given: {is_given}), the page says {default}"));
            }
        }
    }
    // No table of the page goes unchecked.
    for heading in PAGE.lines().filter(|line| line.starts_with("##")).map(|line| line.trim_start_matches('#').trim()) {
        // Mistakes are compared in a test of their own.
        if !described.contains(heading) && heading != "What can be wrong" {
            wrong.push(format!("{heading}: no such table is known"));
        }
    }
    assert!(wrong.is_empty(), "docs/config.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_page_has_every_name_that_a_key_takes() {
    let parse = |text: &str| ExperimentConfig::parse(text, Path::new("x.toml"), None);
    let top = |text: &str| format!("experiment = \"x\"\n{MODEL}{text}\n{MODALITY}{DECODER}");
    let cases = [
        ("`[data]`", "source", top("[data]\nsource = \"@\"")),
        ("`[model]`", "fusion", top("fusion = \"@\"")),
        ("`[training]`", "posterior", top("[training]\nposterior = \"@\"")),
        ("`[training]`", "weights", top("[training]\nweights = \"@\"")),
        ("`[training]`", "experts", top("[training]\nexperts = \"@\"")),
        ("`[training]`", "precision", top("[training]\nprecision = \"@\"")),
        ("`[training]`", "schedule", top("[training]\nschedule = { kind = \"@\" }")),
        ("`training.em`", "variance", top("[training.em]\nvariance = \"@\"")),
        ("`[refit]`", "objective", top("[refit]\nobjective = \"@\"")),
        ("`[[modality]]`", "kind", top("") + "kind = \"@\""),
        ("`[[modality]]`", "normalise", top("") + "normalise = \"@\""),
        ("`[[modality]]`", "source", top("").replace("\"npz\", path = \"a.npz\"", "\"@\"")),
        (
            "`encoder`, `type = \"mlp\"`",
            "activation",
            top("").replace("{ type = \"mlp\" }", "{ type = \"mlp\", activation = \"@\" }"),
        ),
        (
            "`expert.pou`",
            "bump",
            top("").replace(DECODER, "expert = { kind = \"snode\", equations = [], pou = { bump = \"@\" } }"),
        ),
        (
            "`expert.fit`",
            "observed",
            top("").replace(
                DECODER,
                "expert = { kind = \"ode\", equations = [], start = [], fit = { observed = \"@\" } }",
            ),
        ),
    ];
    for (heading, key, text) in cases {
        let said = parse(&text.replace('@', "__probe__")).expect_err("a name that there is not").to_string();
        let known = said.split_once("unknown variant `__probe__`; there are ").map(|(_, known)| known);
        let known = known.unwrap_or_else(|| panic!("{heading} {key}: {said}"));
        let (.., meaning) = rows(heading).into_iter().find(|(row, ..)| row == key).unwrap();
        for name in known.split(", ") {
            assert!(
                meaning.contains(&format!("`{name}`"))
                    || meaning.contains(&format!("\"{name}\""))
                    || meaning.contains(&format!("{name} =")),
                "{heading} {key}: {name} is not on the page"
            );
        }
    }
}
