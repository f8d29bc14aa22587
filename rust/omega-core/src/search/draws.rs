//! The draws of one question: decided, paid for, in flight, and committed in the order they were asked for.

use crate::config::Config;
use crate::ids::NodeId;
use crate::label::Counts;
use crate::request::{Outcome, RolloutText};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A continuation wanted from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draw {
    pub(crate) node: NodeId,
    pub(crate) number: u32,
    /// The task it was decided for.
    pub(crate) task: u32,
}

/// Keeps the budgets and the order. A response that comes early waits for its turn, so what is committed when does
/// not depend on timing. Every budget is charged before a draw goes out, so none is ever exceeded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Draws {
    pub(crate) counts: Counts,
    next_sequence: u32,
    decided: VecDeque<Draw>,
    in_flight: VecDeque<InFlight>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct InFlight {
    sequence: u32,
    draw: Draw,
    progress: Progress,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Progress {
    /// Ready to be polled.
    Ready,
    /// Polled.
    Out,
    /// A speculative request stands for it.
    Early,
    /// Answered, and waiting for its turn.
    Back(Outcome),
}

impl Draws {
    /// Whether `more` draws fit the rollout budget, beside all that were decided before.
    pub(crate) fn affordable(&self, config: &Config, more: u32) -> bool {
        self.counts.rollouts + more <= config.rollout_budget
    }

    /// Whether `more` draws beyond all that were decided fit both budgets, as far as that can be told now.
    pub(crate) fn could_send(&self, config: &Config, more: u32) -> bool {
        let longest = (self.in_flight.len() as u64 + u64::from(more)) * u64::from(config.max_new_tokens);
        self.affordable(config, more)
            && config.token_budget.is_none_or(|most| self.counts.tokens + longest <= most)
    }

    /// Charges the rollout budget; the caller asked `affordable` before.
    pub(crate) fn decide(&mut self, draw: Draw) {
        self.counts.rollouts += 1;
        self.decided.push_back(draw);
    }

    /// The next decided draw that the token budget lets out, setting aside its longest possible length.
    pub(crate) fn launch(&mut self, config: &Config) -> Option<u32> {
        if let Some(budget) = config.token_budget {
            let reserved = self.in_flight.len() as u64 * u64::from(config.max_new_tokens);
            if self.counts.tokens + reserved + u64::from(config.max_new_tokens) > budget {
                return None;
            }
        }
        let draw = self.decided.pop_front()?;
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.in_flight.push_back(InFlight { sequence, draw, progress: Progress::Ready });
        Some(sequence)
    }

    /// The draw behind a launched request, which is now out.
    pub(crate) fn send(&mut self, sequence: u32) -> Option<Draw> {
        let pending = self.find(sequence)?;
        pending.progress = Progress::Out;
        Some(pending.draw)
    }

    pub(crate) fn is_out(&self, sequence: u32) -> bool {
        let found = self.in_flight.binary_search_by_key(&sequence, |pending| pending.sequence);
        found.is_ok_and(|at| matches!(self.in_flight[at].progress, Progress::Out))
    }

    /// Hands a launched draw to an early request that stands for it.
    pub(crate) fn await_early(&mut self, sequence: u32) {
        self.find(sequence).expect("the draw was launched").progress = Progress::Early;
    }

    /// Makes a draw ready whose early request was cancelled.
    pub(crate) fn make_ready(&mut self, sequence: u32) {
        self.find(sequence).expect("the draw was launched").progress = Progress::Ready;
    }

    /// The draw launched under `sequence`.
    pub(crate) fn launched(&self, sequence: u32) -> Draw {
        let found = self.in_flight.binary_search_by_key(&sequence, |pending| pending.sequence);
        self.in_flight[found.expect("the draw was launched")].draw
    }

    /// Draws decided and not committed, in order, each with its outcome if that is here.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (Draw, Option<&Outcome>)> {
        let launched = self.in_flight.iter().map(|pending| match &pending.progress {
            Progress::Back(outcome) => (pending.draw, Some(outcome)),
            _ => (pending.draw, None),
        });
        launched.chain(self.decided.iter().map(|&draw| (draw, None)))
    }

    /// Whether a token budget holds draws back.
    pub(crate) fn held_back(&self) -> bool {
        !self.decided.is_empty()
    }

    /// Whether the next draw to be committed is here.
    pub(crate) fn can_commit(&self) -> bool {
        self.in_flight.front().is_some_and(|first| matches!(first.progress, Progress::Back(_)))
    }

    /// Keeps an outcome until its turn comes; the caller knows that it is out.
    pub(crate) fn receive(&mut self, sequence: u32, outcome: Outcome) {
        let pending = self.find(sequence).expect("the request is out");
        pending.progress = Progress::Back(outcome);
    }

    /// The next outcome whose turn has come; `None` inside means that the draw was lost.
    pub(crate) fn commit(&mut self) -> Option<(Draw, Option<RolloutText>)> {
        if !self.can_commit() {
            return None;
        }
        let InFlight { draw, progress, .. } = self.in_flight.pop_front()?;
        match progress {
            Progress::Back(Outcome::Rollout(text)) => {
                self.counts.tokens += u64::from(text.n_tokens);
                Some((draw, Some(text)))
            }
            _ => Some((draw, None)),
        }
    }

    pub(crate) fn all_committed(&self) -> bool {
        self.in_flight.is_empty() && self.decided.is_empty()
    }

    pub(crate) fn nothing_in_flight(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Gives back what was decided and never went out.
    pub(crate) fn abandon_decided(&mut self) {
        let decided = u32::try_from(self.decided.len()).expect("decided draws fit the rollout budget");
        self.counts.rollouts -= decided;
        self.decided.clear();
    }

    /// Gives back everything that is not committed, and says how many requests of it were out.
    pub(crate) fn drop_uncommitted(&mut self) -> usize {
        let out = self.in_flight.iter().filter(|pending| matches!(pending.progress, Progress::Out)).count();
        self.decided.extend(self.in_flight.drain(..).map(|pending| pending.draw));
        self.abandon_decided();
        out
    }

    fn find(&mut self, sequence: u32) -> Option<&mut InFlight> {
        let found = self.in_flight.binary_search_by_key(&sequence, |pending| pending.sequence);
        found.ok().map(|at| &mut self.in_flight[at])
    }
}
