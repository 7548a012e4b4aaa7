//! Rotary positions as a configuration tells them: one kind for all layers, or one for each kind of layer.

use palinode_lm::{Rope, RopeScaling};

use crate::{error::HfError, fields::Fields};

/// The kinds of layers that may have rotary positions of their own.
const GLOBAL: &str = "full_attention";
const LOCAL: &str = "sliding_attention";

/// The rotary positions of all layers, and of those with a sliding window where they are others.
pub(crate) struct Ropes {
    pub(crate) global: Rope,
    pub(crate) local: Option<Rope>,
}

/// Reads them.
pub(crate) fn ropes(family: &str, fields: &Fields<'_>, context: usize) -> Result<Ropes, HfError> {
    let base = match family {
        "gemma3_text" => 1_000_000.0,
        "smollm3" => 2_000_000.0,
        "olmo3" => 500_000.0,
        _ => 10_000.0,
    };
    let parameters = fields.nested("rope_parameters")?;
    let by_kind = matches!(family, "gemma3_text" | "olmo3");
    let holds_kinds =
        parameters.as_ref().is_some_and(|parameters| [GLOBAL, LOCAL].iter().any(|kind| parameters.value(kind).is_some()));
    let ropes = match parameters {
        Some(parameters) if by_kind => {
            let of = |kind: &str, base: f64| match parameters.nested(kind)? {
                Some(own) => rope((&own, kind), fields, base, context),
                None => Ok(Rope { base, scaling: RopeScaling::None }),
            };
            if !holds_kinds {
                let reason = "has neither \"full_attention\" nor \"sliding_attention\": this family has rotary positions for each kind of layer, and \
                    transformers 5.24 passes over what stands here";
                return Err(fields.wrong("rope_parameters", reason));
            }
            Ropes { global: of(GLOBAL, base)?, local: Some(of(LOCAL, if family == "gemma3_text" { 10_000.0 } else { base })?) }
        }
        Some(_) if holds_kinds => {
            return Err(fields.unsupported(
                format!("rope_parameters for each kind of layer in a {family}"),
                &["the same for all of its layers"],
            ));
        }
        Some(parameters) => Ropes { global: rope((&parameters, "rope_parameters"), fields, base, context)?, local: None },
        // Version 4: a scaling is that of layers without a window.
        None => {
            let base = fields.number("rope_theta")?.unwrap_or(base);
            let global = match fields.nested("rope_scaling")? {
                Some(scaling) => rope((&scaling, "rope_scaling"), fields, base, context)?,
                None => whole_heads(fields, fields).map(|()| Rope { base, scaling: RopeScaling::None })?,
            };
            let local = match family {
                "gemma3_text" => Some(fields.number("rope_local_base_freq")?.unwrap_or(10_000.0)),
                "olmo3" => Some(base),
                _ => None,
            };
            Ropes { global, local: local.map(|base| Rope { base, scaling: RopeScaling::None }) }
        }
    };
    Ok(Ropes { local: ropes.local.filter(|local| *local != ropes.global), ..ropes })
}

/// One kind's, from the object of this name.
fn rope((own, name): (&Fields<'_>, &str), fields: &Fields<'_>, base: f64, context: usize) -> Result<Rope, HfError> {
    let base = match own.number("rope_theta")? {
        Some(base) => base,
        None => fields.number("rope_theta")?.unwrap_or(base),
    };
    whole_heads(own, fields)?;
    Ok(Rope { base, scaling: scaling(own, name, fields, context)? })
}

/// Refuses rotations of a part of each head.
fn whole_heads(own: &Fields<'_>, fields: &Fields<'_>) -> Result<(), HfError> {
    for holder in [own, fields] {
        if holder.number("partial_rotary_factor")?.is_some_and(|factor| factor != 1.0) {
            return Err(fields.unsupported("partial_rotary_factor".into(), &["rotation of whole heads"]));
        }
    }
    Ok(())
}

fn scaling(own: &Fields<'_>, name: &str, fields: &Fields<'_>, context: usize) -> Result<RopeScaling, HfError> {
    let kind = match own.text("rope_type")? {
        Some(kind) => kind,
        None => own.text("type")?.unwrap_or("default"),
    };
    let needed = |field: &str| own.number(field)?.ok_or_else(|| own.wrong(field, &format!("is missing in {name}")));
    let original_context = || Ok::<_, HfError>(own.size("original_max_position_embeddings")?.unwrap_or(context));
    Ok(match kind {
        // Within the trained context, dynamic scaling leaves frequencies as they are; longer contexts are refused.
        "default" | "dynamic" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: needed("factor")? },
        "llama3" => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low: needed("low_freq_factor")?,
            high: needed("high_freq_factor")?,
            original_context: original_context()?,
        },
        "yarn" => yarn(own, original_context()?, needed("factor")?)?,
        other => {
            let known = ["default", "linear", "dynamic", "llama3", "yarn"];
            return Err(fields.unsupported(format!("rope type \"{other}\""), &known));
        }
    })
}

/// Peng et al. 2023, arXiv 2309.00071, with the defaults of transformers.
fn yarn(own: &Fields<'_>, original_context: usize, factor: f64) -> Result<RopeScaling, HfError> {
    if own.flag("truncate")? == Some(false) {
        return Err(
            own.unsupported("truncate = false of rope type \"yarn\"".into(), &["ends of the ramp that are whole numbers"])
        );
    }
    for field in ["mscale", "mscale_all_dim"] {
        if own.value(field).is_some() {
            return Err(own.unsupported(format!("{field} of rope type \"yarn\""), &["attention_factor"]));
        }
    }
    let magnitude = own.number("attention_factor")?.unwrap_or_else(|| RopeScaling::yarn_magnitude(factor));
    // A zero means the default, as in transformers.
    let turns = |field: &str, default: f64| Ok::<_, HfError>(own.number(field)?.filter(|&turns| turns != 0.0).unwrap_or(default));
    Ok(RopeScaling::Yarn { factor, magnitude, fast: turns("beta_fast", 32.0)?, slow: turns("beta_slow", 1.0)?, original_context })
}
