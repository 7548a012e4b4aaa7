//! Rung 3: the ledger task through the library: what `palinode train` does, without the command line.
//!
//! `cargo run --release -p palinode-examples --bin ledger [STEPS_WARM STEPS_ONE STEPS_TWO]`

use palinode::{
    config::RunConfig,
    device,
    setup::Setup,
    train::{TrainError, event::Event, event::Sink, gradient::workers::Workers, run::progress::Start, train},
};

/// Renders what the run says; a sink may as well draw, log, or send.
struct Printer;

impl Sink for Printer {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        match event {
            Event::Step(metrics) if metrics.step % 10 == 0 => {
                println!("  RL step {:>3}: mean reward of each attempt {:.2?}", metrics.rl_step, metrics.reward);
            }
            Event::Eval { stage, summary, last: true, .. } => {
                println!("{:<9} acc@t1 {:.1} %, acc@t2 {:.1} %", stage.name(), summary.acc_t1, summary.acc_t2);
            }
            Event::Warning { message, .. } => println!("  {message}"),
            _ => {}
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = RunConfig::default();
    let steps = std::env::args().skip(1).map(|steps| steps.parse()).collect::<Result<Vec<usize>, _>>()?;
    if let [warm, one, two] = steps[..] {
        config.train.set_warm_steps(warm);
        (config.train.reinforce.steps_one, config.train.reinforce.steps_two) = (one, two);
    }
    let setup = Setup::open(&config, &device::open("flex")?)?;
    let (model, _) = setup.model()?;
    let outcome = train(Start::fresh(model), setup.task.as_ref(), &config.train, &Workers::new(0)?, &mut (), &mut Printer)?;
    let gained = outcome.progress.stages.last().map_or(0.0, |stage| stage.summary.delta);
    println!("attempt 2 gains {gained:+.1} points over attempt 1");
    Ok(())
}
