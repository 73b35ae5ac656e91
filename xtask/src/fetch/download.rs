//! Downloads by the user's own `curl`, or `python3` where there is none: no HTTP or TLS stack is compiled for a step that runs once.
//!
//! A download grows in `<target>.partial`. A later run resumes it where the server allows, and starts again where it does not or where the result
//! fails its check. `target` itself is only ever a file that passed.

use super::install::beside;
use crate::process;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Seconds until a host that does not answer is given up.
const CONNECT_TIMEOUT: &str = "5";

/// Downloads above this many bytes show a progress bar.
const WORTH_A_BAR: u64 = 8 << 20;

/// What transfers files here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Curl,
    Python,
}

/// How a transfer ended.
enum Transfer {
    Done,
    /// The server serves no ranges: start again.
    CannotResume,
    Failed(String),
}

impl Tool {
    pub(crate) fn available() -> Result<Self> {
        if process::find("curl").is_some() {
            Ok(Self::Curl)
        } else if process::find("python3").is_some() {
            Ok(Self::Python)
        } else {
            bail!("neither curl nor python3 is installed: one of them is needed to download")
        }
    }

    fn transfer(self, url: &str, partial: &Path, bar: bool) -> Result<Transfer> {
        match self {
            Self::Curl => curl(url, partial, bar),
            Self::Python => python(url, partial),
        }
    }
}

fn curl(url: &str, partial: &Path, bar: bool) -> Result<Transfer> {
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--location", "--connect-timeout", CONNECT_TIMEOUT]);
    // A stalled transfer is a failed one: 30 s below 1 kB/s.
    curl.args(["--speed-limit", "1000", "--speed-time", "30"]);
    if bar && std::io::stderr().is_terminal() {
        curl.arg("--progress-bar");
    } else {
        curl.arg("--silent");
    }
    curl.args(["--continue-at", "-", "--output"]).arg(partial).arg(url);
    let status = curl.status().context("curl did not start")?;
    // Exit codes: curl(1).
    Ok(match status.code() {
        Some(0) => Transfer::Done,
        Some(33 | 36) => Transfer::CannotResume,
        Some(5 | 6) => Transfer::Failed("the host is not found".into()),
        Some(7) => Transfer::Failed("the host refuses the connection".into()),
        Some(18) => Transfer::Failed("the connection broke off".into()),
        // 416, `range not satisfiable`, among them: what is there may be longer than what the server has.
        Some(22) if partial.exists() => Transfer::CannotResume,
        Some(22) => Transfer::Failed("the server does not have it".into()),
        Some(28) => Transfer::Failed("the host does not answer".into()),
        Some(35 | 60) => Transfer::Failed("no secure connection".into()),
        _ => Transfer::Failed(format!("curl: {status}")),
    })
}

fn python(url: &str, partial: &Path) -> Result<Transfer> {
    const PROGRAM: &str = "\
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=15) as source, open(sys.argv[2], 'wb') as target:
    shutil.copyfileobj(source, target, 1 << 20)
";
    let mut python = Command::new("python3");
    let output = python
        .args(["-c", PROGRAM, url])
        .arg(partial)
        .stdin(Stdio::null())
        .output()
        .context("python3 did not start")?;
    Ok(if output.status.success() {
        Transfer::Done
    } else {
        let text = String::from_utf8_lossy(&output.stderr);
        Transfer::Failed(text.lines().last().unwrap_or("python3 failed").trim().to_owned())
    })
}

/// Whom a message about `url` is about.
pub(crate) fn host(url: &str) -> &str {
    url.split('/').nth(2).filter(|host| !host.is_empty()).unwrap_or(url)
}

/// Gets `target` from `url`. An error says why, not from where, and leaves no `target`. `size` is what the file must have, where that is known, and `check`
/// what else it must be.
pub(crate) fn download(
    tool: Tool,
    url: &str,
    target: &Path,
    size: Option<u64>,
    check: &dyn Fn(&Path) -> Result<()>,
) -> Result<PathBuf> {
    if target.exists() && check(target).is_ok() {
        return Ok(target.to_owned()); // a run that was killed before it could use it
    }
    let partial = beside(target, ".partial");
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let bar = size.is_none_or(|size| size > WORTH_A_BAR);
    // Once with what an earlier run left, once from nothing.
    for _ in 0..2 {
        let before = partial.metadata().map_or(0, |meta| meta.len());
        // A run killed between the last byte and the check.
        let complete = before > 0 && size == Some(before);
        if !complete && (tool == Tool::Python || size.is_some_and(|size| before > size)) {
            fs::remove_file(&partial).ok();
        }
        let transfer = if complete { Transfer::Done } else { tool.transfer(url, &partial, bar)? };
        match transfer {
            Transfer::Done if !partial.exists() => File::create(&partial).map(drop)?,
            Transfer::Done => {}
            Transfer::CannotResume if before > 0 => {
                fs::remove_file(&partial).ok();
                continue;
            }
            Transfer::CannotResume => bail!("the server does not have it"),
            Transfer::Failed(why) => bail!("{why}"),
        }
        match check(&partial) {
            Ok(()) => {
                File::open(&partial)?.sync_all()?;
                fs::rename(&partial, target)?;
                return Ok(target.to_owned());
            }
            Err(error) => {
                fs::remove_file(&partial).ok();
                if before == 0 {
                    return Err(error.context("what arrives is not what it should be"));
                }
            }
        }
    }
    bail!("what arrives is not what it should be")
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
