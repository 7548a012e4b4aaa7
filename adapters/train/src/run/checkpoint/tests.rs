use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use burn::tensor::Tensor;
use tempfile::TempDir;

use super::{manifest::folders, saved::is_name, *};
use crate::{
    event::Summary,
    gradient::{learner::Learner, optimizer::AdamW, workers::Workers},
    run::{
        files::Disk,
        keep::Inside,
        names::{EPISODES, METRICS, TIMES},
        place::{Place, WarmPlace},
        progress::{Completed, Progress},
    },
    trainable::fingerprint,
};

/// A file system of which one operation fails; a write leaves the first half of its file, and the removal of a folder leaves some of it.
#[derive(Debug)]
struct Faulty {
    left: AtomicUsize,
}

impl Faulty {
    fn at(operation: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(operation) })
    }

    /// Whether this is the one; none before and none after it fails.
    fn fails(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) == 0
    }

    fn unless<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.fails() { Err(full()) } else { work() }
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl FileSystem for Faulty {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.unless(|| Disk.create_folder(path))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.fails() {
            Disk.write(path, &bytes[..bytes.len() / 2])?;
            return Err(full());
        }
        Disk.write(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.unless(|| Disk.rename(from, to))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.unless(|| Disk.sync_folder(path))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.unless(|| Disk.remove_file(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        if self.fails() {
            if let Some(file) = fs::read_dir(path).ok().and_then(|mut files| files.next()) {
                fs::remove_file(file?.path())?;
            }
            return Err(full());
        }
        Disk.remove_folder(path)
    }
}

fn sizes() -> DecoderConfig {
    DecoderConfig::small(11, 8, 1, 2, 16)
}

/// A learner that has taken `steps` steps.
fn learner(steps: usize) -> Learner<Decoder> {
    let device = palinode_flex::device();
    let mut learner = Learner::new(Decoder::new(&sizes(), 1, &device).unwrap(), AdamW::REINFORCE);
    for _ in 0..steps {
        learner.step(&[()], 1e-2, &Workers::new(1).unwrap(), |model, ()| {
            use palinode_core::policy::Policy;
            let tokens = Tensor::<1, burn::tensor::Int>::from_data([3, 1], &device).reshape([1, 2]);
            (model.logits(model.states(tokens, Tensor::from_data([1], &device))).square().sum(), ())
        });
    }
    learner
}

fn summary(acc_t2: f64) -> Summary {
    let json = serde_json::json!({"acc_t1": 1.0, "acc_t2": acc_t2, "delta": 0.0, "i_to_c": 0.0, "c_to_i": 0.0, "changed": 0.0,
        "p_fix_wrong": null, "p_break_right": null, "n": 10, "acc": [1.0, acc_t2], "edit_distance_ratio": 0.0});
    serde_json::from_value(json).unwrap()
}

fn progress(stages: usize, rl_step: usize) -> Progress {
    use crate::arm::StageName;
    let stage = Completed { stage: StageName::Base, summary: summary(1.0), summary_between: summary(1.0), seconds: 1.0 };
    Progress { stages: vec![stage; stages], rl_step, warmed: false }
}

/// A run's folder with its files.
fn run() -> (TempDir, Checkpoints) {
    let folder = tempfile::tempdir().unwrap();
    for name in [METRICS, EPISODES, TIMES] {
        fs::write(folder.path().join(name), "0123456789").unwrap();
    }
    let checkpoints = Checkpoints::of(folder.path());
    checkpoints.create(&ModelCard { model: sizes(), vocabulary: None, origin: None }).unwrap();
    (folder, checkpoints)
}

/// Stores what a learner of `step` steps is, inside the stage after the base.
fn store(checkpoints: &Checkpoints, step: usize, score: Option<f64>, last: usize) -> Result<(), TrainError> {
    let (learner, progress) = (learner(step), progress(1, step));
    let guard = crate::watch::guard::Guard::new(crate::arm::StageName::StageOne);
    let inside = Inside { learner: &learner, reference: None, place: Place::Reinforce { step, guard }, began: 0.5 };
    let state = State { model: learner.model(), progress: &progress, inside: Some(inside), score, seconds: step as f64 };
    checkpoints.store(&state, Written { metrics: step as u64, ..Written::default() }, last)
}

fn store_base(checkpoints: &Checkpoints) {
    let learner = learner(0);
    let state = State { model: learner.model(), progress: &progress(1, 0), inside: None, score: None, seconds: 0.0 };
    checkpoints.store(&state, Written::default(), 1).unwrap();
}

fn names(checkpoints: &Checkpoints) -> Vec<String> {
    folders(&checkpoints.store.folder).unwrap()
}

/// The steps of the newest checkpoint, once everything in it is what a learner of so many steps has.
fn newest(checkpoints: &Checkpoints) -> usize {
    let Found { start, saved, .. } = checkpoints.start(&palinode_flex::device()).unwrap();
    let step = saved.progress.rl_step;
    let expected = learner(step);
    assert_eq!(fingerprint(&start.model), fingerprint(expected.model()));
    assert_eq!(fingerprint(&start.base.unwrap()), fingerprint(learner(0).model()));
    match start.inside {
        None => assert_eq!(step, 0),
        Some(inside) => {
            assert_eq!(inside.optimizer, expected.optimizer_bytes().unwrap());
            assert!(matches!(inside.place, Place::Reinforce { step: found, .. } if found == step));
            assert_eq!((inside.began, start.seconds, saved.written.metrics), (0.5, step as f64, step as u64));
        }
    }
    step
}

/// Whatever operation fails, what is found after it is the state before or the new one, whole; and the next attempt to store succeeds.
#[test]
fn a_fault_anywhere_leaves_the_old_state_or_the_new_one() {
    let mut outcomes = [0, 0];
    for operation in 0.. {
        let (_folder, checkpoints) = run();
        store_base(&checkpoints);
        store(&checkpoints, 1, None, 1).unwrap();
        let before = names(&checkpoints).len();
        let faulty = Faulty::at(operation);
        let result = store(&checkpoints.clone().on(faulty.clone()), 2, None, 1);
        let found = newest(&checkpoints);
        assert!([1, 2].contains(&found), "operation {operation}: step {found}");
        assert!(names(&checkpoints).len() <= before + 1, "operation {operation}: {:?}", names(&checkpoints));
        outcomes[found - 1] += 1;
        store(&checkpoints, 3, None, 1).unwrap();
        assert_eq!((newest(&checkpoints), names(&checkpoints)), (3, vec!["base".into(), "step-000003".into()]));
        if result.is_ok() {
            assert_eq!(found, 2, "operation {operation}");
            // All of them were tried: the fault would have come later.
            assert!(faulty.left.load(Ordering::Relaxed) < usize::MAX / 2, "operation {operation}");
            break;
        }
    }
    assert!(outcomes[0] > 5 && outcomes[1] > 1, "{outcomes:?}");
}

/// The same where a checkpoint of that name exists and was damaged.
#[test]
fn a_fault_while_a_damaged_checkpoint_is_replaced_leaves_the_one_before() {
    for operation in 0..14 {
        let (_folder, checkpoints) = run();
        store_base(&checkpoints);
        store(&checkpoints, 1, None, 5).unwrap();
        store(&checkpoints, 2, None, 5).unwrap();
        fs::write(checkpoints.store.folder.join("step-000002").join(OPTIMIZER), "half").unwrap();
        assert_eq!(newest(&checkpoints), 1);
        let result = store(&checkpoints.clone().on(Faulty::at(operation)), 2, None, 5);
        let found = newest(&checkpoints);
        assert!(found == 2 || (found == 1 && result.is_err()), "operation {operation}: {found}");
    }
}

#[test]
fn what_is_damaged_is_skipped_and_named() {
    type Damage = dyn Fn(&Path);
    let damages: [(&str, &Damage); 5] = [
        ("it is not what was written", &|path| {
            let mut bytes = fs::read(path.join(MODEL)).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path.join(MODEL), bytes).unwrap();
        }),
        ("are left", &|path| fs::write(path.join(OPTIMIZER), [0; 9]).unwrap()),
        ("No such file", &|path| fs::remove_file(path.join(OPTIMIZER)).unwrap()),
        ("it was not completed", &|path| fs::remove_file(path.join("manifest.json")).unwrap()),
        ("manifest.json", &|path| {
            fs::write(path.join("manifest.json"), "{\"version\": 1, \"files\": {\"../../x\": {\"bytes\": 1, \"sha256\": \"\"}}}")
                .unwrap()
        }),
    ];
    for (reason, damage) in damages {
        let (_folder, checkpoints) = run();
        store_base(&checkpoints);
        for step in [1, 2] {
            store(&checkpoints, step, None, 2).unwrap();
        }
        damage(&checkpoints.store.folder.join("step-000002"));
        assert_eq!(newest(&checkpoints), 1);
        let skipped = checkpoints.start(&palinode_flex::device()).unwrap().skipped;
        assert_eq!(skipped.len(), 1);
        assert!(skipped[0].path.ends_with("step-000002") && skipped[0].reason.contains(reason), "{skipped:?}");
    }
}

#[test]
fn a_run_whose_files_are_shorter_goes_on_where_they_suffice() {
    let (folder, checkpoints) = run();
    store_base(&checkpoints);
    for step in [3, 7] {
        store(&checkpoints, step, None, 2).unwrap();
    }
    fs::write(folder.path().join(METRICS), "01234").unwrap();
    assert_eq!(newest(&checkpoints), 3);
}

#[test]
fn a_newer_format_is_refused_and_says_so() {
    let (_folder, checkpoints) = run();
    store_base(&checkpoints);
    let manifest = checkpoints.store.folder.join("base/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"version\": 1", "\"version\": 2");
    fs::write(&manifest, text).unwrap();
    let error = checkpoints.start(&palinode_flex::device()).unwrap_err();
    assert!(matches!(error, TrainError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("newer palinode"));
}

#[test]
fn the_last_and_the_best_are_kept() {
    let (_folder, checkpoints) = run();
    store_base(&checkpoints);
    for (step, score) in [(1, Some(3.0)), (2, Some(9.0)), (3, None), (4, Some(9.0)), (5, None)] {
        store(&checkpoints, step, score, 2).unwrap();
    }
    assert_eq!(names(&checkpoints), ["base", "step-000002", "step-000004", "step-000005"]);
}

/// The order is that of the run, not of the names.
#[test]
fn warm_start_comes_before_everything_else() {
    let (_folder, checkpoints) = run();
    let learner = learner(2);
    let place = Place::Warm(WarmPlace { phase: 2, done: 7, first: 4, over: false });
    let inside = Inside { learner: &learner, reference: Some(learner.model()), place: place.clone(), began: 0.0 };
    let nothing = Progress::default();
    let state = State { model: learner.model(), progress: &nothing, inside: Some(inside), score: None, seconds: 1.0 };
    checkpoints.store(&state, Written::default(), 2).unwrap();
    let Found { start, path, .. } = checkpoints.start(&palinode_flex::device()).unwrap();
    assert!(path.ends_with("warm-000007") && start.base.is_none());
    let inside = start.inside.unwrap();
    assert_eq!((inside.place, fingerprint(&inside.reference.unwrap())), (place, fingerprint(learner.model())));
    store_base(&checkpoints);
    assert!(checkpoints.newest(&palinode_flex::device()).unwrap().2.ends_with("base"));
}

/// Folders and files of others among the checkpoints, by names of ours and by others.
#[test]
fn what_others_put_among_the_checkpoints_is_never_removed() {
    let (_folder, checkpoints) = run();
    store_base(&checkpoints);
    store(&checkpoints, 1, None, 1).unwrap();
    let others = [
        "epoch-1/model.bin",
        "step-000002/pytorch_model.bin",
        "step-000001.old/x",
        "warm-000007/model.safetensors",
        ".draft-x/y",
    ];
    for name in others {
        let path = checkpoints.store.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "theirs").unwrap();
    }
    // What has the name that a new checkpoint gets is set aside.
    store(&checkpoints, 2, None, 1).unwrap();
    assert_eq!(newest(&checkpoints), 2);
    store(&checkpoints, 3, None, 1).unwrap();
    for name in others {
        let path = checkpoints.store.folder.join(name.replace("step-000002/", "step-000002.aside-1/"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs", "{name}");
    }
    // And a new run in this place asks for them to be moved away, before it removes anything.
    let before = names(&checkpoints);
    let error = checkpoints.create(&ModelCard { model: sizes(), vocabulary: None, origin: None }).unwrap_err();
    assert!(matches!(error, TrainError::Foreign { .. }) && error.to_string().contains("warm-000007"), "{error}");
    assert_eq!(names(&checkpoints), before);
    fs::rename(checkpoints.store.folder.join("warm-000007"), checkpoints.store.folder.join("mine")).unwrap();
    checkpoints.create(&ModelCard { model: sizes(), vocabulary: None, origin: None }).unwrap();
    assert!(!names(&checkpoints).iter().any(|name| is_name(name)), "{:?}", names(&checkpoints));
    assert!(!checkpoints.exist() && checkpoints.store.folder.join("epoch-1/model.bin").is_file());
}
