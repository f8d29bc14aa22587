//! Draws made before the decision path asked for them.

use crate::ids::RolloutId;
use crate::key::StateKey;
use crate::request::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A draw by content: the state and the number. Early draws have no node: to make one would change the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct DrawKey {
    pub(crate) state: StateKey,
    pub(crate) number: u32,
}

/// A draw that may come to be wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prospect {
    pub(crate) chance: f64,
    pub(super) draw: DrawKey,
    pub(super) rollout: RolloutId,
    pub(super) cut: usize,
}

/// What became of one question's early draws. Each is out, back and waiting to be asked for, or taken over by a
/// decision. Nothing here enters a decision by itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct EarlyDraws {
    pub(crate) sent: u32,
    pub(crate) used: u32,
    pub(crate) cancelled: u32,
    out: BTreeMap<u32, Out>,
    known: BTreeMap<DrawKey, Known>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Out {
    /// Nobody has asked for it yet; `told` once its cancellation was handed out.
    Free { draw: DrawKey, told: bool },
    /// A decision waits for it under this sequence.
    Taken { sequence: u32 },
}

/// A draw that no decision has taken yet, and the digest of the ids its prefix went out as.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    prompt: u64,
    progress: Progress,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Progress {
    Out(u32),
    Back(Outcome),
}

/// How an early draw serves the decision that now asks for it.
pub(crate) enum Taken {
    /// Its outcome is here.
    Back(Outcome),
    /// It is on its way.
    Out,
}

/// What a response to an early draw means.
pub(crate) enum Received {
    /// The outcome belongs to the decided draw of this sequence.
    Decided(u32, Outcome),
    /// It is kept, or forgotten if it was cancelled.
    Kept,
}

impl EarlyDraws {
    /// Notes that a draw goes out, and gives its number.
    pub(crate) fn send(&mut self, draw: DrawKey, prompt: u64) -> u32 {
        let number = self.sent;
        self.sent += 1;
        self.out.insert(number, Out::Free { draw, told: false });
        self.known.insert(draw, Known { prompt, progress: Progress::Out(number) });
        number
    }

    /// Whether such a draw is out or back.
    pub(crate) fn has(&self, draw: DrawKey) -> bool {
        self.known.contains_key(&draw)
    }

    /// Its outcome, if it is back.
    pub(crate) fn outcome(&self, draw: DrawKey) -> Option<&Outcome> {
        match &self.known.get(&draw)?.progress {
            Progress::Back(outcome) => Some(outcome),
            Progress::Out(_) => None,
        }
    }

    /// Gives an early draw to the decision that asks for it under `sequence`. One whose prefix went out as other ids
    /// does not count: the engine would have continued something else.
    pub(crate) fn take(&mut self, draw: DrawKey, prompt: u64, sequence: u32) -> Option<Taken> {
        if self.known.get(&draw)?.prompt != prompt {
            return None;
        }
        self.used += 1;
        match self.known.remove(&draw)?.progress {
            Progress::Back(outcome) => Some(Taken::Back(outcome)),
            Progress::Out(number) => {
                self.out.insert(number, Out::Taken { sequence });
                Some(Taken::Out)
            }
        }
    }

    pub(crate) fn is_out(&self, number: u32) -> bool {
        self.out.contains_key(&number)
    }

    /// Takes what came of a draw that is out.
    pub(crate) fn receive(&mut self, number: u32, outcome: Outcome) -> Received {
        let cancelled = matches!(outcome, Outcome::Cancelled);
        self.cancelled += u32::from(cancelled);
        match self.out.remove(&number).expect("the early draw is out") {
            Out::Taken { sequence } => {
                self.used -= u32::from(cancelled);
                return Received::Decided(sequence, outcome);
            }
            Out::Free { draw, .. } if cancelled => {
                self.known.remove(&draw);
            }
            Out::Free { draw, .. } => {
                if let Some(known) = self.known.get_mut(&draw) {
                    known.progress = Progress::Back(outcome);
                }
            }
        }
        Received::Kept
    }

    /// The numbers of draws that are out, that `wanted` does not name, and whose cancellation was not asked for yet.
    pub(crate) fn give_up(&mut self, wanted: impl Fn(DrawKey) -> bool) -> Vec<u32> {
        let mut passed_by = Vec::new();
        for (&number, out) in &mut self.out {
            if let Out::Free { draw, told } = out {
                let useless = !wanted(*draw);
                if useless && !*told {
                    passed_by.push(number);
                }
                *told |= useless;
            }
        }
        passed_by
    }

    /// Notes that the cancellation of a draw was asked for.
    pub(crate) fn tell(&mut self, number: u32) {
        if let Some(Out::Free { told, .. }) = self.out.get_mut(&number) {
            *told = true;
        }
    }

    /// Whether the draw of this number is out, and no decision has asked for it.
    pub(crate) fn is_free(&self, number: u32) -> bool {
        matches!(self.out.get(&number), Some(Out::Free { .. }))
    }

    /// Whether any such draw is out.
    pub(crate) fn has_free(&self) -> bool {
        self.free().next().is_some()
    }

    /// Draws that are out and not asked for, by number.
    pub(crate) fn free(&self) -> impl Iterator<Item = u32> {
        self.out.iter().filter(|(_, out)| matches!(out, Out::Free { .. })).map(|(&number, _)| number)
    }

    /// Forgets outcomes that nobody asked for.
    pub(crate) fn forget_outcomes(&mut self) {
        self.known.retain(|_, known| matches!(known.progress, Progress::Out(_)));
    }
}
