//! Choosing the next token: on the host where its numbers lie, on the device elsewhere.

mod host;

use alloc::vec::Vec;

use burn_tensor::{DType, FloatDType, Int, IntDType, Tensor, TensorData};

use crate::{
    backend::computes_on_host,
    error::{Error, check_range},
    logprob::log_distribution,
};

/// A temperature in `[0.01, 100]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature(f64);

impl Temperature {
    /// The temperature at which a model was trained: its own distribution.
    pub const ONE: Self = Self(1.0);

    /// A temperature in `[0.01, 100]`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] outside of it; temperature 0 is [`Sampling::Greedy`].
    pub fn new(temperature: f64) -> Result<Self, Error> {
        check_range("temperature", "within [0.01, 100] (use greedy for 0)", temperature, 0.01, 100.0).map(Self)
    }

    /// As a number.
    pub fn value(self) -> f64 {
        self.0
    }
}

/// How the next token is chosen from logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// The most likely token; used for evaluation. Its log-probability is that at temperature 1.
    Greedy,
    /// A draw from softmax(logits / temperature); made by [`Sampling::temperature`].
    Temperature(Temperature),
}

impl Sampling {
    /// Sampling at a temperature in `[0.01, 100]`.
    ///
    /// # Errors
    /// As [`Temperature::new`].
    pub fn temperature(temperature: f64) -> Result<Self, Error> {
        Temperature::new(temperature).map(Self::Temperature)
    }

    /// The temperature at which log-probabilities are taken.
    pub fn scoring_temperature(self) -> Temperature {
        match self {
            Self::Greedy => Temperature::ONE,
            Self::Temperature(temperature) => temperature,
        }
    }
}

/// A chosen token and its log-probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The token's id.
    pub token: u32,
    /// log π(token) in nats, at the scoring temperature.
    pub logprob: f32,
}

impl Choice {
    /// Refuses one from a distribution that is none.
    fn checked(self) -> Result<Self, Error> {
        if self.logprob.is_finite() { Ok(self) } else { Err(Error::NotFinite("log-probability of a sampled token")) }
    }
}

/// Chooses one token a row.
///
/// Sampling inverts the cumulative distribution at the given uniform number: token = #{ v : Σ_{w ≤ v} π(w) ≤ u }. A token of
/// probability zero is never chosen, and one uniform number a token is all that is drawn. Of several most likely tokens greedy choice takes the first.
///
/// On the CPU ([`computes_on_host`]) the host chooses by [`crate::numbers`]: the same logits and numbers give the same tokens and the same bits of their
/// log-probabilities on every processor and system. Other devices choose by their own operations, with one read back to the host, and promise less: the
/// same device and driver, the same tokens.
///
/// # Shapes
/// `logits: [R, V]`; `uniforms: R` numbers in `[0, 1)` (not read when greedy); returns `R` choices.
///
/// # Errors
/// [`Error::Length`] when `uniforms` are not one a row;
/// [`Error::NotFinite`] when the logits hold NaN, or forbid every token.
pub fn choose(logits: Tensor<2>, sampling: Sampling, uniforms: &[f32]) -> Result<Vec<Choice>, Error> {
    let [rows, vocabulary] = logits.dims();
    if matches!(sampling, Sampling::Temperature(_)) && uniforms.len() != rows {
        return Err(Error::Length { what: "uniform numbers, one a row", expected: rows, got: uniforms.len() });
    }
    if computes_on_host(&logits.device()) {
        return host::choose(logits, sampling, uniforms);
    }
    // In f32 at least, whatever the device makes by default: half precision can neither hold token ids nor a cumulative sum.
    let logprobs = log_distribution(logits, sampling.scoring_temperature().value());
    let tokens = match sampling {
        Sampling::Greedy => logprobs.clone().argmax(1),
        Sampling::Temperature(_) => {
            let options = (&logprobs.device(), DType::F32);
            let uniforms = Tensor::<2>::from_data(TensorData::new(uniforms.to_vec(), [rows, 1]), options).cast(logprobs.dtype());
            let cumulative = logprobs.clone().exp().cumsum(1);
            let total = cumulative.clone().narrow(1, vocabulary - 1, 1);
            let below: Tensor<2, Int> = (cumulative - uniforms * total).lower_equal_scalar(0.0).cast(IntDType::I32).sum_dim(1);
            below.clamp_max(vocabulary as i64 - 1)
        }
    };
    let chosen = logprobs.gather(1, tokens.clone());
    // Ids are below 2²⁴, which f32 holds exactly; the type is named, since the device's own may hold 8 bits.
    let tokens = tokens.cast(FloatDType::from(chosen.dtype()));
    let packed: Vec<f32> = Tensor::cat(alloc::vec![tokens, chosen], 1).into_data().iter::<f32>().collect();
    packed.chunks_exact(2).map(|pair| Choice { token: pair[0] as u32, logprob: pair[1] }.checked()).collect()
}

#[cfg(test)]
mod tests {
    use burn_tensor::Device;

    use super::*;

    fn logits(values: [[f32; 3]; 2]) -> Tensor<2> {
        Tensor::from_data(values, &Device::flex())
    }

    #[test]
    fn sampling_inverts_the_cumulative_distribution() {
        // softmax(ln 1, ln 2, ln 1) = 1/4, 1/2, 1/4; cumulative 1/4, 3/4, 1.
        let row = [0.0, core::f32::consts::LN_2, 0.0];
        let at = |u: f32| choose(logits([row, row]), Sampling::temperature(1.0).unwrap(), &[u, 0.0]).unwrap()[0];
        assert_eq!([at(0.0).token, at(0.2).token, at(0.3).token, at(0.7).token, at(0.8).token], [0, 0, 1, 1, 2]);
        assert!((at(0.5).logprob - 0.5f32.ln()).abs() < 1e-6);
        assert_eq!(at(1.0 - f32::EPSILON / 2.0).token, 2);
        // 1 is no such number; should one come, it names a token of the vocabulary all the same.
        assert_eq!(at(1.0).token, 2);
    }

    #[test]
    fn temperature_sharpens_and_enters_the_logprob() {
        // At T = 1/2 the odds 1 : 2 : 1 become 1 : 4 : 1.
        let row = [0.0, core::f32::consts::LN_2, 0.0];
        let choice = choose(logits([row, row]), Sampling::temperature(0.5).unwrap(), &[0.5, 0.5]).unwrap()[1];
        assert_eq!(choice.token, 1);
        assert!((choice.logprob - (4.0f32 / 6.0).ln()).abs() < 1e-6);
    }

    #[test]
    fn impossible_tokens_are_never_chosen() {
        let row = [f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY];
        for u in [0.0, 0.5, 1.0 - f32::EPSILON / 2.0] {
            assert_eq!(choose(logits([row, row]), Sampling::temperature(1.0).unwrap(), &[u, u]).unwrap()[0].token, 1);
        }
    }

    #[test]
    fn no_temperature_outside_of_the_range_is_used() {
        for wrong in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
            let refused = Sampling::temperature(wrong);
            assert!(matches!(refused, Err(Error::OutOfRange { name: "temperature", .. })), "{wrong}");
        }
    }

    #[test]
    fn not_a_number_is_refused() {
        let row = [f32::NAN, 1.0, 0.0];
        assert!(matches!(choose(logits([row, row]), Sampling::Greedy, &[]), Err(Error::NotFinite(_))));
    }
}
