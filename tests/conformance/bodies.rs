//! What every backend must do alike: the recorded values of `tests/golden`, in every floating-point type the device computes with, and the
//! checks of `palinode doctor`. Shapes are small: on a software GPU every new one costs a shader.

use burn::module::Module;
use burn_tensor::{DType, Device, FloatDType, Tensor, TensorData};
use palinode_core::{
    backend::{Backend, computes_on_host},
    kl::KlEstimator,
    sampling::{Sampling, choose},
};
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::Ledger;
use palinode_tests::{
    close,
    golden::{ESTIMATORS, Fixture},
    values,
};
use palinode_text::TextTask;
use palinode_train::{
    gradient::{learner::Learner, optimizer::AdamW, workers::Workers},
    play::context,
    watch::checks::Checks,
};

/// The first device of a backend; a backend under test must have one.
fn device(backend: &dyn Backend) -> Device {
    match backend.open(backend.name()) {
        Ok(mut device) => {
            crate::prepare(&mut device);
            device
        }
        Err(error) => panic!("{error}"),
    }
}

/// The types the device computes with: f32 at least.
fn dtypes(backend: &dyn Backend, device: &Device) -> Vec<FloatDType> {
    let dtypes = backend.capabilities(device).dtypes;
    assert!(dtypes.contains(&FloatDType::F32), "{dtypes:?}");
    dtypes
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

/// Log-probabilities and the terms of every estimator, without gradients and with.
pub(crate) fn scores_are_the_recorded(backend: &dyn Backend) {
    let (fixture, device) = (Fixture::load(), device(backend));
    let case = &fixture.cases[0];
    for dtype in dtypes(backend, &device) {
        let tolerance = backend.tolerance(dtype).logprob;
        // The terms of an estimator follow d with a slope of up to |d|.
        let steep = case.scores["k1"].iter().fold(1.0, |most: f32, d| most.max(d.abs() as f32));
        let [policy, reference] = fixture.models(&device, dtype);
        for policy in [policy.clone(), policy.train()] {
            for (name, kl) in ESTIMATORS {
                let scores = fixture.score(&policy, &reference, case, kl, &device);
                let kl = scores.kl.expect("scored against a reference");
                for (name, found, tolerance) in [("logprob", scores.logprob, tolerance), (name, kl, tolerance * steep)] {
                    let (found, expected) = (values(found), single(&case.scores[name]));
                    assert!(close(&found, &expected, tolerance), "{dtype:?} {name}: {found:?}\nrecorded: {expected:?}");
                }
            }
        }
    }
}

/// Advantages, losses, and the gradient of every parameter, of both stages and every estimator.
pub(crate) fn objectives_are_the_recorded(backend: &dyn Backend) {
    let (fixture, device) = (Fixture::load(), device(backend));
    let case = &fixture.cases[0];
    for dtype in dtypes(backend, &device) {
        println!("weights in {dtype:?}"); // Shown when a comparison fails.
        let models = fixture.models(&device, dtype);
        for recorded in &case.losses {
            fixture.compare(&models, case, recorded, backend.tolerance(dtype).gradient, &device);
        }
    }
}

/// Cached decoding = full forward, sampler = trainer, gradients beside frozen parameters (LoRA's case), the same gradients twice.
pub(crate) fn checks_pass(backend: &dyn Backend) {
    let (task, device) = (Ledger::new(3, 0.5).unwrap(), device(backend));
    let tokens = task.dialogue().tokenizer().len();
    let sizes =
        |vocabulary| DecoderConfig { kv_heads: 1, ..DecoderConfig::small(vocabulary, 8, 2, 2, context(&task, 2).unwrap()) };
    for dtype in dtypes(backend, &device) {
        let whole = Decoder::new(&sizes(tokens), 1, &device).unwrap().cast(dtype);
        // And one whose vocabulary is padded with ids that no token has.
        let padded = Decoder::new(&sizes(16), 1, &device).unwrap().cast(dtype).with_unused(tokens as u32..16).unwrap();
        for model in [whole, padded] {
            for check in Checks::new(&model, &task, 2, 0.7).unwrap().all(backend.tolerance(dtype)).unwrap() {
                assert!(check.passes(), "{dtype:?} {} unused: {check:?}", model.unused().len());
            }
        }
    }
}

/// Ten steps of Stage I and ten of Stage II follow the recorded losses and gradient norms. In f32: AdamW's second moments need it.
pub(crate) fn training_is_the_recorded(backend: &dyn Backend) {
    let (fixture, device) = (Fixture::load(), device(backend));
    let tolerance = backend.tolerance(FloatDType::F32).training;
    let [policy, reference] = fixture.models(&device, FloatDType::F32);
    let workers = Workers::new(1).unwrap();
    let mut learner = Learner::new(policy, AdamW::new([0.9, 0.95], 0.0, 1.0).unwrap());
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    for step in 0..20 {
        let recipe = &fixture.objectives[if step < 10 { "stage_one" } else { "stage_two" }];
        let report = learner.step(&[()], 1e-2, &workers, |model, ()| {
            let objective = recipe.objective();
            (fixture.loss(model, &reference, &fixture.cases[0], (objective.as_ref(), KlEstimator::Exact), &device).1, ())
        });
        losses.push(report.loss as f32);
        norms.push(report.grad_norm as f32);
    }
    let recorded = &fixture.training;
    assert!(close(&losses, &single(&recorded.losses), tolerance), "{losses:?}\nrecorded: {:?}", recorded.losses);
    assert!(close(&norms, &single(&recorded.norms), tolerance), "{norms:?}\nrecorded: {:?}", recorded.norms);
}

pub(crate) fn impossible_tokens_are_never_sampled(backend: &dyn Backend) {
    let device = device(backend);
    let row = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, 1.0];
    let uniforms: Vec<f32> = (0..16).map(|i| i as f32 / 16.0).collect();
    for dtype in dtypes(backend, &device) {
        let logits = Tensor::<2>::from_data([row; 16], &device).cast(dtype);
        let chosen = choose(logits, Sampling::temperature(1.3).unwrap(), &uniforms).unwrap();
        assert!(chosen.iter().all(|choice| choice.token == 1 || choice.token == 3), "{dtype:?} {chosen:?}");
        assert!(chosen.windows(2).all(|pair| pair[0].token <= pair[1].token), "larger numbers choose later tokens");
        assert_eq!((chosen[0].token, chosen[15].token), (1, 3));
    }
}

/// The token that comes back is the one whose log-probability comes back, and the one that the uniform number names: half precision holds neither
/// ids above a few hundred nor such numbers.
pub(crate) fn large_vocabularies_are_drawn_exactly(backend: &dyn Backend) {
    const VOCABULARY: usize = 3000;
    let device = device(backend);
    let logits: Vec<f32> = (0..VOCABULARY).map(|id| ((id * 7919) % 64) as f32 / 16.0).collect();
    let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
    let edges: Vec<f64> = logits
        .iter()
        .scan(0.0, |below, &x| {
            *below += f64::from(x).exp() / total;
            Some(*below)
        })
        .collect();
    let uniforms: Vec<f32> = (0..32).map(|i| ((i * 37 % 32) as f32 + 0.37) / 32.0).collect();
    let rows = Tensor::<2>::from_data(TensorData::new(logits.repeat(32), [32, VOCABULARY]), (&device, DType::F32));
    let chosen = choose(rows.clone(), Sampling::temperature(1.0).unwrap(), &uniforms).unwrap();
    let best = choose(rows, Sampling::Greedy, &[]).unwrap();
    let tolerance = backend.tolerance(FloatDType::F32).logprob;
    for (choice, &uniform) in chosen.iter().zip(&uniforms) {
        let below = |offset: f64| edges.partition_point(|&edge| edge <= f64::from(uniform) + offset) as u32;
        assert!((below(-1e-5)..=below(1e-5)).contains(&choice.token), "{uniform}: {choice:?}, expected {}", below(0.0));
    }
    for choice in chosen.iter().chain(&best) {
        let expected = f64::from(logits[choice.token as usize]) - total.ln();
        assert!((f64::from(choice.logprob) - expected).abs() <= f64::from(tolerance), "{choice:?}, expected {expected}");
    }
}

pub(crate) fn listed_devices_open(backend: &dyn Backend) {
    let listed = backend.list();
    assert!(!listed.is_empty(), "a backend under test has a device");
    for name in listed {
        assert!(name.starts_with(backend.name()), "{name}");
        let mut device = backend.open(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
        crate::prepare(&mut device);
        let sum: f32 = Tensor::<1>::ones([3], &device).sum().into_scalar();
        assert_eq!(sum, 3.0, "{name}");
        // Where it isn't known, tokens would be chosen by the device's own operations, whose last bits differ between processors.
        let on_host = ["flex", "ndarray"].contains(&backend.name());
        assert_eq!([computes_on_host(&device), computes_on_host(&device.autodiff())], [on_host; 2], "{name}");
    }
}
