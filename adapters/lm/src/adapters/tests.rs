use burn::tensor::Int;
use burn_optim::GradientsParams;
use palinode_core::{logprob::log_distribution, policy::Policy};

use super::*;
use crate::config::DecoderConfig;

fn base() -> Decoder {
    let sizes = DecoderConfig { kv_heads: 2, ..DecoderConfig::small(11, 16, 2, 4, 32) };
    Decoder::new(&sizes, 1, &palinode_flex::device()).unwrap()
}

fn scores(model: &Decoder) -> Tensor<2> {
    let device = palinode_flex::device();
    let tokens = Tensor::<2, Int>::from_data([[1, 2, 3, 4], [5, 6, 7, 8]], &device);
    log_distribution(model.logits(model.states(tokens, Tensor::<1, Int>::from_data([0, 1, 2, 3, 5, 7], &device))), 1.0)
}

fn values(model: &Decoder) -> Vec<f32> {
    scores(model).into_data().iter::<f32>().collect()
}

fn gap(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Adapters whose B is not zero, as after some training.
fn trained(config: &LoraConfig) -> Decoder {
    let mut adapters = base().with_adapters(config, 7).unwrap().adapters();
    for (i, adapter) in adapters.iter_mut().enumerate() {
        let shape = adapter.b.shape().to_vec();
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|j| ((i * 31 + j * 7) % 13) as f32 / 26.0 - 0.25).collect();
        adapter.b = TensorData::new(values, shape);
    }
    base().with_loaded_adapters(&adapters, config.dropout).unwrap()
}

#[test]
fn fresh_adapters_change_nothing_and_off_is_the_base() {
    let before = values(&base());
    let model = base().with_adapters(&LoraConfig::on_all(3), 7).unwrap();
    assert_eq!(values(&model), before);
    assert_eq!(model.adapters().len(), 2 * 7);
    let model = trained(&LoraConfig::on_all(3));
    assert!(gap(&values(&model), &before) > 0.1, "trained adapters change something");
    assert_eq!(values(&model.without_adapters()), before);
}

#[test]
fn every_subset_of_targets_does_what_merged_weights_do() {
    let some = [
        LoraTarget::ALL.to_vec(),
        vec![LoraTarget::QProj, LoraTarget::VProj],
        vec![LoraTarget::KProj],
        vec![LoraTarget::UpProj, LoraTarget::OProj],
        vec![LoraTarget::DownProj, LoraTarget::GateProj],
    ];
    for targets in some {
        let config = LoraConfig { rank: 2, alpha: 3.0, dropout: 0.0, targets, layers: LoraLayers::All };
        let model = trained(&config);
        assert_eq!(model.adapters().len(), 2 * config.targets.len());
        assert_eq!(config.parameters(model.config()), model.num_params() - base().num_params());
        let merged = model.clone().merge_adapters();
        assert!(merged.adapters().is_empty());
        assert!(gap(&values(&model), &values(&merged)) < 1e-5, "{config:?}");
        assert!(gap(&values(&model), &values(&base())) > 1e-3, "{config:?}");
    }
}

#[test]
fn blocks_that_are_not_named_have_no_adapter_and_below_them_nothing_changes() {
    let config = LoraConfig { layers: "1..2".parse().unwrap(), ..LoraConfig::on_all(3) };
    let model = trained(&config);
    assert!(model.adapters().iter().all(|adapter| adapter.layer == 1) && model.adapters().len() == 7);
    assert_eq!(config.parameters(model.config()), model.num_params() - base().num_params());
    assert!(gap(&values(&model), &values(&base())) > 1e-3);
    assert!(gap(&values(&model), &values(&model.clone().merge_adapters())) < 1e-5);
    let model = model.valid().train();
    let gradients = GradientsParams::from_grads(scores(&model).mean().backward(), &model);
    assert_eq!(gradients.len(), 7 * 2);
}

#[test]
fn only_adapters_have_a_gradient() {
    let model = trained(&LoraConfig::on_all(2)).valid().train();
    let loss = scores(&model).mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    assert_eq!(gradients.len(), 2 * 7 * 2, "an A and a B for each of seven projections in two blocks");
    let merged = model.merge_adapters().train();
    let gradients = GradientsParams::from_grads(scores(&merged).mean().backward(), &merged);
    assert_eq!(gradients.len(), 1 + 2 * 6 + 2, "merged, everything is trained again");
}

#[test]
fn adapters_that_make_no_sense_are_refused() {
    let with = |config: LoraConfig| base().with_adapters(&config, 0).map(|_| ()).unwrap_err().to_string();
    let all = LoraConfig::on_all(2);
    assert!(with(LoraConfig { rank: 0, ..all.clone() }).contains("rank must be within 1..=4096"));
    assert!(with(LoraConfig { alpha: f64::NAN, ..all.clone() }).contains("alpha must be a positive number"));
    assert!(with(LoraConfig { dropout: 1.0, ..all.clone() }).contains("dropout must be within [0, 1)"));
    assert!(with(LoraConfig { targets: vec![], ..all.clone() }).contains("at least one projection"));
    assert!(with(LoraConfig { layers: LoraLayers::Last(3), ..all.clone() }).contains("within 1..=2 of the last"));
    let twice = base().with_adapters(&all, 0).unwrap().with_adapters(&all, 0).unwrap_err();
    assert!(twice.to_string().contains("some already"));
    let loaded = |adapters: &[Adapter]| base().with_loaded_adapters(adapters, 0.0).map(|_| ()).unwrap_err().to_string();
    assert!(loaded(&[]).contains("there are none"));
    let mut adapters = trained(&all).adapters();
    adapters[0].layer = 9;
    assert!(loaded(&adapters).contains("1 of 14 have no place"));
    let mut adapters = trained(&all).adapters();
    adapters[3].a = TensorData::new(vec![0.0f32; 2], [1, 2]);
    assert!(loaded(&adapters).contains("layer 0, o_proj: shape [1, 2], expected [16, 2]"));
}

/// PEFT's `rank_pattern` and `alpha_pattern`: each adapter has a rank and a scale of its own.
#[test]
fn adapters_of_different_ranks_stand_beside_each_other() {
    let mut adapters = trained(&LoraConfig::on_all(3)).adapters();
    for (i, adapter) in adapters.iter_mut().enumerate() {
        let rank = 1 + i % 3;
        let cut = |data: &TensorData, rows: usize, columns: usize| {
            let (width, all) = (data.shape()[1], data.iter::<f32>().collect::<Vec<_>>());
            let values: Vec<f32> = (0..rows * columns).map(|at| all[at / columns * width + at % columns]).collect();
            TensorData::new(values, [rows, columns])
        };
        adapter.a = cut(&adapter.a, adapter.a.shape()[0], rank);
        adapter.b = cut(&adapter.b, rank, adapter.b.shape()[1]);
        adapter.scale = 0.5 + i as f64;
    }
    let model = base().with_loaded_adapters(&adapters, 0.0).unwrap();
    let found: Vec<_> = model.adapters().iter().map(|adapter| (adapter.a.shape()[1], adapter.scale)).collect();
    assert_eq!(found[..4], [(1, 0.5), (2, 1.5), (3, 2.5), (1, 3.5)]);
    let merged = values(&model.clone().merge_adapters());
    assert!(gap(&values(&model), &merged) < 1e-4, "{}", gap(&values(&model), &merged));
    adapters[2].scale = f64::INFINITY;
    assert!(base().with_loaded_adapters(&adapters, 0.0).unwrap_err().to_string().contains("a scale of inf"));
}

#[test]
fn dropout_is_seeded_scales_what_it_keeps_and_leaves_the_frozen_path_alone() {
    let config = LoraConfig { dropout: 0.25, ..LoraConfig::on_all(3) };
    let key = |step| RandomKey { step, ..RandomKey::new(0, Stream::User) };
    let model = trained(&config);
    assert!(trained(&LoraConfig::on_all(3)).with_dropout(key(1)).is_none() && base().with_dropout(key(1)).is_none());
    let noisy = |step| values(&model.with_dropout(key(step)).unwrap());
    assert_eq!(noisy(1), noisy(1));
    assert!(gap(&noisy(1), &noisy(2)) > 1e-3 && gap(&noisy(1), &values(&model)) > 1e-3);
    // Fresh adapters add nothing, whatever they drop.
    let fresh = base().with_adapters(&config, 7).unwrap();
    assert_eq!(values(&fresh.with_dropout(key(1)).unwrap()), values(&base()));

    let mut model = model;
    let adapter = &model.blocks[0].mlp.down.adapters.remove(0);
    let ones = Tensor::<2>::ones([500, 24], &palinode_flex::device());
    let kept: Vec<f32> = adapter.drop_some(ones, key(1)).into_data().iter::<f32>().collect();
    let dropped = kept.iter().filter(|&&value| value == 0.0).count() as f64 / kept.len() as f64;
    assert!((dropped - 0.25).abs() < 0.02, "{dropped}");
    assert!(kept.iter().all(|&value| value == 0.0 || (value - 4.0 / 3.0).abs() < 1e-6));
}
