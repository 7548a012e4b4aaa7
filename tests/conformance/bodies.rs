//! What every backend must do alike. Shapes are small: on a software GPU every new one costs a shader.

use burn::{module::Module, optim::GradientsParams};
use burn_tensor::{Device, Tensor};
use palinode_core::{
    advantage::Baseline,
    attempt::{Attempt, StopReason},
    backend::Backend,
    batch::TokenBatch,
    kl::KlEstimator,
    logprob::{Scoring, score_tokens},
    objective::{Objective, StageOne, StageTwo, advantages, loss},
    sampling::{Sampling, choose},
    task::Problem,
    trajectory::{Group, Trajectory, rewards},
    verifier::Verdict,
};
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::{Ledger, TextTask};
use palinode_tests::{VOCABULARY, close, values};
use palinode_train::{
    checks::Checks,
    learner::{AdamW, Learner, list_gradients},
    workers::Workers,
};

/// The first device of a backend; a backend under test must have one.
fn device(backend: &dyn Backend) -> Device {
    match backend.open(backend.name()) {
        Ok(device) => device,
        Err(error) => panic!("{error}"),
    }
}

/// A policy and another as its reference, with the same weights on every device.
fn models(device: &Device) -> [Decoder; 2] {
    let sizes = DecoderConfig { kv_heads: 1, ..DecoderConfig::small(VOCABULARY, 8, 2, 2, 32) };
    [5, 6].map(|seed| Decoder::new(&sizes, seed, device).unwrap())
}

/// Two problems of two episodes each, of various lengths, right and wrong.
fn groups() -> Vec<Group> {
    let attempt = |tokens: &[u32], reward: f32| {
        Attempt::new(tokens.to_vec(), vec![-1.0; tokens.len()], StopReason::FixedLength, Verdict::partial(reward).unwrap())
            .unwrap()
    };
    let group = |prompt: &[u32], episodes: [[(&[u32], f32); 2]; 2]| {
        let episode = |attempts: [(&[u32], f32); 2]| {
            Trajectory::new(prompt.to_vec(), vec![5], attempts.map(|(t, r)| attempt(t, r)).to_vec()).unwrap()
        };
        Group::new(Problem::new(0, prompt.to_vec(), vec![]).unwrap(), episodes.map(episode).to_vec()).unwrap()
    };
    vec![
        group(&[1, 2], [[(&[3, 4], 0.0), (&[0], 1.0)], [(&[2], 1.0), (&[2, 2, 1], 0.5)]]),
        group(&[4], [[(&[0], 0.0), (&[1, 3], 0.0)], [(&[3], 0.25), (&[3], 1.0)]]),
    ]
}

fn batch(groups: &[Group], device: &Device) -> TokenBatch {
    TokenBatch::new(&palinode_tests::episodes(groups), device).unwrap()
}

pub(crate) fn scores_agree(backend: &dyn Backend) {
    let tolerance = backend.tolerance().logprob;
    for kl in [KlEstimator::Exact, KlEstimator::K1, KlEstimator::K2, KlEstimator::K3] {
        let scored = |device: &Device| {
            let [policy, reference] = models(device);
            let scoring = Scoring { temperature: 0.7, kl, ..Scoring::default() };
            let scores = score_tokens(&policy, Some(&reference), &batch(&groups(), device), &scoring);
            (values(scores.logprob), values(scores.kl.unwrap()))
        };
        let (here, cpu) = (scored(&device(backend)), scored(&palinode_flex::device()));
        assert!(close(&here.0, &cpu.0, tolerance), "log-probabilities: {:?}\nagainst {:?}", here.0, cpu.0);
        assert!(close(&here.1, &cpu.1, tolerance), "{kl:?}: {:?}\nagainst {:?}", here.1, cpu.1);
    }
}

/// The loss of an objective on the fixed groups.
fn objective_loss(objective: &dyn Objective, policy: &Decoder, reference: &Decoder, device: &Device) -> Tensor<1> {
    let (groups, batch) = (groups(), batch(&groups(), device));
    let gains = advantages(objective, rewards(&groups, device).unwrap(), None, Baseline::LeaveOneOut, false);
    let betas = batch.spread_weights(&objective.betas(batch.attempts())).unwrap();
    let scores = score_tokens(policy, Some(reference), &batch, &Scoring::default());
    loss(&scores, batch.spread(&values(gains)).unwrap(), betas, batch.episodes())
}

pub(crate) fn objectives_agree(backend: &dyn Backend) {
    let tolerance = backend.tolerance().gradient;
    let objectives: [&dyn Objective; 2] = [&StageOne::default(), &StageTwo::default()];
    for objective in objectives {
        let run = |device: &Device| {
            let [policy, reference] = models(device);
            let policy = policy.train();
            let loss = objective_loss(objective, &policy, &reference, device);
            let value = loss.clone().into_scalar::<f32>();
            (value, gradients(&policy, GradientsParams::from_grads(loss.backward(), &policy)))
        };
        let (here, cpu) = (run(&device(backend)), run(&palinode_flex::device()));
        assert!(close(&[here.0], &[cpu.0], tolerance), "{} against {}", here.0, cpu.0);
        let size = cpu.1.iter().flatten().map(|g| g.abs()).fold(f32::MIN_POSITIVE, f32::max);
        assert!(size > 1e-3, "the fixture has a gradient");
        for (i, (here, cpu)) in here.1.iter().zip(&cpu.1).enumerate() {
            let worst = here.iter().zip(cpu).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(here.len() == cpu.len() && worst <= tolerance * size, "parameter {i}: {worst} of {size}");
        }
    }
}

/// The gradient of every parameter, in the order of the model.
fn gradients(model: &Decoder, gradients: GradientsParams) -> Vec<Vec<f32>> {
    list_gradients(model, gradients).into_iter().map(|gradient| gradient.expect("every parameter takes part")).collect()
}

pub(crate) fn checks_pass(backend: &dyn Backend) {
    let task = Ledger::new(3, 0.5).unwrap();
    let sizes = DecoderConfig { kv_heads: 1, ..DecoderConfig::small(task.vocabulary().len(), 8, 2, 2, task.context(2)) };
    let model = Decoder::new(&sizes, 1, &device(backend)).unwrap();
    for check in Checks::new(&model, &task, 2, 0.7).unwrap().all(backend.tolerance()).unwrap() {
        assert!(check.passes(), "{check:?}");
    }
}

pub(crate) fn training_agrees(backend: &dyn Backend) {
    let run = |device: &Device| -> Vec<f32> {
        let [policy, reference] = models(device);
        let workers = Workers::new(1).unwrap();
        let mut learner = Learner::new(policy, AdamW { betas: [0.9, 0.95], weight_decay: 0.0, clip: 1.0 });
        let mut step = |objective: &(dyn Objective + Sync)| {
            learner.step(&[()], 1e-2, &workers, |model, ()| (objective_loss(objective, model, &reference, device), ())).loss
                as f32
        };
        (0..20).map(|i| if i < 10 { step(&StageOne::default()) } else { step(&StageTwo::default()) }).collect()
    };
    let (here, cpu) = (run(&device(backend)), run(&palinode_flex::device()));
    assert!(cpu[9] < cpu[0] && cpu[19] < cpu[10], "it learns: {cpu:?}");
    assert!(close(&here, &cpu, backend.tolerance().training), "{here:?}\nagainst {cpu:?}");
}

pub(crate) fn impossible_tokens_are_never_sampled(backend: &dyn Backend) {
    let device = device(backend);
    let row = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, 1.0];
    let uniforms: Vec<f32> = (0..16).map(|i| i as f32 / 16.0).collect();
    let logits = Tensor::<2>::from_data([row; 16], &device);
    let chosen = choose(logits, Sampling::temperature(1.3).unwrap(), &uniforms).unwrap();
    assert!(chosen.iter().all(|choice| choice.token == 1 || choice.token == 3), "{chosen:?}");
    assert!(chosen.windows(2).all(|pair| pair[0].token <= pair[1].token), "larger numbers choose later tokens");
    assert_eq!((chosen[0].token, chosen[15].token), (1, 3));
}
