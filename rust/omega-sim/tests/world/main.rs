//! The core against the simulated world.

mod account;
mod baseline;
mod budgets;
mod planted;
mod policy;
mod posterior;
mod resume;
mod searches_at_once;
mod soft;
mod speculation;
mod support;
mod timing;
mod tokens;
