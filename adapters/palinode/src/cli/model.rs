//! `palinode logprobs` and `palinode generate`: a model folder, and token ids.

use burn::tensor::{Int, Tensor, TensorData};
use palinode::{
    core::{
        error::Error as CoreError,
        logprob::{log_distribution, of_targets},
        policy::{Decode, Policy},
        rng::{RandomKey, Stream},
        sampling::{Sampling, choose},
    },
    device,
    hf::Folder,
    lm::Decoder,
    setup::without_token,
};
use serde_json::json;

use super::{
    Failure,
    args::{GenerateArgs, LogprobsArgs, ModelArgs},
    failure::USAGE,
    progress,
};

/// A model and the ids that it is asked about.
struct Asked {
    model: Decoder,
    ids: Vec<u32>,
    end_tokens: Vec<u32>,
    device: burn::tensor::Device,
}

/// New ids when nothing else was asked for.
const NEW: usize = 64;

/// `logprobs` asks for the model's own distribution, over all its ids, as other software gives it; `generate` leaves out ids that no token has.
#[derive(PartialEq)]
enum Over {
    AllIds,
    Tokens,
}

fn open(args: &ModelArgs, more: usize, over: &Over) -> Result<Asked, Failure> {
    let ids = parse(&args.ids)?;
    let device = device::open(&args.device)?.device;
    let mut folder = Folder::open(&args.model, &device)?;
    progress::print_notes(&folder.notes());
    if *over == Over::Tokens {
        folder = of_tokens(folder);
    }
    let config = folder.config();
    if let Some(&got) = ids.iter().find(|&&id| id as usize >= config.vocabulary) {
        return Err(CoreError::Token { what: "--ids", expected: config.vocabulary, got }.into());
    }
    let needed = ids.len().saturating_add(more);
    if needed > config.context {
        return Err(CoreError::Context { expected: config.context, got: needed }.into());
    }
    if let Some(adapter) = &args.adapter {
        folder = folder.with_adapter(adapter, &device)?;
    }
    Ok(Asked { model: folder.load(&device)?, ids, end_tokens: folder.end_tokens().to_vec(), device })
}

/// The folder with what its tokenizer says of its ids; a folder of weights alone needs none.
fn of_tokens(folder: Folder) -> Folder {
    if !folder.has_tokenizer() {
        return folder;
    }
    match folder.tokenizer() {
        Ok(tokenizer) => {
            let folder = folder.with_tokens_of(&tokenizer);
            progress::print_notes(&without_token(&folder).into_iter().collect::<Vec<_>>());
            folder
        }
        Err(error) => {
            progress::print_notes(&[format!("{error}; so ids that no token has may be written too")]);
            folder
        }
    }
}

/// Ids separated by white space or commas.
fn parse(text: &str) -> Result<Vec<u32>, Failure> {
    let parts = text.split(|c: char| c.is_whitespace() || c == ',').filter(|part| !part.is_empty());
    let ids = parts
        .map(|part| part.parse().map_err(|_| Failure::new(USAGE, format!("--ids: `{part}` is not a token id"))))
        .collect::<Result<Vec<u32>, _>>()?;
    if ids.is_empty() { Err(Failure::new(USAGE, "--ids: at least one token id is needed")) } else { Ok(ids) }
}

pub(crate) fn logprobs(args: &LogprobsArgs) -> Result<(), Failure> {
    let Asked { model, ids, device, .. } = open(&args.model, 0, &Over::AllIds)?;
    let scored = ids.len() - 1;
    let tensor = |values: Vec<i32>| {
        let count = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [count]), &device)
    };
    let logprobs: Vec<f32> = if scored == 0 {
        Vec::new()
    } else {
        let read = ids[..scored].iter().map(|&id| id as i32).collect();
        let states = model.states(tensor(read).reshape([1, scored]), tensor((0..scored as i32).collect()));
        let targets = tensor(ids[1..].iter().map(|&id| id as i32).collect());
        of_targets(log_distribution(model.logits(states), 1.0), targets).into_data().iter::<f32>().collect()
    };
    if args.model.json {
        return progress::print_json(&json!({ "logprobs": logprobs }));
    }
    for (id, logprob) in ids[1..].iter().zip(&logprobs) {
        anstream::println!("{id:>8}  {logprob:.6}");
    }
    Ok(())
}

pub(crate) fn generate(args: &GenerateArgs) -> Result<(), Failure> {
    let sampling = if args.greedy { Sampling::Greedy } else { Sampling::temperature(args.temperature)? };
    let asked = args.max_new.map(|n| n as usize);
    let needed = asked.unwrap_or(1);
    let Asked { model, ids, end_tokens, .. } = open(&args.model, needed, &Over::Tokens)?;
    let most = asked.unwrap_or(NEW.min(model.config().context - ids.len()));
    let (mut cache, mut logits) = model.start(&[&ids], 1, ids.len() + most)?;
    let mut written: Vec<u32> = Vec::new();
    while written.len() < most {
        let key = RandomKey { token: written.len() as u32, ..RandomKey::new(args.seed, Stream::User) };
        let Some(choice) = choose(logits, sampling, &[key.uniform()])?.pop() else { break };
        written.push(choice.token);
        if written.len() == most || (!args.ignore_eos && end_tokens.contains(&choice.token)) {
            break;
        }
        logits = model.extend(&mut cache, &[0], &[&[choice.token]]);
    }
    if args.model.json {
        return progress::print_json(&json!({ "ids": written }));
    }
    anstream::println!("{}", written.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}
