//! An adapter folder's tensors, each with its place in the base.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::TensorData;
use palinode_lm::{Adapter, LoraTarget};

use super::{
    CONFIG, PREFIX, WEIGHTS,
    change::{add_product, rows, scale_columns, scale_rows, take_out},
    modules::{EMBEDDINGS, HEAD, is_within},
    settings::{Bias, Settings, Start},
    start::{leading, principal},
};
use crate::{
    error::HfError,
    foreign::refuse_adapter,
    layout::transpose,
    shards::{Shards, bounded},
};

/// Longest `adapter_config.json` that is read.
const LONGEST_CONFIG: u64 = 1 << 20;

/// An adapter folder that was compared with its base; its tensors are read when the base's are.
#[derive(Debug, Clone)]
pub struct Adaptation {
    path: PathBuf,
    settings: Settings,
    shards: Shards,
    modules: BTreeMap<String, Module>,
    /// Tensors that stand in place of the base's, by the base's names.
    replaced: BTreeMap<String, String>,
    /// Rows of tokens that stand in place of the base's, by the base's names.
    tokens: BTreeMap<String, (String, Vec<u32>)>,
}

/// A low-rank adapter of one module.
#[derive(Debug, Clone)]
struct Module {
    rank: usize,
    scale: f64,
    /// `[outputs, inputs]` of a projection, `[vocabulary, width]` of the embeddings.
    shape: [usize; 2],
}

/// What an adapter needs to know of its base.
pub(crate) struct Base {
    /// Names and shapes of all tensors. A tied head is among them.
    pub(crate) tensors: BTreeMap<String, Vec<usize>>,
    /// Whether head and embeddings are one tensor.
    pub(crate) tied: bool,
    /// Whether `config.json` says so.
    pub(crate) flagged_tied: bool,
}

impl Adaptation {
    /// Reads the settings and the headers of the weights, and finds each tensor's place in the base: none may be missing, extra or of another shape.
    ///
    /// # Errors
    /// [`HfError::Unsupported`] and [`HfError::Field`] of the settings; [`HfError::Tensors`] lists every difference; [`HfError::Format`] and
    /// [`HfError::Io`] for files that are missing or damaged.
    pub(crate) fn open(path: &Path, base: &Base) -> Result<Self, HfError> {
        refuse_adapter(path)?;
        let config = path.join(CONFIG);
        let text = bounded(&config, LONGEST_CONFIG)?;
        let settings = Settings::parse(&String::from_utf8_lossy(&text), &config)?;
        let shards = Shards::of(&[path.join(WEIGHTS)])?;
        let mut adaptation = Self {
            path: path.to_owned(),
            settings,
            shards,
            modules: BTreeMap::new(),
            replaced: BTreeMap::new(),
            tokens: BTreeMap::new(),
        };
        adaptation.place(base).map_err(|reason| HfError::Format { path: config.clone(), reason })?;
        let differences = adaptation.differences(base);
        if differences.is_empty() { Ok(adaptation) } else { Err(HfError::Tensors { path: path.to_owned(), differences }) }
    }

    /// How many modules have a low-rank adapter.
    pub fn modules(&self) -> usize {
        self.modules.len()
    }

    /// The lowest and the highest rank; none where there are only whole tensors.
    pub fn ranks(&self) -> Option<[usize; 2]> {
        let ranks = || self.modules.values().map(|module| module.rank);
        Some([ranks().min()?, ranks().max()?])
    }

    /// Whether it makes head and embeddings two tensors where they are one.
    pub(crate) fn changes_embeddings(&self) -> bool {
        [EMBEDDINGS, HEAD].iter().any(|module| {
            let weight = format!("{module}.weight");
            self.modules.contains_key(*module) || self.replaced.contains_key(&weight) || self.tokens.contains_key(&weight)
        })
    }

    /// Finds out what the settings ask for.
    fn place(&mut self, base: &Base) -> Result<(), String> {
        for (tensor, shape) in &base.tensors {
            if let (Some(module), &[outputs, inputs]) = (tensor.strip_suffix(".weight"), shape.as_slice())
                && (self.settings.adapts(module)?
                    || (module == HEAD && base.tied && self.settings.keeps_ties && self.settings.adapts(EMBEDDINGS)?))
            {
                let (rank, scale) = self.settings.rank_and_scale(module, [outputs, inputs])?;
                self.modules.insert(module.to_owned(), Module { rank, scale, shape: [outputs, inputs] });
            }
            let stored = [format!("{PREFIX}{tensor}"), layer(tensor)].into_iter().find(|name| self.shards.info(name).is_some());
            if let Some(stored) = stored {
                self.replaced.insert(tensor.clone(), stored);
            }
        }
        if base.tied {
            self.share_between_tied();
        }
        self.place_tokens(base)?;
        self.refuse_combinations(base)
    }

    /// PEFT loads a tensor of the base into the one that embeddings and head share, except where it makes a module of its own of one of them.
    fn share_between_tied(&mut self) {
        for (from, to) in [(EMBEDDINGS, HEAD), (HEAD, EMBEDDINGS)] {
            let [from, to] = [from, to].map(|module| format!("{module}.weight"));
            if self.settings.saves(&from) || self.settings.saves(&to) || self.replaced.contains_key(&to) {
                continue;
            }
            if let Some(stored) = self.replaced.get(&from) {
                self.replaced.insert(to, stored.clone());
            }
        }
    }

    fn place_tokens(&mut self, base: &Base) -> Result<(), String> {
        let mut wanted = Vec::new();
        for (end, ids) in &self.settings.tokens {
            let mut modules = [EMBEDDINGS, HEAD].into_iter().filter(|module| module.ends_with(end));
            let module =
                modules.next().ok_or(format!("trainable_token_indices names {end}, which is neither embeddings nor head"))?;
            wanted.push((module, ids));
        }
        if base.tied && wanted.iter().any(|(module, _)| *module == HEAD) {
            return Err("trainable_token_indices of a head that is tied to the embeddings is not supported".into());
        }
        if base.flagged_tied && !base.tied && !wanted.is_empty() {
            return Err("trainable_token_indices of a model whose config.json ties a head of its own is not supported".into());
        }
        for (module, ids) in wanted {
            let stored = format!("{PREFIX}{module}.token_adapter.trainable_tokens_delta");
            self.tokens.insert(format!("{module}.weight"), (stored.clone(), ids.clone()));
            if base.tied {
                self.tokens.insert(format!("{HEAD}.weight"), (stored, ids.clone()));
            }
        }
        Ok(())
    }

    /// What PEFT refuses, or what we do not know it to do well.
    fn refuse_combinations(&self, base: &Base) -> Result<(), String> {
        let Settings { start, bias_of_b, fan_in_fan_out, .. } = &self.settings;
        let refuse = |what: String| Err(format!("{what} is not supported"));
        for (module, Module { scale, .. }) in &self.modules {
            let tokens = self.tokens.contains_key(&format!("{module}.weight"));
            let own = self.replaced.contains_key(&format!("{module}.weight"));
            if self.settings.saves(&format!("{module}.weight")) {
                return refuse(format!("modules_to_save of {module}, which has an adapter too,"));
            }
            if tokens {
                return refuse(format!("trainable_token_indices of {module}, which has an adapter too,"));
            }
            if module == EMBEDDINGS && (*start != Start::Nothing || *bias_of_b || *fan_in_fan_out) {
                return refuse("init_lora_weights, lora_bias or fan_in_fan_out with an adapter of the embeddings".into());
            }
            if *start != Start::Nothing && module == HEAD && base.tied && !own {
                return refuse(
                    "pissa or olora of a head that is tied to the embeddings, without the base's own tensor in the folder,"
                        .into(),
                );
            }
            if *start == Start::Pissa && *scale <= 0.0 {
                return refuse(format!("pissa with a scale of {scale} ({module})"));
            }
            if *bias_of_b && !base.tensors.contains_key(&format!("{module}.bias")) {
                return refuse(format!("lora_bias of {module}, which has no bias that could hold it,"));
            }
        }
        if self.modules.is_empty() {
            return Err("target_modules names no module of this model".into());
        }
        let mut saved = self.settings.saved.iter();
        match saved.find(|(end, _)| !base.tensors.keys().any(|tensor| is_within(tensor, end))) {
            Some((end, _)) => Err(format!("modules_to_save names {end}, which this model does not have")),
            None => Ok(()),
        }
    }

    /// Every tensor that is missing, of another shape, or has no place.
    fn differences(&self, base: &Base) -> Vec<String> {
        let mut expected: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (name, module) in &self.modules {
            expected.extend(self.expected(name, module));
        }
        for (tensor, (stored, ids)) in &self.tokens {
            expected.insert(stored.clone(), vec![ids.len(), base.tensors[tensor][1]]);
        }
        for (tensor, shape) in &base.tensors {
            let stored = self.replaced.get(tensor);
            if stored.is_some_and(|_| self.may_replace(tensor)) || self.must_replace(tensor) {
                expected.insert(stored.cloned().unwrap_or_else(|| format!("{PREFIX}{tensor}")), shape.clone());
            }
        }
        let mut differences = Vec::new();
        for (name, shape) in &expected {
            match self.shards.info(name) {
                None => differences.push(format!("{name} is missing")),
                Some((found, _)) if found != shape => differences.push(format!("{name} has shape {found:?}, expected {shape:?}")),
                Some(_) => {}
            }
        }
        let extra = self.shards.names().filter(|name| !expected.contains_key(*name));
        differences.extend(extra.map(|name| format!("{name} has no place in the model by the settings of {CONFIG}")));
        if let Some(id) =
            self.tokens.iter().find_map(|(tensor, (_, ids))| ids.iter().find(|id| **id as usize >= base.tensors[tensor][0]))
        {
            differences.push(format!("trainable_token_indices has token {id}, which the vocabulary has not"));
        }
        differences
    }

    /// The tensors of one module's adapter.
    fn expected(&self, name: &str, module: &Module) -> Vec<(String, Vec<usize>)> {
        let Module { rank, shape: [rows, columns], .. } = *module;
        let at = |part: &str| format!("{PREFIX}{name}.{part}");
        let mut tensors = if name == EMBEDDINGS {
            vec![(at("lora_embedding_A"), vec![rank, rows]), (at("lora_embedding_B"), vec![columns, rank])]
        } else {
            vec![(at("lora_A.weight"), vec![rank, columns]), (at("lora_B.weight"), vec![rows, rank])]
        };
        if self.settings.bias_of_b {
            tensors.push((at("lora_B.bias"), vec![rows]));
        }
        if self.settings.dora {
            tensors.push((at("lora_magnitude_vector"), vec![if name == EMBEDDINGS { columns } else { rows }]));
        }
        tensors
    }

    /// Whether the settings have a whole tensor of the base in the folder.
    fn must_replace(&self, tensor: &str) -> bool {
        let biased = match (self.settings.bias, tensor.strip_suffix(".bias")) {
            (Bias::All, Some(_)) => true,
            (Bias::LoraOnly, Some(module)) => self.modules.contains_key(module),
            _ => false,
        };
        biased || self.settings.saves(tensor)
    }

    /// As [`Self::must_replace`], or whether PEFT may have put it there: embeddings and head beside their adapters, or for a larger vocabulary.
    fn may_replace(&self, tensor: &str) -> bool {
        self.must_replace(tensor) || [EMBEDDINGS, HEAD].iter().any(|module| tensor.strip_suffix(".weight") == Some(*module))
    }

    /// Whether an adapter stays beside its weights.
    fn stays_beside(&self, module: &str) -> bool {
        !self.settings.dora && module != EMBEDDINGS && module != HEAD
    }

    /// The adapters that stay beside their weights; scale · x·A·B is added there.
    pub(crate) fn low_rank(&self) -> Result<Vec<Adapter>, HfError> {
        let beside = self.modules.iter().filter(|(name, _)| self.stays_beside(name));
        beside
            .filter_map(|(name, module)| Some((projection(name)?, name, module)))
            .map(|((layer, target), name, module)| {
                let [a, b] = self.factors(name)?;
                let Module { rank, scale, shape: [outputs, inputs] } = *module;
                let a = TensorData::new(transpose(&a, rank, inputs), [inputs, rank]);
                let b = TensorData::new(transpose(&b, outputs, rank), [rank, outputs]);
                Ok(Adapter { layer, target, a, b, scale })
            })
            .collect()
    }

    /// A and B as they are stored.
    fn factors(&self, module: &str) -> Result<[Vec<f32>; 2], HfError> {
        let read = |part: &str| self.shards.read(&format!("{PREFIX}{module}.{part}"));
        if module == EMBEDDINGS {
            return Ok([read("lora_embedding_A")?, read("lora_embedding_B")?]);
        }
        Ok([read("lora_A.weight")?, read("lora_B.weight")?])
    }

    /// What a tensor of the base becomes, without the adapters that stay beside it.
    pub(crate) fn adapt(&self, tensor: &str, base: impl FnOnce() -> Result<Vec<f32>, HfError>) -> Result<Vec<f32>, HfError> {
        let own = self.replaced.get(tensor);
        let mut values = match own {
            Some(stored) => self.shards.read(stored)?,
            None => base()?,
        };
        if let Some((name, module)) = tensor.strip_suffix(".weight").and_then(|name| self.modules.get_key_value(name)) {
            // A tensor of the base that stands in the folder was stored after this had been taken out.
            if own.is_none() {
                self.take_start_out(name, module, &mut values)?;
            }
            if !self.stays_beside(name) {
                self.fold(name, module, &mut values)?;
            }
        }
        if let Some((name, module)) = tensor.strip_suffix(".bias").and_then(|name| self.modules.get_key_value(name))
            && self.settings.bias_of_b
        {
            take_out(&mut values, &self.shards.read(&format!("{PREFIX}{name}.lora_B.bias"))?, -module.scale);
        }
        if let Some((stored, ids)) = self.tokens.get(tensor) {
            let learned = self.shards.read(stored)?;
            let width = learned.len() / ids.len();
            for (row, id) in learned.chunks_exact(width).zip(ids) {
                values[*id as usize * width..][..width].copy_from_slice(row);
            }
        }
        Ok(values)
    }

    /// What PiSSA or OLoRA take out of the base.
    fn take_start_out(&self, name: &str, module: &Module, values: &mut [f32]) -> Result<(), HfError> {
        let (part, share) = match self.settings.start {
            Start::Nothing => return Ok(()),
            Start::Pissa => (principal(rows(values, module.shape), module.rank), 1.0),
            Start::Olora => (leading(rows(values, module.shape), module.rank), module.scale),
        };
        let part =
            part.map_err(|reason| HfError::Format { path: self.path.join(CONFIG), reason: format!("{name}: {reason}") })?;
        take_out(values, &part, share);
        Ok(())
    }

    /// Adds an adapter to its weights, and gives their rows the lengths that DoRA learned.
    fn fold(&self, name: &str, module: &Module, values: &mut [f32]) -> Result<(), HfError> {
        let [a, b] = self.factors(name)?;
        let Module { rank, scale, shape: [rows, columns] } = *module;
        let embeddings = name == EMBEDDINGS;
        if embeddings {
            add_product(values, columns, [&transpose(&a, rank, rows), &transpose(&b, columns, rank)], scale);
        } else {
            add_product(values, columns, [&b, &a], scale);
        }
        if self.settings.dora {
            let magnitudes = self.shards.read(&format!("{PREFIX}{name}.lora_magnitude_vector"))?;
            let scale = if embeddings { scale_columns } else { scale_rows };
            scale(values, columns, &magnitudes);
        }
        if values.iter().all(|value| value.is_finite()) {
            Ok(())
        } else {
            Err(HfError::NotFinite { path: self.path.clone(), tensor: format!("{name}.weight with its adapter") })
        }
    }
}

/// Where PEFT keeps a tensor of the base whose module has an adapter.
fn layer(tensor: &str) -> String {
    let (module, kind) = tensor.rsplit_once('.').unwrap_or((tensor, ""));
    format!("{PREFIX}{module}.base_layer.{kind}")
}

/// The layer and the projection that a module's name stands for.
fn projection(module: &str) -> Option<(usize, LoraTarget)> {
    let mut parts = module.strip_prefix("model.layers.")?.split('.');
    let layer = parts.next()?.parse().ok()?;
    let name = parts.next_back()?;
    LoraTarget::ALL.into_iter().find(|target| target.name() == name).map(|target| (layer, target))
}
