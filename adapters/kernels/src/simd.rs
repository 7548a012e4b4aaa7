//! Loops for the widest vectors of the machine, and the numbers they need.
//!
//! Loops are written so that the compiler can vectorise them: sums in [`LANES`] running parts, no calls into the mathematics library. The order of
//! every sum is fixed, and no product is fused with a sum, so that results depend neither on the vectors' width nor on threads.

/// Running parts of a sum.
const LANES: usize = 16;

/// Functions compiled for the widest vectors that the machine has, chosen when they are called.
///
/// All references share the lifetime `'a`. What such a function calls in its loops is `#[inline(always)]`: what the compiler leaves outside, a closure for
/// one, is compiled for the narrowest.
macro_rules! wide {
    ($($(#[$doc:meta])* $visible:vis fn $name:ident<'a>($($argument:ident: $type:ty),* $(,)?) -> $output:ty $body:block)*) => {$(
        $(#[$doc])*
        $visible fn $name<'a>($($argument: $type),*) -> $output {
            struct Work<'a> {
                $($argument: $type,)*
                lifetime: core::marker::PhantomData<&'a ()>,
            }

            impl<'a> pulp::WithSimd for Work<'a> {
                type Output = $output;

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> $output {
                    let Self { $($argument,)* lifetime: _ } = self;
                    $body
                }
            }

            $crate::isa::dispatch(Work { $($argument,)* lifetime: core::marker::PhantomData })
        }
    )*};
}

pub(crate) use wide;

/// e^x within two units in the last place; e^−87.3 below −87.3, e^88 above 88, NaN for NaN.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for e^r, and n put into the exponent's bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding it rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > 88.0 { 88.0 } else { x };
    let clamped = if clamped < -87.3 { -87.3 } else { clamped };
    let shifted = clamped * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN_2_HIGH - n * LN_2_LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let fraction = p * (r * r) + r + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    fraction * power
}

/// ln x within half a unit in the last place and very little more; as the mathematics library's for zero, negative numbers, ∞ and NaN.
///
/// x = m·2ⁿ with √½ ≤ m < √2, and ln m = 2·artanh s = 2·(s + s³/3 + s⁵/5 + …) with s = (m − 1)/(m + 1), all in f64: it is asked for once a row.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let wide = f64::from(x);
    if !(wide > 0.0 && wide < f64::INFINITY) {
        return match x {
            0.0 => f32::NEG_INFINITY,
            x if x > 0.0 => x,
            _ => f32::NAN,
        };
    }
    let above = wide.to_bits().wrapping_sub(core::f64::consts::FRAC_1_SQRT_2.to_bits()).cast_signed() >> 52;
    let m = f64::from_bits(wide.to_bits().wrapping_sub((above << 52).cast_unsigned()));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    // The next would be 10⁻¹⁵ of the sum.
    let series = (0..9).rev().fold(0.0, |sum, k| sum * z + 1.0 / f64::from(2 * k + 1));
    (above as f64 * core::f64::consts::LN_2 + 2.0 * s * series) as f32
}

/// tanh x, by way of e^(2x).
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// Σ f(a_i, b_i).
#[inline(always)]
pub(crate) fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut parts = [0.0f32; LANES];
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..LANES {
            parts[lane] += f(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        parts[lane] += f(a, b);
    }
    halve(parts, |a, b| a + b)
}

/// Σ a_i b_i.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |a, b| a * b)
}

/// Σ x_i.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    sum_of(x, x, |x, _| x)
}

/// The largest x_i; NaN is passed over, and comes back by way of the sum that the largest is needed for.
#[inline(always)]
pub(crate) fn largest(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut parts = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for x in whole {
        for lane in 0..LANES {
            parts[lane] = larger(parts[lane], x[lane]);
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        parts[lane] = larger(parts[lane], x);
    }
    halve(parts, larger)
}

/// x_i ← e^(x_i − shift); returns their sum.
#[inline(always)]
pub(crate) fn exp_and_sum(x: &mut [f32], shift: f32) -> f32 {
    for x in x.iter_mut() {
        *x = exp(*x - shift);
    }
    sum(x)
}

wide! {
    /// y_i ← y_i + factor · x_i.
    pub(crate) fn add_scaled<'a>(y: &'a mut [f32], factor: f32, x: &'a [f32]) -> () {
        for (y, &x) in y.iter_mut().zip(x) {
            *y += factor * x;
        }
    }

    /// Σ a_i b_i, of slices that are long enough to be worth it.
    pub(crate) fn wide_dot<'a>(a: &'a [f32], b: &'a [f32]) -> f32 {
        dot(a, b)
    }
}

/// Joins the running parts by halves.
#[inline(always)]
fn halve(mut parts: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            parts[lane] = join(parts[lane], parts[lane + half]);
        }
        half /= 2;
    }
    parts[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_two_units() {
        let mut worst = 0.0f64;
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            worst = worst.max((ours / exact - 1.0).abs());
        }
        assert!(worst < 2.0 * f64::from(f32::EPSILON), "{worst}");
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(-1e9) < 2e-38 && exp(1e9) > 1e38);
    }

    #[test]
    fn logarithms_are_right_to_half_a_unit() {
        // Every 97th positive number, subnormal ones too.
        let mut worst = 0.0f64;
        for bits in (1..f32::INFINITY.to_bits()).step_by(97) {
            let x = f32::from_bits(bits);
            let exact = f64::from(x).ln();
            let unit = f64::from((exact as f32).abs().next_up()) - f64::from((exact as f32).abs());
            worst = worst.max((f64::from(ln(x)) - exact).abs() / unit);
        }
        assert!(worst < 0.501, "{worst}");
        assert_eq!([ln(1.0), ln(0.0), ln(-0.0), ln(f32::INFINITY)], [0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::INFINITY]);
        assert!([-1.0, f32::NEG_INFINITY, f32::NAN].iter().all(|&x| ln(x).is_nan()));
    }

    #[test]
    fn tangents_are_right() {
        for i in -20_000..=20_000 {
            let x = i as f32 * 1e-3;
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 4e-7, "{x}");
        }
    }

    #[test]
    fn sums_take_every_number_once_whatever_the_length() {
        for length in 0..70 {
            let x: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let expected: f32 = x.iter().sum();
            assert_eq!(sum(&x), expected);
            assert_eq!(wide_dot(&x, &x), x.iter().map(|x| x * x).sum::<f32>());
            assert_eq!(largest(&x), x.last().copied().unwrap_or(f32::NEG_INFINITY));
        }
    }
}
