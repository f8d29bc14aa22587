//! The state machines that search one question.

mod belief;
pub(crate) mod draws;
pub(crate) mod early;
mod harvest;
mod hunt;
pub(crate) mod omega_prm;
mod report;
mod speculate;
