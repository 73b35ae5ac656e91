//! SHA-256 and size of what was fetched against what `datasets/manifest.toml` says.

use anyhow::{Context, Result, bail};
use sha2::Digest as _;
use std::io::Read;
use std::path::Path;

/// What a file must be. Without a hash only the size counts, and without either anything passes: the caller checks the content.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digest {
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<String>,
}

impl Digest {
    pub(crate) fn new(size: u64, sha256: &str) -> Self {
        Self { size: Some(size), sha256: Some(sha256.to_owned()) }
    }

    /// An error that says how `path` differs.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        let name = path.display();
        let file = std::fs::File::open(path).with_context(|| format!("{name} cannot be read"))?;
        let size = file.metadata()?.len();
        if let Some(wanted) = self.size.filter(|wanted| *wanted != size) {
            bail!("{name} has {size} bytes, not {wanted}");
        }
        if let Some(wanted) = &self.sha256 {
            let (got, _) = sha256(file).with_context(|| format!("{name} cannot be read"))?;
            if got != *wanted {
                bail!("{name} has SHA-256 {got}, not {wanted}");
            }
        }
        Ok(())
    }
}

/// SHA-256 in hexadecimal, and the number of bytes read.
pub(crate) fn sha256(mut reader: impl Read) -> std::io::Result<(String, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    Ok((hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1 and the empty message.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_standard_vectors() {
        assert_eq!(sha256(&b"abc"[..]).unwrap(), (ABC.to_owned(), 3));
        assert_eq!(sha256(&b""[..]).unwrap(), (EMPTY.to_owned(), 0));
    }

    #[test]
    fn size_and_hash_are_both_held() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        Digest::new(3, ABC).check(&file).unwrap();
        Digest::default().check(&file).unwrap();
        let error = Digest::new(4, ABC).check(&file).unwrap_err().to_string();
        assert!(error.contains("3 bytes, not 4"), "{error}");
        let error = Digest::new(3, EMPTY).check(&file).unwrap_err().to_string();
        assert!(error.contains(ABC) && error.contains(EMPTY), "{error}");
        assert!(Digest::default().check(&folder.path().join("absent")).is_err());
    }
}
