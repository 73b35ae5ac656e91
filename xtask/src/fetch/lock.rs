//! One set-up at a time in a cache. The lock is the kernel's, on an open file: it ends with the process that holds it, however that ends.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Held until dropped.
pub(crate) struct CacheLock {
    _file: File,
}

impl CacheLock {
    /// Waits for whoever holds the cache, saying so.
    pub(crate) fn take(cache: &Path) -> Result<Self> {
        std::fs::create_dir_all(cache).with_context(|| format!("{} cannot be made", cache.display()))?;
        let path = cache.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).ok();
                match holder.trim() {
                    "" => println!("setup: waiting for another set-up"),
                    process => println!("setup: waiting for another set-up (process {process})"),
                }
                file.lock().with_context(|| format!("{} cannot be locked", path.display()))?;
            }
            // Some network file systems have no locks. Every artefact is still checked before it is put in place.
            Err(TryLockError::Error(error)) => {
                println!("setup: {} cannot be locked ({error}); going on", path.display());
            }
        }
        file.rewind()?;
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn the_second_waits_until_the_first_is_done() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().to_owned();
        let first = CacheLock::take(&path).unwrap();
        let (sender, receiver) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let _second = CacheLock::take(&path).unwrap();
            sender.send(()).unwrap();
        });
        assert!(receiver.recv_timeout(Duration::from_millis(200)).is_err(), "two hold the lock");
        drop(first);
        receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        waiting.join().unwrap();
    }

    #[test]
    fn a_lock_file_left_by_the_dead_holds_nothing() {
        let cache = tempfile::tempdir().unwrap();
        std::fs::write(cache.path().join("lock"), "99999999\n").unwrap();
        let _lock = CacheLock::take(cache.path()).unwrap();
        let holder = std::fs::read_to_string(cache.path().join("lock")).unwrap();
        assert_eq!(holder.trim(), std::process::id().to_string());
    }
}
