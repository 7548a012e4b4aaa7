//! `palinode merge`: adapters folded into their model.

use palinode::{
    device,
    hf::{Folder, Rounding},
};
use serde_json::{Value, json};

use super::{Failure, args::MergeArgs, failure::USAGE, progress};

pub(crate) fn run(args: &MergeArgs) -> Result<(), Failure> {
    let device = device::open(&args.device)?.device;
    let occupied = args.out.exists() && std::fs::read_dir(&args.out).map_or(true, |mut entries| entries.next().is_some());
    if occupied {
        return Err(Failure::new(USAGE, format!("{}: is there already, and not an empty folder", args.out.display()))
            .with_help("give another --out"));
    }
    let folder = Folder::open(&args.model, &device)?;
    progress::print_notes(&folder.notes());
    let folder = folder.with_adapter(&args.adapter, &device)?;
    let merged = folder.load(&device)?.merge_adapters();
    let rounding = folder.rounding(&merged)?;
    folder.save(&merged, &args.out)?;
    let (modules, ranks) = folder.adaptation().map_or((0, None), |adapter| (adapter.modules(), adapter.ranks()));
    if args.json {
        return progress::print_json(&json!({
            "adapters": modules, "rank": ranks.map(|[_, highest]| highest), "model": args.out.display().to_string(),
            "rounding": in_json(&rounding),
        }));
    }
    let of_rank = match ranks {
        Some([lowest, highest]) if lowest < highest => format!("ranks {lowest} to {highest}"),
        ranks => format!("rank {}", ranks.map_or(0, |[_, highest]| highest)),
    };
    anstream::eprintln!("{modules} adapters of {of_rank} merged into {}", args.out.display());
    progress::print_notes(&in_words(&rounding).into_iter().collect::<Vec<_>>());
    Ok(())
}

/// What the folder's types lose of the change; `null` where they hold all of it.
fn in_json(rounding: &Rounding) -> Value {
    let Some((share, worst)) = rounding.share().zip(rounding.worst()) else { return Value::Null };
    let largest = rounding.tensors.iter().map(|loss| loss.largest).fold(0.0, f64::max);
    json!({
        "lost_share": share, "largest": largest,
        "worst": { "tensor": worst.tensor, "dtype": format!("{:?}", worst.dtype), "lost_share": worst.share(), "mean_added": worst.added,
            "mean_lost": worst.lost, "largest": worst.largest },
    })
}

fn in_words(rounding: &Rounding) -> Option<String> {
    let (share, worst) = rounding.share().zip(rounding.worst())?;
    let mut types: Vec<String> = rounding.tensors.iter().map(|loss| format!("{:?}", loss.dtype)).collect();
    types.sort_unstable();
    types.dedup();
    Some(format!(
        "rounding to {} loses {:.2} % of what the adapter adds; most in {}: {:.2} % (mean change {:.1e}, mean loss {:.1e}, largest {:.1e}); an adapter beside its \
         base, or a base in F32, loses nothing",
        types.join(" and "),
        100.0 * share,
        worst.tensor,
        100.0 * worst.share(),
        worst.added,
        worst.lost,
        worst.largest
    ))
}
