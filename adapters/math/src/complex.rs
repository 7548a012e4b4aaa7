//! Complex numbers in double precision, as far as sampling needs them.

use std::ops::{Add, Mul};

/// A number this close to the negative axis, in proportion, may lie on either side.
const NEAR_CUT: f64 = 1e-9;

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    pub(super) const ZERO: Self = Self::real(0.0);
    pub(super) const ONE: Self = Self::real(1.0);
    pub(super) const I: Self = Self { re: 0.0, im: 1.0 };

    pub(super) const fn real(re: f64) -> Self {
        Self { re, im: 0.0 }
    }

    pub(super) fn norm(self) -> f64 {
        self.re.hypot(self.im)
    }

    pub(super) fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }

    pub(super) fn scaled(self, factor: f64) -> Self {
        Self { re: self.re * factor, im: self.im * factor }
    }

    pub(super) fn inverse(self) -> Self {
        let square = self.re * self.re + self.im * self.im;
        Self { re: self.re / square, im: -self.im / square }
    }

    pub(super) fn exp(self) -> Self {
        let size = self.re.exp();
        if self.im == 0.0 { Self::real(size) } else { Self { re: size * self.im.cos(), im: size * self.im.sin() } }
    }

    /// The principal logarithm; not a number where rounding could have moved a number across the negative axis, its branch cut.
    pub(super) fn ln(self) -> Self {
        let angle = match (self.im == 0.0, self.re < 0.0) {
            (true, true) => std::f64::consts::PI,
            (true, false) => 0.0,
            (false, true) if self.im.abs() < NEAR_CUT * self.re.abs() => f64::NAN,
            (false, _) => self.im.atan2(self.re),
        };
        Self { re: self.norm().ln(), im: angle }
    }

    /// The principal power.
    pub(super) fn power(self, exponent: Self) -> Self {
        if exponent.im == 0.0 && exponent.re.fract() == 0.0 && exponent.re.abs() <= 64.0 {
            return self.whole_power(exponent.re as i32);
        }
        if exponent == Self::real(0.5) && self.im == 0.0 {
            let root = self.re.abs().sqrt();
            return if self.re < 0.0 { Self { re: 0.0, im: root } } else { Self::real(root) };
        }
        (self.ln() * exponent).exp()
    }

    fn whole_power(self, exponent: i32) -> Self {
        let base = if exponent < 0 { self.inverse() } else { self };
        (0..exponent.unsigned_abs()).fold(Self::ONE, |power, _| power * base)
    }

    pub(super) fn sin(self) -> Self {
        Self { re: self.re.sin() * self.im.cosh(), im: self.re.cos() * self.im.sinh() }
    }

    pub(super) fn cos(self) -> Self {
        Self { re: self.re.cos() * self.im.cosh(), im: -self.re.sin() * self.im.sinh() }
    }
}

impl Add for Complex {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Mul for Complex {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}
