use super::{Failure, args::PlanArgs};
use palinode::{config::RunConfig, setup::Setup};
pub(crate) fn run(_: &PlanArgs) -> Result<(), Failure> {
    Ok(())
}
pub(crate) fn dry_run(_: &RunConfig, _: &Setup, _: bool) -> Result<(), Failure> {
    Ok(())
}
