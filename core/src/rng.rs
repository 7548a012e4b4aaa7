//! Counter-based random numbers: a run can be replayed from its keys, with no generator state to save.
//!
//! Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

/// What a random number is for; numbers of different purposes never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stream {
    /// Initial weights.
    Init = 0,
    /// Making problems.
    Problems = 1,
    /// Warm start: corruption and choice of targets.
    WarmTargets = 2,
    /// Warm start: sampled attempts.
    WarmStart = 3,
    /// Stage I rollouts.
    StageOne = 4,
    /// Stage II rollouts.
    StageTwo = 5,
    /// Sampled evaluation.
    Evaluation = 6,
    /// For the user of the library.
    User = 7,
    /// What is dropped from adapters' inputs while they are differentiated.
    Dropout = 8,
}

/// Names one random number: (seed, stage, step, problem and its occurrence, sample, attempt, token).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RandomKey {
    /// Seed of the run.
    pub seed: u64,
    /// Stage, or another purpose.
    pub stream: Stream,
    /// Optimiser step.
    pub step: u32,
    /// Problem id.
    pub problem: u32,
    /// Sample within the group.
    pub sample: u16,
    /// Attempt within the episode.
    pub attempt: u8,
    /// Token within the attempt.
    pub token: u32,
    /// How often the problem came before in the same step.
    pub occurrence: u32,
}

impl RandomKey {
    /// The first key of a purpose: every counter zero.
    pub fn new(seed: u64, stream: Stream) -> Self {
        Self { seed, stream, step: 0, problem: 0, sample: 0, attempt: 0, token: 0, occurrence: 0 }
    }

    /// Four independent words, a pure function of the key.
    #[inline]
    pub fn words(self) -> [u32; 4] {
        let tag = u32::from(self.stream as u8) | u32::from(self.attempt) << 8 | u32::from(self.sample) << 16;
        let seed = [self.seed as u32, (self.seed >> 32) as u32];
        // The counter is full. A problem that comes again has a key of its own, drawn from the seed.
        let seed = match self.occurrence {
            0 => seed,
            again => {
                let [low, high, ..] = philox4x32([again, 0, 0, u32::MAX], seed);
                [low, high]
            }
        };
        philox4x32([self.token, self.problem, self.step, tag], seed)
    }

    /// A uniform number in `[0, 1)`, exact in f32 (24 bits).
    pub fn uniform(self) -> f32 {
        (self.words()[0] >> 8) as f32 / (1u32 << 24) as f32
    }

    /// A uniform integer in `0..bound`, without bias worth the name (64-bit multiply-shift; bias below 2⁻³²).
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(self, bound: u32) -> u32 {
        assert!(bound > 0, "bound must be positive");
        let [high, low, ..] = self.words();
        let word = u64::from(high) << 32 | u64::from(low);
        ((u128::from(word) * u128::from(bound)) >> 64) as u32
    }

    /// A standard normal number (Box–Muller), with the same bits on every machine: the mathematics libraries of systems differ in the last one.
    pub fn normal(self) -> f32 {
        let [a, b, ..] = self.words();
        let radius = libm::sqrt(-2.0 * libm::log((f64::from(a) + 1.0) / 4_294_967_296.0));
        (radius * libm::cos(core::f64::consts::TAU * f64::from(b) / 4_294_967_296.0)) as f32
    }
}

/// Ten rounds of Philox4x32 over a 128-bit counter and a 64-bit key.
#[inline]
fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with Random123 (`kat_vectors`).
    #[test]
    fn philox_matches_its_published_vectors() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn every_field_of_the_key_matters() {
        let key = RandomKey::new(7, Stream::StageOne);
        let variants = [
            RandomKey { seed: 8, ..key },
            RandomKey { seed: 7 | 1 << 40, ..key },
            RandomKey { stream: Stream::StageTwo, ..key },
            RandomKey { step: 1, ..key },
            RandomKey { problem: 1, ..key },
            RandomKey { sample: 1, ..key },
            RandomKey { attempt: 1, ..key },
            RandomKey { token: 1, ..key },
            RandomKey { occurrence: 1, ..key },
            RandomKey { occurrence: 2, ..key },
        ];
        for (i, a) in variants.iter().enumerate() {
            assert_ne!(a.words(), key.words(), "variant {i}");
            for b in &variants[i + 1..] {
                assert_ne!(a.words(), b.words());
            }
        }
    }

    #[test]
    fn moments_are_those_of_the_named_distributions() {
        let keys = |n: u32| (0..n).map(|token| RandomKey { token, ..RandomKey::new(1, Stream::User) });
        let n = 20_000;
        let mean = keys(n).map(|k| f64::from(k.uniform())).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let square = keys(n).map(|k| f64::from(k.normal()).powi(2)).sum::<f64>() / f64::from(n);
        assert!((square - 1.0).abs() < 0.05, "{square}");
        let mut counts = [0u32; 5];
        keys(n).for_each(|k| counts[k.below(5) as usize] += 1);
        assert!(counts.iter().all(|&c| (3_700..4_300).contains(&c)), "{counts:?}");
    }
}
