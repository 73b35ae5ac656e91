//! How the C allocator treats the large tensors that every training step makes and drops.

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
