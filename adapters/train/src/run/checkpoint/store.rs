//! The folder of checkpoints: what is written, listed and removed, whatever the model.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    LONGEST_CARD, MASTERS, MODEL, ModelCard, OPTIMIZER, REFERENCE, STATE, Skipped, is_within,
    manifest::{Draft, Sealed, at, folders, is_own, remove, remove_drafts},
    saved::{Saved, Written, is_name, name_of},
};
use crate::{
    error::TrainError,
    run::{
        files::{Disk, FileSystem},
        keep::State,
        stored::Stored,
    },
};

/// The `checkpoints` folder of a run.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) run: PathBuf,
    pub(super) folder: PathBuf,
    disk: Arc<dyn FileSystem>,
}

/// A checkpoint whose manifest and state could be read.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) sealed: Sealed,
    pub(super) saved: Saved,
}

impl Entry {
    pub(super) fn open(path: PathBuf) -> Result<Self, TrainError> {
        let sealed = Sealed::open(&path)?;
        let saved = parse(&sealed.read(STATE)?, &path.join(STATE))?;
        Ok(Self { path, sealed, saved })
    }
}

impl Store {
    /// The folder of the run at `run`.
    pub(crate) fn of(run: &Path) -> Self {
        Self { run: run.into(), folder: run.join("checkpoints"), disk: Arc::new(Disk) }
    }

    /// The same folder by way of another file system.
    pub(crate) fn on(self, disk: Arc<dyn FileSystem>) -> Self {
        Self { disk, ..self }
    }

    /// Makes the folder, without any checkpoint of ours, and writes the model card. What is not ours stays.
    ///
    /// # Errors
    /// [`TrainError::Foreign`] for what is not ours under a name that a checkpoint has; [`TrainError::Io`].
    pub(in crate::run) fn create<C: Serialize>(&self, card: &ModelCard<C>) -> Result<(), TrainError> {
        self.require_own()?;
        remove_drafts(&*self.disk, &self.folder)?;
        for path in self.named()? {
            remove(&*self.disk, &path)?;
        }
        self.disk.create_folder(&self.folder).map_err(|source| at(&self.folder, source))?;
        self.write_card(card)
    }

    pub(super) fn write_card<C: Serialize>(&self, card: &ModelCard<C>) -> Result<(), TrainError> {
        let (path, draft) = (self.card_file(), self.folder.join("model.json.draft"));
        let text = serde_json::to_vec_pretty(card).map_err(|error| at(&path, error.into()))?;
        let written = self.disk.write(&draft, &text).and_then(|()| self.disk.rename(&draft, &path));
        written.and_then(|()| self.disk.sync_folder(&self.folder)).map_err(|source| at(&path, source))
    }

    /// Whether this is the folder of a run, whole or not: it holds the model card that nothing else writes.
    pub(in crate::run) fn are_of_a_run(&self) -> bool {
        self.any_card().is_ok()
    }

    /// Refuses folders that have the name of a checkpoint and are none that palinode made.
    pub(in crate::run) fn require_own(&self) -> Result<(), TrainError> {
        let foreign = |path| TrainError::Foreign { path, reason: "is no checkpoint of a run".into() };
        self.named()?.into_iter().find(|path| !is_own(path)).map_or(Ok(()), |path| Err(foreign(path)))
    }

    /// Folders by names that checkpoints have.
    fn named(&self) -> Result<Vec<PathBuf>, TrainError> {
        Ok(folders(&self.folder)?.into_iter().filter(|name| is_name(name)).map(|name| self.folder.join(name)).collect())
    }

    /// Stores a state, reads it back, and then removes older ones within stages but for the last `last` and the best.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Model`]; what was stored before is as it was.
    pub(in crate::run) fn store<M: Stored>(&self, state: &State<'_, M>, written: Written, last: usize) -> Result<(), TrainError> {
        let saved = Saved::of(state, written);
        let mut draft = Draft::new(&*self.disk, &self.folder, &name_of(&saved))?;
        if !saved.is_origin() || self.any_card()?.origin.is_none() {
            draft.add(MODEL, &state.model.weights()?)?;
        }
        if let Some(inside) = &state.inside {
            draft.add(OPTIMIZER, &inside.learner.optimizer_bytes().map_err(TrainError::Optimizer)?)?;
            if let Some(masters) = inside.learner.masters() {
                draft.add(MASTERS, &masters.weights()?)?;
            }
            if let Some(reference) = inside.reference {
                draft.add(REFERENCE, &reference.weights()?)?;
            }
        }
        let text = serde_json::to_vec_pretty(&saved).map_err(|error| at(&self.folder, error.into()))?;
        draft.add(STATE, &text)?;
        draft.seal()?;
        self.prune(last)
    }

    /// Removes what is no longer wanted: drafts, and checkpoints within stages that can't be read, and the others but for the last `last` and the best.
    fn prune(&self, last: usize) -> Result<(), TrainError> {
        remove_drafts(&*self.disk, &self.folder)?;
        let (mut within, unreadable) = self.list()?;
        for Skipped { path, .. } in unreadable.iter().filter(|skipped| is_within(&skipped.path) && is_own(&skipped.path)) {
            remove(&*self.disk, path)?;
        }
        within.retain(|entry| entry.saved.inside.is_some());
        let best = within.iter().filter_map(|entry| entry.saved.score).fold(f64::NEG_INFINITY, f64::max);
        // The first of several that are equally good.
        let best = within.iter().position(|entry| entry.saved.score == Some(best));
        let old = within.len().saturating_sub(last.max(1));
        for (i, Entry { path, .. }) in within.iter().enumerate() {
            if i < old && Some(i) != best {
                remove(&*self.disk, path)?;
            }
        }
        Ok(())
    }

    /// Every checkpoint, the oldest first, and those whose state can't be read.
    fn list(&self) -> Result<(Vec<Entry>, Vec<Skipped>), TrainError> {
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        for path in self.named()? {
            match Entry::open(path.clone()) {
                Ok(entry) => found.push(entry),
                Err(error) => skipped.push(skip(path, error)?),
            }
        }
        found.sort_by_key(|entry| entry.saved.order());
        Ok((found, skipped))
    }

    /// Whether there is a checkpoint, whole or not.
    pub(super) fn exist(&self) -> bool {
        self.named().is_ok_and(|found| !found.is_empty())
    }

    /// The newest checkpoint that is whole and fit, and newer ones that are not.
    pub(super) fn newest_whole(
        &self,
        fit: impl Fn(&Saved) -> Result<(), TrainError>,
    ) -> Result<(Entry, Vec<Skipped>), TrainError> {
        let (found, mut skipped) = self.list()?;
        for entry in found.into_iter().rev() {
            match entry.sealed.verify().and_then(|()| fit(&entry.saved)) {
                Ok(()) => return Ok((entry, skipped)),
                Err(error) => skipped.push(skip(entry.path, error)?),
            }
        }
        let reasons: Vec<String> =
            skipped.iter().map(|skipped| format!("{}: {}", skipped.path.display(), skipped.reason)).collect();
        let reason = if reasons.is_empty() { "there is no checkpoint yet".into() } else { reasons.join("; ") };
        Err(TrainError::Damaged { path: self.folder.clone(), reason })
    }

    /// What the checkpoints' weights belong to.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`].
    pub(super) fn card<C: DeserializeOwned>(&self) -> Result<ModelCard<C>, TrainError> {
        let path = self.card_file();
        let length = fs::metadata(&path).map_err(|source| at(&path, source))?.len();
        if length > LONGEST_CARD {
            return Err(TrainError::Damaged { path, reason: format!("has {length} bytes, which no model card has") });
        }
        parse(&fs::read(&path).map_err(|source| at(&path, source))?, &path)
    }

    /// The card of a model of any kind.
    pub(in crate::run) fn any_card(&self) -> Result<ModelCard<serde_json::Value>, TrainError> {
        self.card()
    }

    fn card_file(&self) -> PathBuf {
        self.folder.join("model.json")
    }
}

fn parse<T: DeserializeOwned>(text: &[u8], path: &Path) -> Result<T, TrainError> {
    serde_json::from_slice(text).map_err(|error| TrainError::Damaged { path: path.into(), reason: error.to_string() })
}

/// What is damaged is skipped; what is newer than this code is not: an older state would silently undo what the newer one knows.
fn skip(path: PathBuf, error: TrainError) -> Result<Skipped, TrainError> {
    match error {
        TrainError::Newer { .. } => Err(error),
        error => Ok(Skipped { path, reason: error.to_string() }),
    }
}
