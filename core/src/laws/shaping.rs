//! Laws of a reward bonus.

use alloc::{format, vec::Vec};

use super::{
    Broken, Laws, close, ensure, listed,
    strategies::{Rewards, rewards},
};
use crate::per_attempt::PerAttempt;

impl Laws {
    /// A bonus that can't be farmed.
    ///
    /// Each episode's bonus follows from its own rewards; from the second attempt on, a tie pays nothing, and walking away from a reward and back to
    /// it pays nothing in sum (Ng, Harada & Russell 1999: else the cycle itself is worth walking).
    ///
    /// # Errors
    /// [`Broken`] names the first law that does not hold.
    pub fn bonus(&self, bonus: impl Fn(&PerAttempt) -> PerAttempt) -> Result<(), Broken> {
        let of = |rewards: &Rewards| listed(&bonus(&rewards.numbers()));
        let names = ["a bonus is one finite number an attempt", "an episode's bonus follows from its own rewards"];
        self.acts_on_episodes(names, &bonus)?;
        self.hold("a tie pays nothing", &rewards(), |rewards| {
            let k = rewards.shape[2];
            let tied = rewards.with(rewards.episodes().flat_map(|episode| alloc::vec![episode[0]; k]).collect());
            let paid = of(&tied);
            ensure(paid.chunks(k).all(|paid| close(&paid[1..], &alloc::vec![0.0; k - 1], 1e-6)), || format!("{paid:?}"))
        })?;
        self.hold("there and back pays nothing", &rewards(), |rewards| {
            let k = rewards.shape[2];
            // r₁ … r_K … r₁
            let path = |episode: &[f32]| episode.iter().chain(episode.iter().rev().skip(1)).copied().collect::<Vec<f32>>();
            let [p, g, _] = rewards.shape;
            let there_and_back = Rewards { shape: [p, g, 2 * k - 1], values: rewards.episodes().flat_map(path).collect() };
            let paid = of(&there_and_back);
            let sums: Vec<f32> = paid.chunks(2 * k - 1).map(|paid| paid[1..].iter().sum()).collect();
            let size = paid.iter().map(|value| value.abs()).fold(1.0, f32::max);
            ensure(sums.iter().all(|sum| sum.abs() <= 1e-4 * size), || format!("{sums:?}"))
        })
    }
}
