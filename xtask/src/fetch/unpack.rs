//! The members of a zip archive (a Python wheel is one) that are wanted, each read to its end so that its CRC-32 is checked.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Members that match `pattern` go to the folder `into`: `folder/` means everything below it, with its paths; otherwise `*` stands for anything
/// but a slash, and the file keeps its name only.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(from = "(String, String)")]
pub(crate) struct Take {
    pub(crate) pattern: String,
    pub(crate) into: String,
}

impl From<(String, String)> for Take {
    fn from((pattern, into): (String, String)) -> Self {
        Self { pattern, into }
    }
}

impl Take {
    /// Where `member` goes, relative to the target.
    fn place(&self, member: &str) -> Option<PathBuf> {
        let into = Path::new(&self.into);
        if self.pattern.ends_with('/') {
            return Some(into.join(member.strip_prefix(&self.pattern)?));
        }
        matches(&self.pattern, member).then(|| into.join(member.rsplit('/').next().unwrap_or(member)))
    }
}

/// Shell pattern with `*` alone, which stops at a slash.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(tail) = text.strip_prefix(start) else { return false };
            let reach = tail.find('/').unwrap_or(tail.len());
            (0..=reach).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
        }
    }
}

/// Unpacks into `target`; every pattern must match something.
pub(crate) fn unpack(archive: &Path, take: &[Take], target: &Path) -> Result<()> {
    let name = archive.display();
    let file = File::open(archive).with_context(|| format!("{name} cannot be read"))?;
    let mut zip =
        zip::ZipArchive::new(BufReader::new(file)).with_context(|| format!("{name} is not a whole zip archive"))?;
    let mut used = vec![false; take.len()];
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).with_context(|| format!("{name} is damaged"))?;
        if member.is_dir() {
            continue;
        }
        let path = member.name().to_owned();
        let found = take.iter().enumerate().find_map(|(i, t)| Some((i, t.place(&path)?)));
        let Some((rule, place)) = found else { continue };
        if member.enclosed_name().is_none() || member.is_symlink() {
            bail!("{name}: `{path}` is a link or points out of the archive");
        }
        used[rule] = true;
        let place = target.join(place);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut out = BufWriter::with_capacity(1 << 18, File::create(&place)?);
        std::io::copy(&mut member, &mut out)
            .and_then(|_| out.flush())
            .with_context(|| format!("{name}: `{path}` cannot be unpacked to {}", place.display()))?;
    }
    match used.iter().position(|used| !used) {
        Some(rule) => bail!("{name} holds nothing that matches `{}`", take[rule].pattern),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::write::SimpleFileOptions;

    fn take(pattern: &str, into: &str) -> Take {
        (pattern.to_owned(), into.to_owned()).into()
    }

    fn archive(folder: &Path, members: &[(&str, &str)]) -> PathBuf {
        let path = folder.join("archive.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        // Stored, so that the tests can damage a member at a place they know.
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, text) in members {
            zip.start_file(*name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn patterns() {
        assert!(matches("a/*.so*", "a/libx.so.1"));
        assert!(matches("a/*.so*", "a/libx.so"));
        assert!(!matches("a/*.so*", "a/b/libx.so"));
        assert!(matches("n/*/lib/*.so", "n/cu/lib/x.so"));
        assert!(!matches("a/x", "a/xy"));
        assert_eq!(take("a/i/", "i").place("a/i/b/c.h"), Some("i/b/c.h".into()));
        assert_eq!(take("a/*.so", "lib").place("a/x.so"), Some("lib/x.so".into()));
        assert_eq!(take("a/*.so", "lib").place("a/x.py"), None);
    }

    #[test]
    fn only_what_is_wanted_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let zip = archive(folder.path(), &[("t/include/a/b.h", "b"), ("t/lib/libx.so.1", "x"), ("t/lib/liby.a", "y")]);
        let out = folder.path().join("out");
        unpack(&zip, &[take("t/include/", "include"), take("t/lib/*.so*", "lib")], &out).unwrap();
        assert_eq!(fs::read_to_string(out.join("include/a/b.h")).unwrap(), "b");
        assert_eq!(fs::read_to_string(out.join("lib/libx.so.1")).unwrap(), "x");
        assert!(!out.join("lib/liby.a").exists());
        let error = unpack(&zip, &[take("t/lib/*.dll", "lib")], &out).unwrap_err().to_string();
        assert!(error.contains("t/lib/*.dll"), "{error}");
    }

    #[test]
    fn damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let zip = archive(folder.path(), &[("lib/x", "some content that will be damaged")]);
        let out = folder.path().join("out");
        let whole = fs::read(&zip).unwrap();
        let at = whole.windows(7).position(|w| w == b"content").unwrap();
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&zip, &damaged).unwrap();
        assert!(unpack(&zip, &[take("lib/", "lib")], &out).is_err(), "the CRC-32 is not checked");
        fs::write(&zip, &whole[..whole.len() - 10]).unwrap();
        let error = unpack(&zip, &[take("lib/", "lib")], &out).unwrap_err().to_string();
        assert!(error.contains("not a whole zip archive"), "{error}");
    }

    #[test]
    fn members_cannot_leave_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let zip = archive(folder.path(), &[("lib/../../evil", "x")]);
        assert!(unpack(&zip, &[take("lib/", "lib")], &folder.path().join("out")).is_err());
        assert!(!folder.path().join("evil").exists());
    }
}
