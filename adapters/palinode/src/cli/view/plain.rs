//! A run in lines, where there is no terminal to draw on.

use palinode::train::event::{Event, Phase};

use super::super::{
    failure::clean,
    progress::{describe, in_words, phase_title, title, verdict_lines},
};

/// An event in lines, if it is worth any: one, and below an evaluation that ends a stage its verdicts. `steps` holds those of the stage under way.
pub(super) fn lines(event: &Event, steps: &mut usize) -> Vec<String> {
    let verdicts = match event {
        Event::Eval { summary, last: true, .. } => verdict_lines(summary).iter().map(|line| format!("  {line}")).collect(),
        _ => Vec::new(),
    };
    let all = line(event, steps).into_iter().chain(verdicts);
    all.map(|line| clean(&line).replace('\n', " ")).collect()
}

fn line(event: &Event, steps: &mut usize) -> Option<String> {
    let line = match event {
        Event::Run { task, arm, seed, parameters, .. } => format!("task {task}, arm {arm}, seed {seed}, {parameters} parameters"),
        Event::Stage { phase: Phase::Start, steps: 0, .. } => return None,
        Event::Stage { stage, phase: Phase::Start, steps: planned, .. } => {
            *steps = *planned;
            format!("{}: {planned} steps", title(*stage))
        }
        Event::Warm { phase, step, loss, acc_t1, sampled_t1, p_fix_wrong, .. } => {
            let check = match (acc_t1, sampled_t1, p_fix_wrong) {
                (Some(acc), ..) => format!("acc@t1 {acc:.1} %"),
                (_, Some(acc), _) => format!("sampled acc@t1 {acc:.1} %"),
                (.., Some(fix)) => format!("sampled P(fix|wrong) {fix:.1} %"),
                (None, None, None) => return None,
            };
            let loss = loss.map_or_else(String::new, |loss| format!("  loss {loss:.3}"));
            format!("  step {step}/{steps}  {}{loss}  {check}", phase_title(*phase))
        }
        Event::Step(metrics) => format!("  step {}/{steps}  {}", metrics.step, describe(metrics)),
        Event::Eval { stage, rl_step, summary, last, .. } => {
            let at = if *last { String::new() } else { format!(", RL step {rl_step}") };
            format!("{}{at}: {}", title(*stage), in_words(summary))
        }
        Event::Warning { message, .. } => format!("warning: {message}"),
        Event::End { .. } => "the run is complete".to_owned(),
        _ => return None,
    };
    Some(line)
}
