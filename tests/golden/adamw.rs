use burn::module::{Module, Param};
use burn_tensor::{Tensor, TensorData};
use palinode_tests::{close, device, golden::read, values};
use palinode_train::gradient::{learner::Learner, optimizer::AdamW, workers::Workers};
use serde::Deserialize;

type Matrix = Vec<Vec<f32>>;

#[derive(Deserialize)]
struct File {
    start: Matrix,
    learning_rate: f64,
    gradients: Vec<Matrix>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    betas: [f32; 2],
    weight_decay: f32,
    clip: f64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    norm: f64,
    weights: Matrix,
}

#[derive(Module, Debug)]
struct Weights {
    weights: Param<Tensor<2>>,
}

fn tensor(matrix: &Matrix) -> Tensor<2> {
    Tensor::from_data(TensorData::new(matrix.concat(), [matrix.len(), matrix[0].len()]), &device())
}

/// Clipping, moments, bias correction and decoupled decay, step by step; the gradient arrives in two micro-batches.
#[test]
fn the_learner_steps_as_pytorch_does() {
    let file: File = read(include_str!("adamw.json"));
    for case in &file.cases {
        let model = Weights { weights: Param::from_tensor(tensor(&file.start)) };
        let settings = AdamW::new(case.betas, case.weight_decay, case.clip).unwrap();
        let mut learner = Learner::new(model, settings);
        assert_eq!(case.steps.len(), file.gradients.len());
        for (gradient, expected) in file.gradients.iter().zip(&case.steps) {
            // The gradient of Σ share · g ⊙ w is share · g.
            let report = learner.step(&[0.25, 0.75], file.learning_rate, &Workers::new(1).unwrap(), |model, share| {
                ((model.weights.val() * tensor(gradient)).sum().mul_scalar(*share), ())
            });
            assert!((report.grad_norm - expected.norm).abs() < 1e-4 * expected.norm, "{} {}", report.grad_norm, expected.norm);
            let (found, expected) = (values(learner.model().weights.val()), expected.weights.concat());
            assert!(close(&found, &expected, 2e-6), "{found:?}\nPyTorch: {expected:?}");
        }
    }
    assert_eq!(file.cases.len(), 3);
}
