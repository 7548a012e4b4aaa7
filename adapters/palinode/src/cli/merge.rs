//! `palinode merge`: adapters folded into their model.

use palinode::{
    device,
    hf::{Folder, load_adapters},
};
use serde_json::json;

use super::{Failure, args::MergeArgs, failure::USAGE, progress};

pub(crate) fn run(args: &MergeArgs) -> Result<(), Failure> {
    let device = device::open(&args.device)?.device;
    let occupied = args.out.exists() && std::fs::read_dir(&args.out).map_or(true, |mut entries| entries.next().is_some());
    if occupied {
        return Err(Failure::new(USAGE, format!("{}: is there already, and not an empty folder", args.out.display()))
            .with_help("give another --out"));
    }
    let folder = Folder::open(&args.model, &device)?;
    let (config, adapters) = load_adapters(&args.adapter)?;
    let merged = folder.load(&device)?.with_loaded_adapters(&config, &adapters)?.merge_adapters();
    folder.save(&merged, &args.out)?;
    if args.json {
        return progress::print_json(
            &json!({ "adapters": adapters.len(), "rank": config.rank, "model": args.out.display().to_string() }),
        );
    }
    anstream::eprintln!("{} adapters of rank {} merged into {}", adapters.len(), config.rank, args.out.display());
    Ok(())
}
