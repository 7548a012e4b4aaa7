//! Small primes of whole numbers, for roots and logarithms.

/// Trial division ends here: a number below the square that is left is prime.
const MAX_DIVISOR: u64 = 10_000;

/// Steps of a budget that one factoring costs at most.
pub(super) const STEPS: u64 = 200;

/// The primes of `number` and their exponents; None where trial division does not find them all.
pub(super) fn factors(mut number: u64) -> Option<Vec<(u64, i64)>> {
    let mut found = Vec::new();
    let mut divisor = 2;
    while divisor * divisor <= number && divisor <= MAX_DIVISOR {
        let mut exponent = 0;
        while number.is_multiple_of(divisor) {
            number /= divisor;
            exponent += 1;
        }
        if exponent > 0 {
            found.push((divisor, exponent));
        }
        divisor += if divisor == 2 { 1 } else { 2 };
    }
    match number {
        0 => None,
        1 => Some(found),
        _ if number < MAX_DIVISOR * MAX_DIVISOR => {
            found.push((number, 1));
            Some(found)
        }
        _ => None,
    }
}
