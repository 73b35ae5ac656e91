//! Median times of functions that take turns.

use std::time::{Duration, Instant};

/// How long functions take turns.
#[derive(Debug, Clone, Copy)]
pub struct Turns {
    /// Turns end when this much time has passed, but not before `at_least`.
    pub time: Duration,
    /// The fewest turns that count.
    pub at_least: usize,
    /// The most turns.
    pub at_most: usize,
}

/// Median time of one call of each function. They are called in turn (first, second, first, second, ...), so that a change of the
/// machine's load or clock falls on all of them; the first two turns warm up and do not count.
///
/// # Errors
/// The first error of a function.
pub fn median_times<F, E>(turns: Turns, functions: &mut [F]) -> Result<Vec<Duration>, E>
where
    F: FnMut() -> Result<(), E>,
{
    const WARM_UP: usize = 2;
    let mut times = vec![Vec::new(); functions.len()];
    let start = Instant::now();
    for turn in 0..WARM_UP + turns.at_most {
        if turn >= WARM_UP + turns.at_least && start.elapsed() > turns.time {
            break;
        }
        for (function, times) in functions.iter_mut().zip(&mut times) {
            let start = Instant::now();
            function()?;
            let time = start.elapsed();
            if turn >= WARM_UP {
                times.push(time);
            }
        }
    }
    Ok(times.into_iter().map(median).collect())
}

/// Middle value, the mean of the two middle ones of an even number; zero of none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    match (times.len(), times.len() / 2) {
        (0, _) => Duration::ZERO,
        (n, middle) if n % 2 == 0 => (times[middle - 1] + times[middle]) / 2,
        (_, middle) => times[middle],
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn functions_take_turns_and_the_first_two_do_not_count() {
        let calls = RefCell::new(String::new());
        let turns = Turns { time: Duration::ZERO, at_least: 3, at_most: 5 };
        let slow = || {
            calls.borrow_mut().push('s');
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        };
        let fast = || {
            calls.borrow_mut().push('f');
            Ok(())
        };
        let functions: &mut [Box<dyn Fn() -> Result<(), ()>>] = &mut [Box::new(slow), Box::new(fast)];
        let medians = median_times(turns, functions).unwrap();
        assert_eq!(*calls.borrow(), "sf".repeat(5));
        assert!(medians[0] >= Duration::from_millis(2) && medians[1] < medians[0], "{medians:?}");
    }

    #[test]
    fn an_error_ends_the_turns() {
        let turns = Turns { time: Duration::ZERO, at_least: 3, at_most: 5 };
        assert_eq!(median_times(turns, &mut [|| Err("broken")]), Err("broken"));
    }

    #[test]
    fn median_of_odd_and_even_numbers() {
        let seconds = |times: &[u64]| median(times.iter().copied().map(Duration::from_secs).collect()).as_secs_f64();
        assert_eq!(seconds(&[9, 1, 4]), 4.0);
        assert_eq!(seconds(&[9, 1, 4, 5]), 4.5);
    }
}
