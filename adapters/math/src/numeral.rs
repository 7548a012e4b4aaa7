//! Digits to exact numbers.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};

use super::budget::{Bounded, Halt};

/// Digits of one numeral: they fit the bound on bits, and conversion is quadratic in them.
const MAX_DIGITS: usize = 1000;

/// Digits that a `u64` always holds.
const SMALL_DIGITS: usize = 18;

/// The value of `12`, `1.25`, `.5`, `3.`, `1.2e-3` and `0.1~6`, whose digits after `~` repeat for ever.
pub(super) fn value(numeral: &str) -> Bounded<BigRational> {
    let (mantissa, exponent) = numeral.split_once(['e', 'E']).unwrap_or((numeral, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| TOO_LONG)?;
    if numeral.len() > MAX_DIGITS || exponent.unsigned_abs() > MAX_DIGITS as u64 {
        return Err(TOO_LONG);
    }
    let (mantissa, repeated) = mantissa.split_once('~').unwrap_or((mantissa, ""));
    let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut number = BigRational::from_integer(integer(whole, places)?);
    if !repeated.is_empty() {
        number += BigRational::new(integer(repeated, "")?, power_of_ten(repeated.len()) - BigInt::one());
    }
    let shift = exponent - places.len() as i64;
    let scale = power_of_ten(shift.unsigned_abs() as usize);
    Ok(match shift {
        0 => number,
        1.. => number * scale,
        _ => number / scale,
    })
}

/// Two runs of digits as one integer.
fn integer(high: &str, low: &str) -> Bounded<BigInt> {
    if high.len() + low.len() <= SMALL_DIGITS {
        let digits = high.bytes().chain(low.bytes());
        return Ok(digits.fold(0_u64, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0') % 10)).into());
    }
    BigInt::parse_bytes(format!("{high}{low}").as_bytes(), 10).ok_or(TOO_LONG)
}

/// 10 to a small power.
fn power_of_ten(exponent: usize) -> BigInt {
    if exponent.is_zero() { BigInt::one() } else { num_traits::pow(BigInt::from(10), exponent) }
}

const TOO_LONG: Halt = Halt::TooLarge("a number has too many digits");
