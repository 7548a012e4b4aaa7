//! Blocks whose bits name one of some values: IQ4_NL.

use super::{half_at, scaled::nibble};

/// The sixteen values, denser around zero.
const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

pub(super) fn iq4_nl(block: &[u8; 18], values: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for (number, value) in values.iter_mut().enumerate() {
        *value = d * f32::from(VALUES[usize::from(nibble(&block[2..], number))]);
    }
}
