//! Expressions against Rust's own arithmetic, derivatives against finite differences, and every way to write one wrong.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["t", "a", "b", "E", "t0"];

fn read(text: &str) -> Expression {
    Expression::parse(text, &NAMES).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

fn value(text: &str, inputs: [f64; 5]) -> f64 {
    read(text).value(&inputs, &mut Scratch::default())
}

#[test]
fn formulas_mean_what_they_mean_on_paper() {
    let inputs: [f64; 5] = [0.5, 2.0, -3.0, 7.0, 0.25];
    let [t, a, b, e, t0] = inputs;
    let cases = [
        ("-t^2", -(t * t)),
        ("2^3^2", 512.0),
        ("2**-2", 0.25),
        ("b^2", 9.0),
        ("a - b - t", a - b - t),
        ("a/b/t", a / b / t),
        ("a/b*t", a / b * t),
        ("--a + +t", a + t),
        ("a*-b", a * -b),
        ("1e-3*a + 2.5E+1 + .5 + 3.", 1e-3 * a + 25.0 + 0.5 + 3.0),
        ("2*E", 2.0 * e),
        ("E*min(t, t0) + 2*max(t - t0, 0)", e * t.min(t0) + 2.0 * (t - t0).max(0.0)),
        ("min(a, b, t0) + max(a, b, t0)", b + a),
        ("if(t < t0, a, b)", b),
        ("if(t >= 0.5, a, b) + if(t > 0.5, 1, 10)", a + 10.0),
        ("a*exp(-b/(8.314*t))", a * (-b / (8.314 * t)).exp()),
        ("2*pi*a", 2.0 * std::f64::consts::PI * a),
        ("abs(b) + sqrt(a) + ln(a) + log10(a) + log2(a)", 3.0 + a.sqrt() + a.ln() + a.log10() + a.log2()),
        ("sin(t)+cos(t)+tan(t)+asin(t)+acos(t)+atan(t)", t.sin() + t.cos() + t.tan() + t.asin() + t.acos() + t.atan()),
        ("sinh(t) + cosh(t) + tanh(t)", t.sinh() + t.cosh() + t.tanh()),
        ("(((a)))", a),
    ];
    for (text, expected) in cases {
        let found = value(text, inputs);
        assert!((found - expected).abs() <= 1e-15 * expected.abs(), "{text}: {found}, not {expected}");
    }
}

#[test]
fn what_has_no_value_says_so_and_where() {
    let inputs = [0.0, -1.0, 0.0, 0.0, 0.0];
    for (text, column) in
        [("1 + ln(t)", 5), ("sqrt(a)", 1), ("a^0.5", 2), ("E/b", 2), ("min(ln(a), 3)", 5), ("max(3, ln(a))", 8)]
    {
        let expression = read(text);
        let culprit = expression.culprit(&inputs, &mut Scratch::default());
        assert_eq!(culprit.map(|(column, _)| column), Some(column), "{text}");
    }
    // The branch that is not taken does not matter.
    assert_eq!(read("if(t > 0, ln(t), 5)").culprit(&inputs, &mut Scratch::default()), None);
}

#[test]
fn quantities_come_in_the_order_in_which_they_are_written() {
    assert_eq!(read("E*min(t, t0) + a*max(t - t0, 0)").inputs(), [3, 0, 4, 1]);
    assert!(read("1 + pi").inputs().is_empty());
}

/// The derivative by every quantity against central differences.
fn check_gradient(text: &str, inputs: [f64; 5]) -> Result<(), TestCaseError> {
    let (expression, mut scratch) = (read(text), Scratch::default());
    let mut gradient = [0.0; 5];
    let value = expression.gradient(&inputs, &mut gradient, &mut scratch);
    prop_assert_eq!(value, expression.value(&inputs, &mut scratch));
    for (k, slope) in gradient.into_iter().enumerate() {
        let step = 1e-5;
        let mut shifted = |sign: f64| {
            let mut inputs = inputs;
            inputs[k] += sign * step;
            expression.value(&inputs, &mut scratch)
        };
        let difference = (shifted(1.0) - shifted(-1.0)) / (2.0 * step);
        let tolerance = 1e-6 * (1.0 + slope.abs() + value.abs());
        prop_assert!((difference - slope).abs() < tolerance, "{}: by {}: {} or {}", text, NAMES[k], slope, difference);
    }
    Ok(())
}

proptest! {
    #[test]
    fn derivatives_are_finite_differences(
        t in 0.1..0.9_f64, a in 0.5..2.0_f64, b in -2.0..-0.5_f64, e in 2.1..3.0_f64, t0 in 0.1..0.9_f64,
    ) {
        // Away from corners, where there is no derivative.
        prop_assume!((t - t0).abs() > 1e-3);
        let texts = [
            "E*min(t, t0) + a*max(t - t0, 0) - max(b, a, t)",
            "a*exp(b*t)*sin(E*t + t0)",
            "a*exp(-E/(8.314*t))",
            "if(t < t0, a*t^2, b*sqrt(t)) / (1 + abs(b)*t)",
            "a^t + t^a - 2^-b + b^3 - (b - E)^2",
            "ln(a)*log10(E)*log2(t + 1) - cos(a)*tan(t)",
            "asin(t)*acos(t0) + atan(E) + sinh(b)*cosh(a) - tanh(t*a)",
            "-(a - t)/(E + t0)/t - t*-b",
        ];
        for text in texts {
            check_gradient(text, [t, a, b, e, t0])?;
        }
    }
}

#[test]
fn derivatives_at_corners_and_edges_are_numbers() {
    let gradient = |text: &str, inputs: [f64; 5]| {
        let mut gradient = [0.0; 5];
        read(text).gradient(&inputs, &mut gradient, &mut Scratch::default());
        gradient
    };
    // At the corner, the mean of both sides: (E - a)/2 by t0.
    assert_eq!(gradient("E*min(t, t0) + a*max(t - t0, 0)", [0.25, 1.0, 0.0, 3.0, 0.25])[4], 1.0);
    assert_eq!(gradient("abs(a)", [0.0; 5])[1], 0.0);
    assert_eq!(gradient("a^2 + t^0", [0.0, -3.0, 0.0, 0.0, 0.0])[1], -6.0);
    assert_eq!(gradient("t^a", [0.0, 2.0, 0.0, 0.0, 0.0])[..2], [0.0, 0.0]);
    // An infinite slope in the branch that is not taken.
    assert_eq!(gradient("if(t > 0, sqrt(t), a*t)", [0.0, 2.0, 0.0, 0.0, 0.0])[0], 2.0);
}

#[test]
fn every_mistake_is_told_with_its_column() {
    let cases = [
        ("", 1, "nothing is here"),
        ("   ", 1, "nothing is here"),
        ("a*", 3, "ends where a number, a name or '('"),
        ("a + * b", 5, "'*' stands where a number"),
        ("a + (b*t", 5, "never closed"),
        ("min(a, b", 4, "never closed"),
        ("a + b)", 6, "closes none"),
        ("a, b", 2, "a comma belongs"),
        ("2a", 2, "'a' follows without an operator; multiply with '*'"),
        ("a b", 3, "'b' follows without an operator"),
        ("2 (a)", 3, "'(' follows without an operator"),
        ("a(t)", 1, "'a' is a quantity, not a function; multiply with '*'"),
        ("1.5e*t", 4, "'e' follows without an operator"),
        ("1.2.3", 4, "follows without an operator"),
        ("a*tO", 3, "unknown name 'tO'; did you mean 't' or 't0'? known here"),
        ("a*e", 3, "unknown name 'e'; did you mean 'E'?"),
        ("a*x", 3, "unknown name 'x'; known here"),
        ("a*stiffness", 3, "unknown name 'stiffness'; known here: t, a, b, E, t0; a parameter needs an entry"),
        ("sine(t)", 1, "unknown function 'sine'; did you mean 'sin' or 'sinh'?"),
        ("gamma(t)", 1, "unknown function 'gamma'; known are abs, sqrt"),
        ("log(t)", 1, "write ln for the natural and log10 for the decimal"),
        ("sin t", 1, "sin is a function; write its argument in brackets"),
        ("sin()", 1, "sin has 0 arguments but takes 1"),
        ("sin(a, b)", 1, "sin has 2 arguments but takes 1"),
        ("a + min(b)", 5, "min has 1 argument but takes 2 or more"),
        ("max()", 1, "max has 0 arguments"),
        ("if(a, b, t)", 5, "an if is written if(a < b, then, otherwise)"),
        ("if(a < b, t)", 12, "an if is written"),
        ("a < b", 3, "'<' belongs into the condition of an if"),
        ("y = a*t", 3, "write the right-hand side alone"),
        ("a*[t]", 3, "use round brackets"),
        ("a·t", 2, "multiply with '*'"),
        ("a − t", 3, "write '-'"),
        ("a $ t", 3, "'$' has no meaning here"),
    ];
    for (text, column, reason) in cases {
        let wrong = Expression::parse(text, &NAMES).expect_err(text);
        assert!(wrong.column == column && wrong.reason.contains(reason), "{text}: {wrong:?}");
        assert!(!wrong.reason.contains('\n'));
    }
    let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(Expression::parse(&deep, &NAMES).unwrap_err().reason.contains("more than 100"));
    let signs = format!("{}a", "-".repeat(100_000));
    assert!(Expression::parse(&signs, &NAMES).unwrap_err().reason.contains("more than 100"));
    let powers = vec!["a"; 100_000].join("^");
    assert!(Expression::parse(&powers, &NAMES).unwrap_err().reason.contains("more than 100"));
}

proptest! {
    #[test]
    fn no_text_is_fatal(text in "[-+*/^()., a-e0-9tEmin<>=α]{0,40}") {
        if let Err(wrong) = Expression::parse(&text, &NAMES) {
            prop_assert!(wrong.column >= 1 && wrong.column <= text.chars().count() + 1, "{:?}", wrong);
        }
    }
}
