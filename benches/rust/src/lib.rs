//! What the benchmarks share: a clock, medians, and the lines that say whether a bar is reached.

mod clock;
mod line;

pub mod p4;

pub use clock::{median, seconds};
pub use line::{Verdict, absent, bar};
