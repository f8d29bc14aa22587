//! `OmegaPRM` (arXiv 2406.06592) on one question: estimate the root, then select a wrong rollout, locate its first
//! error, keep the new states, and again; or locate the errors of supplied solutions by the same means.

use super::belief::Beliefs;
use super::draws::{Draw, Draws};
use super::early::{EarlyDraws, Prospect};
use super::harvest::Harvest;
use super::hunt::Hunt;
use super::rehearsal::Rehearsal;
use super::soft::{self, SoftWave};
use crate::config::{Config, Supplied};
use crate::error::Error;
use crate::ids::{NodeId, QuestionId, RequestId, RolloutId};
use crate::key::{KeyBuilder, draw_seed, question_key};
use crate::label::{Finish, SearchOutcome, SearchRecord, Unlocated};
use crate::locate::bayes::{Belief, Likelihood, Weights};
use crate::locate::sequential::says_right;
use crate::locate::{LocateKind, Next, View, Want};
use crate::pool::CandidatePool;
use crate::request::{DrawName, Event, Outcome, QuestionSpec, Request, Role, RolloutText};
use crate::rollout::{Origin, Rollout};
use crate::split::Splitter;
use crate::stats::{Estimate, StoppingRule};
use crate::text::Arena;
use crate::tree::{Node, StepMark, Tree};
use crate::verdict::{Mark, Verdict};
use serde::{Deserialize, Serialize};

/// What every search of a run shares.
pub(crate) struct Rules {
    pub(crate) config: Config,
    pub(crate) splitter: Splitter,
}

impl Rules {
    /// What the strategy makes of the estimates along a rollout, made or supposed, and of a posterior if there is one.
    pub(super) fn next(&self, estimates: &[Estimate], belief: Option<Belief<'_>>) -> Next {
        let view = View { estimates, k: self.config.num_rollouts, belief };
        self.config.locate.strategy().next(&view)
    }

    /// How an outcome counts.
    pub(super) fn mark_of(&self, outcome: &Outcome) -> Mark {
        match outcome {
            Outcome::Rollout(rollout) => self.config.judging.mark(rollout.verdict),
            Outcome::Lost | Outcome::Cancelled => Mark::Excluded,
        }
    }
}

/// The search of one question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Search {
    pub(super) id: QuestionId,
    pub(super) key: u64,
    pub(super) arena: Arena,
    pub(super) tree: Tree,
    pub(super) rollouts: Vec<Rollout>,
    pub(super) searches: Vec<SearchRecord>,
    pub(super) draws: Draws,
    pub(super) early: EarlyDraws,
    pub(super) finish: Option<Finish>,
    pub(super) beliefs: Option<Beliefs>,
    /// The rates its posteriors start from are not learnt yet: only the root can be drawn from.
    pub(super) awaits_rates: bool,
    #[serde(skip)]
    pub(super) rehearsal: Option<Rehearsal>,
    pub(super) pool: CandidatePool,
    pub(super) hunt: Option<Hunt>,
    /// States with draws decided and not yet all committed.
    wave: Vec<NodeId>,
    /// Supplied solutions not searched yet, next one last.
    pub(super) supplied: Vec<RolloutId>,
    pub(super) selections: u32,
    /// A probe was given up because it could not be paid for.
    short_of_rollouts: bool,
    /// States drawn from for their soft labels since the last search.
    pub(super) soft_wave: Option<SoftWave>,
    /// The last look ahead, while nothing has changed since.
    #[serde(skip)]
    pub(super) foreseen: Option<Vec<Prospect>>,
    /// What of it is neither out nor back, likeliest first.
    #[serde(skip)]
    pub(super) prospects: Option<Vec<Prospect>>,
}

impl Search {
    pub(crate) fn new(id: QuestionId, spec: &QuestionSpec, rules: &Rules) -> Result<Self, Error> {
        let mut search = Self {
            id,
            key: question_key(&spec.id, &spec.problem),
            arena: Arena::default(),
            tree: Tree::new(KeyBuilder::new().key()),
            rollouts: Vec::new(),
            searches: Vec::new(),
            draws: Draws::default(),
            early: EarlyDraws::default(),
            finish: None,
            beliefs: None,
            awaits_rates: false,
            rehearsal: None,
            pool: CandidatePool::default(),
            hunt: None,
            wave: Vec::new(),
            supplied: Vec::new(),
            selections: 0,
            short_of_rollouts: false,
            soft_wave: None,
            foreseen: None,
            prospects: None,
        };
        if rules.config.solutions != Supplied::Ignore {
            search.take_supplied(spec)?;
        }
        if rules.config.locate == LocateKind::Bayes {
            search.begin_to_believe(rules);
        }
        search.want(NodeId::ROOT, rules.config.root_draws());
        Ok(search)
    }

    fn begin_to_believe(&mut self, rules: &Rules) {
        let mut beliefs = Beliefs::new();
        for (index, rollout) in self.rollouts.iter().enumerate() {
            if rules.config.judging.mark(rollout.verdict) == Mark::Wrong {
                let hunt = self.hunt_of(rules, RolloutId::of(index));
                beliefs.saw_supplied(&hunt.evidence_keys());
            }
        }
        self.beliefs = Some(beliefs);
        self.awaits_rates = true;
    }

    /// Whether the rates that its posteriors start from are missing.
    pub(crate) fn awaits_rates(&self) -> bool {
        self.awaits_rates
    }

    /// Starts from the rates learnt in an epoch.
    pub(crate) fn start_from(&mut self, epoch: u32, rates: Weights) {
        if let Some(beliefs) = &mut self.beliefs {
            beliefs.start_from(epoch, rates);
        }
        self.awaits_rates = false;
        self.rehearsal = None;
        self.look_again();
    }

    /// How well each hypothesis about rates explains the finished question; `None` without a posterior.
    pub(crate) fn likelihood(&self) -> Option<Likelihood> {
        self.beliefs.as_ref().map(Beliefs::likelihood)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether a request was polled and not answered.
    pub(crate) fn is_out(&self, id: RequestId) -> bool {
        if id.speculative { self.early.is_out(id.sequence) } else { self.draws.is_out(id.sequence) }
    }

    /// Keeps what came of a request that is out.
    pub(crate) fn receive(&mut self, id: RequestId, outcome: Outcome, ready: &mut Vec<RequestId>) {
        self.look_again();
        if id.speculative {
            self.receive_early(id.sequence, outcome, ready);
        } else {
            self.draws.receive(id.sequence, outcome);
        }
    }

    /// Commits what has its turn, decides what follows from it, and lets out the work that the budgets allow.
    pub(crate) fn advance(&mut self, rules: &Rules, ready: &mut Vec<RequestId>, events: &mut Vec<Event>) {
        while self.finish.is_none() {
            while let Some((draw, text)) = self.draws.commit() {
                self.record(rules, draw, text);
            }
            while let Some(sequence) = self.draws.launch(&rules.config) {
                if !self.take_early(sequence) {
                    ready.push(self.decided_request(sequence));
                }
            }
            if self.draws.can_commit() {
                continue;
            }
            if !self.draws.nothing_in_flight() {
                return;
            }
            if self.awaits_rates {
                self.go_on_rehearsing(rules);
                return;
            }
            if self.draws.all_committed() {
                self.settle_wave(rules);
                self.decide(rules, events);
            } else {
                self.run_out_of_tokens(rules);
            }
        }
        self.keep_right_continuations(rules);
        self.early.forget_outcomes();
        events.push(Event::SearchFinished { question: self.id });
    }

    pub(super) fn decided_request(&self, sequence: u32) -> RequestId {
        RequestId::decided(self.id, sequence)
    }

    /// Lets a launched request go out.
    pub(crate) fn send(&mut self, id: RequestId) -> Option<DrawName> {
        let draw = self.draws.send(id.sequence)?;
        if !self.tree.has_prefix_tokens(draw.node) {
            self.draws.counts.retokenised += 1;
        }
        let Node { key, depth, .. } = *self.tree.node(draw.node);
        Some(DrawName { id, state: key, draw: draw.number, at_root: depth == 0 })
    }

    /// A request that was launched.
    pub(crate) fn request(&self, id: RequestId, rules: &Rules) -> Request {
        let draw = self.draws.launched(id.sequence);
        let Node { key, depth, .. } = *self.tree.node(draw.node);
        Request {
            id,
            role: Role::Rollout,
            state: key,
            draw: draw.number,
            seed: draw_seed(rules.config.seed, self.key, key, draw.number),
            prefix: self.tree.prefix(&self.arena, draw.node),
            prefix_tokens: self.tree.prefix_tokens(&self.arena, draw.node),
            max_new_tokens: rules.config.max_new_tokens,
            at_root: depth == 0,
        }
    }

    fn take_supplied(&mut self, spec: &QuestionSpec) -> Result<(), Error> {
        for (index, solution) in spec.solutions.iter().enumerate() {
            let mut end = 0_u32;
            let cuts: Vec<u32> = solution
                .step_lengths
                .iter()
                .map(|length| {
                    end = end.saturating_add(*length);
                    end
                })
                .collect();
            let fits = solution.step_lengths.iter().all(|&length| length > 0)
                && cuts.iter().all(|&cut| solution.text.is_char_boundary(cut as usize))
                && cuts.last().is_none_or(|&last| last as usize == solution.text.len());
            if !fits {
                return Err(Error::Solution {
                    index,
                    problem: "its steps are empty or do not add up to its text".into(),
                });
            }
            self.supplied.push(RolloutId::of(self.rollouts.len()));
            self.rollouts.push(Rollout {
                node: NodeId::ROOT,
                text: self.arena.push_text(&solution.text),
                tokens: None,
                n_tokens: 0,
                verdict: solution.verdict,
                answer: solution.answer.clone(),
                origin: Origin::Supplied { source: solution.source.clone(), cuts },
            });
        }
        self.supplied.reverse();
        Ok(())
    }

    fn record(&mut self, rules: &Rules, draw: Draw, text: Option<RolloutText>) {
        let node = self.tree.node_mut(draw.node);
        let estimate = if soft::is_soft(draw) { &mut node.soft } else { &mut node.estimate };
        let Some(text) = text else {
            estimate.add(Mark::Excluded);
            self.count_excluded(draw);
            return;
        };
        let mark = rules.config.judging.mark(text.verdict);
        estimate.add(mark);
        if mark == Mark::Excluded {
            self.count_excluded(draw);
        }
        let tokens =
            (!text.tokens.is_empty()).then(|| self.arena.push_tokens(&text.tokens, &text.token_ends));
        self.rollouts.push(Rollout {
            node: draw.node,
            text: self.arena.push_text(&text.text),
            tokens,
            n_tokens: text.n_tokens,
            verdict: text.verdict,
            answer: text.answer,
            origin: Origin::Policy { draw: draw.number },
        });
        if mark != Mark::Excluded && self.beliefs.is_some() {
            let hunt = self.hunt_of(rules, RolloutId::of(self.rollouts.len() - 1));
            let from = (draw.node != NodeId::ROOT).then(|| self.tree.node(draw.node).key.0);
            let hunting = self.hunt.is_some();
            if let Some(beliefs) = &mut self.beliefs {
                beliefs.saw(from, hunt.evidence_keys(), mark == Mark::Right, hunting);
            }
        }
    }

    fn count_excluded(&mut self, draw: Draw) {
        self.draws.counts.excluded += 1;
        if let Some(beliefs) = self.beliefs.as_mut().filter(|_| !soft::is_soft(draw)) {
            beliefs.saw_nothing();
        }
    }

    /// Decides draws until the state has `total`.
    fn want(&mut self, node: NodeId, total: u32) {
        for number in self.tree.node(node).estimate.drawn()..total {
            self.draws.decide(Draw { node, number });
        }
        self.wave.push(node);
    }

    /// Closes the estimates that are complete; mixed states give their wrong rollouts to the pool.
    fn settle_wave(&mut self, rules: &Rules) {
        for node in std::mem::take(&mut self.wave) {
            let is_root = node == NodeId::ROOT;
            let strategy = rules.config.locate.strategy();
            let estimate = &mut self.tree.node_mut(node).estimate;
            let complete = is_root || strategy.settles(*estimate, rules.config.num_rollouts);
            if !complete || estimate.rule != StoppingRule::None {
                continue;
            }
            estimate.rule = if is_root { StoppingRule::Fixed } else { strategy.stopping_rule() };
            if is_root && !self.labels_supplied_alone(rules) {
                self.keep_right_solutions(rules);
            }
            let estimate = self.tree.node(node).estimate;
            let doubtful = estimate.rule == StoppingRule::Sequential && !says_right(estimate);
            if estimate.is_mixed() && !doubtful {
                self.add_to_pool(rules, node, 0);
            }
        }
    }

    pub(super) fn cuts(&self, rules: &Rules, rollout: &Rollout) -> Vec<u32> {
        let text = self.arena.text(rollout.text);
        match &rollout.origin {
            Origin::Supplied { cuts, .. } if !cuts.is_empty() => cuts.clone(),
            Origin::Supplied { .. } => rules.splitter.cuts(text, &[]),
            Origin::Policy { .. } => {
                let ends = rollout.tokens.map(|tokens| self.arena.ends(tokens)).unwrap_or_default();
                let prefix = self.tree.prefix(&self.arena, rollout.node);
                rules.splitter.cuts_after(&prefix, text, ends)
            }
        }
    }

    /// Adds the wrong rollouts of a state, from the rollout `since` on.
    pub(super) fn add_to_pool(&mut self, rules: &Rules, node: NodeId, since: usize) {
        let Config { select, length_unit, judging, .. } = &rules.config;
        let Node { estimate, soft, .. } = self.tree.node(node);
        let mc = estimate.mc().or_else(|| soft.mc()).expect("the state was judged");
        let wrong = self
            .rollouts
            .iter()
            .enumerate()
            .skip(since)
            .filter(|(_, rollout)| rollout.node == node && matches!(rollout.origin, Origin::Policy { .. }))
            .filter(|(_, rollout)| judging.mark(rollout.verdict) == Mark::Wrong)
            .map(|(index, rollout)| {
                let length = length_unit.measure(self.arena.text(rollout.text), rollout.n_tokens);
                (select.q(mc, length), RolloutId::of(index))
            })
            .collect();
        self.pool.add_visited(node, self.tree.node(node).visits, wrong);
    }

    /// One decision, with every draw so far committed.
    fn decide(&mut self, rules: &Rules, events: &mut Vec<Event>) {
        let Some(hunt) = &self.hunt else {
            self.start_search(rules);
            return;
        };
        let estimates = hunt.estimates(&self.tree);
        if let Some(beliefs) = &mut self.beliefs {
            beliefs.update(hunt);
        }
        let belief = self.beliefs.as_ref().and_then(|one| one.belief(&rules.config, hunt, &self.tree));
        match rules.next(&estimates, belief) {
            Next::Draw(wants) => self.probe(rules, &wants),
            Next::Located { step } => self.conclude(rules, step, events),
            Next::Unknown => self.give_up(rules, Unlocated::Unjudged),
            Next::Undecided => self.give_up(rules, Unlocated::Undecided),
        }
    }

    fn start_search(&mut self, rules: &Rules) {
        if self.draw_for_soft_labels(rules) {
            return;
        }
        if let Some(rollout) = self.supplied.pop() {
            self.hunt_for(rules, rollout);
        } else if self.labels_supplied_alone(rules) {
            self.finish = Some(Finish::SolutionsDone);
        } else if self.selections >= rules.config.max_search_count {
            self.finish = Some(Finish::SearchLimit);
        } else {
            match self.harvest(rules) {
                Some(Harvest::Sow(node)) => self.want(node, self.tree.node(node).estimate.drawn() + 1),
                Some(Harvest::Reap(node, rollout)) => {
                    self.selections += 1;
                    self.tree.node_mut(node).visits += 1;
                    self.hunt_for(rules, rollout);
                }
                None => self.finish = Some(self.why_nothing_is_left()),
            }
        }
    }

    pub(super) fn labels_supplied_alone(&self, rules: &Rules) -> bool {
        rules.config.solutions == Supplied::Label
            && self.rollouts.iter().any(|rollout| matches!(rollout.origin, Origin::Supplied { .. }))
    }

    fn why_nothing_is_left(&self) -> Finish {
        let root = self.tree.node(NodeId::ROOT).estimate;
        if self.short_of_rollouts {
            Finish::RolloutBudget
        } else if root.n_judged == 0 {
            Finish::RootUnjudged
        } else if root.n_correct == 0 {
            Finish::RootAllWrong
        } else if root.n_correct == root.n_judged {
            Finish::RootAllRight
        } else {
            Finish::PoolEmpty
        }
    }

    pub(super) fn hunt_of(&self, rules: &Rules, id: RolloutId) -> Hunt {
        let rollout = &self.rollouts[id.index()];
        Hunt::new(id, rollout, self.cuts(rules, rollout), &self.tree, &self.arena)
    }

    fn hunt_for(&mut self, rules: &Rules, id: RolloutId) {
        let hunt = self.hunt_of(rules, id);
        let rollout = &self.rollouts[id.index()];
        let right = rules.config.judging.mark(rollout.verdict) == Mark::Right;
        let nothing_to_find = self.nothing_to_find(rules, &hunt);
        self.searches.push(SearchRecord {
            index: u32::try_from(self.searches.len()).expect("searches fit the budgets"),
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
        self.hunt = Some(hunt);
        if let Some(reason) = nothing_to_find {
            self.give_up(rules, reason);
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

    fn probe(&mut self, rules: &Rules, wants: &[Want]) {
        let hunt = self.hunt.as_mut().expect("probes belong to a hunt");
        let rollout = &self.rollouts[hunt.rollout.index()];
        let estimates = hunt.estimates(&self.tree);
        let cost = wants.iter().map(|want| want.draws.saturating_sub(estimates[want.cut].drawn())).sum();
        if !self.draws.affordable(&rules.config, cost) {
            self.short_of_rollouts = true;
            let short = wants.iter().filter_map(|want| hunt.known(want.cut, &self.tree)).collect();
            self.close_short(short);
            self.give_up(rules, Unlocated::RolloutBudget);
            return;
        }
        let mut nodes = Vec::with_capacity(wants.len());
        for want in wants {
            let node = hunt.node_at(want.cut, rollout, &mut self.tree, &self.arena);
            if !hunt.probes.contains(&node) {
                hunt.probes.push(node);
            }
            nodes.push((node, want.draws));
        }
        for (node, draws) in nodes {
            self.want(node, draws);
        }
    }

    /// Ends the hunt: `step` steps of the rollout are right, and the next one is its first error.
    fn conclude(&mut self, rules: &Rules, step: usize, events: &mut Vec<Event>) {
        let hunt = self.hunt.as_ref().expect("a conclusion belongs to a hunt");
        let rollout = &self.rollouts[hunt.rollout.index()];
        if rollout.verdict == Verdict::Correct {
            self.give_up(rules, Unlocated::FinalAnswerRight);
            return;
        }
        let right = hunt.node_at(step, rollout, &mut self.tree, &self.arena);
        // A posterior needs no success at the very prefix it takes for right, but one somewhere.
        let solved = |node: NodeId| self.tree.node(node).estimate.n_correct > 0;
        if !solved(right) && (self.beliefs.is_none() || !solved(NodeId::ROOT)) {
            self.give_up(rules, Unlocated::LaunchStateUnsolved);
            return;
        }
        if self.beliefs.is_none() {
            for node in self.tree.path(right) {
                self.tree.node_mut(node).mark = StepMark::BeforeRightPrefix;
            }
        }
        if step == hunt.steps() {
            self.record_search(|search| search.right_node = Some(right.0));
            self.give_up(rules, Unlocated::StoppedEarly);
            return;
        }
        let wrong = hunt.node_at(step + 1, rollout, &mut self.tree, &self.arena);
        let is_last = step + 1 == hunt.steps();
        let node = self.tree.node_mut(wrong);
        if is_last && node.estimate.drawn() == 0 && self.beliefs.is_none() {
            node.mark = StepMark::WrongFinalAnswer;
        }
        let launched = self.tree.node(hunt.launched).depth;
        let position = launched + u32::try_from(step).expect("a text has fewer than 2^32 steps");
        self.record_search(|search| {
            search.outcome = SearchOutcome::Located;
            search.right_node = Some(right.0);
            search.error_node = Some(wrong.0);
            search.error_step = Some(position);
        });
        self.draws.counts.located += 1;
        let search = u32::try_from(self.searches.len() - 1).expect("searches fit the budgets");
        events.push(Event::ErrorLocated { question: self.id, search });
        self.end_hunt(rules);
    }

    fn give_up(&mut self, rules: &Rules, reason: Unlocated) {
        self.record_search(|search| search.reason = Some(reason));
        self.end_hunt(rules);
    }

    fn end_hunt(&mut self, rules: &Rules) {
        let hunt = self.hunt.take().expect("only a hunt under way ends");
        self.draws.counts.searches += 1;
        self.learn_from(rules, &hunt);
        self.record_search(|search| search.probes = hunt.probes.iter().map(|node| node.0).collect());
    }

    pub(super) fn record_search(&mut self, write: impl FnOnce(&mut SearchRecord)) {
        write(self.searches.last_mut().expect("a hunt has its record"));
    }

    fn run_out_of_tokens(&mut self, rules: &Rules) {
        self.draws.abandon_decided();
        let short = std::mem::take(&mut self.wave);
        self.close_short(short);
        if self.hunt.is_some() {
            self.give_up(rules, Unlocated::TokenBudget);
        }
        self.finish = Some(Finish::TokenBudget);
    }

    /// Ends the search where it stands; gives the decided requests that were out.
    pub(crate) fn stop(&mut self, rules: &Rules) -> usize {
        let out = self.draws.drop_uncommitted();
        let short = std::mem::take(&mut self.wave);
        self.close_short(short);
        if self.hunt.is_some() {
            self.give_up(rules, Unlocated::Unanswered);
        }
        self.finish = Some(Finish::Unanswered);
        self.early.forget_outcomes();
        out
    }

    /// Says of estimates that were not completed that a budget ended them.
    fn close_short(&mut self, nodes: Vec<NodeId>) {
        for node in nodes {
            let estimate = &mut self.tree.node_mut(node).estimate;
            if estimate.rule == StoppingRule::None && estimate.drawn() > 0 {
                estimate.rule = StoppingRule::Budget;
            }
        }
    }
}
