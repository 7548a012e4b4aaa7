//! A seeded permutation of 0..n without a table.

use palinode_core::rng::{RandomKey, Stream};

/// Where `index` goes in the `epoch`-th permutation of `0..n`: a four-round Feistel network, walked until it lands inside.
pub(crate) fn permuted(seed: u64, epoch: u32, index: u64, n: u64) -> u64 {
    let bits = (64 - n.saturating_sub(1).leading_zeros()).next_multiple_of(2).max(2);
    let half = bits / 2;
    let mask = (1u64 << half) - 1;
    let round = |value: u64, round: u8| {
        let key =
            RandomKey { step: epoch, problem: value as u32, attempt: round, sample: 1, ..RandomKey::new(seed, Stream::Problems) };
        u64::from(key.words()[0]) & mask
    };
    let mut place = index;
    loop {
        let (mut left, mut right) = (place >> half, place & mask);
        for i in 0..4 {
            (left, right) = (right, left ^ round(right, i));
        }
        place = left << half | right;
        if place < n {
            return place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::permuted;

    #[test]
    fn every_epoch_visits_everything_once_in_another_order() {
        for n in [1u64, 2, 7, 64, 100] {
            let order = |seed, epoch| (0..n).map(|i| permuted(seed, epoch, i, n)).collect::<Vec<_>>();
            let mut seen = order(3, 0);
            seen.sort_unstable();
            assert_eq!(seen, (0..n).collect::<Vec<_>>());
            assert!(n < 7 || (order(3, 0) != order(3, 1) && order(3, 0) != order(4, 0)));
        }
    }
}
