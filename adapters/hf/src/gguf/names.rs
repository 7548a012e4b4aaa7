//! The names of tensors in a file and in a folder.
//!
//! Source: `gguf-py/gguf/tensor_mapping.py` of llama.cpp.

/// Tensors outside of blocks.
const OUTSIDE: [(&str, &str); 3] = [("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")];

/// Tensors of a block, with norms before attention and feed-forward alone.
const INSIDE: [(&str, &str); 13] = [
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("post_attention_norm", AFTER_ATTENTION),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

/// What a norm is called that stands after attention, or, in families without one there, before the feed-forward.
const AFTER_ATTENTION: &str = "post_attention_layernorm";

fn inside(post_norms: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    INSIDE
        .into_iter()
        .filter(move |(file, _)| post_norms || *file != "post_attention_norm")
        .map(move |(file, folder)| if file == "ffn_norm" && !post_norms { (file, AFTER_ATTENTION) } else { (file, folder) })
}

/// A folder's name of a file's tensor; one that is not known keeps its own.
pub(crate) fn to_folder(name: &str, post_norms: bool) -> String {
    let known = || {
        let (stem, kind) = name.rsplit_once('.')?;
        match stem.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
            Some((layer, part)) => {
                let (_, folder) = inside(post_norms).find(|(file, _)| *file == part)?;
                Some(format!("model.layers.{layer}.{folder}.{kind}"))
            }
            None => Some(format!("{}.{kind}", OUTSIDE.iter().find(|(file, _)| *file == stem)?.1)),
        }
    };
    known().unwrap_or_else(|| name.to_owned())
}

/// A file's name of a folder's tensor; `None` where llama.cpp has none.
pub(crate) fn to_file(name: &str, post_norms: bool) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    match stem.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')) {
        Some((layer, part)) => {
            let (file, _) = inside(post_norms).find(|(_, folder)| *folder == part)?;
            Some(format!("blk.{layer}.{file}.{kind}"))
        }
        None => Some(format!("{}.{kind}", OUTSIDE.iter().find(|(_, folder)| *folder == stem)?.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for post_norms in [false, true] {
            let inside = inside(post_norms).map(|(file, _)| format!("blk.7.{file}.weight"));
            let outside = OUTSIDE.iter().map(|(file, _)| format!("{file}.weight"));
            for file in inside.chain(outside).chain(["blk.0.attn_q.bias".to_owned()]) {
                let folder = to_folder(&file, post_norms);
                assert_ne!(folder, file);
                assert_eq!(to_file(&folder, post_norms).as_ref(), Some(&file));
            }
        }
        assert_eq!(to_folder("blk.3.ffn_norm.weight", false), "model.layers.3.post_attention_layernorm.weight");
        assert_eq!(to_folder("blk.3.ffn_norm.weight", true), "model.layers.3.pre_feedforward_layernorm.weight");
        assert_eq!(to_folder("blk.3.ffn_gate_exps.weight", false), "blk.3.ffn_gate_exps.weight");
        assert_eq!(to_folder("rope_freqs", false), "rope_freqs");
        assert_eq!(to_file("model.rotary_emb.inv_freq", false), None);
    }
}
