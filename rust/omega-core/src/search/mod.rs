//! The state machines that search one question.

mod belief;
pub(crate) mod draws;
pub(crate) mod early;
mod harvest;
mod hunt;
mod leaves;
pub(crate) mod omega_prm;
mod rehearsal;
mod report;
mod soft;
mod speculate;
mod suppose;
