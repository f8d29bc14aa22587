//! The state machines that search one question.

mod belief;
pub(crate) mod draws;
mod early;
mod hunt;
pub(crate) mod omega_prm;
mod report;
pub(crate) mod speculate;
