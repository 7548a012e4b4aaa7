use std::collections::BTreeMap;

use palinode_train::{
    arm::StageName,
    event::{StepMetrics, Summary},
    verdicts::Example,
};

use super::*;

/// Written by TensorBoard 2.21.0 itself:
/// ```python
/// from tensorboard.compat.proto.event_pb2 import Event
/// from tensorboard.compat.proto.summary_pb2 import Summary
/// from tensorboard.summary.writer.record_writer import RecordWriter
/// values = [Summary.Value(tag="eval/acc_t1", simple_value=42.55), Summary.Value(tag="eval/delta", simple_value=0.0)]
/// RecordWriter(file).write(Event(wall_time=1700000000.5, step=300, summary=Summary(value=values)).SerializeToString())
/// ```
const SCALARS: &str = "3500000000000000d6c55de60900002040fc54d94110ac022a270a120a0b6576616c2f6163635f74311533332a42\
                       0a110a0a6576616c2f64656c74611500000000bb1a8154";
/// The same of `Event(wall_time=1700000000.5, file_version="brain.Event:2")`.
const VERSION: &str = "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn records_are_the_bytes_that_tensorboard_writes() {
    let record = |data: &[u8]| {
        let mut written = Vec::new();
        write_record(&mut written, data).unwrap();
        hex(&written)
    };
    let value = |tag: &str, value| bytes(1, &[bytes(1, tag.as_bytes()), float(2, value)].concat());
    let summary = [value("eval/acc_t1", 42.55), value("eval/delta", 0.0)].concat();
    assert_eq!(record(&[double(1, 1_700_000_000.5), integer(2, 300), bytes(5, &summary)].concat()), SCALARS);
    assert_eq!(record(&[double(1, 1_700_000_000.5), bytes(3, b"brain.Event:2")].concat()), VERSION);
}

/// CRC-32C bit by bit, after its definition (RFC 3720, section 12.1), and masked.
fn checksum(data: &[u8]) -> u32 {
    let bits = |crc: u32| (0..8).fold(crc, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 });
    let crc = !data.iter().fold(!0, |crc, &byte| bits(crc ^ u32::from(byte)));
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The fields of a protobuf message: number, and the value's bytes.
fn fields(mut data: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let varint = |data: &mut &[u8]| {
        let length = data.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let (number, rest) = data.split_at(length);
        *data = rest;
        number.iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f))
    };
    let mut found = Vec::new();
    while let Some((&key, rest)) = data.split_first() {
        data = rest;
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut data).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut data) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = data.split_at(length);
        found.push((key >> 3, value.to_vec()));
        data = rest;
    }
    found
}

/// The scalars of an event file by tag: step, wall-clock time and value.
fn read(path: &Path) -> BTreeMap<String, Vec<(i64, f64, f32)>> {
    let file = fs::read(path).unwrap();
    let (mut rest, mut events, mut found) = (&file[..], 0, BTreeMap::<_, Vec<_>>::new());
    let four = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(four(&rest[8..12]), checksum(&rest[..8]));
        let data = &rest[12..12 + length];
        assert_eq!(four(&rest[12 + length..16 + length]), checksum(data));
        rest = &rest[16 + length..];
        let (mut time, mut step, mut values) = (0.0, 0, Vec::new());
        for (field, value) in fields(data) {
            match field {
                1 => time = f64::from_le_bytes(value.try_into().unwrap()),
                2 => step = i64::from_le_bytes(value.try_into().unwrap()),
                3 => assert!(events == 0 && value == b"brain.Event:2"),
                5 => values.extend(fields(&value)),
                other => panic!("field {other}"),
            }
        }
        for (_, value) in values {
            let parts = fields(&value);
            let [(1, tag), (2, number)] = &parts[..] else { panic!("{parts:?}") };
            let number = f32::from_le_bytes(number[..].try_into().unwrap());
            found.entry(String::from_utf8(tag.clone()).unwrap()).or_default().push((step, time, number));
        }
        events += 1;
    }
    found
}

fn step(rl_step: usize) -> Event {
    let x = rl_step as f64;
    Event::Step(Box::new({
        let mut metrics = StepMetrics::new(StageName::StageOne, rl_step, rl_step);
        metrics.loss = -0.1 / x;
        metrics.reward = vec![0.25, 0.5 + x / 1000.0];
        metrics.kl = vec![1e-9 * x, 0.1];
        metrics.length = vec![8.0, 8.0];
        metrics.grad_norm = 1.0 / 3.0;
        metrics.changed = 0.125;
        metrics.zero_spread = vec![0.5, 0.25];
        metrics.verdicts = serde_json::from_str(r#"[{"right":1,"wrong":3},{"right":2,"wrong":2}]"#).unwrap();
        metrics.logprob_gap = 1.1e-5;
        metrics.seconds = 10.0 * x;
        metrics
    }))
}

fn eval(rl_step: usize, acc: &[f64]) -> Event {
    let summary = {
        let mut summary = Summary::of_accuracies(acc.to_vec());
        summary.i_to_c = 2.5;
        summary.changed = 3.0;
        summary.p_break_right = Some(0.0);
        summary.n = 40;
        summary.edit_distance_ratio = 1.0;
        summary.verdicts = serde_json::from_str(r#"[{"right":16,"wrong":24},{"right":24,"truncated":16}]"#).unwrap();
        summary.examples = vec![Example { verdict: "truncated".into(), attempt: 2, ..Example::default() }];
        summary
    };
    Event::Eval { stage: StageName::StageOne, rl_step, last: true, summary, seconds: 10.0 * rl_step as f64 + 5.0 }
}

fn warm(step: usize) -> Event {
    let acc_t1 = (step == 2).then_some(12.5);
    Event::Warm {
        phase: 1,
        step,
        loss: Some(2.5),
        acc_t1,
        sampled_t1: None,
        p_fix_wrong: None,
        corrections: None,
        seconds: step as f64,
    }
}

fn events() -> Vec<Event> {
    let mut events = vec![warm(1), warm(2), eval(0, &[40.0, 41.5])];
    events.extend((1..=4).map(step));
    events.push(eval(4, &[40.0, 60.25]));
    events
}

/// The log of a run in which these events happened.
fn log(run: &Path, events: &[Event]) {
    let (mut metrics, mut times) = (String::new(), String::new());
    for (line, event) in (1..).zip(events) {
        metrics += &format!("{}\n", serde_json::to_string(event).unwrap());
        times += &event.seconds().map_or(String::new(), |seconds| format!("{{\"line\":{line},\"seconds\":{seconds}}}\n"));
    }
    fs::write(run.join("metrics.jsonl"), metrics).unwrap();
    fs::write(run.join("times.jsonl"), times).unwrap();
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), "").unwrap();
    folder
}

#[test]
fn a_run_is_read_back_with_every_figure_at_its_step() {
    let place = folder();
    log(place.path(), &events());
    let file = EventFile::of_run(place.path(), &place.path().join("board")).unwrap();
    let found = read(file.path());
    let at = |tag: &str| found[tag].iter().map(|&(step, _, value)| (step, value)).collect::<Vec<_>>();
    assert_eq!(at("eval/acc_t2"), [(0, 41.5), (4, 60.25)]);
    assert_eq!(at("eval/delta"), [(0, 1.5), (4, 20.25)]);
    assert_eq!(at("train/reward_t2"), [(1, 0.501), (2, 0.502), (3, 0.503), (4, 0.504)]);
    assert_eq!(at("train/kl_t1"), [(1, 1e-9), (2, 2e-9), (3, 3e-9), (4, 4e-9)]);
    assert_eq!(at("train/verdicts_wrong_t1"), [1, 2, 3, 4].map(|step| (step, 3.0)));
    assert_eq!(at("eval/verdicts_truncated_t2"), [(0, 16.0), (4, 16.0)]);
    assert!(!found.keys().any(|tag| tag.contains("examples")), "{:?}", found.keys());
    assert_eq!(at("warm/loss"), [(1, 2.5), (2, 2.5)]);
    assert_eq!(at("warm/acc_t1"), [(2, 12.5)]);
    for tag in ["train/loss", "train/grad_norm", "train/changed", "train/zero_spread_t1", "eval/acc_t1", "eval/c_to_i"] {
        assert!(found.contains_key(tag), "{tag}");
    }
    for tag in ["eval/p_fix_wrong", "train/step", "train/rl_step", "train/seconds"] {
        assert!(!found.contains_key(tag), "{tag}");
    }
    assert_eq!(file.scalars(), found.values().map(|points| points.len() as u64).sum::<u64>());
    let began = found["warm/loss"][0].1 - 1.0;
    let age = UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - began;
    assert!((-1.0..60.0).contains(&age), "{age}");
    assert!((found["eval/acc_t1"][1].1 - began - 45.0).abs() < 1e-3);
}

#[test]
fn of_three_attempts_each_has_its_own_accuracy() {
    let place = folder();
    log(place.path(), &[eval(0, &[10.0, 20.0, 30.0])]);
    let found = read(EventFile::of_run(place.path(), place.path()).unwrap().path());
    let at = |tag: &str| found[tag].iter().map(|point| point.2).collect::<Vec<_>>();
    assert_eq!([at("eval/acc_t1"), at("eval/acc_t2"), at("eval/acc_t3")], [[10.0], [20.0], [30.0]]);
}

#[test]
fn a_file_kept_live_is_the_one_that_is_written_afterwards() {
    let (place, events) = (folder(), events());
    let run = place.path();
    log(run, &[]);
    let mut live = EventFile::of_run(run, &run.join("live")).unwrap();
    events.iter().for_each(|event| live.receive(event).unwrap());
    let whole = fs::read(live.path()).unwrap();
    log(run, &events);
    assert_eq!(whole, fs::read(EventFile::of_run(run, &run.join("after")).unwrap().path()).unwrap());

    // The run goes on after its fifth event: what came after it is dropped, and happens again.
    log(run, &events[..5]);
    let mut live = EventFile::of_run(run, &run.join("live")).unwrap();
    assert_eq!(read(live.path())["train/loss"].len(), 2);
    events[5..].iter().for_each(|event| live.receive(event).unwrap());
    assert_eq!(fs::read(live.path()).unwrap(), whole);
}

#[test]
fn time_goes_on_where_a_run_was_resumed() {
    let place = folder();
    log(place.path(), &[step(3), warm(2), step(1)]);
    let found = read(EventFile::of_run(place.path(), place.path()).unwrap().path());
    let [loss, warm] = ["train/loss", "warm/loss"].map(|tag| found[tag].iter().map(|point| point.1).collect::<Vec<_>>());
    assert!((warm[0] - loss[0] - 2.0).abs() < 1e-3 && (loss[1] - loss[0] - 10.0).abs() < 1e-3, "{loss:?} {warm:?}");
}

#[test]
fn a_log_that_is_cut_off_or_damaged_is_read_as_far_as_it_makes_sense() {
    let place = tempfile::tempdir().unwrap();
    let metrics = place.path().join("metrics.jsonl");
    let warm = "{\"event\":\"warm\",\"step\":1,\"loss\":null,\"acc_t1\":3.5,\"new\":\"text\",\"seconds\":2.5}\n";
    fs::write(&metrics, format!("{{\"event\":\"unheard\",\"x\":1}}\n\n{warm}{{\"event\":\"warm\",\"st")).unwrap();
    let found = read(EventFile::of_run(place.path(), place.path()).unwrap().path());
    assert_eq!(found, BTreeMap::from([("warm/acc_t1".into(), vec![(1, 2.5, 3.5)])]));

    fs::write(&metrics, format!("{warm}[1]\n{warm}")).unwrap();
    let error = EventFile::of_run(place.path(), place.path()).unwrap_err().to_string();
    assert!(error.contains("metrics.jsonl, line 2"), "{error}");
    fs::remove_file(&metrics).unwrap();
    assert!(EventFile::of_run(place.path(), place.path()).unwrap_err().to_string().contains("metrics.jsonl"));
}
