//! One tree: selections made, requests out, answers committed in order.

use super::arena::{Arena, CLOSED, NONE, Node, STEP, flag};
use super::backup::back_up;
use super::children;
use super::descent::Landing;
use super::request::{Answer, Evaluation, Held, Request, Steps, Wanted};
use super::rules::Rules;
use super::{Config, hardware};
use crate::error::Error;
use crate::ids::{NodeId, QuestionId, RequestId};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// The search of one tree; see [the module](super) for the contract.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) rules: Arc<Rules>,
    pub(super) arena: Arena,
    pub(super) root: u32,
    /// Visits of the root, those in flight and proposals asked for included.
    pub(super) root_visits: u32,
    question: QuestionId,
    /// Requests not committed, oldest first.
    pub(super) pending: VecDeque<Pending>,
    /// Sequence number of the oldest.
    pub(super) oldest: u32,
    /// Sequence number of the next to hand out.
    next_out: u32,
    /// Requests that still matter, handed out or not.
    pub(super) alive: u32,
    /// Those of them that ask for proposals.
    proposals: u32,
    cancels: Vec<u32>,
    /// Cancelled by the search and not heard of since.
    forgotten: BTreeSet<u32>,
    /// Whether the root is lost or leads nowhere.
    dead: bool,
    /// Whether an answer was committed after which no selection was made yet.
    pub(super) unfilled: bool,
}

/// A request whose turn to be committed has not come.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) node: u32,
    pub(super) wanted: Wanted,
    pub(super) state: State,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Waiting,
    Answered(Box<Held>),
    /// No longer part of the tree.
    Dropped,
}

impl Tree {
    /// A tree with its root to be evaluated. Fails on a configuration that cannot work.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self::with(Arc::new(Rules::new(config)?), QuestionId(0)))
    }

    pub(super) fn with(rules: Arc<Rules>, question: QuestionId) -> Self {
        let mut tree = Self {
            rules,
            arena: Arena::default(),
            root: NONE,
            root_visits: 0,
            question,
            pending: VecDeque::new(),
            oldest: 0,
            next_out: 0,
            alive: 0,
            proposals: 0,
            cancels: Vec::new(),
            forgotten: BTreeSet::new(),
            dead: false,
            unfilled: false,
        };
        tree.fill();
        tree
    }

    /// Makes room for so many nodes with so many children each. Changes no decision.
    pub fn reserve(&mut self, nodes: usize, children: usize) {
        self.arena.reserve(nodes, children);
    }

    /// Forgets everything but the configuration, and keeps the memory. Answers to old requests are refused.
    pub fn restart(&mut self) {
        self.oldest = self.oldest.wrapping_add(u32::try_from(self.pending.len()).expect("few are in flight"));
        self.next_out = self.oldest;
        self.arena.clear();
        self.pending.clear();
        self.cancels.clear();
        self.forgotten.clear();
        (self.root, self.root_visits, self.alive, self.proposals) = (NONE, 0, 0, 0);
        (self.dead, self.unfilled) = (false, false);
        self.fill();
    }

    /// The oldest request not handed out yet.
    pub fn poll_request(&mut self) -> Option<Request> {
        loop {
            let pending = self.pending.get(self.next_out.wrapping_sub(self.oldest) as usize)?;
            let sequence = self.next_out;
            self.next_out = self.next_out.wrapping_add(1);
            if !matches!(pending.state, State::Dropped) {
                let id = RequestId::decided(self.question, sequence);
                let node = &self.arena.nodes[pending.node as usize];
                let from = (node.parent != NONE).then_some((NodeId(node.parent), node.step));
                return Some(Request { id, wanted: pending.wanted, node: NodeId(pending.node), from });
            }
        }
    }

    /// Requests handed out that can no longer matter. Answers to them are taken and ignored.
    pub fn poll_cancels(&mut self) -> Vec<RequestId> {
        let question = self.question;
        self.cancels.drain(..).map(|sequence| RequestId::decided(question, sequence)).collect()
    }

    /// Takes an answer; commits it, and those that waited for it, and selects what is wanted next.
    ///
    /// Fails, changing nothing, on a request that is not in flight and on an answer that does not fit it.
    pub fn handle(&mut self, id: RequestId, answer: Answer<'_>) -> Result<(), Error> {
        self.receive(id, answer)?;
        self.settle();
        Ok(())
    }

    /// Requests that are handed out, not answered, and still matter.
    pub fn in_flight(&self) -> usize {
        let out = self.next_out.wrapping_sub(self.oldest) as usize;
        self.pending.iter().take(out).filter(|each| matches!(each.state, State::Waiting)).count()
    }

    /// Whether every simulation is made, or none can be.
    pub fn is_done(&self) -> bool {
        self.alive == 0 && (self.dead || self.visits() >= self.rules.config.simulations)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.rules.config
    }

    /// Visits of the root, those in flight included.
    pub(super) fn visits(&self) -> u32 {
        self.root_visits - self.proposals
    }

    /// Takes an answer and commits it if it is its turn. Selects nothing afterwards: [`Self::settle`] does.
    pub(super) fn receive(&mut self, id: RequestId, answer: Answer<'_>) -> Result<(), Error> {
        if self.unfilled {
            self.settle();
        }
        let at = id.sequence.wrapping_sub(self.oldest) as usize;
        let is_out = at < self.next_out.wrapping_sub(self.oldest) as usize;
        let (wanted, node) = match self.pending.get(at) {
            Some(Pending { state: State::Waiting, wanted, node }) if is_out => (*wanted, *node),
            _ if self.forgotten.remove(&id.sequence) => return Ok(()),
            _ => return Err(Error::NotInFlight(id)),
        };
        // Nothing else adds children to a node whose proposals are in flight, nor to one being evaluated.
        let have = usize::from(self.arena.nodes[node as usize].children);
        check(&self.rules.config, wanted, answer, have)
            .map_err(|problem| Error::Malformed { id, problem: problem.into() })?;
        if at > 0 {
            self.pending[at].state = State::Answered(Box::new(Held::keep(answer)));
            return Ok(());
        }
        let first = self.pending.pop_front().expect("it was just found");
        self.commit(&first, answer);
        Ok(())
    }

    /// Selects after what was committed, and commits what waited for it.
    pub(super) fn settle(&mut self) {
        loop {
            if self.unfilled {
                self.fill();
            }
            match self.pending.front().map(|first| &first.state) {
                Some(State::Dropped) => {
                    self.pending.pop_front();
                    self.passed();
                }
                Some(State::Answered(_)) => {
                    let first = self.pending.pop_front().expect("it was just seen");
                    let State::Answered(held) = &first.state else { unreachable!("it was just seen") };
                    self.commit(&first, held.answer());
                }
                Some(State::Waiting) | None => return,
            }
        }
    }

    fn passed(&mut self) {
        if self.next_out == self.oldest {
            self.next_out = self.next_out.wrapping_add(1);
        }
        self.oldest = self.oldest.wrapping_add(1);
    }

    fn commit(&mut self, request: &Pending, answer: Answer<'_>) {
        self.passed();
        self.alive -= 1;
        self.unfilled = true;
        let node = request.node;
        match answer {
            Answer::Evaluated(evaluation) => self.expand(node, evaluation),
            Answer::Proposed(steps) => self.widen(node, steps),
            Answer::Lost | Answer::Cancelled => {
                let lost = matches!(answer, Answer::Lost);
                match request.wanted {
                    Wanted::Evaluation => self.take_back(node, lost),
                    Wanted::Proposals if lost => self.widen(node, Steps::default()),
                    Wanted::Proposals => self.end_proposal(node),
                }
            }
        }
    }

    fn expand(&mut self, id: u32, evaluation: Evaluation<'_>) {
        let config = &self.rules.config;
        let value = leaf_value(config, evaluation.values);
        if let Some(verdict) =
            evaluation.verdict.filter(|_| matches!(config.backup, super::Backup::Fused { .. }))
        {
            let len = self.arena.nodes.len();
            self.arena.verdicts.resize(len, 0.0);
            self.arena.verdicts[id as usize] = verdict;
        }
        let node = &mut self.arena.nodes[id as usize];
        node.flags &= !flag::PENDING;
        node.groups = value.to_bits();
        if evaluation.terminal {
            node.flags |= flag::TERMINAL;
        } else if !node.is(flag::DEEPEST) {
            children::add(&mut self.arena, config, id, evaluation.steps);
        }
        back_up(&mut self.arena, config.backup, config.discount, id, value);
    }

    fn widen(&mut self, node: u32, steps: Steps<'_>) {
        self.end_proposal(node);
        if children::add(&mut self.arena, &self.rules.config, node, steps) == 0 {
            self.arena.nodes[node as usize].flags |= flag::EXHAUSTED;
        }
    }

    fn end_proposal(&mut self, node: u32) {
        self.proposals -= 1;
        self.arena.nodes[node as usize].flags &= !flag::WIDENING;
        self.unvisit(node);
    }

    /// Undoes the selection of a leaf.
    fn take_back(&mut self, id: u32, lost: bool) {
        self.unvisit(id);
        let (parent, slot, step) = {
            let node = &self.arena.nodes[id as usize];
            (node.parent, node.slot, node.step)
        };
        if parent == NONE {
            self.dead = lost;
            self.root = NONE;
        } else {
            let (group, lane) = self.arena.lane(parent, slot);
            group.child[lane] = step | STEP;
            if lost {
                group.q[lane] = CLOSED;
            }
        }
        self.arena.free_node(id);
    }

    /// Takes a visit in flight back from a node and everything above it.
    fn unvisit(&mut self, node: u32) {
        let mut at = node;
        loop {
            let Node { parent, slot, .. } = self.arena.nodes[at as usize];
            if parent == NONE {
                break;
            }
            let (group, lane) = self.arena.lane(parent, slot);
            group.n[lane] -= 1;
            at = parent;
        }
        self.root_visits -= 1;
    }

    /// Whether another selection may be made.
    pub(super) fn has_room(&self) -> bool {
        let config = &self.rules.config;
        self.alive < config.in_flight && !self.dead && self.visits() < config.simulations
    }

    /// Selects until enough is in flight.
    pub(super) fn fill(&mut self) {
        self.unfilled = false;
        while self.has_room() {
            let landing = self.descend();
            if !self.land(landing) {
                return;
            }
        }
    }

    /// Does what the end of a descent asks for; says whether another descent may follow.
    pub(super) fn land(&mut self, landing: Landing) -> bool {
        match landing {
            Landing::Leaf(node) => self.ask(node, Wanted::Evaluation),
            Landing::Widen(node) => {
                self.arena.nodes[node as usize].flags |= flag::WIDENING;
                self.proposals += 1;
                self.ask(node, Wanted::Proposals);
            }
            Landing::Absorbed(node) if node == self.root => {
                self.unvisit(node);
                self.dead = true;
                return false;
            }
            Landing::Absorbed(node) => {
                let config = &self.rules.config;
                let value = self.absorbed(node);
                back_up(&mut self.arena, config.backup, config.discount, node, value);
            }
            Landing::Blocked(node) => {
                self.unvisit(node);
                return false;
            }
        }
        true
    }

    fn ask(&mut self, node: u32, wanted: Wanted) {
        self.alive += 1;
        self.pending.push_back(Pending { node, wanted, state: State::Waiting });
    }

    /// Drops a request whose node leaves the tree.
    pub(super) fn drop_pending(&mut self, at: usize) {
        let sequence = self.oldest.wrapping_add(u32::try_from(at).expect("few are in flight"));
        let pending = &mut self.pending[at];
        let is_out = at < self.next_out.wrapping_sub(self.oldest) as usize;
        if is_out && matches!(pending.state, State::Waiting) {
            self.cancels.push(sequence);
            self.forgotten.insert(sequence);
        }
        pending.state = State::Dropped;
        self.alive -= 1;
        if pending.wanted == Wanted::Proposals {
            self.proposals -= 1;
        }
    }

    /// Lets a tree whose root changed go on.
    pub(super) fn revive(&mut self) {
        self.dead = false;
        self.unfilled = true;
        self.settle();
    }

    /// Whether a request was cancelled by the search and its driver need not hear of it, because it never saw it.
    pub(super) fn forget(&mut self, sequence: u32) -> bool {
        self.cancels.retain(|&cancelled| cancelled != sequence);
        self.forgotten.remove(&sequence)
    }

    /// Starts to fetch what the commit of the oldest request will touch first.
    pub(super) fn prefetch_oldest(&self) -> Option<u32> {
        let node = self.pending.front()?.node;
        hardware::prefetch(&self.arena.nodes, node as usize, 1);
        hardware::prefetch(&self.arena.nodes, self.arena.nodes.len(), 1);
        hardware::prefetch(&self.arena.groups, self.arena.groups.len(), 8);
        Some(node)
    }
}

fn leaf_value(config: &Config, values: &[f32]) -> f32 {
    if let [value] = values {
        return *value;
    }
    let known = || config.values.iter().zip(values).filter(|(_, value)| !value.is_nan());
    let weight: f64 = known().map(|(role, _)| f64::from(role.weight)).sum();
    let sum: f64 = known().map(|(role, &value)| f64::from(role.weight) * f64::from(value)).sum();
    #[expect(clippy::cast_possible_truncation, reason = "a leaf's value is an f32")]
    {
        (sum / weight) as f32
    }
}

/// What an answer must be to be taken.
fn check(config: &Config, wanted: Wanted, answer: Answer<'_>, have: usize) -> Result<(), &'static str> {
    let steps = match (wanted, answer) {
        (_, Answer::Lost | Answer::Cancelled) => return Ok(()),
        (Wanted::Evaluation, Answer::Evaluated(evaluation)) => {
            check_evaluation(config, evaluation)?;
            evaluation.steps
        }
        (Wanted::Proposals, Answer::Proposed(steps)) => steps,
        (Wanted::Evaluation, Answer::Proposed(_)) => {
            return Err("an evaluation was asked for, not more steps");
        }
        (Wanted::Proposals, Answer::Evaluated(_)) => {
            return Err("more steps were asked for, not an evaluation");
        }
    };
    let (ids, priors) = (steps.ids, steps.priors);
    if !ids.is_empty() && !priors.is_empty() && ids.len() != priors.len() {
        return Err("as many priors as step ids are needed");
    }
    if have + steps.len() > MOST_CHILDREN {
        return Err("a node has at most 32768 steps");
    }
    // Folds, not `all`: a loop without a way out becomes vector code.
    if ids.iter().fold(0, |every, id| every | id) >= STEP {
        return Err("step ids must be below 2^31");
    }
    if !priors.iter().fold(true, |ok, prior| ok & (0.0..=f32::MAX).contains(prior)) {
        return Err("priors must be finite and at least 0");
    }
    Ok(())
}

const MOST_CHILDREN: usize = 1 << 15;

fn check_evaluation(config: &Config, evaluation: Evaluation<'_>) -> Result<(), &'static str> {
    let Evaluation { values, verdict, .. } = evaluation;
    if values.len() != config.values.len() {
        return Err("one value a role is needed");
    }
    if values.iter().all(|value| value.is_nan()) {
        return Err("at least one value must be a number; an evaluation without any is lost");
    }
    if values.iter().any(|value| value.is_infinite()) {
        return Err("values must be finite");
    }
    if matches!(config.backup, super::Backup::Fused { .. }) && verdict.is_none() {
        return Err("the fused back-up needs a verdict on the step");
    }
    if verdict.is_some_and(|verdict| !verdict.is_finite()) {
        return Err("a verdict must be finite");
    }
    Ok(())
}
