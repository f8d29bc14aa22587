//! A question that waits for learnt rates goes on in rehearsal, from the rates that are known so far.
//!
//! What the rehearsal asks for is drawn early: most of it is what the question itself will ask for. Nothing else of it
//! is kept, so no decision rests on rates that were not the question's own.

use super::early::{DrawKey, Prospect};
use super::omega_prm::{Rules, Search};
use crate::ids::RequestId;
use crate::locate::bayes::Weights;
use crate::request::{Outcome, Request};

/// How likely a draw that a rehearsal decides on in its first search is to be asked for in earnest, what every further
/// search leaves of that, and how likely draws are that it only foresees.
const REHEARSED: f64 = 0.85;
const FURTHER: f64 = 0.97;
const FORESEEN: f64 = 0.65;

/// A copy of the search that was told other rates. Its early draws are those of the search itself, under the same
/// numbers, so that it gets every outcome; what it decides on is early for the search.
#[derive(Clone, Debug)]
pub(super) struct Rehearsal {
    search: Box<Search>,
    /// Draws it decided on that are not out.
    ready: Vec<RequestId>,
}

impl Search {
    /// Begins a rehearsal from these rates, where nothing but the question's own is missing.
    pub(crate) fn rehearse(&mut self, rates: &Weights, rules: &Rules) {
        if self.rehearsal.is_some() || !self.draws.all_committed() {
            return;
        }
        let mut search = Box::new(self.clone());
        search.start_from(0, rates.clone());
        self.rehearsal = Some(Rehearsal { search, ready: Vec::new() });
        self.look_again();
        self.go_on_rehearsing(rules);
    }

    pub(super) fn go_on_rehearsing(&mut self, rules: &Rules) {
        if let Some(Rehearsal { search, ready }) = &mut self.rehearsal {
            search.advance(rules, ready, &mut Vec::new());
        }
    }
}

impl Rehearsal {
    /// What it wants, and what it may want next.
    pub(super) fn prospects(&mut self, rules: &Rules) -> Vec<Prospect> {
        let mut found: Vec<Prospect> =
            self.ready.iter().filter_map(|&id| self.search.as_prospect(id)).collect();
        found.retain(|one| !self.search.early.has(one.draw));
        let decided = found.len();
        found.extend(self.search.prospects(rules).iter().copied());
        for one in &mut found[decided..] {
            one.chance *= FORESEEN;
        }
        let searches = i32::try_from(self.search.searches.len()).unwrap_or(i32::MAX);
        for one in &mut found {
            one.chance *= REHEARSED * FURTHER.powi(searches);
        }
        found
    }

    pub(super) fn send(&mut self, prospect: Prospect, rules: &Rules) -> Request {
        let request = self.search.send_early(prospect, rules);
        let search = &mut self.search;
        let decided = |id: &RequestId| search.decided_key(*id) == prospect.draw;
        if let Some(at) = self.ready.iter().position(decided)
            && search.take_early(self.ready[at].sequence)
        {
            self.ready.swap_remove(at);
        }
        request
    }

    pub(super) fn receive(&mut self, number: u32, outcome: Outcome) {
        self.search.look_again();
        self.search.receive_early(number, outcome, &mut self.ready);
    }

    pub(super) fn passed_by(&mut self, rules: &Rules) -> Vec<RequestId> {
        self.search.passed_by(rules)
    }
}

impl Search {
    fn decided_key(&self, id: RequestId) -> DrawKey {
        self.key_of(self.draws.launched(id.sequence))
    }

    /// A draw that a search decided on, as one that may come to be wanted.
    fn as_prospect(&self, id: RequestId) -> Option<Prospect> {
        let draw = self.draws.launched(id.sequence);
        let at_hand = self.hunts().find_map(|hunt| {
            let cut = (0..=hunt.steps()).find(|&cut| hunt.known(cut, &self.tree) == Some(draw.node))?;
            Some((hunt.rollout, cut))
        });
        let through = || self.beliefs.as_ref()?.through.get(&draw.node).copied();
        let (rollout, cut) = at_hand.or_else(through)?;
        Some(Prospect { chance: 1.0, draw: self.key_of(draw), rollout, cut })
    }
}
