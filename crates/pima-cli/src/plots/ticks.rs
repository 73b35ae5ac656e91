//! Ticks at round numbers, and numbers in few digits.

/// Positions and names of at most about `count` round numbers within `[low, high]`.
pub(crate) fn linear(low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) || count == 0 {
        return vec![(low, number(low, 4))];
    }
    let raw = span / count as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let distance = |step: f64| (step / raw).ln().abs();
    let steps = [1.0, 2.0, 5.0, 10.0].map(|multiple| multiple * power);
    let step = steps.into_iter().min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(power);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    let largest = low.abs().max(high.abs());
    // All names of an axis share one form: decimals, or powers of ten where those would be long.
    let place = (step.log10() + 1e-9).floor();
    let plain = largest < 1e5 && (place >= -4.0 || largest > 1e3 * step);
    let decimals = (-place).max(0.0) as usize;
    let digits = (largest.log10().floor() - place).max(0.0) as usize + 1;
    (first..=last)
        .map(|k| {
            let value = k as f64 * step;
            let name = if plain { minus(&format!("{value:.decimals$}")) } else { number(value, digits) };
            (value, name)
        })
        .collect()
}

/// Whole numbers only, as for epochs.
pub(crate) fn whole(low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let ticks = linear(low, high, count);
    if ticks.iter().all(|(value, _)| value.fract().abs() < 1e-6) {
        return ticks;
    }
    (low.ceil() as i64..=high.floor() as i64).map(|k| (k as f64, k.to_string())).collect()
}

/// Powers of ten within `[low, high]`, with their halves and fifths where there are few. For positive bounds.
pub(crate) fn logarithmic(low: f64, high: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (high / low).log10();
    let stride = ((decades / 6.0).ceil() as i32).max(1);
    let multiples: &[f64] = if decades < 2.6 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut ticks = Vec::new();
    for exponent in (first..=last).filter(|e| (e - first) % stride == 0) {
        for multiple in multiples {
            let value = multiple * 10_f64.powi(exponent);
            if value >= low * 0.999 && value <= high * 1.001 {
                ticks.push((value, number(value, 3)));
            }
        }
    }
    ticks
}

/// A number with `digits` significant digits, in powers of ten where decimals would be long.
pub(crate) fn number(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() { "–".to_owned() } else { minus(if value > 0.0 { "∞" } else { "-∞" }) };
    }
    let digits = digits.max(1);
    let scientific = format!("{:.*e}", digits - 1, value);
    let exponent: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        // Through the rounded value, so that 999.96 to four digits is 1000 and not 1000.0.
        return minus(&trimmed(&format!("{:.decimals$}", scientific.parse().unwrap_or(value))));
    }
    let mantissa = trimmed(scientific.split_once('e').map_or("", |(m, _)| m));
    minus(&format!("{mantissa}e{exponent}"))
}

/// A value with its standard error, both to the second significant digit of the error; "?" for an error that is not
/// known.
pub fn with_error(value: f64, error: f64) -> String {
    if !value.is_finite() {
        return number(value, 4);
    }
    if !error.is_finite() || error < 0.0 {
        return format!("{} ± ?", number(value, 5));
    }
    if error == 0.0 {
        return format!("{} ± 0", number(value, 5));
    }
    let place = decimal_exponent(error, 2) - 1;
    let largest = if value == 0.0 { place } else { decimal_exponent(value, 1).max(place) };
    // Digits that no measurement has hide the number.
    if largest - place > 8 {
        return format!("{} ± {}", number(value, 6), number(error, 2));
    }
    if (-6..6).contains(&place) && largest < 6 {
        let decimals = (-place).max(0) as usize;
        let round = |x: f64| if place > 0 { (x / 10_f64.powi(place)).round() * 10_f64.powi(place) } else { x };
        return minus(&format!("{:.decimals$} ± {:.decimals$}", round(value), round(error)));
    }
    let scale = 10_f64.powi(largest);
    let decimals = (largest - place).max(0) as usize;
    minus(&format!("({:.decimals$} ± {:.decimals$})e{largest}", value / scale, error / scale))
}

/// Exponent of the first digit after rounding to `digits` significant ones.
fn decimal_exponent(value: f64, digits: usize) -> i32 {
    format!("{:.*e}", digits - 1, value).split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0)
}

/// Without zeros at the end of the decimals.
fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// With the sign of mathematics in place of the hyphen.
fn minus(text: &str) -> String {
    let zero = text.strip_prefix('-').is_some_and(|rest| rest.chars().all(|c| c == '0' || c == '.'));
    text[usize::from(zero)..].replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ticks: &[(f64, String)]) -> Vec<&str> {
        ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_within_bounds() {
        assert_eq!(names(&linear(-1.3, 4.2, 6)), ["−1", "0", "1", "2", "3", "4"]);
        assert_eq!(names(&linear(0.0, 1.0, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(names(&linear(0.9991, 0.9999, 4)), ["0.9992", "0.9994", "0.9996", "0.9998"]);
        assert_eq!(names(&linear(0.0, 3.0e6, 3)), ["0", "1e6", "2e6", "3e6"]);
        assert_eq!(names(&linear(-0.1, 0.1, 2)), ["−0.1", "0.0", "0.1"]);
        assert_eq!(names(&linear(0.0, 3e-7, 3)), ["0", "1e−7", "2e−7", "3e−7"]);
        assert_eq!(names(&linear(99.97, 99.97004, 2)), ["99.97000", "99.97002", "99.97004"]);
        assert_eq!(linear(2.0, 2.0, 5).len(), 1);
    }

    #[test]
    fn epochs_are_whole() {
        assert_eq!(names(&whole(1.0, 3.0, 8)), ["1", "2", "3"]);
        assert_eq!(names(&whole(1.0, 40.0, 5)), ["10", "20", "30", "40"]);
    }

    #[test]
    fn logarithmic_ticks_are_decades() {
        assert_eq!(names(&logarithmic(0.5, 2e4)), ["1", "10", "100", "1000", "10000"]);
        assert_eq!(names(&logarithmic(30.0, 300.0)), ["50", "100", "200"]);
        assert!(logarithmic(1e-12, 1e12).len() <= 8);
    }

    #[test]
    fn numbers_keep_their_significant_digits() {
        let cases = [
            (0.0, "0"),
            (3.0, "3"),
            (-2.5, "−2.5"),
            (999.96, "1000"),
            (0.012345, "0.01235"),
            (123456.0, "123500"),
            (2.1e9, "2.1e9"),
            (-4.0e-7, "−4e−7"),
            (f64::INFINITY, "∞"),
            (f64::NAN, "–"),
        ];
        for (value, name) in cases {
            assert_eq!(number(value, 4), name, "{value}");
        }
    }

    #[test]
    fn errors_are_written_to_two_digits_and_values_with_them() {
        assert_eq!(with_error(1287.9312, 2.8e-17), "1287.93 ± 2.8e−17", "no digits that nothing has measured");
        let cases = [
            (3.00049, 0.00031, "3.00049 ± 0.00031"),
            (-0.1, 0.0099, "−0.1000 ± 0.0099"),
            (2.0, 0.0995, "2.00 ± 0.10"),
            (71234.0, 1260.0, "71200 ± 1300"),
            (2.1e11, 3.4e8, "(2.1000 ± 0.0034)e11"),
            (1.5e-9, 2.0e-11, "(1.500 ± 0.020)e−9"),
            (0.0, 0.5, "0.00 ± 0.50"),
            (1.25, f64::NAN, "1.25 ± ?"),
            (1.25, 0.0, "1.25 ± 0"),
            (f64::NAN, 0.1, "–"),
        ];
        for (value, error, text) in cases {
            assert_eq!(with_error(value, error), text);
        }
    }
}
