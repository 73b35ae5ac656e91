//! OpenBLAS held to one thread while many matrices are solved side by side.

use std::ffi::c_int;
use std::sync::{Mutex, PoisonError};

/// While one of these lives, OpenBLAS keeps to the thread that calls it. Its own threads, a pool for all callers and
/// spinning while they wait, make the many small problems of a data set up to fifteen times slower, and let the last
/// digits depend on how many cores there are. The last one to go gives the threads back.
#[derive(Debug)]
pub(super) struct OneThread(());

/// How many live, and the threads there were before the first.
static HOLDERS: Mutex<(usize, c_int)> = Mutex::new((0, 1));

impl OneThread {
    pub(super) fn hold() -> Self {
        let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        if holders.0 == 0 {
            holders.1 = threads();
            set_threads(1);
        }
        holders.0 += 1;
        Self(())
    }
}

impl Drop for OneThread {
    fn drop(&mut self) {
        let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        holders.0 -= 1;
        if holders.0 == 0 {
            set_threads(holders.1);
        }
    }
}

#[expect(unsafe_code, reason = "functions of OpenBLAS, which ndarray-linalg links and has no wrapper for")]
mod ffi {
    use std::ffi::c_int;

    unsafe extern "C" {
        pub(super) safe fn openblas_get_num_threads() -> c_int;
        pub(super) safe fn openblas_set_num_threads(threads: c_int);
    }
}

fn threads() -> c_int {
    ffi::openblas_get_num_threads()
}

fn set_threads(threads: c_int) {
    ffi::openblas_set_num_threads(threads.max(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_while_anyone_holds() {
        let one = OneThread::hold();
        let two = OneThread::hold();
        assert_eq!(threads(), 1);
        drop(one);
        assert_eq!(threads(), 1);
        drop(two);
    }
}
