//! The generic tree search: against recorded trees, enumerated games, and every order in which answers can come.

mod games;
mod golden;
mod properties;
mod protocol;
mod reuse;
mod rules;
mod support;
mod widening;
