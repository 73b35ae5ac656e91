//! Which runs are kept, resumed, started and set aside.

use super::*;
use tempfile::TempDir;

struct Bench {
    top: TempDir,
    options: Options,
    data: Data,
}

impl Bench {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let options = Options {
            only: None,
            rows: None,
            seeds: 1,
            recipe: None,
            device: None,
            out: top.path().join("out"),
            force: false,
            jobs: 1,
        };
        fs::write(top.path().join("a.toml"), "# comment\nepochs = 4\n").unwrap();
        Self { top, options, data: Data::Digits }
    }

    fn launch(&self) -> Launch {
        let table = "experiment = 'x'\ntitle = 't'\n[[row]]\nname = 'a'\nlabel = 'A'\n";
        let experiment = Experiment::parse(table, self.top.path()).unwrap();
        Launch::new(&experiment, 0, 7, &self.options, &self.data).unwrap()
    }

    /// As the program would leave it.
    fn run(&self, status: Option<&str>, checkpoint: bool) -> Launch {
        let launch = self.launch();
        launch.prepare(launch.action(false), self.top.path(), "c0ffee").unwrap();
        fs::create_dir_all(&launch.folder).unwrap();
        if checkpoint {
            fs::create_dir_all(launch.folder.join("checkpoints")).unwrap();
            fs::write(launch.folder.join("checkpoints/last.safetensors"), "").unwrap();
        }
        if let Some(status) = status {
            let text = json!({"status": status}).to_string();
            fs::write(launch.folder.join("summary.json"), text).unwrap();
        }
        launch
    }
}

#[test]
fn a_fresh_run_starts_and_a_finished_one_is_kept() {
    let bench = Bench::new();
    assert_eq!(bench.launch().action(false), Action::Start);
    let launch = bench.run(Some("finished"), true);
    assert_eq!(launch.action(false), Action::Keep);
    assert_eq!(launch.action(true), Action::SetAsideAndStart);
    launch.ensure_finished().unwrap();
}

#[test]
fn an_interrupted_run_is_resumed_from_its_checkpoint_or_started_again() {
    let bench = Bench::new();
    for status in [None, Some("interrupted")] {
        assert_eq!(bench.run(status, false).action(false), Action::Start);
        let launch = bench.run(status, true);
        assert_eq!(launch.action(false), Action::Resume);
        assert!(launch.ensure_finished().is_err());
        launch.prepare(Action::Resume, bench.top.path(), "c0ffee").unwrap();
        assert!(launch.folder.join("checkpoints/last.safetensors").exists(), "the checkpoint is gone");
        fs::remove_dir_all(&launch.folder).unwrap();
    }
}

#[test]
fn a_run_of_another_kind_is_set_aside() {
    let mut bench = Bench::new();
    bench.run(Some("finished"), true);
    fs::write(bench.top.path().join("a.toml"), "epochs = 4 # another comment\n").unwrap();
    assert_eq!(bench.launch().action(false), Action::Keep, "a comment is no other config");

    let kept = |bench: &Bench| bench.launch().action(false) == Action::Keep;
    bench.options.recipe = Some("paper".into());
    assert!(!kept(&bench), "another recipe");
    bench.options.recipe = None;
    bench.options.device = Some("cuda".into());
    assert!(!kept(&bench), "another device");
    bench.options.device = None;
    bench.data = Data::Mnist("anywhere".into());
    assert!(!kept(&bench), "other data");
    bench.data = Data::Digits;
    assert!(kept(&bench));

    fs::write(bench.top.path().join("a.toml"), "epochs = 5\n").unwrap();
    let launch = bench.launch();
    assert_eq!(launch.action(false), Action::SetAsideAndStart);
    assert!(launch.finished().is_none(), "it would count for the table");
    launch.prepare(Action::SetAsideAndStart, bench.top.path(), "c0ffee").unwrap();
    assert!(launch.folder.with_file_name("seed-7.previous").join("summary.json").exists());
    assert!(!launch.folder.exists());
    // A second time: only the last is kept.
    bench.run(Some("finished"), true);
    launch.prepare(Action::SetAsideAndStart, bench.top.path(), "c0ffee").unwrap();
}

#[test]
fn how_many_run_at_once_makes_no_other_run_and_what_was_launched_is_told() {
    let mut bench = Bench::new();
    bench.run(Some("finished"), true);
    bench.options.jobs = 2;
    let launch = bench.launch();
    assert_eq!(launch.action(false), Action::Keep);
    let (arguments, commit) = launch.provenance().unwrap();
    assert_eq!(commit, "c0ffee");
    assert!(arguments.contains(&"train".to_owned()) && !arguments.contains(&"--threads".to_owned()), "{arguments:?}");
}

#[test]
fn a_damaged_record_is_not_trusted() {
    let bench = Bench::new();
    let launch = bench.run(Some("finished"), true);
    fs::write(launch.record(), "{\"config\":").unwrap();
    assert_eq!(launch.action(false), Action::SetAsideAndStart);
}

#[test]
fn the_command_line_says_only_what_was_asked_for() {
    let mut bench = Bench::new();
    let root = bench.top.path().to_owned();
    let plain = bench.launch().arguments(&root);
    assert_eq!(plain, ["train", "a.toml", "--seed", "7", "--out", "out/x/a/seed-7"]);
    bench.options.jobs = 1000;
    let shared = bench.launch().arguments(&root);
    assert_eq!(shared[6..], ["--threads", "1"], "the machine is shared out");
    bench.options.jobs = 1;
    bench.options.recipe = Some("paper".into());
    bench.options.device = Some("cuda:1".into());
    let full = bench.launch().arguments(&root);
    assert_eq!(full[6..], ["--recipe", "paper", "--device", "cuda:1"]);
}
