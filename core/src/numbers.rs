//! Exponentials, logarithms and sums that have the same bits on every machine.
//!
//! The mathematics libraries of systems differ in the last bit, and so does a sum when its order does. Here is plain f32 arithmetic instead, of which
//! each operation is rounded as IEEE 754 says: Rust never joins a product and a sum into one rounding. Sums run in [`LANES`] parts whatever vectors a
//! processor has, and what loops call is free of branches, so that compilers can vectorise both. All are inlined: whoever compiles a loop for wider vectors
//! has them in it.

/// Running parts of a sum.
pub const LANES: usize = 16;

/// Numbers that are summed in f32; the sums of such blocks are added in f64.
const BLOCK: usize = 4096;

/// e^x within two units in the last place; e^−87.3 below −87.3, e^88 above 88, NaN for NaN.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for e^r, and n put into the exponent's bits.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding it rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, of which the first has few bits: its product with n is exact.
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
pub fn ln(x: f32) -> f32 {
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
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// Σ f(a_i, b_i), in [`LANES`] running parts.
#[inline(always)]
pub fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
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
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |a, b| a * b)
}

/// Σ x_i.
#[inline(always)]
pub fn sum(x: &[f32]) -> f32 {
    sum_of(x, x, |x, _| x)
}

/// Σ x_i² in f64, which no f32 number overflows, in [`LANES`] running parts.
#[inline(always)]
pub fn sum_of_squares(x: &[f32]) -> f64 {
    let mut parts = [0.0f64; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for x in whole {
        for lane in 0..LANES {
            parts[lane] += f64::from(x[lane]) * f64::from(x[lane]);
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        parts[lane] += f64::from(x) * f64::from(x);
    }
    halve(parts, |a, b| a + b)
}

/// The largest x_i, −∞ of none; NaN is passed over, and comes back by way of the sum that the largest is needed for.
#[inline(always)]
pub fn largest(x: &[f32]) -> f32 {
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

/// Writes the weights of a softmax, e^(x_i·scale − shift), and returns their sum; a weight below e^−87 is 0.
///
/// `shift` is the largest x_i·scale, or near it. The sum is one of f32 sums over blocks, in f64.
#[inline(always)]
pub fn softmax_weights(x: &[f32], scale: f32, shift: f32, weights: &mut [f32]) -> f64 {
    let mut total = 0.0f64;
    for (x, weights) in x.chunks(BLOCK).zip(weights.chunks_mut(BLOCK)) {
        for (weight, &x) in weights.iter_mut().zip(x) {
            let exponent = x * scale - shift;
            let found = exp(exponent);
            *weight = if exponent < -87.0 { 0.0 } else { found };
        }
        total += f64::from(sum(weights));
    }
    total
}

/// Turns logits into log softmax(logits · scale); returns log Σ e^(logit · scale). NaN everywhere where a logit is NaN or +∞, or all are −∞.
#[inline(always)]
pub fn log_softmax(row: &mut [f32], scale: f32) -> f32 {
    let mut total = 0.0f64;
    let shift = largest(row) * scale;
    for row in row.chunks(BLOCK) {
        total += f64::from(sum_of(row, row, |x, _| exp(x * scale - shift)));
    }
    let logarithm = shift + ln(total as f32);
    for x in row.iter_mut() {
        *x = *x * scale - logarithm;
    }
    logarithm
}

/// Joins the running parts by halves.
#[inline(always)]
fn halve<T: Copy>(mut parts: [T; LANES], join: impl Fn(T, T) -> T) -> T {
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
mod tests;
