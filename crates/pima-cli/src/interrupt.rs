//! Ctrl-C (and the signal by which a cluster ends a job): while a model trains, the first one asks for a checkpoint and an orderly end; at any other
//! time, and the second time, the program quits at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const QUIT: u8 = 0;
const SAVE: u8 = 1;

/// Shared by the signal's handler and the command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    stop: Arc<AtomicBool>,
    /// What the next signal means.
    next: Arc<AtomicU8>,
}

/// What a signal leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The training stops after its batch, and saves.
    Save,
    /// There is nothing to save, or no patience.
    Quit,
}

impl Interrupt {
    /// Called by the handler.
    pub(crate) fn signalled(&self) -> Next {
        if self.next.swap(QUIT, Ordering::SeqCst) == SAVE {
            self.stop.store(true, Ordering::SeqCst);
            Next::Save
        } else {
            Next::Quit
        }
    }

    /// What a request from elsewhere leads to: as a signal, but one that follows another says nothing new. A cluster that ends a job signals every process
    /// of it, and the sweep that a training belongs to asks it to stop as well.
    pub(crate) fn asked(&self) -> Option<Next> {
        if self.stop.load(Ordering::SeqCst) { None } else { Some(self.signalled()) }
    }

    /// Watches the standard input, and once it ends stops as on Ctrl-C.
    pub(crate) fn follow_stdin(&self) {
        let interrupt = self.clone();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            if interrupt.asked() == Some(Next::Quit) {
                quit(crate::failure::INTERRUPTED);
            }
        });
    }

    /// Runs `training` with the flag that is set when it is to stop.
    pub(crate) fn during<T>(&self, training: impl FnOnce(Arc<AtomicBool>) -> T) -> T {
        self.next.store(SAVE, Ordering::SeqCst);
        let outcome = training(self.stop.clone());
        self.next.store(QUIT, Ordering::SeqCst);
        outcome
    }
}

/// Ends the process at once, from the handler's thread.
///
/// Not by `std::process::exit`: that takes libtorch apart while the main thread is still computing with it, which ends in a segmentation fault.
#[cfg(unix)]
#[expect(unsafe_code, reason = "_exit has no safe wrapper")]
pub(crate) fn quit(code: u8) -> ! {
    // SAFETY: _exit takes any number, touches no memory of ours and does not return.
    unsafe { libc::_exit(libc::c_int::from(code)) }
}

/// Ends the process at once.
#[cfg(not(unix))]
pub(crate) fn quit(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_signal_during_training_saves() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.signalled(), Next::Quit);
        interrupt.during(|stop| {
            assert!(!stop.load(Ordering::SeqCst));
            assert_eq!(interrupt.signalled(), Next::Save);
            assert!(stop.load(Ordering::SeqCst));
            assert_eq!(interrupt.asked(), None);
            assert_eq!(interrupt.signalled(), Next::Quit);
        });
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.asked(), Some(Next::Quit));
        interrupt.during(|_| assert_eq!(interrupt.asked(), Some(Next::Save)));
        interrupt.during(|_| ());
        assert_eq!(interrupt.signalled(), Next::Quit);
    }
}
