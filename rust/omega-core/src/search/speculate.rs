//! What the decision path may ask for next, while it waits for outcomes.
//!
//! A strategy is a function of estimates, so it can be asked what it would do under supposed ones. Suppositions are
//! followed likeliest first: of the cuts that are drawn from, the first few have a success and the others none. A
//! draw's chance is the sum over the suppositions that lead to it.
//!
//! The chance that m further draws of a state succeed at least once, after j failures and no success: with even odds
//! that the prefix is right, and any success rate equally likely if it is, m / ((j + 2) (j + m + 1)).

use super::draws::Draw;
use super::early::{DrawKey, Prospect, Received, Taken};
use super::hunt::Hunt;
use super::omega_prm::{Rules, Search};
use crate::ids::{NodeId, RequestId, RolloutId};
use crate::key::draw_seed;
use crate::locate::{LocateKind, Next};
use crate::pool::CandidatePool;
use crate::request::{Outcome, Request, Role};
use crate::speculation::Speculation;
use crate::stats::Estimate;
use crate::verdict::Mark;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// Suppositions followed for one forecast.
const SUPPOSITIONS: usize = 32;
/// Draws less likely to be asked for than this do not go out.
const LEAST_CHANCE: f64 = 0.05;
/// How likely the next search is the one that the pool would give now: the hunt's own probes may give a better one.
const POOL_STAYS: f64 = 0.5;

impl Search {
    /// Draws that the decision path may ask for and that are neither out nor back, likeliest first.
    pub(crate) fn prospects(&mut self, rules: &Rules) -> &[Prospect] {
        if self.prospects.is_none() {
            let mut found = match &mut self.rehearsal {
                Some(rehearsal) => rehearsal.prospects(rules),
                None => self.foresee(rules).to_vec(),
            };
            found.retain(|prospect| prospect.chance >= LEAST_CHANCE && !self.early.has(prospect.draw));
            found.sort_by(|a, b| b.chance.total_cmp(&a.chance));
            self.prospects = Some(found);
        }
        self.prospects.as_deref().unwrap_or_default()
    }

    /// Every draw that a likely course of outcomes leads to, whether it is out already or not.
    fn foresee(&mut self, rules: &Rules) -> &[Prospect] {
        if self.foreseen.is_none() {
            let by_posterior = rules.config.locate == LocateKind::Bayes;
            let found = if by_posterior { self.suppose(rules) } else { Foresight::of(self, rules) };
            self.foreseen = Some(found);
        }
        self.foreseen.as_deref().unwrap_or_default()
    }

    /// What was foreseen holds no more.
    pub(super) fn look_again(&mut self) {
        (self.foreseen, self.prospects) = (None, None);
    }

    /// The request for a prospect, as it goes out.
    pub(crate) fn send_early(&mut self, prospect: Prospect, rules: &Rules) -> Request {
        if let Some(prospects) = &mut self.prospects {
            prospects.retain(|one| one.draw != prospect.draw);
        }
        if let Some(rehearsal) = &mut self.rehearsal {
            let request = rehearsal.send(prospect, rules);
            let number = self.early.send(prospect.draw, digest(request.prefix_tokens.as_deref()));
            debug_assert_eq!(
                number, request.id.sequence,
                "a rehearsal numbers early draws as its search does"
            );
            return request;
        }
        let Prospect { draw: DrawKey { state, number }, .. } = prospect;
        let rollout = &self.rollouts[prospect.rollout.index()];
        let hunt = self.hunt_at_hand(prospect.rollout, rules);
        let (prefix, prefix_tokens) = hunt.prefix_at(prospect.cut, rollout, &self.tree, &self.arena);
        let sequence = self.early.send(prospect.draw, digest(prefix_tokens.as_deref()));
        Request {
            id: RequestId::speculative(self.id, sequence),
            role: Role::Rollout,
            state,
            draw: number,
            seed: draw_seed(rules.config.seed, self.key, state, number),
            prefix,
            prefix_tokens,
            max_new_tokens: rules.config.max_new_tokens,
            at_root: false,
        }
    }

    /// Speculative requests that are out and that the decision path has passed by since the last call.
    pub(crate) fn passed_by(&mut self, rules: &Rules) -> Vec<RequestId> {
        if let Some(rehearsal) = &mut self.rehearsal {
            let passed_by = rehearsal.passed_by(rules);
            for id in &passed_by {
                self.early.tell(id.sequence);
            }
            return passed_by;
        }
        if self.awaits_rates || !self.early.has_free() {
            return Vec::new();
        }
        let wanted: BTreeSet<DrawKey> = if self.is_finished() {
            BTreeSet::new()
        } else {
            self.foresee(rules).iter().map(|prospect| prospect.draw).collect()
        };
        let numbers = self.early.give_up(|draw| wanted.contains(&draw));
        numbers.into_iter().map(|number| self.early_request(number)).collect()
    }

    /// What became of this question's speculative requests so far.
    pub(crate) fn speculation(&self) -> Speculation {
        Speculation {
            sent: self.early.sent.into(),
            used: self.early.used.into(),
            cancelled: self.early.cancelled.into(),
            out: self.early.free().count() as u64,
        }
    }

    /// Whether a request is out and no decision waits for it.
    pub(crate) fn awaits_nobody(&self, id: RequestId) -> bool {
        id.speculative && self.early.is_free(id.sequence)
    }

    /// Whether a speculative request of this number was ever handed out.
    pub(crate) fn was_sent(&self, id: RequestId) -> bool {
        id.speculative && id.sequence < self.early.sent
    }

    /// Speculative requests that are out and that no decision asked for.
    pub(crate) fn speculative(&self) -> Vec<RequestId> {
        self.early.free().map(|number| self.early_request(number)).collect()
    }

    pub(super) fn early_request(&self, sequence: u32) -> RequestId {
        RequestId::speculative(self.id, sequence)
    }

    pub(super) fn receive_early(&mut self, number: u32, outcome: Outcome, ready: &mut Vec<RequestId>) {
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.receive(number, outcome.clone());
        }
        match self.early.receive(number, outcome) {
            Received::Decided(sequence, Outcome::Cancelled) => {
                // It was counted when it was taken, and will be when it goes out.
                let node = self.draws.launched(sequence).node;
                let retokenised = self.tree.prefix_tokens(&self.arena, node).is_none();
                self.draws.counts.retokenised -= u32::from(retokenised);
                self.draws.make_ready(sequence);
                ready.push(self.decided_request(sequence));
            }
            Received::Decided(sequence, outcome) => self.draws.receive(sequence, outcome),
            Received::Kept => {}
        }
        if self.is_finished() {
            self.early.forget_outcomes();
        }
    }

    /// Whether an early draw serves as the draw launched under `sequence`.
    pub(super) fn take_early(&mut self, sequence: u32) -> bool {
        let draw = self.draws.launched(sequence);
        let key = self.key_of(draw);
        if !self.early.has(key) {
            return false;
        }
        let tokens = self.tree.prefix_tokens(&self.arena, draw.node);
        match self.early.take(key, digest(tokens.as_deref()), sequence) {
            None => return false,
            Some(Taken::Out) => self.draws.await_early(sequence),
            Some(Taken::Back(outcome)) => self.draws.receive(sequence, outcome),
        }
        self.draws.counts.retokenised += u32::from(tokens.is_none());
        true
    }

    /// The hunt under way if it is for this rollout, else a fresh one.
    fn hunt_at_hand(&self, rollout: RolloutId, rules: &Rules) -> Hunt {
        let under_way = self.hunts().find(|hunt| hunt.rollout == rollout);
        under_way.cloned().unwrap_or_else(|| self.hunt_of(rules, rollout))
    }

    /// The draws that were decided and are not committed.
    pub(super) fn decided(&self) -> BTreeSet<DrawKey> {
        self.draws.pending().map(|(draw, _)| self.key_of(draw)).collect()
    }

    pub(super) fn key_of(&self, draw: Draw) -> DrawKey {
        DrawKey { state: self.tree.node(draw.node).key, number: draw.number }
    }
}

/// Which ids a prefix goes out as. A draw of the same state continued from other ids is another draw.
fn digest(tokens: Option<&[u32]>) -> u64 {
    tokens.map_or(0, |tokens| xxh3_64(&tokens.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>()))
}

/// A look ahead from where a search stands.
struct Foresight<'a> {
    search: &'a Search,
    rules: &'a Rules,
    /// The hunt under way, then those that would follow it.
    hunts: Vec<Hunt>,
    /// How likely each is to follow the one before it.
    likely: Vec<f64>,
    /// What is left to choose hunts from.
    pool: CandidatePool,
    supplied: &'a [RolloutId],
    selections: u32,
    /// Draws decided already.
    decided: BTreeSet<DrawKey>,
    found: Vec<Prospect>,
    places: BTreeMap<DrawKey, usize>,
}

/// A course that outcomes may take.
struct Supposition {
    chance: f64,
    /// Which hunt it has come to, and the estimates along it.
    hunt: usize,
    estimates: Vec<Estimate>,
    /// Draws it has taken beyond those decided.
    spent: u32,
}

/// Draws from one cut: what is known of them, and how many are not known.
struct Wave {
    cut: usize,
    estimate: Estimate,
    unknown: u32,
}

impl<'a> Foresight<'a> {
    /// Every draw that a likely course of outcomes leads to, whether it is out already or not.
    fn of(search: &'a Search, rules: &'a Rules) -> Vec<Prospect> {
        if search.is_finished() || search.draws.held_back() {
            return Vec::new();
        }
        let mut foresight = Self {
            search,
            rules,
            hunts: search.hunts().cloned().collect(),
            likely: search.hunts().map(|_| 1.0).collect(),
            pool: search.pool.clone(),
            supplied: &search.supplied,
            selections: search.selections,
            decided: search.decided(),
            found: Vec::new(),
            places: BTreeMap::new(),
        };
        let mut open = foresight.beginnings();
        for _ in 0..SUPPOSITIONS {
            let likeliest = (0..open.len()).max_by(|&a, &b| open[a].chance.total_cmp(&open[b].chance));
            let Some(likeliest) = likeliest.filter(|&at| open[at].chance >= LEAST_CHANCE) else { break };
            let supposition = open.swap_remove(likeliest);
            foresight.follow(supposition, &mut open);
        }
        foresight.found
    }

    /// The courses that the draws under way may take.
    fn beginnings(&mut self) -> Vec<Supposition> {
        let Some(hunt) = self.hunts.first() else {
            // The root is being drawn from. Only supplied solutions are known to be searched after that.
            return self.following(0, 1.0, 0).into_iter().collect();
        };
        let estimates = hunt.estimates(&self.search.tree);
        let mut waves: Vec<Wave> = Vec::new();
        for (draw, outcome) in self.search.draws.pending() {
            let cut = (0..estimates.len()).find(|&cut| hunt.known(cut, &self.search.tree) == Some(draw.node));
            let Some(cut) = cut else { continue };
            let at = waves.iter().position(|wave| wave.cut == cut).unwrap_or_else(|| {
                waves.push(Wave { cut, estimate: estimates[cut], unknown: 0 });
                waves.len() - 1
            });
            waves[at].note(outcome.map(|outcome| self.rules.mark_of(outcome)));
        }
        suppose(&Supposition { chance: 1.0, hunt: 0, estimates, spent: 0 }, waves)
    }

    /// Asks what would be decided on a course, notes the draws, and goes on from what may come of them.
    fn follow(&mut self, supposition: Supposition, open: &mut Vec<Supposition>) {
        let Supposition { chance, hunt, estimates, spent } = &supposition;
        let Next::Draw(wants) = self.rules.next(estimates, None) else {
            open.extend(self.following(hunt + 1, *chance, *spent));
            return;
        };
        let more: u32 = wants.iter().map(|want| want.draws.saturating_sub(estimates[want.cut].drawn())).sum();
        if !self.search.draws.could_send(&self.rules.config, spent + more) {
            return;
        }
        let mut waves = Vec::with_capacity(wants.len());
        for want in wants {
            let mut wave = Wave { cut: want.cut, estimate: estimates[want.cut], unknown: 0 };
            let state = self.hunts[*hunt].key(want.cut, &self.search.tree);
            for number in estimates[want.cut].drawn()..want.draws {
                let draw = DrawKey { state, number };
                let outcome = self.search.early.outcome(draw);
                wave.note(outcome.map(|outcome| self.rules.mark_of(outcome)));
                if outcome.is_none() {
                    self.note(draw, *chance, *hunt, want.cut);
                }
            }
            waves.push(wave);
        }
        open.extend(suppose(&Supposition { spent: spent + more, ..supposition }, waves));
    }

    /// The start of the hunt at this place, if it is known which rollout that would search.
    fn following(&mut self, hunt: usize, chance: f64, spent: u32) -> Option<Supposition> {
        while hunt >= self.hunts.len() {
            let (rollout, likely) = self.next_rollout()?;
            let next = self.search.hunt_at_hand(rollout, self.rules);
            if self.search.nothing_to_find(self.rules, &next).is_none() {
                self.hunts.push(next);
                self.likely.push(likely);
            }
        }
        let estimates = self.hunts[hunt].estimates(&self.search.tree);
        Some(Supposition { chance: chance * self.likely[hunt], hunt, estimates, spent })
    }

    /// The rollout that would be searched next, and how likely that is.
    fn next_rollout(&mut self) -> Option<(RolloutId, f64)> {
        if let Some((&last, rest)) = self.supplied.split_last() {
            self.supplied = rest;
            return Some((last, 1.0));
        }
        let config = &self.rules.config;
        if self.search.labels_supplied_alone(self.rules) || self.selections >= config.max_search_count {
            return None;
        }
        self.selections += 1;
        self.pool.select(&config.select).map(|(_, rollout)| (rollout, POOL_STAYS))
    }

    fn note(&mut self, draw: DrawKey, chance: f64, hunt: usize, cut: usize) {
        let at_root = self.hunts[hunt].known(cut, &self.search.tree) == Some(NodeId::ROOT);
        if at_root || self.decided.contains(&draw) {
            return;
        }
        let at = *self.places.entry(draw).or_insert_with(|| {
            self.found.push(Prospect { chance: 0.0, draw, rollout: self.hunts[hunt].rollout, cut });
            self.found.len() - 1
        });
        self.found[at].chance += chance;
    }
}

impl Wave {
    fn note(&mut self, mark: Option<Mark>) {
        match mark {
            Some(mark) => self.estimate.add(mark),
            None => self.unknown += 1,
        }
    }

    /// The chance that there is a success among all draws of the cut.
    fn success(&self) -> f64 {
        if self.estimate.n_correct > 0 {
            return 1.0;
        }
        let (failed, more) = (f64::from(self.estimate.n_judged), f64::from(self.unknown));
        more / ((failed + 2.0) * (failed + more + 1.0))
    }

    /// The estimate when the unknown draws are in.
    fn supposed(&self, success: bool) -> Estimate {
        let mut estimate = self.estimate;
        let lucky = success && estimate.n_correct == 0 && self.unknown > 0;
        estimate.n_correct += u32::from(lucky);
        estimate.n_judged += self.unknown;
        estimate
    }
}

/// The courses that draws may take: some first cuts have a success, the others none, since what follows a wrong step
/// is wrong.
fn suppose(from: &Supposition, mut waves: Vec<Wave>) -> Vec<Supposition> {
    waves.sort_by_key(|wave| wave.cut);
    let weight = |right: usize| -> f64 {
        let chance =
            |(at, wave): (usize, &Wave)| if at < right { wave.success() } else { 1.0 - wave.success() };
        waves.iter().enumerate().map(chance).product()
    };
    let weights: Vec<f64> = (0..=waves.len()).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    let course = |right: usize| {
        let mut estimates = from.estimates.clone();
        for (at, wave) in waves.iter().enumerate() {
            estimates[wave.cut] = wave.supposed(at < right);
        }
        Supposition { chance: from.chance * weights[right] / sum, estimates, ..*from }
    };
    (0..weights.len()).filter(|&right| weights[right] > 0.0).map(course).collect()
}
