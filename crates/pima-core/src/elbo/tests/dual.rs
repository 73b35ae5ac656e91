//! Numbers for a reference: twice the digits of an f64, and a derivative carried along. Slow and obvious.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// An unevaluated sum of two f64: about 31 digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Double {
    high: f64,
    low: f64,
}

impl From<f64> for Double {
    fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
}

impl Double {
    const LN_2: Self = Self { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };

    /// `a + b` without rounding.
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    pub(super) fn get(self) -> f64 {
        self.high + self.low
    }

    fn scale(self, factor: f64) -> Self {
        Self { high: self.high * factor, low: self.low * factor }
    }

    pub(super) fn exp(self) -> Self {
        if self.high < -690.0 {
            return Self::from(0.0);
        }
        let k = (self.high / std::f64::consts::LN_2).round();
        // 2^-8 (x - k ln 2), its Taylor series, and eight squarings.
        let r = (self - Self::LN_2 * Self::from(k)).scale(1.0 / 256.0);
        let mut term = Self::from(1.0);
        let mut sum = term;
        for n in 1..16 {
            term = term * r / Self::from(f64::from(n));
            sum = sum + term;
        }
        for _ in 0..8 {
            sum = sum * sum;
        }
        sum.scale(2.0_f64.powi(k as i32))
    }

    pub(super) fn ln(self) -> Self {
        // One step of Newton's method for exp(y) = x doubles the digits of y.
        let y = Self::from(self.high.ln());
        y + self * (-y).exp() - Self::from(1.0)
    }
}

impl Add for Double {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (Self::sum(self.high, other.high), Self::sum(self.low, other.low));
        let sum = Self::sum(high.high, high.low + low.high);
        Self::sum(sum.high, sum.low + low.low)
    }
}

impl Neg for Double {
    type Output = Self;
    fn neg(self) -> Self {
        self.scale(-1.0)
    }
}

impl Sub for Double {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let high = self.high * other.high;
        let low = self.high.mul_add(other.high, -high);
        Self::sum(high, low + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = Self::from(self.high / other.high);
        let rest = self - first * other;
        let second = Self::from(rest.high / other.high);
        let rest = rest - second * other;
        first + second + Self::from(rest.high / other.high)
    }
}

/// A number and its derivative by one chosen input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dual {
    pub(super) value: Double,
    pub(super) slope: Double,
}

impl Dual {
    pub(super) fn new(value: f64, slope: f64) -> Self {
        Self { value: value.into(), slope: slope.into() }
    }

    pub(super) fn constant(value: f64) -> Self {
        Self::new(value, 0.0)
    }

    pub(super) fn exp(self) -> Self {
        let value = self.value.exp();
        Self { value, slope: value * self.slope }
    }

    pub(super) fn ln(self) -> Self {
        Self { value: self.value.ln(), slope: self.slope / self.value }
    }

    /// `log sum exp`.
    pub(super) fn log_sum_exp(terms: &[Self]) -> Self {
        // With all its digits: those past the sixteenth of 1e24 are 1e8.
        let larger = |a: Double, b: Double| if (b - a).get() > 0.0 { b } else { a };
        let largest = terms.iter().map(|term| term.value).reduce(larger).expect("a term");
        let largest = Self { value: largest, slope: 0.0.into() };
        let sum = terms.iter().fold(Self::constant(0.0), |sum, term| sum + (*term - largest).exp());
        sum.ln() + largest
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { value: self.value * other.value, slope: self.value * other.slope + self.slope * other.value }
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: (self.slope - value * other.slope) / other.value }
    }
}

#[test]
fn the_reference_numbers_have_their_digits() {
    let third = Double::from(1.0) / Double::from(3.0);
    assert!((third * Double::from(3.0) - Double::from(1.0)).get().abs() < 1e-31);
    for x in [-300.0, -1.0, 1e-9, 0.3, 5.0, 600.0] {
        let x = Double::from(x) + third;
        assert!((x.exp().ln() - x).get().abs() < 1e-29 * (1.0 + x.get().abs()));
    }
    // d/dx ln(x exp(x) + 2) at 1.
    let x = Dual::new(1.0, 1.0);
    let slope = (x * x.exp() + Dual::constant(2.0)).ln().slope.get();
    let e = std::f64::consts::E;
    assert!((slope - 2.0 * e / (e + 2.0)).abs() < 1e-15);
}
