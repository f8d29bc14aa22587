//! Monte Carlo tree search over steps, for one tree or many: UCT and PUCT with priors, as a sans-IO state machine.
//!
//! A search maximises: one agent writes a solution, and values are its prospects. What a node stands for, the driver
//! knows; here it is a number, and a step is a number the driver gave it.
//!
//! ```text
//! poll_requests() -> [Request]      the value of a new leaf, or more steps for a node
//! handle_responses([Answer])        what came of it; any order, any subset
//! poll_cancels() -> [RequestId]     what no longer matters after `advance`
//! tree(id).children(node) ...       getters
//! ```
//!
//! **The contract.** Within a tree, answers are committed in the order of their requests; one that comes early waits.
//! After each commit, and at no other time, the tree selects until `in_flight` requests are out. So a tree is a function
//! of its configuration and of what the answers to its requests say: arrival order, batches and other trees change
//! nothing. `in_flight` is part of the configuration, because a selection made while values are missing is another
//! selection. A choice that leads to a leaf in flight is undone, and made again after the next commit.
//!
//! **Visits in flight** count in N of every node on their way, not in Q, until the value comes; a lost or cancelled
//! request takes them back and is counted nowhere. When nothing is in flight, a node has one value of its own and those
//! of its children, and those of visits that ended at it because nothing follows.
//!
//! **Numbers.** Sums are f64; Q, P and scores are f32, 16 bytes a child. Ties go to the lower slot, which is the order in
//! which steps were given, or of their priors where a node widens.
//!
//! ```
//! use omega_core::mcts::{Answer, By, Config, Evaluation, Steps, Tree};
//!
//! // Steps are bits; a solution is four of them, and worth its number of ones.
//! let mut tree = Tree::new(Config { simulations: 200, ..Config::default() })?;
//! while let Some(request) = tree.poll_request() {
//!     let bits = tree.path(request.node);
//!     let value = bits.iter().sum::<u32>() as f32 / 4.0;
//!     let steps = Steps { ids: &[0, 1], priors: &[0.5, 0.5] };
//!     let evaluation = Evaluation { values: &[value], verdict: None, steps, terminal: bits.len() == 4 };
//!     tree.handle(request.id, Answer::Evaluated(evaluation))?;
//! }
//! assert_eq!(tree.best_line(By::Visits), [1, 1, 1, 1]);
//! # Ok::<(), omega_core::Error>(())
//! ```

mod arena;
mod backup;
mod children;
mod columns;
mod config;
mod descent;
mod forest;
mod hardware;
mod pick;
mod report;
mod request;
mod reuse;
mod rules;
mod tree;

pub use backup::fuse;
pub use columns::Answers;
pub use config::{Backup, Config, Fpu, Fusion, Select, ValueRole, Widening};
pub use forest::Forest;
pub use report::{By, Child};
pub use request::{Answer, Evaluation, Request, Steps, Wanted};
pub use tree::Tree;
