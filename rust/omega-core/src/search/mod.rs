//! The state machines that search one question.

mod belief;
pub(crate) mod draws;
pub(crate) mod early;
mod harvest;
mod hunt;
mod leaves;
pub(crate) mod omega_prm;
mod pursuit;
mod rehearsal;
mod report;
mod soft;
mod speculate;
mod supplied;
mod suppose;
mod task;
