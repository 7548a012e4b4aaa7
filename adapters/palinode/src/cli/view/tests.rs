//! What the screen looks like.

mod following;

use palinode::train::arm::StageName;
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Color};

use super::{
    draw::draw,
    fixtures::{episode, eval, judged, run, step, warning},
    model::{Mode, View},
};

fn buffer(view: &mut View, width: u16, height: u16) -> Buffer {
    view.prepare();
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap().buffer.clone()
}

/// The screen as text, without spaces at the ends of lines.
fn screen(view: &mut View, width: u16, height: u16) -> String {
    let buffer = buffer(view, width, height);
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    (0..height).map(row).collect()
}

/// A run in its twelfth step of RL.
fn scene() -> View {
    let mut view = View::new(Mode::Train { paused: false, checkpoint: false, stopping: false }, false);
    view.take(&eval(StageName::Base, 0, 40.2, 45.0), Some(58.0));
    run(&mut view);
    for n in 1..=12 {
        view.take(&step(n, 0.45 + 0.025 * n as f64), Some(60.0 + 2.0 * n as f64));
        if n == 10 {
            view.take(&eval(StageName::StageOne, n, 41.1, 63.5), Some(81.0));
        }
    }
    view.take(&episode(11, "00000009", "99999999", "99999999"), None);
    view.take(&episode(11, "00009567", "66666726", "77777837"), None);
    view.take(&warning(11, "attempt 2 repeats attempt 1 in 95 % of the episodes"), None);
    view.silence = 0.5;
    view
}

#[test]
fn a_run_on_80_by_24() {
    let screen = screen(&mut scene(), 80, 24);
    assert_eq!(screen, A_RUN_ON_80_BY_24);
}

#[test]
fn a_run_on_120_by_40() {
    let screen = screen(&mut scene(), 120, 40);
    assert_eq!(screen, A_RUN_ON_120_BY_40);
}

#[test]
fn the_warm_start_on_80_by_24() {
    use palinode::train::event::{Event, Phase};
    let mut view = View::new(Mode::Watch, false);
    run(&mut view);
    view.take(&Event::Stage { stage: StageName::Base, phase: Phase::Start, steps: 2300, rl_step: 0 }, None);
    for n in 1..=600 {
        let (acc_t1, p_fix_wrong) = match n {
            1..=300 if n % 20 == 0 => (Some(n as f64 / 5.0), None),
            301.. if n % 20 == 0 => (None, Some((n as f64 - 300.0) / 10.0)),
            _ => (None, None),
        };
        let phase = if n <= 300 { 1 } else { 2 };
        let seconds = n as f64 / 10.0;
        view.take(
            &Event::Warm {
                phase,
                step: n,
                loss: Some(2.0 / n as f64),
                acc_t1,
                sampled_t1: None,
                p_fix_wrong,
                corrections: None,
                seconds,
            },
            Some(seconds),
        );
    }
    let screen = screen(&mut view, 80, 24);
    assert_eq!(screen, THE_WARM_START_ON_80_BY_24);
}

#[test]
fn a_check_before_the_first_step_shows_how_far_it_has_come() {
    use palinode::train::event::{Checked, Event, Phase};
    let mut view = View::new(Mode::Watch, false);
    run(&mut view);
    view.take(&Event::Stage { stage: StageName::Base, phase: Phase::Start, steps: 0, rl_step: 0 }, None);
    view.take(&Event::Checking { check: Checked::Signal, done: 16, all: 64 }, None);
    assert!(screen(&mut view, 80, 24).contains("looking for a signal, 16 of 64 episodes"));
    view.take(&Event::Stage { stage: StageName::StageOne, phase: Phase::Start, steps: 5, rl_step: 0 }, None);
    assert!(!screen(&mut view, 80, 24).contains("looking for a signal"));
}

#[test]
fn the_screen_says_what_was_asked_of_the_run() {
    let mut view = scene();
    let mut says = |mode, words: &[&str]| {
        view.mode = mode;
        let screen = screen(&mut view, 80, 24);
        words.iter().for_each(|words| assert!(screen.contains(words), "{words}:\n{screen}"));
    };
    let train = |paused, checkpoint, stopping| Mode::Train { paused, checkpoint, stopping };
    says(train(false, false, false), &["running", "p pause", "c checkpoint"]);
    says(train(true, true, false), &["paused", "p go on", "c checkpoint due"]);
    says(train(false, false, true), &["stopping", "q again stops at once"]);
    says(Mode::Watch, &["running", "q leave"]);
    view.silence = 90.0;
    assert!(screen(&mut view, 80, 24).contains("no news for 1:30"));
    view.help = true;
    assert!(screen(&mut view, 80, 24).contains("the run goes on"));
    view.help = false;
    view.ended = true;
    assert!(screen(&mut view, 80, 24).contains("complete"));
}

#[test]
fn verdicts_are_counted_where_there_is_room_and_shown_with_examples_on_demand() {
    let mut view = scene();
    view.judged = true;
    let plain = screen(&mut View::default(), 80, 24);
    assert!(!plain.contains("held out") && !plain.contains("┌ verdicts ─"), "{plain}");
    // Before an evaluation that tells, those of the latest step.
    let early = screen(&mut view, 80, 24);
    assert!(early.contains("training          t1      t2") && early.contains("truncated          0      12"), "{early}");
    view.take(&judged(eval(StageName::StageOne, 12, 41.1, 63.5), "four or five is not 4 (another number)"), None);
    view.judged = false;
    let beside = screen(&mut view, 120, 40);
    assert!(beside.contains("held out          t1      t2"), "{beside}");
    assert!(beside.contains("wrong           1178     727") && beside.contains("truncated          0       3"), "{beside}");
    view.judged = true;
    let over = screen(&mut view, 80, 24);
    for part in [
        "┌ verdicts ─",
        "right            822    1270",
        "wrong at attempt 2",
        "answer   four or five",
        "why      four or five is not 4 (another",
    ] {
        assert!(over.contains(part), "{part}:\n{over}");
    }
    // Older logs have one count for all attempts.
    view.step.as_mut().unwrap().verdicts = serde_json::from_str(r#"{"right": 600, "failed": 424}"#).unwrap();
    assert!(screen(&mut view, 100, 40).contains("training         all"), "{}", screen(&mut view, 100, 40));
}

#[test]
fn attempts_that_do_not_differ_are_said_to_be_unchanged() {
    let mut view = scene();
    let marked = |screen: &str| (screen.contains("^^"), screen.contains("right, unchanged"));
    assert_eq!(marked(&screen(&mut view, 80, 24)), (true, false));
    view.turn(true);
    let screen = screen(&mut view, 80, 24);
    assert!(screen.contains("episode 1 of 2"));
    assert_eq!(marked(&screen), (false, true));
}

#[test]
fn without_colour_nothing_is_coloured() {
    let colours =
        |buffer: &Buffer| buffer.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count();
    let mut view = scene();
    assert!(colours(&buffer(&mut view, 120, 40)) > 0);
    view.plain = true;
    assert_eq!(colours(&buffer(&mut view, 120, 40)), 0);
}

#[test]
fn every_size_is_drawn() {
    let mut views = [View::default(), scene()];
    views[1].take(&episode(12, "p", &"long words and 漢字 ".repeat(200), "x\ny\n\nz"), None);
    for view in &mut views {
        for (width, height) in (1..=130).map(|n| (n, 24)).chain((1..=60).map(|n| (80, n))).chain([(1, 1), (300, 100)]) {
            for over in [false, true] {
                (view.help, view.judged) = (over, over);
                buffer(view, width, height);
            }
        }
    }
}

#[test]
fn hostile_text_does_not_reach_the_screen() {
    let mut view = scene();
    let hostile = "\x1b]0;owned\x07\x1b[2J\u{9b}1m\u{202e}\u{200b}".repeat(30);
    view.take(&episode(12, &hostile, &hostile, "x"), None);
    view.take(&warning(12, &hostile), None);
    view.take(&judged(eval(StageName::StageOne, 12, 1.0, 2.0), &hostile), None);
    view.judged = true;
    let buffer = buffer(&mut view, 120, 40);
    let harmful = |c: char| c.is_control() || matches!(c, '\u{200b}' | '\u{202e}');
    assert!(!buffer.content.iter().any(|cell| cell.symbol().contains(harmful)));
}

const A_RUN_ON_80_BY_24: &str = "\
palinode  task ledger, arm score, seed 0, 224160 parameters              running
Stage I: step 12 of 20 ██████████████████████████████████░░░░░░░░░░░░░░░░░░░░░░░
0.5 steps/s, 256 episodes/s, 1:24 so far, stage 0:15 left, run 1:15 left
─ accuracy %, over RL steps ────────────────────  ─ figures ────────────────────
100│                                              held out      base     now
   │         ⢀⣀                                   acc@t1        40.2    41.1
   │    ⢀⣀⠤⠒⠊2                                    acc@t2        45.0    63.5
50 │2⠤⠔⠊⠁                                         delta         +4.8   +22.4
   │1⠉⠉⠉⠉⠉⠉⠉⠉1⠉                                   i→c           22.0    22.0
   │                                              c→i            2.8     2.8
0  │                                              reward      0.40 → 0.75
   └────────────────────────────────────────────  KL          0.01 → 1.25
   0                                          50  in training i→c 22.0  c→i 3.0
─ episode 2 of 2: Stage I step 11, problem 7 ───────────────────────────────────
problem    00009567                      reference  77777837
attempt 1  wrong                         attempt 2  right
66666726                                 77777837
^^^^^^^^                                 ^^^^^^^^


warning: RL step 11: attempt 2 repeats attempt 1 in 95 % of the episodes


p pause   c checkpoint   q quit   ←→ episodes   ↑↓ scroll   v verdicts   ? help
";

const A_RUN_ON_120_BY_40: &str = "\
palinode  task ledger, arm score, seed 0, 224160 parameters                                                      running
Stage I: step 12 of 20 ██████████████████████████████████████████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
0.5 steps/s, 256 episodes/s, 1:24 so far, stage 0:15 left, run 1:15 left
─ accuracy %, over RL steps ──────────────────  ─ KL, nats ─────────────────────────────  ─ figures ────────────────────
100│                                            2.0│                                      held out      base     now
   │                                               │                                      acc@t1        40.2    41.1
   │                                               │                                      acc@t2        45.0    63.5
   │        ⢀⠤⠂                                    │                                      delta         +4.8   +22.4
   │      ⡠⠔2                                      │⢀⣀⣀⣀⣀⣀⣀⣀⣀                             i→c           22.0    22.0
   │   ⢀⠔⠉                                         │        2                             c→i            2.8     2.8
50 │ ⡠⠊⠁                                        1.0│                                      reward      0.40 → 0.75
   │2⣀⣀⣀⣀⣀⣀⣀1⣀⡀                                    │                                      KL          0.01 → 1.25
   │                                               │                                      in training i→c 22.0  c→i 3.0
   │                                               │                                      changed     31 %
   │                                               │
   │                                               │
0  │                                            0  │⢀⣀⣀⣀⣀⣀⣀⣀1
   └──────────────────────────────────────────     └────────────────────────────────────
   0                                        50     0                                  50
─ episode 2 of 2: Stage I step 11, problem 7 ───────────────────────────────────────────────────────────────────────────
  00000009                          99999999                         wrong    99999999                         right
> 00009567                          66666726                         wrong    77777837                         right





problem    00009567                                          reference  77777837
attempt 1  wrong                                             attempt 2  right
66666726                                                     77777837
^^^^^^^^                                                     ^^^^^^^^




warning: RL step 11: attempt 2 repeats attempt 1 in 95 % of the episodes



p pause   c checkpoint   q quit   ←→ episodes   ↑↓ scroll   v verdicts   ? help
";

const THE_WARM_START_ON_80_BY_24: &str = "\
palinode  task ledger, arm score, seed 0, 224160 parameters              running
base: step 600 of 2300 at most ████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
learning to correct, 10.0 steps/s, 1:00 so far, stage 2:50 left
─ warm start: 1 acc@t1 %, f P(fix|wrong) % ─────  ─ figures ────────────────────
100│                                              loss        0.003
   │                                              acc@t1      60.0  at step 300
   │      1                                       P(fix|w)    30.0  at step 600
50 │    11
   │   11     ff
   │ 11    ffff
0  │11    ff
   └────────────────────────────────────────────
   0                                        2300
─ episodes ─────────────────────────────────────────────────────────────────────
none was sampled yet





no warnings


q leave   ←→ episodes   ↑↓ scroll   v verdicts   ? help
";
