//! Memory: how the C allocator treats the large tensors that every training step makes and drops, and how much was held at once.

/// Keeps freed memory instead of returning it to the system at once.
///
/// By default glibc gives each block of more than a few hundred kilobytes pages of its own and unmaps them when it is freed; a training step then spends a
/// third of its time in the kernel, clearing pages that it had a moment ago. With these two settings large blocks come from the heap and stay there.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "mallopt has no safe wrapper")]
pub(crate) fn keep_large_blocks() {
    const LARGE: libc::c_int = 1 << 30;
    // SAFETY: called first thing in main, before any other thread exists; mallopt only changes two numbers of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_large_blocks() {}

/// Most memory that this process has held at once, bytes: the largest resident set, files mapped into memory included.
#[cfg(unix)]
pub(crate) fn peak_memory() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    // What the system counts in: kilobytes, but bytes on a Mac.
    const UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    u64::try_from(usage.max_rss()).ok().map(|units| units * UNIT)
}

/// Not asked of other systems.
#[cfg(not(unix))]
pub(crate) fn peak_memory() -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_held_is_counted_after_it_was_freed() {
        let before = peak_memory().unwrap();
        assert!(before > 1 << 20, "a process of {before} bytes");
        let size = before as usize + (64 << 20);
        // Every page is written to.
        drop(std::hint::black_box(vec![1_u8; size]));
        let after = peak_memory().unwrap();
        assert!(after >= size as u64, "{after} of {size} bytes");
    }
}
