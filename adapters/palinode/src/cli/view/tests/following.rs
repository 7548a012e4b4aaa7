//! Runs that are followed, from their files to what is shown.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use palinode::{
    report::follow::{Follow, News, PATIENCE},
    train::{
        arm::StageName,
        event::{Event, Sink},
        run::{
            names::{EPISODES, METRICS, TIMES},
            run_folder::{RunFolder, RunLock},
        },
    },
};

use super::super::on_one_line;
use crate::cli::view::{
    fixtures::{episode, eval, step, warning},
    model::{Mode, View},
};

fn append(folder: &Path, name: &str, text: &str) {
    OpenOptions::new().append(true).create(true).open(folder.join(name)).unwrap().write_all(text.as_bytes()).unwrap();
}

fn line(event: &Event) -> String {
    format!("{}\n", serde_json::to_string(event).unwrap())
}

fn all(follow: &mut Follow) -> Vec<News> {
    let mut news = Vec::new();
    while follow.poll(&mut |one| news.push(one)).unwrap() {}
    news
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    (folder, path)
}

fn timed(event: Event, seconds: f64) -> News {
    News::Event(Box::new(event), Some(seconds))
}

#[test]
fn events_come_with_their_times_and_episodes() {
    let (_kept, path) = folder();
    append(&path, METRICS, &[line(&step(1, 0.5)), line(&warning(1, "w")), line(&step(2, 0.6))].concat());
    append(&path, TIMES, "{\"line\":1,\"seconds\":2.5}\n{\"line\":3,\"seconds\":4.5}\n");
    let Event::Episode(kept) = episode(1, "12", "21", "12") else { panic!() };
    append(&path, EPISODES, &format!("{}\n", serde_json::to_string(&kept).unwrap()));
    let mut follow = Follow::open(&path).unwrap();
    let expected = [
        timed(step(1, 0.5), 2.5),
        News::Event(Box::new(warning(1, "w")), None),
        timed(step(2, 0.6), 4.5),
        News::Event(Box::new(Event::Episode(kept)), None),
    ];
    assert_eq!(all(&mut follow), expected);
    assert!(all(&mut follow).is_empty());

    // Half a line waits, and so does an event whose time is still to be written.
    let third = line(&step(3, 0.7));
    append(&path, METRICS, &third[..20]);
    assert!(all(&mut follow).is_empty());
    append(&path, METRICS, &third[20..]);
    assert!(all(&mut follow).is_empty());
    append(&path, TIMES, "{\"line\":4,\"seconds\":6.5}\n");
    assert_eq!(all(&mut follow), [timed(step(3, 0.7), 6.5)]);
    // But not for ever.
    append(&path, METRICS, &line(&step(4, 0.8)));
    assert!(all(&mut follow).is_empty());
    std::thread::sleep(PATIENCE);
    assert_eq!(all(&mut follow), [News::Event(Box::new(step(4, 0.8)), None)]);
}

#[test]
fn what_a_run_folder_writes_is_what_is_followed() {
    let (_kept, path) = folder();
    let Event::Step(mut metrics) = step(1, 0.5) else { panic!() };
    metrics.seconds = 3.25;
    let events = [Event::Step(metrics), episode(1, "12", "21", "12"), eval(StageName::StageOne, 1, 40.0, 50.0)];
    let model = palinode::lm::DecoderConfig::small(5, 8, 4, 2, 16);
    let card = palinode::train::run::checkpoint::ModelCard::new(model);
    let mut written = RunFolder::create(RunLock::take(&path).unwrap(), "", &card).unwrap();
    events.iter().for_each(|event| written.receive(event).unwrap());
    let news = all(&mut Follow::open(&path).unwrap());
    assert!(news.contains(&timed(step(1, 0.5), 3.25)) && news.len() == 3, "{news:?}");
}

#[test]
fn a_run_without_times_and_one_with_old_times_are_followed_too() {
    let (_kept, path) = folder();
    let old = line(&step(2, 0.5)).replace("\"logprob_gap\":0.0", "\"logprob_gap\":0.0,\"seconds\":9.5");
    append(&path, METRICS, &[line(&step(1, 0.5)), old].concat());
    let news = all(&mut Follow::open(&path).unwrap());
    assert!(matches!(news.as_slice(), [News::Event(_, None), News::Event(_, Some(9.5))]), "{news:?}");
}

#[test]
fn a_step_whose_figures_are_no_numbers_is_shown() {
    let (_kept, path) = folder();
    let Event::Step(mut metrics) = step(1, 0.5) else { panic!() };
    (metrics.loss, metrics.kl[0], metrics.logprob_gap) = (f64::NAN, f64::INFINITY, f32::NAN);
    let line = line(&Event::Step(metrics.clone()));
    assert_eq!(line.matches("null").count(), 3, "{line}");
    append(&path, METRICS, &line);
    let [News::Event(event, None)] = &all(&mut Follow::open(&path).unwrap())[..] else { panic!("{line}") };
    let Event::Step(read) = &**event else { panic!("{line}") };
    assert!(read.loss.is_nan() && read.kl[0].is_nan() && read.logprob_gap.is_nan());
    assert_eq!((&read.kl[1..], read.grad_norm), (&metrics.kl[1..], metrics.grad_norm));
}

#[test]
fn a_run_that_was_taken_back_comes_again() {
    let (_kept, path) = folder();
    let [first, second] = [line(&step(1, 0.5)), line(&step(2, 0.6))];
    append(&path, METRICS, &[first.clone(), second].concat());
    append(&path, TIMES, "{\"line\":1,\"seconds\":2.5}\n{\"line\":2,\"seconds\":4.5}\n");
    let mut follow = Follow::open(&path).unwrap();
    let mut view = View::new(Mode::Watch, true);
    let mut show = |follow: &mut Follow| {
        for news in all(follow) {
            match news {
                News::Event(event, seconds) => view.take(&event, seconds),
                News::Again => view.forget(),
                News::Unreadable(why) => panic!("{why}"),
            }
        }
        (view.reward[1].points().to_vec(), view.seconds)
    };
    assert_eq!(show(&mut follow), (vec![(1.0, 0.5), (2.0, 0.6)], Some(4.5)));
    OpenOptions::new().write(true).open(path.join(METRICS)).unwrap().set_len(first.len() as u64).unwrap();
    OpenOptions::new().write(true).open(path.join(TIMES)).unwrap().set_len(25).unwrap();
    append(&path, METRICS, &line(&step(2, 0.9)));
    append(&path, TIMES, "{\"line\":2,\"seconds\":1.5}\n");
    assert_eq!(show(&mut follow), (vec![(1.0, 0.5), (2.0, 0.9)], Some(1.5)));
}

#[test]
fn lines_that_can_not_be_read_are_told_of_and_passed_over() {
    let (_kept, path) = folder();
    fs::write(path.join(METRICS), b"\xff\xfe\n{\"event\":\"step\"}\n{\"event\":\"of-tomorrow\"}\n\n[[[\n").unwrap();
    append(&path, METRICS, &"[".repeat(1 << 20));
    append(&path, METRICS, &format!("\n{{\"event\":\"\\u001b[2J\u{202e}\",\n{}", line(&warning(1, "w"))));
    let news = all(&mut Follow::open(&path).unwrap());
    let told: Vec<&String> =
        news.iter().filter_map(|one| if let News::Unreadable(why) = one { Some(why) } else { None }).collect();
    assert_eq!(
        told.iter().map(|why| why[..22].to_owned()).collect::<Vec<_>>(),
        [1, 2, 5, 6, 7].map(|n| format!("metrics.jsonl, line {n} "))
    );
    assert!(told.iter().all(|why| why.len() < 300 && !on_one_line(why).contains(['\u{1b}', '\u{202e}'])), "{told:?}");
    assert!(told[0].ends_with("can't be read: column 1: expected value"), "{told:?}");
    assert_eq!(news.last(), Some(&News::Event(Box::new(warning(1, "w")), None)));
}

#[test]
fn what_is_no_run_is_an_input_error() {
    let (_kept, path) = folder();
    for (at, words) in [(path.join("none"), "no such folder"), (path.clone(), "metrics.jsonl: there is no such file")] {
        let failure = Follow::open(&at).unwrap_err();
        assert!(failure.to_string().contains(words), "{failure}");
    }
    append(&path, METRICS, "");
    let mut follow = Follow::open(&path).unwrap();
    fs::remove_file(path.join(METRICS)).unwrap();
    assert!(follow.poll(&mut |_| {}).unwrap_err().to_string().contains("metrics.jsonl"));
}
