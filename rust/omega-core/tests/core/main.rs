//! The core against scripts: every response is written by the test.

mod faults;
mod labels;
mod leaves;
mod pool;
mod prefix_tokens;
mod protocol;
mod seeds;
mod snapshot;
mod speculative;
mod splitting;
mod stopping;
mod supplied;
mod support;
mod verdicts;
