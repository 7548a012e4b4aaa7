//! What is looked at before anything is trained, and while it is: whether it can work, and whether it does.
//!
//! | file | what it holds |
//! |---|---|
//! | [`checks`] | whether the device decodes and differentiates rightly |
//! | [`rehearsal`] | the largest piece of work, before the first step |
//! | [`signal`] | whether there is anything to learn |
//! | [`guard`] | sandbagging, no signal, collapse, verdicts that do not come |
//! | [`diagnosis`] | why a reward does not rise |

pub mod checks;
pub mod diagnosis;
pub mod guard;
pub mod rehearsal;
pub mod signal;
