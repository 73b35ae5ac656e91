//! How a command fails: one line on the error stream, and an exit code that a script can tell apart.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Something went wrong while the program was at work.
pub(crate) const WORK: u8 = 1;
/// The arguments, the configuration or the data cannot be used, or a run is in the way. Nothing was written.
pub(crate) const INPUT: u8 = 2;
/// Ctrl-C, as shells have it: 128 + SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was given cannot be used.
    Input(anyhow::Error),
    /// What was given was good, and the work failed.
    Work(anyhow::Error),
    /// The user stopped it; the text says how to go on.
    Interrupted(String),
}

/// Result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Sorts errors into the two kinds.
pub(crate) trait Blame<T> {
    /// The input is at fault.
    fn blame_input(self) -> Outcome<T>;
    /// The work failed.
    fn blame_work(self) -> Outcome<T>;
}

impl<T, E: Into<anyhow::Error>> Blame<T> for Result<T, E> {
    fn blame_input(self) -> Outcome<T> {
        self.map_err(|error| Failure::Input(error.into()))
    }

    fn blame_work(self) -> Outcome<T> {
        self.map_err(|error| Failure::Work(error.into()))
    }
}

impl Failure {
    /// Prints the one line and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (line, code) = match self {
            Self::Input(error) => (format!("error: {}", whole(error)), INPUT),
            Self::Work(error) => (format!("error: {}", whole(error)), WORK),
            Self::Interrupted(how) => (how.clone(), INTERRUPTED),
        };
        eprintln!("{}", one_line(&line));
        ExitCode::from(code)
    }
}

/// An error with its causes, each said once: some say theirs themselves.
fn whole(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Answers a command line that is not to be carried out: help and version in full, a mistake in one line.
pub(crate) fn answer(answer: &clap::Error) -> ExitCode {
    if !answer.use_stderr() {
        say(answer.render());
        return ExitCode::SUCCESS;
    }
    if answer.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprint!("{}", answer.render());
        return ExitCode::from(INPUT);
    }
    // What clap has to say, less its usage: that is a screen away, and a log wants one line.
    let text = answer.render().to_string();
    let said =
        text.split("\n\nUsage:").next().unwrap_or(&text).split("\n\nFor more information").next().unwrap_or(&text);
    eprintln!("{}; see --help", one_line(said));
    ExitCode::from(INPUT)
}

/// Prints a result. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn say(text: impl Display) {
    let text = text.to_string();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = write!(std::io::stdout(), "{text}{end}");
}

/// Any white space becomes one space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let missing = || std::io::Error::other("No such file");
        let said = anyhow::Error::from(missing()).context("a.npz: No such file").context("a.toml");
        assert_eq!(whole(&said), "a.toml: a.npz: No such file");
        let unsaid = anyhow::Error::from(missing()).context("a.npz: cannot read");
        assert_eq!(whole(&unsaid), "a.npz: cannot read: No such file");
    }

    #[test]
    fn whatever_an_error_says_it_says_in_one_line() {
        assert_eq!(one_line("error: a\n  b\n\n\tc "), "error: a b c");
    }
}
