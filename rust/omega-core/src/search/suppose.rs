//! What a search by posterior may ask for next, while it waits for outcomes.
//!
//! The posterior itself says how likely the next continuation is to end right. Both outcomes are supposed, the
//! posterior takes each in, and the strategy is asked what it would want then; courses are followed likeliest first,
//! and those that have seen the same, in whatever order, are one. A supposed continuation leaves the searched
//! solution at once: what it would share with it nobody can know.

use super::belief::{Beliefs, fresh_belief};
use super::early::{DrawKey, Prospect};
use super::hunt::Hunt;
use super::omega_prm::{Rules, Search};
use crate::ids::{NodeId, RolloutId};
use crate::locate::bayes::{Belief, Posterior};
use crate::locate::{Next, Want};
use crate::pool::CandidatePool;
use crate::stats::Estimate;
use crate::verdict::Mark;
use std::collections::{BTreeMap, BTreeSet};

/// Courses followed from where the searches under way stand, of each so many at least, and from where one that may follow
/// would start.
const COURSES: usize = 24;
const LEAST_COURSES: usize = 6;
const COURSES_OF_NEXT: usize = 8;
/// Searches looked at beyond the one under way.
const NEXT: usize = 3;
/// How likely the search after this one is the one that the pool would give now.
const POOL_STAYS: f64 = 0.8;
/// Right states of which further draws are looked for, best first; how many of each; how likely the first is, and what
/// each rank and each draw before it leave of that.
const SOWN: usize = 8;
const SOWN_OF_ONE: u32 = 4;
const SOWN_FIRST: f64 = 0.6;
const SOWN_NEXT: f64 = 0.85;
/// Draws less likely to be asked for than this are not looked for.
const LEAST_CHANCE: f64 = 0.05;

/// What was asked of posteriors already. Good until a search ends or the evidence changes otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Supposed {
    answers: BTreeMap<(RolloutId, Vec<Seen>), Vec<Answer>>,
    /// Of searches that may come next, as of when the one under way began.
    next: BTreeMap<RolloutId, Option<Posterior>>,
}

/// Draws of a state that ended right, that were judged, and that could not be.
type Seen = (u32, u32, u32);

/// A state the strategy wants draws from, and the chance that one ends right.
#[derive(Clone, Copy, Debug)]
struct Answer {
    want: Want,
    ends_right: f64,
}

impl Supposed {
    /// Something was seen of a rollout that its estimates do not tell.
    pub(super) fn forget(&mut self, rollout: RolloutId) {
        self.answers.retain(|(of, _), _| *of != rollout);
    }

    /// A search has ended: only what was supposed of those still under way holds.
    pub(super) fn keep(&mut self, open: &BTreeSet<RolloutId>) {
        self.answers.retain(|(of, _), _| open.contains(of));
        self.next.clear();
    }
}

impl Search {
    /// Every draw that a likely course of outcomes leads to, whether it is out already or not.
    pub(super) fn suppose(&mut self, rules: &Rules) -> Vec<Prospect> {
        // Taken out for the time, so that answers can be noted while the rest is read.
        let Some(mut beliefs) = self.beliefs.take() else { return Vec::new() };
        beliefs.renew();
        let mut supposed = std::mem::take(&mut beliefs.supposed);
        let found = Supposing::of(self, rules, &beliefs, &mut supposed);
        beliefs.supposed = supposed;
        self.beliefs = Some(beliefs);
        found
    }

    /// The rollouts that would be searched after this one, next first, each with how likely that is.
    fn next_rollouts(&self, rules: &Rules) -> Vec<(RolloutId, f64)> {
        let mut next: Vec<(RolloutId, f64)> =
            self.supplied.iter().rev().take(NEXT).map(|&rollout| (rollout, 1.0)).collect();
        if next.len() == NEXT || self.labels_supplied_alone(rules) {
            return next;
        }
        let left = rules.config.max_search_count.saturating_sub(self.selections) as usize;
        let mut pool: CandidatePool = self.pool.clone();
        let mut chance = 1.0;
        for _ in 0..left.min(NEXT - next.len()) {
            let Some((_, rollout)) = pool.select(&rules.config.select) else { break };
            chance *= POOL_STAYS;
            next.push((rollout, chance));
        }
        next
    }
}

struct Supposing<'a> {
    search: &'a Search,
    rules: &'a Rules,
    supposed: &'a mut Supposed,
    /// Draws decided already, and what came of those that are back.
    decided: BTreeSet<DrawKey>,
    known: BTreeMap<DrawKey, Mark>,
    found: Vec<Prospect>,
    places: BTreeMap<DrawKey, usize>,
}

/// A search as the courses of its outcomes see it.
struct Start<'a> {
    hunt: &'a Hunt,
    belief: Belief<'a>,
    /// The draw it waits for.
    under_way: Option<DrawKey>,
    most: usize,
}

/// A course that outcomes may take.
#[derive(Clone)]
struct Course {
    chance: f64,
    /// With what is supposed.
    estimates: Vec<Estimate>,
    /// What is supposed, in any order: cut, and whether the draw ended right.
    draws: Vec<(usize, bool)>,
    /// Cuts of supposed draws that nobody could judge.
    excluded: Vec<usize>,
    /// Draws taken beyond those decided.
    spent: u32,
}

impl<'a> Supposing<'a> {
    fn of(
        search: &'a Search,
        rules: &'a Rules,
        beliefs: &'a Beliefs,
        supposed: &'a mut Supposed,
    ) -> Vec<Prospect> {
        if search.is_finished() || search.draws.held_back() {
            return Vec::new();
        }
        let back = search
            .draws
            .pending()
            .filter_map(|(draw, outcome)| Some((search.key_of(draw), rules.mark_of(outcome?))));
        let mut supposing = Self {
            search,
            rules,
            supposed,
            decided: search.decided(),
            known: back.collect(),
            found: Vec::new(),
            places: BTreeMap::new(),
        };
        for task in &search.tasks {
            if let Some(hunt) = task.hunt()
                && let Some(belief) = beliefs.belief(task.number, &rules.config, hunt, &search.tree)
            {
                let mut own = search.draws.pending().filter(|(draw, _)| draw.task == task.number);
                let under_way = own.next().map(|(draw, _)| search.key_of(draw));
                supposing.follow(
                    &Start {
                        hunt,
                        belief,
                        under_way,
                        most: (COURSES / search.tasks.len()).max(LEAST_COURSES),
                    },
                    1.0,
                );
            }
        }
        for (rollout, chance) in search.next_rollouts(rules) {
            let hunt = search.hunt_of(rules, rollout);
            if search.nothing_to_find(rules, &hunt).is_some() {
                continue;
            }
            let known = supposing.supposed.next.remove(&rollout);
            let posterior = known.unwrap_or_else(|| beliefs.posterior_of(&hunt));
            if let Some(posterior) = &posterior {
                let belief = fresh_belief(&rules.config, posterior, &hunt, &search.tree);
                let start = Start { hunt: &hunt, belief, under_way: None, most: COURSES_OF_NEXT };
                supposing.follow(&start, chance);
            }
            supposing.supposed.next.insert(rollout, posterior);
        }
        supposing.sow(beliefs);
        supposing.found
    }

    /// Further draws from states that are surely right, those first that were last expected to bring most.
    fn sow(&mut self, beliefs: &Beliefs) {
        let mut sure = beliefs.sure.clone();
        sure.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut chance = SOWN_FIRST;
        for (node, _) in sure.into_iter().take(SOWN) {
            let Some(&(rollout, cut)) = beliefs.through.get(&node) else { continue };
            let state = self.search.tree.node(node);
            let (mut number, mut likely, mut found) = (self.search.next_number(node), chance, 0);
            while number < self.rules.config.num_rollouts && found < SOWN_OF_ONE {
                let draw = DrawKey { state: state.key, number };
                if self.search.early.outcome(draw).is_none() {
                    self.note_at(draw, likely, rollout, cut);
                    found += 1;
                }
                number += 1;
                likely *= SOWN_NEXT;
            }
            chance *= SOWN_NEXT;
        }
    }

    /// Follows the courses of one search, likeliest first.
    fn follow(&mut self, start: &Start<'_>, chance: f64) {
        let estimates = start.hunt.estimates(&self.search.tree);
        let mut open = vec![Course { chance, estimates, draws: Vec::new(), excluded: Vec::new(), spent: 0 }];
        for _ in 0..start.most {
            let likeliest = (0..open.len()).max_by(|&a, &b| open[a].chance.total_cmp(&open[b].chance));
            let Some(at) = likeliest.filter(|&at| open[at].chance >= LEAST_CHANCE) else { break };
            let course = open.swap_remove(at);
            for answer in self.answers(start, &course) {
                self.suppose(start, &course, answer, &mut open);
            }
        }
    }

    /// What the strategy would want.
    fn answers(&mut self, start: &Start<'_>, course: &Course) -> Vec<Answer> {
        let seen = course.estimates.iter().map(|one| (one.n_correct, one.n_judged, one.n_excluded)).collect();
        let key = (start.hunt.rollout, seen);
        if let Some(answers) = self.supposed.answers.get(&key) {
            return answers.clone();
        }
        let answers = self.ask(start, course).unwrap_or_default();
        self.supposed.answers.insert(key, answers.clone());
        answers
    }

    fn ask(&self, start: &Start<'_>, course: &Course) -> Option<Vec<Answer>> {
        let launched = start.belief.launched;
        let mut posterior = start.belief.posterior.clone();
        for &(cut, right) in &course.draws {
            if !posterior.observe(launched + cut, launched + cut, right) {
                return None;
            }
        }
        let made = u32::try_from(course.draws.len()).ok()?;
        let left = start.belief.left.saturating_sub(made);
        let belief = Belief { posterior: &posterior, left, ..start.belief };
        let Next::Draw(wants) = self.rules.next(&course.estimates, Some(belief)) else { return None };
        let answer = |want: Want| Answer { want, ends_right: posterior.ends_right(launched + want.cut) };
        Some(wants.into_iter().map(answer).collect())
    }

    /// Notes the draws that are wanted of one state, and goes on from what may come of them.
    fn suppose(&mut self, start: &Start<'_>, course: &Course, answer: Answer, open: &mut Vec<Course>) {
        let Answer { want, ends_right } = answer;
        let more = want.draws - course.estimates[want.cut].drawn();
        let draws = self.draws_of(start, course, want.cut, more);
        let decided = draws.iter().filter(|draw| self.decided.contains(draw)).count();
        let spent = course.spent + more - u32::try_from(decided).unwrap_or(0);
        if !self.search.draws.could_send(&self.rules.config, spent) {
            return;
        }
        let mut courses = vec![Course { spent, ..course.clone() }];
        for draw in draws {
            let known = self
                .known
                .get(&draw)
                .copied()
                .or_else(|| self.search.early.outcome(draw).map(|outcome| self.rules.mark_of(outcome)));
            if known.is_none() {
                self.note(draw, course.chance, start.hunt, want.cut);
            }
            courses = courses.into_iter().flat_map(|one| one.after(want.cut, known, ends_right)).collect();
        }
        for course in courses {
            match open.iter_mut().find(|one| one.estimates == course.estimates) {
                Some(same) => same.chance += course.chance,
                None => open.push(course),
            }
        }
    }

    /// The next draws from a cut on a course: the one under way, then those that nobody decided on yet.
    fn draws_of(&self, start: &Start<'_>, course: &Course, cut: usize, more: u32) -> Vec<DrawKey> {
        let state = start.hunt.key(cut, &self.search.tree);
        let under_way = start.under_way.filter(|draw| draw.state == state);
        let drawn = course.draws.iter().map(|(at, _)| at).chain(&course.excluded);
        let supposed = drawn.filter(|&&at| at == cut).count();
        let free = self.search.tree.find(state).map_or(0, |node| self.search.next_number(node));
        let order = under_way.into_iter().chain((free..).map(|number| DrawKey { state, number }));
        order.skip(supposed).take(more as usize).collect()
    }

    fn note(&mut self, draw: DrawKey, chance: f64, hunt: &Hunt, cut: usize) {
        let at_root = hunt.known(cut, &self.search.tree) == Some(NodeId::ROOT);
        if !at_root && !self.decided.contains(&draw) {
            self.note_at(draw, chance, hunt.rollout, cut);
        }
    }

    fn note_at(&mut self, draw: DrawKey, chance: f64, rollout: RolloutId, cut: usize) {
        let at = *self.places.entry(draw).or_insert_with(|| {
            self.found.push(Prospect { chance: 0.0, draw, rollout, cut });
            self.found.len() - 1
        });
        self.found[at].chance += chance;
    }
}

impl Course {
    /// The courses after one more draw at a cut: what is known of it, or both outcomes.
    fn after(self, cut: usize, known: Option<Mark>, ends_right: f64) -> Vec<Self> {
        if known == Some(Mark::Excluded) {
            let mut course = self;
            course.estimates[cut].add(Mark::Excluded);
            course.excluded.push(cut);
            return vec![course];
        }
        let outcomes = match known {
            Some(mark) => vec![(mark == Mark::Right, 1.0)],
            None => vec![(true, ends_right), (false, 1.0 - ends_right)],
        };
        let after = |(right, chance): (bool, f64)| {
            let mut course = self.clone();
            course.chance *= chance;
            course.estimates[cut].add(if right { Mark::Right } else { Mark::Wrong });
            course.draws.push((cut, right));
            course
        };
        outcomes.into_iter().map(after).collect()
    }
}
