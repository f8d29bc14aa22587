//! The state machines that search one question.

mod belief;
pub(crate) mod draws;
pub(crate) mod early;
mod hunt;
mod leaves;
pub(crate) mod omega_prm;
mod report;
mod soft;
mod speculate;
