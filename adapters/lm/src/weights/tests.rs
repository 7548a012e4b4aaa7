use burn::tensor::Int;
use palinode_core::policy::Policy;

use super::*;
use crate::config::{LayerRope, Rope, RopeScaling};

fn config(tied: bool) -> DecoderConfig {
    DecoderConfig { tied, kv_heads: 2, ..DecoderConfig::small(11, 24, 2, 4, 16) }
}

fn logits(model: &Decoder, device: &Device) -> Vec<f32> {
    let tokens = Tensor::<2, Int>::from_data([[1, 2, 3, 4]], device);
    let states = model.states(tokens, Tensor::<1, Int>::from_data([0, 1, 2, 3], device));
    model.logits(states).into_data().iter::<f32>().collect()
}

#[test]
fn a_round_trip_is_bit_exact() {
    let device = palinode_flex::device();
    let folder = tempfile::tempdir().unwrap();
    for tied in [false, true] {
        let path = folder.path().join(format!("{tied}.safetensors"));
        let model = Decoder::new(&config(tied), 3, &device).unwrap();
        model.save(&path).unwrap();
        let loaded = Decoder::load(&config(tied), &path, &device).unwrap();
        assert_eq!(logits(&model, &device), logits(&loaded, &device));
        assert_ne!(logits(&model, &device), logits(&Decoder::new(&config(tied), 4, &device).unwrap(), &device));
        // Loaded parameters are still trainable ones.
        assert!(loaded.train().embedding.val().is_require_grad());
    }
}

#[test]
fn every_difference_is_named() {
    let device = palinode_flex::device();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    Decoder::new(&config(false), 0, &device).unwrap().save(&path).unwrap();
    let other = DecoderConfig { layers: 3, vocabulary: 12, tied: true, ..config(false) };
    let text = Decoder::load(&other, &path, &device).unwrap_err().to_string();
    for part in [
        "embedding has shape [11, 24], expected [12, 24]",
        "blocks.2.mlp.down.weight is missing",
        "output is not part of the model",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(Decoder::load(&config(false), &path, &device), Err(LmError::Format { .. })));
    fs::write(&path, [255; 64]).unwrap();
    assert!(matches!(Decoder::load(&config(false), &path, &device), Err(LmError::Format { .. })));
    assert!(matches!(Decoder::load(&config(false), &folder.path().join("none"), &device), Err(LmError::Io { .. })));
}

#[test]
fn impossible_sizes_are_refused_before_anything_is_allocated() {
    let device = palinode_flex::device();
    let base = config(false);
    for bad in [
        DecoderConfig { width: 25, ..base.clone() },
        DecoderConfig { kv_heads: 3, ..base.clone() },
        DecoderConfig { layers: 0, ..base.clone() },
        DecoderConfig { vocabulary: usize::MAX, ..base.clone() },
        DecoderConfig { norm_epsilon: f64::NAN, ..base.clone() },
        DecoderConfig { layer_ropes: vec![LayerRope::Local], ..base.clone() },
        DecoderConfig { local_rope: Some(Rope { base: -1.0, scaling: RopeScaling::None }), ..base.clone() },
        DecoderConfig { wide_qk_norm: true, ..base.clone() },
        DecoderConfig { pre_norms: false, ..base },
    ] {
        assert!(matches!(Decoder::new(&bad, 0, &device), Err(LmError::Config { .. })), "{bad:?}");
    }
}

#[test]
fn what_was_trained_goes_back_into_a_model_like_it() {
    let device = palinode_flex::device();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trained.safetensors");
    let base = Decoder::new(&config(true), 3, &device).unwrap();
    let [some, other] = [1, 2].map(|seed| base.clone().with_adapters(&crate::LoraConfig::on_all(2), seed).unwrap());
    let numbers = |model: &Decoder| {
        let mut all = BTreeMap::new();
        model.read_parameters(|name, data| drop(all.insert(name.to_owned(), data.iter::<f32>().collect::<Vec<_>>())));
        all
    };
    assert_ne!(numbers(&some), numbers(&other));
    let bytes = some.trained_bytes().unwrap();
    assert!(bytes.len() < 20_000, "the frozen base is not written");
    let restored = other.with_trained(&bytes, &path).unwrap();
    assert_eq!(numbers(&restored), numbers(&some));
    assert_eq!(trained(&restored), trained(&some), "what was frozen still is");
    // The adapters of one model are no weights of another, and all of a model's weights are not its adapters.
    let text = base.clone().with_trained(&bytes, &path).unwrap_err().to_string();
    assert!(text.contains("embedding is missing") && text.contains("adapters.0.a is not part of the model"), "{text}");
    let bytes = base.trained_bytes().unwrap();
    base.save(&path).unwrap();
    assert_eq!(bytes, fs::read(&path).unwrap());
    assert!(matches!(some.with_trained(&bytes, &path), Err(LmError::Tensors { .. })));
}

/// What an older version wrote says the same now, and a model that has nothing newer is written as it was.
#[test]
fn a_configuration_without_what_came_later_reads_and_writes_as_before() {
    let config = config(true);
    let text = serde_json::to_string(&config).unwrap();
    for field in ["local_rope", "layer_ropes", "wide_qk_norm", "pre_norms"] {
        assert!(!text.contains(field), "{text}");
    }
    assert_eq!(serde_json::from_str::<DecoderConfig>(&text).unwrap(), config);
    let newer = DecoderConfig { qk_norm: true, wide_qk_norm: true, pre_norms: false, post_norms: true, ..config };
    let newer = DecoderConfig { local_rope: Some(Rope { base: 5.0, scaling: RopeScaling::None }), ..newer };
    let newer = DecoderConfig { layer_ropes: vec![LayerRope::Local, LayerRope::None], ..newer };
    assert_eq!(serde_json::from_str::<DecoderConfig>(&serde_json::to_string(&newer).unwrap()).unwrap(), newer);
}
