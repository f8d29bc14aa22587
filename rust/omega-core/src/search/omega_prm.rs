//! `OmegaPRM` (arXiv 2406.06592) on one question: estimate the root, then select a wrong rollout, locate its first
//! error, keep the new states, and again; or locate the errors of supplied solutions by the same means.

use super::belief::Beliefs;
use super::draws::{Draw, Draws};
use super::early::{EarlyDraws, Prospect};
use super::harvest::Harvest;
use super::hunt::Hunt;
use super::rehearsal::Rehearsal;
use super::task::{Task, Work};
use crate::config::{Config, Supplied};
use crate::error::Error;
use crate::ids::{NodeId, QuestionId, RequestId, RolloutId};
use crate::key::{KeyBuilder, draw_seed, question_key};
use crate::label::{Finish, SearchOutcome, SearchRecord, Unlocated};
use crate::locate::bayes::{Belief, Likelihood, Weights};
use crate::locate::sequential::says_right;
use crate::locate::{LocateKind, Next, View};
use crate::pool::CandidatePool;
use crate::request::{DrawName, Event, Outcome, QuestionSpec, Request, Role, RolloutText};
use crate::rollout::{Origin, Rollout};
use crate::split::Splitter;
use crate::stats::{Estimate, StoppingRule};
use crate::text::Arena;
use crate::tree::{Node, Tree};
use crate::verdict::Mark;
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
    /// What is under way, by number.
    pub(super) tasks: Vec<Task>,
    /// How many tasks were ever begun.
    pub(super) begun: u32,
    /// Supplied solutions not searched yet, next one last.
    pub(super) supplied: Vec<RolloutId>,
    pub(super) selections: u32,
    /// A probe was given up because it could not be paid for.
    pub(super) short_of_rollouts: bool,
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
            tasks: Vec::new(),
            begun: 0,
            supplied: Vec::new(),
            selections: 0,
            short_of_rollouts: false,
            foreseen: None,
            prospects: None,
        };
        if rules.config.solutions != Supplied::Ignore {
            search.take_supplied(spec)?;
        }
        if rules.config.locate == LocateKind::Bayes {
            search.begin_to_believe(rules);
        }
        let root = search.begin(Work::Root);
        search.want(root, NodeId::ROOT, rules.config.root_draws());
        Ok(search)
    }

    fn begin_to_believe(&mut self, rules: &Rules) {
        let mut beliefs = Beliefs::new();
        for (index, rollout) in self.rollouts.iter().enumerate() {
            if rules.config.judging.mark(rollout.verdict) == Mark::Wrong {
                let hunt = self.hunt_of(rules, RolloutId::of(index));
                beliefs.saw_supplied(hunt.evidence_keys());
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
            while let Some(sequence) = self.draws.launch(&rules.config) {
                if !self.take_early(sequence) {
                    ready.push(self.decided_request(sequence));
                }
            }
            if let Some((draw, text)) = self.draws.commit() {
                self.record(rules, draw, text);
                if self.one_less(draw.task) {
                    self.go_on(rules, draw.task, events);
                    self.begin_more(rules, events);
                }
            } else if !self.draws.nothing_in_flight() {
                return;
            } else if self.awaits_rates {
                self.go_on_rehearsing(rules);
                return;
            } else if self.draws.all_committed() {
                self.begin_more(rules, events);
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

    fn record(&mut self, rules: &Rules, draw: Draw, text: Option<RolloutText>) {
        let node = self.tree.node_mut(draw.node);
        let estimate = if draw.is_soft() { &mut node.soft } else { &mut node.estimate };
        let Some(text) = text else {
            estimate.add(Mark::Excluded);
            self.draws.counts.excluded += 1;
            return;
        };
        let mark = rules.config.judging.mark(text.verdict);
        estimate.add(mark);
        if mark == Mark::Excluded {
            self.draws.counts.excluded += 1;
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
            if let Some(beliefs) = &mut self.beliefs {
                beliefs.saw(from, hunt.evidence_keys(), mark == Mark::Right);
            }
        }
    }

    /// Goes on with a task whose draws are all committed.
    fn go_on(&mut self, rules: &Rules, task: u32, events: &mut Vec<Event>) {
        self.settle(rules, task);
        if self.task(task).hunt().is_some() {
            self.pursue(rules, task, events);
            return;
        }
        match self.end(task).work {
            Work::Root | Work::Hunt(_) => {}
            Work::Sow(node) => self.gather(rules, node),
            Work::Soft(wave) => self.search_soft_draws(rules, &wave),
        }
    }

    /// Closes the estimates that are complete; mixed states give their wrong rollouts to the pool.
    pub(super) fn settle(&mut self, rules: &Rules, task: u32) {
        for node in std::mem::take(&mut self.task(task).wave) {
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

    /// Begins what is best to be done next, as long as more may be under way.
    fn begin_more(&mut self, rules: &Rules, events: &mut Vec<Event>) {
        while self.finish.is_none() && !self.awaits_rates && self.tasks.len() < self.most_at_once(rules) {
            if self.tasks.iter().any(|task| matches!(task.work, Work::Root)) {
                return;
            }
            if let Err(finish) = self.begin_next(rules, events) {
                if self.tasks.is_empty() {
                    self.finish = Some(finish);
                }
                return;
            }
        }
    }

    /// How many tasks may be under way. Until a first error is located no state is known to be right but the root, where
    /// every search costs most: one search then goes alone, and those after it begin at what it found. Searches of supplied
    /// solutions wait for nothing, as all of them are made anyway.
    fn most_at_once(&self, rules: &Rules) -> usize {
        let located = || self.searches.iter().any(|search| search.outcome == SearchOutcome::Located);
        let alone = self.supplied.is_empty() && !located();
        if alone { 1 } else { rules.config.most_searches_at_once() as usize }
    }

    /// Begins the next task; says why there is none.
    fn begin_next(&mut self, rules: &Rules, events: &mut Vec<Event>) -> Result<(), Finish> {
        if let Some(rollout) = self.supplied.pop() {
            self.hunt_for(rules, rollout, events);
        } else if self.labels_supplied_alone(rules) {
            return Err(Finish::SolutionsDone);
        } else if self.selections >= rules.config.max_search_count {
            return Err(Finish::SearchLimit);
        } else {
            match self.harvest(rules) {
                Some(Harvest::Sow(node)) => {
                    let task = self.begin(Work::Sow(node));
                    self.want(task, node, 1);
                }
                Some(Harvest::Reap(node, rollout)) => {
                    self.selections += 1;
                    self.tree.node_mut(node).visits += 1;
                    self.hunt_for(rules, rollout, events);
                }
                None => return Err(self.why_nothing_is_left()),
            }
        }
        Ok(())
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

    fn run_out_of_tokens(&mut self, rules: &Rules) {
        self.draws.abandon_decided();
        self.end_early(rules, Finish::TokenBudget, Unlocated::TokenBudget);
    }

    /// Ends the search where it stands; gives the decided requests that were out.
    pub(crate) fn stop(&mut self, rules: &Rules) -> usize {
        let out = self.draws.drop_uncommitted();
        self.end_early(rules, Finish::Unanswered, Unlocated::Unanswered);
        self.early.forget_outcomes();
        out
    }

    fn end_early(&mut self, rules: &Rules, finish: Finish, reason: Unlocated) {
        self.finish = Some(finish);
        let short = self.take_waves();
        self.close_short(short);
        let open: Vec<u32> =
            self.tasks.iter().filter(|task| task.hunt().is_some()).map(|task| task.number).collect();
        for task in open {
            self.give_up(rules, task, reason);
        }
    }

    /// Says of estimates that were not completed that a budget ended them.
    pub(super) fn close_short(&mut self, nodes: Vec<NodeId>) {
        for node in nodes {
            let estimate = &mut self.tree.node_mut(node).estimate;
            if estimate.rule == StoppingRule::None && estimate.drawn() > 0 {
                estimate.rule = StoppingRule::Budget;
            }
        }
    }
}
