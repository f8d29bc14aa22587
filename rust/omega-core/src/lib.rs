//! The search core of `omega_fast`: which continuations to sample, and which step of a solution is wrong.
//!
//! It is a sans-IO state machine. A driver polls [`Scheduler`] for requests, has them answered by whatever engine it
//! likes, and hands the responses back:
//!
//! ```
//! use omega_core::{Config, Outcome, QuestionSpec, Response, RolloutText, Scheduler, Split, Verdict};
//!
//! let split = Split::Separator { separator: "\n".into() };
//! let mut scheduler = Scheduler::new(Config { num_rollouts: 8, max_search_count: 1, split, ..Config::default() })?;
//! let question = scheduler.add_question(QuestionSpec { id: "1+1".into(), ..QuestionSpec::default() })?;
//! while !scheduler.is_done() {
//!     let responses = scheduler.poll_requests(8).into_iter().map(|request| {
//!         // An engine would continue `request.prefix` with `request.seed`.
//!         let right = request.at_root && request.draw % 2 == 0;
//!         let rollout = RolloutText {
//!             text: if right { "1+1=2\n2".into() } else { "1+1=3\n3".into() },
//!             tokens: vec![],
//!             token_ends: vec![],
//!             n_tokens: 6,
//!             verdict: if right { Verdict::Correct } else { Verdict::Wrong },
//!             answer: None,
//!         };
//!         Response { id: request.id, outcome: Outcome::Rollout(rollout) }
//!     });
//!     let responses = responses.collect();
//!     scheduler.handle_responses(responses)?;
//! }
//! let artifacts = scheduler.retire(question)?;
//! assert_eq!(artifacts.counts.located, 1);
//! # Ok::<(), omega_core::Error>(())
//! ```

mod config;
mod epochs;
mod error;
mod ids;
mod key;
mod label;
mod locate;
pub mod mcts;
mod pool;
mod request;
mod rollout;
mod scheduler;
mod score;
mod search;
mod speculation;
mod split;
mod stats;
mod text;
mod thought;
mod tree;
mod turns;
mod verdict;

pub use config::{Config, RightLeaves, Supplied};
pub use epochs::learnt_from;
pub use error::Error;
pub use ids::{NodeId, QuestionId, RequestId, RolloutId};
pub use key::StateKey;
pub use label::{
    Counts, Finish, HardRule, RolloutRecord, SearchArtifacts, SearchOutcome, SearchRecord, SoftDraws,
    StateLabel, Tally, Unlocated,
};
pub use locate::{Locate, LocateKind, Next, View, Want, bayes};
pub use pool::CandidatePool;
pub use request::{
    DrawName, Event, Outcome, QuestionSpec, Request, Response, Role, RolloutText, SuppliedSolution,
};
pub use scheduler::Scheduler;
pub use score::{LengthUnit, OmegaScore};
pub use speculation::Speculation;
pub use split::{Split, Splitter};
pub use stats::{Estimate, StoppingRule, Value};
pub use thought::{Thought, ThoughtSplit};
pub use turns::Turns;
pub use verdict::{Judging, Unanswered, Verdict};
