//! Which tensors of a folder make up a parameter of the decoder.

use palinode_lm::{DecoderConfig, Parameter};

/// One tensor of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its name.
    pub(crate) name: String,
    /// `[outputs, inputs]` of a projection, as `torch.nn.Linear` has it; `[vocabulary, width]`; or a length.
    pub(crate) shape: Vec<usize>,
}

/// The tensors that stand in one parameter, one after another along its outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pieces {
    pub(crate) pieces: Vec<Piece>,
    /// Whether the parameter is a projection, stored here as `[inputs, outputs]` and there as `[outputs, inputs]`.
    pub(crate) transposed: bool,
}

/// The tensors of a parameter.
pub(crate) fn pieces(config: &DecoderConfig, parameter: &Parameter) -> Pieces {
    let name = parameter.name.as_str();
    let whole = |there: String, transposed: bool| {
        let mut shape = parameter.shape.clone();
        if transposed {
            shape.reverse();
        }
        Pieces { pieces: vec![Piece { name: there, shape }], transposed }
    };
    let Some((layer, part)) = name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) else {
        return match name {
            "embedding" => whole("model.embed_tokens.weight".into(), false),
            "output" => whole("lm_head.weight".into(), true),
            _ => whole(format!("model.{name}"), false),
        };
    };
    let (part, kind) = part.rsplit_once('.').unwrap_or((part, "weight"));
    let matrix = parameter.shape.len() == 2;
    let at = |there: &str| format!("model.layers.{layer}.{there}.{kind}");
    let split = |parts: &[(&str, usize)]| Pieces {
        pieces: parts
            .iter()
            .map(|&(there, outputs)| Piece {
                name: at(there),
                shape: if matrix { vec![outputs, parameter.shape[0]] } else { vec![outputs] },
            })
            .collect(),
        transposed: matrix,
    };
    let (head, inner) = (config.head_width(), config.feed_forward);
    match part {
        "attention.query_key_value" => split(&[
            ("self_attn.q_proj", config.heads * head),
            ("self_attn.k_proj", config.kv_heads * head),
            ("self_attn.v_proj", config.kv_heads * head),
        ]),
        "mlp.gate_up" => split(&[("mlp.gate_proj", inner), ("mlp.up_proj", inner)]),
        "attention.output" => whole(at("self_attn.o_proj"), matrix),
        "mlp.down" => whole(at("mlp.down_proj"), matrix),
        "attention.query_norm" => whole(at("self_attn.q_norm"), false),
        "attention.key_norm" => whole(at("self_attn.k_norm"), false),
        "attention_norm" => whole(at("input_layernorm"), false),
        "after_attention_norm" => whole(at("post_attention_layernorm"), false),
        // Where there is a norm after attention, that one has the name.
        "mlp_norm" if config.post_norms => whole(at("pre_feedforward_layernorm"), false),
        "mlp_norm" => whole(at("post_attention_layernorm"), false),
        "after_mlp_norm" => whole(at("post_feedforward_layernorm"), false),
        other => whole(at(other), false),
    }
}

/// Whether a tensor that no parameter asks for may be there: buffers of old versions, and the second copy of tied embeddings.
pub(crate) fn may_be_left(config: &DecoderConfig, name: &str) -> bool {
    name.ends_with(".rotary_emb.inv_freq") || (config.tied && name == "lm_head.weight")
}

/// `[rows, columns]` to `[columns, rows]`.
pub(crate) fn transpose<T: Copy + Default>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    const TILE: usize = 32;
    let mut turned = vec![T::default(); values.len()];
    for row in (0..rows).step_by(TILE) {
        for column in (0..columns).step_by(TILE) {
            for r in row..(row + TILE).min(rows) {
                for c in column..(column + TILE).min(columns) {
                    turned[c * rows + r] = values[r * columns + c];
                }
            }
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_twice_is_nothing() {
        let values: Vec<u32> = (0..35 * 70).collect();
        let turned = transpose(&values, 35, 70);
        assert_eq!((turned[0], turned[1], turned[35]), (0, 70, 1));
        assert_eq!(transpose(&turned, 70, 35), values);
    }

    #[test]
    fn the_second_norm_is_called_differently_in_gemma() {
        let parameter = Parameter { name: "blocks.3.mlp_norm.weight".into(), shape: vec![8] };
        let mut config = DecoderConfig::small(5, 8, 4, 2, 16);
        let name = |config: &DecoderConfig| pieces(config, &parameter).pieces[0].name.clone();
        assert_eq!(name(&config), "model.layers.3.post_attention_layernorm.weight");
        config.post_norms = true;
        assert_eq!(name(&config), "model.layers.3.pre_feedforward_layernorm.weight");
    }
}
