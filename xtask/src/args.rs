//! Arguments of a task: flags and values taken by name, the rest handed on to cargo.

use anyhow::{Result, bail};

/// What follows the task's name on the command line. Nothing after a lone `--` is ours.
pub(crate) struct Args {
    rest: Vec<String>,
}

impl Args {
    pub(crate) fn new(arguments: impl IntoIterator<Item = String>) -> Self {
        Self { rest: arguments.into_iter().collect() }
    }

    /// Where our own arguments end.
    fn end(&self) -> usize {
        self.rest.iter().position(|a| a == "--").unwrap_or(self.rest.len())
    }

    /// Takes the switch `name`; true if it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let found = self.rest[..self.end()].iter().position(|a| a == name);
        found.map(|at| self.rest.remove(at)).is_some()
    }

    /// Takes `name VALUE` or `name=VALUE`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        let end = self.end();
        let joined = format!("{name}=");
        for at in 0..end {
            if let Some(value) = self.rest[at].strip_prefix(&joined) {
                let value = value.to_owned();
                self.rest.remove(at);
                return Ok(Some(value));
            }
            if self.rest[at] == name {
                if at + 1 >= end {
                    bail!("{name} wants a value");
                }
                self.rest.remove(at);
                return Ok(Some(self.rest.remove(at)));
            }
        }
        Ok(None)
    }

    /// Takes `name A,B,C`.
    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        let list = self.value(name)?.map(|value| {
            let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(str::to_owned).collect::<Vec<_>>()
        });
        match list {
            Some(items) if items.is_empty() => bail!("{name} wants at least one name"),
            other => Ok(other),
        }
    }

    /// What is left, for cargo.
    pub(crate) fn rest(self) -> Vec<String> {
        self.rest
    }

    /// For tasks that hand nothing on: an argument that nobody took is a mistake.
    pub(crate) fn finish(self) -> Result<()> {
        match self.rest.first() {
            None => Ok(()),
            Some(stray) => bail!("`{stray}` is not an option of this task; see --help"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_come_in_both_spellings_and_leave_the_rest_in_order() {
        let mut a = args("one --seeds 3 --out=x two");
        assert_eq!(a.value("--seeds").unwrap().as_deref(), Some("3"));
        assert_eq!(a.value("--out").unwrap().as_deref(), Some("x"));
        assert_eq!(a.value("--device").unwrap(), None);
        assert_eq!(a.rest(), ["one", "two"]);
    }

    #[test]
    fn what_follows_a_double_dash_belongs_to_someone_else() {
        let mut a = args("--cuda -- --cuda --out x");
        assert!(a.flag("--cuda"));
        assert!(!a.flag("--cuda"));
        assert_eq!(a.value("--out").unwrap(), None);
        assert_eq!(a.rest(), ["--", "--cuda", "--out", "x"]);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(args("--seeds").value("--seeds").unwrap_err().to_string().contains("--seeds"));
        assert!(args("--seeds -- 3").value("--seeds").is_err());
        assert!(args("--only ,").list("--only").is_err());
        assert!(args("--sedes 3").finish().unwrap_err().to_string().contains("--sedes"));
        assert_eq!(args("--only 4.1,4.2").list("--only").unwrap().unwrap(), ["4.1", "4.2"]);
    }
}
