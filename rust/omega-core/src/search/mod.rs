//! The state machines that search one question.

mod belief;
pub(crate) mod draws;
pub(crate) mod early;
mod hunt;
pub(crate) mod omega_prm;
mod rehearsal;
mod report;
mod speculate;
mod suppose;
