//! Answers against tables and laws.

mod math;
mod math_laws;
