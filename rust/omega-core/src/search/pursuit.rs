//! The search for the first error of one rollout, from its beginning to what is made of it.

use super::hunt::Hunt;
use super::omega_prm::{Rules, Search};
use super::task::Work;
use crate::ids::{NodeId, RolloutId};
use crate::label::{SearchOutcome, SearchRecord, Unlocated};
use crate::locate::{LocateKind, Next, Want};
use crate::request::Event;
use crate::tree::StepMark;
use crate::verdict::{Mark, Verdict};

/// What became of wanted draws.
enum Probe {
    /// So many were decided.
    Made(u32),
    /// They would exceed the rollout budget.
    TooDear,
}

impl Search {
    /// Begins the search of a rollout and takes it as far as it goes without a draw.
    pub(super) fn hunt_for(&mut self, rules: &Rules, id: RolloutId, events: &mut Vec<Event>) {
        let mut hunt = self.hunt_of(rules, id);
        hunt.search = u32::try_from(self.searches.len()).expect("searches fit the budgets");
        let rollout = &self.rollouts[id.index()];
        let right = rules.config.judging.mark(rollout.verdict) == Mark::Right;
        let nothing_to_find = self.nothing_to_find(rules, &hunt);
        self.searches.push(SearchRecord {
            index: hunt.search,
            node: rollout.node.0,
            rollout: id.0,
            probes: Vec::new(),
            outcome: SearchOutcome::NotLocated,
            reason: None,
            right_node: None,
            error_node: None,
            error_step: None,
            posterior: Vec::new(),
        });
        if right {
            self.mark_right(&hunt);
        }
        let task = self.begin(Work::Hunt(hunt));
        match nothing_to_find {
            Some(reason) => self.give_up(rules, task, reason),
            None => {
                self.believe(task);
                self.pursue(rules, task, events);
            }
        }
    }

    fn believe(&mut self, task: u32) {
        if let Some(mut beliefs) = self.beliefs.take() {
            beliefs.begin(task, self.hunt(task));
            self.beliefs = Some(beliefs);
        }
    }

    /// Goes on with a search for which no draw is under way, until it wants one or ends.
    pub(super) fn pursue(&mut self, rules: &Rules, task: u32, events: &mut Vec<Event>) {
        loop {
            if let Some(beliefs) = &mut self.beliefs {
                beliefs.catch_up(task);
            }
            let hunt = self.hunt(task);
            let estimates = hunt.estimates(&self.tree);
            let beliefs = self.beliefs.as_ref();
            let belief = beliefs.and_then(|one| one.belief(task, &rules.config, hunt, &self.tree));
            match rules.next(&estimates, belief) {
                Next::Draw(wants) => match self.probe(rules, task, &wants) {
                    Probe::Made(0) => self.settle(rules, task),
                    Probe::Made(_) => return,
                    Probe::TooDear => return self.give_up(rules, task, Unlocated::RolloutBudget),
                },
                Next::Located { step } => return self.conclude(rules, task, step, events),
                Next::Unknown => return self.give_up(rules, task, Unlocated::Unjudged),
                Next::Undecided => return self.give_up(rules, task, Unlocated::Undecided),
            }
        }
    }

    /// Why a rollout is not searched at all.
    pub(super) fn nothing_to_find(&self, rules: &Rules, hunt: &Hunt) -> Option<Unlocated> {
        let verdict = self.rollouts[hunt.rollout.index()].verdict;
        match rules.config.judging.mark(verdict) {
            _ if hunt.steps() == 0 => Some(Unlocated::Empty),
            Mark::Excluded => Some(Unlocated::Unjudged),
            Mark::Right if rules.config.locate != LocateKind::EveryStep => Some(Unlocated::FinalAnswerRight),
            _ => None,
        }
    }

    /// Decides the draws that are wanted, if all of them can be paid for.
    fn probe(&mut self, rules: &Rules, task: u32, wants: &[Want]) -> Probe {
        let hunt = self.hunt(task);
        let estimates = hunt.estimates(&self.tree);
        let more = |want: &Want| want.draws.saturating_sub(estimates[want.cut].drawn());
        let cost = wants.iter().map(more).sum();
        if !self.draws.affordable(&rules.config, cost) {
            let short = wants.iter().filter_map(|want| hunt.known(want.cut, &self.tree)).collect();
            self.short_of_rollouts = true;
            self.close_short(short);
            return Probe::TooDear;
        }
        for want in wants {
            let node = self.make_state(task, want.cut);
            let probes = &mut self.hunt_mut(task).probes;
            if !probes.contains(&node) {
                probes.push(node);
            }
            self.want(task, node, more(want));
        }
        Probe::Made(cost)
    }

    /// The state at a cut of a hunt, made if it is new.
    fn make_state(&mut self, task: u32, cut: usize) -> NodeId {
        let at = self.tasks.binary_search_by_key(&task, |one| one.number).expect("the task is under way");
        let hunt = self.tasks[at].hunt().expect("the task is a hunt");
        hunt.node_at(cut, &self.rollouts[hunt.rollout.index()], &mut self.tree, &self.arena)
    }

    /// Ends the hunt: `step` steps of the rollout are right, and the next one is its first error.
    fn conclude(&mut self, rules: &Rules, task: u32, step: usize, events: &mut Vec<Event>) {
        let hunt = self.hunt(task);
        let (steps, search, launched) = (hunt.steps(), hunt.search, self.tree.node(hunt.launched).depth);
        if self.rollouts[hunt.rollout.index()].verdict == Verdict::Correct {
            self.give_up(rules, task, Unlocated::FinalAnswerRight);
            return;
        }
        let right = self.make_state(task, step);
        // A posterior needs no success at the very prefix it takes for right, but one somewhere.
        let solved = |node: NodeId| self.tree.node(node).estimate.n_correct > 0;
        if !solved(right) && (self.beliefs.is_none() || !solved(NodeId::ROOT)) {
            self.give_up(rules, task, Unlocated::LaunchStateUnsolved);
            return;
        }
        if self.beliefs.is_none() {
            for node in self.tree.path(right) {
                self.tree.node_mut(node).mark = StepMark::BeforeRightPrefix;
            }
        }
        if step == steps {
            self.record_of(search).right_node = Some(right.0);
            self.give_up(rules, task, Unlocated::StoppedEarly);
            return;
        }
        let wrong = self.make_state(task, step + 1);
        let is_last = step + 1 == steps;
        let node = self.tree.node_mut(wrong);
        if is_last && node.estimate.drawn() == 0 && self.beliefs.is_none() {
            node.mark = StepMark::WrongFinalAnswer;
        }
        let position = launched + u32::try_from(step).expect("a text has fewer than 2^32 steps");
        let record = self.record_of(search);
        record.outcome = SearchOutcome::Located;
        record.right_node = Some(right.0);
        record.error_node = Some(wrong.0);
        record.error_step = Some(position);
        self.draws.counts.located += 1;
        events.push(Event::ErrorLocated { question: self.id, search });
        self.end_hunt(rules, task);
    }

    pub(super) fn give_up(&mut self, rules: &Rules, task: u32, reason: Unlocated) {
        let search = self.hunt(task).search;
        self.record_of(search).reason = Some(reason);
        self.end_hunt(rules, task);
    }

    fn end_hunt(&mut self, rules: &Rules, task: u32) {
        let Work::Hunt(hunt) = self.end(task).work else { unreachable!("the task is a hunt") };
        self.draws.counts.searches += 1;
        self.learn_from(rules, task, &hunt);
        self.record_of(hunt.search).probes = hunt.probes.iter().map(|node| node.0).collect();
        if self.finish.is_none() {
            self.draw_for_soft_labels(rules, &hunt);
        }
    }

    pub(super) fn record_of(&mut self, search: u32) -> &mut SearchRecord {
        &mut self.searches[search as usize]
    }
}
