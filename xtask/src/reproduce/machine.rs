//! What the results were computed on and with.

use crate::process::output;
use crate::workspace::Workspace;
use serde::Serialize;
use std::process::Command;

#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) memory_gib: Option<f64>,
    pub(super) system: String,
    pub(super) gpus: Vec<String>,
    pub(super) rustc: String,
    /// With `+` after it where the checkout has changes.
    pub(super) commit: String,
}

impl Machine {
    pub(super) fn here(ws: &Workspace) -> Self {
        let unknown = || "unknown".to_owned();
        let ask = |program: &str, arguments: &[&str]| output(ws.command(program).args(arguments));
        let changes = ask("git", &["status", "--porcelain", "--untracked-files=no"]);
        let mark = if changes.is_some_and(|list| !list.is_empty()) { "+" } else { "" };
        let gpus = output(Command::new("nvidia-smi").args(["--query-gpu=name", "--format=csv,noheader"]));
        Self {
            cpu: cpu(&ask).unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory(&ask),
            system: ask("uname", &["-srm"]).unwrap_or_else(unknown),
            gpus: gpus.unwrap_or_default().lines().map(str::to_owned).collect(),
            rustc: ask("rustc", &["--version"]).unwrap_or_else(unknown),
            commit: ask("git", &["rev-parse", "--short=12", "HEAD"])
                .map_or_else(unknown, |commit| format!("{commit}{mark}")),
        }
    }
}

type Ask<'a> = &'a dyn Fn(&str, &[&str]) -> Option<String>;

fn cpu(ask: Ask<'_>) -> Option<String> {
    match std::fs::read_to_string("/proc/cpuinfo") {
        Ok(text) => field(&text, "model name").map(str::to_owned),
        Err(_) => ask("sysctl", &["-n", "machdep.cpu.brand_string"]),
    }
}

fn memory(ask: Ask<'_>) -> Option<f64> {
    let bytes = match std::fs::read_to_string("/proc/meminfo") {
        Ok(text) => field(&text, "MemTotal")?.strip_suffix(" kB")?.trim().parse::<f64>().ok()? * 1024.0,
        Err(_) => ask("sysctl", &["-n", "hw.memsize"])?.parse().ok()?,
    };
    Some(bytes / f64::from(1 << 30))
}

/// `value` of the first `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_files() {
        let text = "processor\t: 0\nmodel name\t: A CPU: fast\nmodel name\t: B\nMemTotal:  16 kB\n";
        assert_eq!(field(text, "model name"), Some("A CPU: fast"));
        assert_eq!(field(text, "MemTotal"), Some("16 kB"));
        assert_eq!(field(text, "model"), None);
    }
}
