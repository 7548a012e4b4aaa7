//! Gradients and weights where the host can read them: sums in one order, and AdamW's step as one loop.
//!
//! burn's CPU libraries sum in as many parts as a vector of the processor has lanes, and from some size on in whatever order their threads finish. Here
//! an order is fixed, and what threads share is cut by size alone: the same numbers give the same bits on every machine, whatever the number of threads.

use burn::tensor::{DType, Tensor, TensorData};
use palinode_core::{backend::computes_on_host, numbers::sum_of_squares};
use palinode_kernels::Numbers;
use rayon::prelude::*;

/// Numbers that one thread takes at a time.
const PIECE: usize = 1 << 16;

/// A tensor's numbers, in its order.
pub(crate) enum Host {
    /// Where they lie.
    Shared(Numbers),
    /// A copy.
    Copied(TensorData),
}

impl Host {
    /// Those of an f32 tensor on a device whose tensors lie in the host's memory; `None` for any other.
    pub(crate) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 || !computes_on_host(&tensor.device()) {
            return None;
        }
        let shared = Numbers::of(tensor.clone()).map(Self::Shared);
        Some(shared.unwrap_or_else(|| Self::Copied(tensor.to_data())))
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        match self {
            Self::Shared(numbers) => numbers.stored().floats().expect("the tensor's type was asked for"),
            Self::Copied(data) => data.as_slice().expect("the tensor's type was asked for"),
        }
    }
}

/// Σ x_i² of a tensor. Devices other than the CPU sum as they do.
pub(crate) fn squares<const D: usize>(tensor: Tensor<D>) -> f64 {
    if let Some(numbers) = Host::of(&tensor) {
        let parts: Vec<f64> = numbers.as_slice().par_chunks(PIECE).map(sum_of_squares).collect();
        return parts.into_iter().sum();
    }
    match computes_on_host(&tensor.device()) {
        true => tensor.into_data().iter::<f64>().map(|x| x * x).sum(),
        false => tensor.square().sum().into_scalar::<f64>(),
    }
}

/// One step of AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101, algorithm 2), for numbers that lie on the host.
pub(crate) struct Step {
    betas: [f32; 2],
    /// 1 − β^t of both moments.
    corrections: [f32; 2],
    epsilon: f32,
    rate: f32,
    /// What decay leaves of a weight.
    kept: f32,
}

impl Step {
    /// The `steps`-th step (from 1) at a learning rate.
    pub(crate) fn new(betas: [f32; 2], epsilon: f32, learning_rate: f64, weight_decay: f32, steps: usize) -> Self {
        let correction = |beta: f32| (1.0 - libm::pow(f64::from(beta), steps as f64)) as f32;
        let kept = (1.0 - learning_rate * f64::from(weight_decay)) as f32;
        Self { betas, corrections: betas.map(correction), epsilon, rate: learning_rate as f32, kept }
    }

    /// The weights after it; the moments are moved on. All four are of one length.
    pub(crate) fn take(&self, weights: &[f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) -> Vec<f32> {
        let mut stepped = vec![0.0; weights.len()];
        let moments = first.par_chunks_mut(PIECE).zip(second.par_chunks_mut(PIECE));
        let given = weights.par_chunks(PIECE).zip(gradient.par_chunks(PIECE));
        stepped.par_chunks_mut(PIECE).zip(given.zip(moments)).for_each(|(stepped, ((weights, gradient), (first, second)))| {
            self.take_piece(stepped, weights, gradient, first, second);
        });
        stepped
    }

    fn take_piece(&self, stepped: &mut [f32], weights: &[f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let &Self { betas: [beta_1, beta_2], corrections: [correction_1, correction_2], epsilon, rate, kept } = self;
        let numbers = stepped.iter_mut().zip(weights).zip(gradient).zip(first).zip(second);
        for ((((stepped, &weight), &gradient), first), second) in numbers {
            *first = beta_1 * *first + (1.0 - beta_1) * gradient;
            *second = beta_2 * *second + (1.0 - beta_2) * (gradient * gradient);
            let direction = (*first / correction_1) / ((*second / correction_2).sqrt() + epsilon);
            *stepped = kept * weight - rate * direction;
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::{
        module::{Module, Param},
        tensor::Device,
    };
    use burn_optim::GradientsParams;
    use rayon::ThreadPoolBuilder;

    use super::*;
    use crate::gradient::{
        learner::{Learner, Slope},
        optimizer::AdamW,
        workers::Workers,
    };

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let number = |i: u32| ((i ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5;
        (0..count as u32).map(number).collect()
    }

    fn tensor(numbers: Vec<f32>, device: &Device) -> Tensor<2> {
        let shape = [numbers.len() / 1024, 1024];
        Tensor::from_data(TensorData::new(numbers, shape), (device, DType::F32))
    }

    #[derive(Module, Debug)]
    struct One {
        matrix: Param<Tensor<2>>,
    }

    /// One matrix as large as an embedding: from 4 Mi numbers on burn's own sum depends on which thread is done first.
    #[test]
    fn a_large_gradient_has_one_norm_and_one_clipped_step_whatever_the_threads() {
        const COUNT: usize = 5 << 20;
        let device = palinode_flex::device();
        let (start, gradient) = (tensor(numbers(COUNT, 1), &device), numbers(COUNT, 2));
        let exact = gradient.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let mut seen: Option<(u64, Vec<f32>)> = None;
        for (threads, repeats) in [(1, 7), (2, 7), (4, 6)] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for _ in 0..repeats {
                let model = One { matrix: Param::from_tensor(start.clone()) };
                let mut learner = Learner::new(model, AdamW::new([0.9, 0.95], 0.1, 1.0).unwrap());
                let slope = |model: &One, (): &()| {
                    let mut gradients = GradientsParams::new();
                    gradients.register(model.matrix.id, tensor(gradient.clone(), &device));
                    (Slope { loss: 0.0, gradients }, ())
                };
                let report = pool.install(|| learner.step_along(&[()], 1e-3, &Workers::new(1).unwrap(), slope));
                assert!((report.grad_norm / exact - 1.0).abs() < 1e-12, "{} {exact}", report.grad_norm);
                let found = Host::of(&learner.model().matrix.val()).unwrap().as_slice().to_vec();
                let found = (report.grad_norm.to_bits(), found);
                assert!(seen.get_or_insert_with(|| found.clone()) == &found, "{threads} threads");
            }
        }
    }

    #[test]
    fn a_part_of_a_tensor_is_read_where_it_lies() {
        let whole = tensor(numbers(4096, 3), &palinode_flex::device());
        let all = numbers(4096, 3);
        for rows in [0..4, 0..2, 1..3, 3..4] {
            let part = whole.clone().slice([rows.clone()]);
            let expected = &all[rows.start * 1024..rows.end * 1024];
            assert_eq!(Host::of(&part).unwrap().as_slice(), expected);
            assert!((squares(part) - expected.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>()).abs() < 1e-9);
        }
        let turned = whole.clone().transpose().narrow(0, 5, 1);
        assert_eq!(Host::of(&turned).unwrap().as_slice(), [5, 1029, 2053, 3077].map(|i| all[i]));
    }

    /// The loop is burn's rule, up to rounding.
    #[test]
    fn a_step_on_the_host_is_that_of_tensor_operations() {
        use burn_optim::{AdamWConfig, Optimizer};
        let device = palinode_flex::device();
        let config = AdamWConfig::new().with_beta_1(0.9).with_beta_2(0.95).with_epsilon(1e-8).with_weight_decay(0.1);
        let (rule, count) = (config.build(), (PIECE / 1024 + 3) * 1024);
        let mut expected = (tensor(numbers(count, 1), &device), None);
        let (mut weights, [mut first, mut second]) =
            (numbers(count, 1), [const { Vec::new() }; 2].map(|_: Vec<f32>| vec![0.0; count]));
        for step in 1..=5 {
            let gradient = numbers(count, 10 + step as u32);
            expected = rule.step(0.01, expected.0, tensor(gradient.clone(), &device), expected.1);
            weights = Step::new([0.9, 0.95], 1e-8, 0.01, 0.1, step).take(&weights, &gradient, &mut first, &mut second);
            let found = expected.0.to_data();
            let worst = found.iter::<f32>().zip(&weights).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{step}: {worst}");
        }
    }
}
