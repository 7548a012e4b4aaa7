//! A run as it is kept: its folder, the states from which it goes on, and what it asks of a file system.
//!
//! | file | what it holds |
//! |---|---|
//! | [`keep`] | what the loop asks of whoever keeps a run |
//! | [`place`] | where inside of a stage a run is |
//! | [`progress`] | how far a run has come, where it goes on, what it leaves |
//! | [`run_folder`] | the folder a run leaves: a sink for its events, a keeper of its states |
//! | [`stored`] | what a model must be able to do to be kept |
//! | [`checkpoint`] | the states in it, sealed by manifests |
//! | [`occupancy`] | whether a folder may be taken for a run |
//! | [`names`] | the names of its files |
//! | [`files`] | operations that change a file system, each of which may fail |

pub mod checkpoint;
pub mod files;
pub mod keep;
pub mod names;
pub mod occupancy;
pub mod place;
pub mod progress;
pub mod run_folder;
pub mod stored;
