//! A simulated world with planted first errors, to test and measure `omega-core` against the truth.
//!
//! [`World`] is the policy and the verifier: it continues any prefix, and how a draw turns out depends on the world,
//! the question and the draw's own seed alone. [`drive`] runs a scheduler against it in simulated time, with slots,
//! latency, reordering and loss. [`truth`] reads from a text where it goes wrong. [`Published`] is the search as one
//! published runner implements it, the baseline of [`Figures`].

mod driver;
pub mod hunts;
mod published;
mod report;
mod rng;
mod tokens;
pub mod truth;
mod world;

pub use driver::{Faults, Latency, Policy, Run, Setup, drive, drive_each};
pub use published::{Published, Search};
pub use report::{Figures, prefix};
pub use rng::Rng;
pub use tokens::{Tokens, spell};
pub use world::{Rates, Recovery, World};
