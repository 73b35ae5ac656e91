//! `cargo xtask test`: set-up, then every test and doctest of the workspace.

use crate::args::Args;
use crate::process::run;
use crate::setup::{Wanted, setup};
use crate::workspace::Workspace;
use anyhow::Result;
use std::process::ExitCode;

pub(crate) const USAGE: &str = "\
cargo xtask test [--datasets DIR] [arguments for cargo test]

Set-up, then `cargo test --workspace` with the remaining arguments; with `-p CRATE` among them, that crate's tests alone.";

pub(crate) fn main(ws: &Workspace, mut args: Args) -> Result<ExitCode> {
    let wanted = Wanted::from_args(&mut args)?;
    test(ws, &wanted, &args.rest())?;
    Ok(ExitCode::SUCCESS)
}

/// Set-up and `cargo test`.
pub(crate) fn test(ws: &Workspace, wanted: &Wanted, rest: &[String]) -> Result<()> {
    let ready = setup(ws, wanted)?;
    let mut cargo = ws.cargo();
    cargo.arg("test").args(selection(rest)).args(rest);
    run(ready.apply(&mut cargo))
}

/// `--workspace`, unless the arguments choose packages themselves.
fn selection(rest: &[String]) -> Option<&'static str> {
    let ours = rest.iter().take_while(|argument| *argument != "--");
    let chosen = |a: &String| ["-p", "--package", "--workspace"].contains(&a.as_str()) || a.starts_with("--package=");
    (!ours.into_iter().any(chosen)).then_some("--workspace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_unless_a_package_is_named() {
        let args = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(selection(&args("")), Some("--workspace"));
        assert_eq!(selection(&args("kmeans -- -p")), Some("--workspace"));
        assert_eq!(selection(&args("-p pima-core kmeans")), None);
        assert_eq!(selection(&args("--package=pima-core")), None);
    }
}
