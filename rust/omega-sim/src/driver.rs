//! An engine in simulated time: slots, latency, reordering and loss.

use crate::rng::Rng;
use crate::world::World;
use omega_core::{
    Config, Error, Event, Outcome, QuestionId, QuestionSpec, Request, RequestId, Response, RolloutText,
    Scheduler, SearchArtifacts, Speculation, StateKey, Verdict,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Whatever continues prefixes.
pub trait Policy {
    /// The continuation; must be a function of the request alone.
    fn answer(&self, request: &Request) -> RolloutText;
}

impl Policy for World {
    fn answer(&self, request: &Request) -> RolloutText {
        World::answer(self, request)
    }
}

/// How the engine is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Requests it works on at once.
    pub slots: usize,
    /// Questions open at once.
    pub max_open: usize,
    /// How long a request takes.
    pub latency: Latency,
    /// Responses are held back until there are this many, then a random subset is delivered in random order.
    pub batch: usize,
    /// Seeds the order and the subsets.
    pub shuffle: u64,
    /// What gets lost.
    pub faults: Faults,
    /// Share of the slots that speculative requests may take where nothing else wants them.
    pub speculation: f64,
}

/// How long a request takes, in ticks of one token.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Ticks before the first token.
    pub start: u64,
    /// How many times slower wrong rollouts are.
    pub wrong: u64,
}

/// What gets lost on the way.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Decides which draws are unlucky, whatever the timing.
    pub seed: u64,
    /// Chance that an attempt at a request is lost; below 1.
    pub loss: f64,
    /// Attempts before the loss is reported.
    pub attempts: u32,
}

impl Default for Setup {
    /// 256 slots; every response is delivered as it comes, none is lost, nothing is asked for early.
    fn default() -> Self {
        Self {
            slots: 256,
            max_open: usize::MAX,
            latency: Latency { start: 1, wrong: 1 },
            batch: 1,
            shuffle: 0,
            faults: Faults { seed: 0, loss: 0.0, attempts: 1 },
            speculation: 0.0,
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// By question.
    pub artifacts: Vec<SearchArtifacts>,
    /// Ticks from the first request to the last response.
    pub makespan: u64,
    /// Ticks that slots were at work, over all slots.
    pub busy: u64,
    /// Of these, ticks spent on responses that entered a decision.
    pub useful: u64,
    /// Attempts that were lost.
    pub lost: u32,
    /// What became of speculative requests.
    pub speculation: Speculation,
}

impl Run {
    /// Share of the slots' time that was spent at work.
    pub fn occupancy(&self, slots: usize) -> f64 {
        self.busy as f64 / (self.makespan as f64 * slots as f64)
    }

    /// Share of the slots' time that was spent on responses that entered a decision.
    pub fn used(&self, slots: usize) -> f64 {
        self.useful as f64 / (self.makespan as f64 * slots as f64)
    }
}

/// Runs the questions to their end. Fails where the scheduler refuses the configuration or a question.
pub fn drive(
    config: Config,
    policy: &impl Policy,
    questions: Vec<QuestionSpec>,
    setup: &Setup,
) -> Result<Run, Error> {
    let mut artifacts = vec![None; questions.len()];
    let run = drive_each(config, policy, questions, setup, |question, found| {
        artifacts[question.index()] = Some(found);
    })?;
    let artifacts = artifacts.into_iter().map(|one| one.expect("every question finished")).collect();
    Ok(Run { artifacts, ..run })
}

/// Runs the questions to their end and gives the artifacts of each away as it ends; `Run` has none then.
pub fn drive_each(
    config: Config,
    policy: &impl Policy,
    questions: Vec<QuestionSpec>,
    setup: &Setup,
    mut sink: impl FnMut(QuestionId, SearchArtifacts),
) -> Result<Run, Error> {
    let mut scheduler = Scheduler::new(config)?;
    scheduler.set_max_open(setup.max_open);
    for question in questions {
        scheduler.add_question(question)?;
    }
    let mut engine = Engine::new(setup);
    let mut decided = 0;
    while !scheduler.is_done() {
        for request in scheduler.poll_requests(engine.free()) {
            engine.start(&request, policy);
        }
        for request in scheduler.poll_speculative(engine.room_for_speculation()) {
            engine.start(&request, policy);
        }
        scheduler.handle_responses(engine.wait())?;
        let passed_by = scheduler.poll_cancels();
        scheduler.handle_responses(engine.cancel(&passed_by))?;
        for event in scheduler.poll_events() {
            if let Event::SearchFinished { question } = event {
                let found = scheduler.retire(question)?;
                decided += engine.spent_on(question, &found);
                sink(question, found);
            }
        }
    }
    let passed_by = scheduler.poll_cancels();
    scheduler.handle_responses(engine.cancel(&passed_by))?;
    scheduler.handle_responses(engine.drain())?;
    assert_eq!(scheduler.in_flight(), 0, "everything handed out was answered");
    Ok(Run {
        artifacts: Vec::new(),
        makespan: engine.now,
        busy: engine.busy,
        useful: decided,
        lost: engine.lost,
        speculation: scheduler.speculation(),
    })
}

struct Engine<'a> {
    setup: &'a Setup,
    rng: Rng,
    now: u64,
    busy: u64,
    lost: u32,
    speculative: usize,
    /// By the tick at which they end, then by a random number.
    running: BTreeMap<(u64, u64), Job>,
    places: HashMap<RequestId, (u64, u64)>,
    held_back: Vec<Response>,
    /// What was spent on the responses that came, by question.
    spent: HashMap<QuestionId, Vec<(StateKey, u32, u64)>>,
}

struct Job {
    response: Response,
    state: StateKey,
    draw: u32,
    ticks: u64,
}

impl<'a> Engine<'a> {
    fn new(setup: &'a Setup) -> Self {
        Self {
            setup,
            rng: Rng::named(&[setup.shuffle]),
            now: 0,
            busy: 0,
            lost: 0,
            speculative: 0,
            running: BTreeMap::new(),
            places: HashMap::new(),
            held_back: Vec::new(),
            spent: HashMap::new(),
        }
    }

    fn free(&self) -> usize {
        self.setup.slots - self.running.len()
    }

    fn room_for_speculation(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the slots")]
        let most = (self.setup.speculation * self.setup.slots as f64) as usize;
        self.free().min(most.saturating_sub(self.speculative))
    }

    fn start(&mut self, request: &Request, policy: &impl Policy) {
        let rollout = policy.answer(request);
        let Latency { start, wrong } = self.setup.latency;
        let slower = if rollout.verdict == Verdict::Correct { 1 } else { wrong };
        let ticks = start + u64::from(rollout.n_tokens) * slower;
        let Faults { seed, loss, attempts } = self.setup.faults;
        let mut luck = Rng::named(&[seed, u64::from(request.id.question.0), request.seed]);
        let failed = (0..attempts).take_while(|_| luck.chance(loss)).count();
        let failed = u32::try_from(failed).expect("at most the attempts");
        self.lost += failed;
        let ticks = ticks * u64::from(attempts.min(failed + 1));
        let outcome = if failed == attempts { Outcome::Lost } else { Outcome::Rollout(rollout) };
        let place = (self.now + ticks, self.rng.bits());
        let response = Response { id: request.id, outcome };
        self.speculative += usize::from(request.id.speculative);
        self.places.insert(request.id, place);
        self.running.insert(place, Job { response, state: request.state, draw: request.draw, ticks });
    }

    /// Lets time pass until there is something to deliver.
    fn wait(&mut self) -> Vec<Response> {
        while self.held_back.len() < self.setup.batch {
            let Some((place, job)) = self.running.pop_first() else { break };
            let id = job.response.id;
            self.now = place.0;
            self.busy += job.ticks;
            self.speculative -= usize::from(id.speculative);
            self.places.remove(&id);
            self.spent.entry(id.question).or_default().push((job.state, job.draw, job.ticks));
            self.held_back.push(job.response);
        }
        if self.setup.batch == 1 {
            return self.drain();
        }
        self.rng.shuffle(&mut self.held_back);
        let kept = self.rng.below(self.held_back.len().max(1));
        self.held_back.split_off(kept)
    }

    /// Stops working on these, unless they are done.
    fn cancel(&mut self, ids: &[RequestId]) -> Vec<Response> {
        let mut cancelled = Vec::new();
        for &id in ids {
            let Some(place) = self.places.remove(&id) else { continue };
            let job = self.running.remove(&place).expect("what has a place is running");
            self.busy += job.ticks - (place.0 - self.now);
            self.speculative -= 1;
            cancelled.push(Response { id, outcome: Outcome::Cancelled });
        }
        cancelled
    }

    /// What is done and was not delivered.
    fn drain(&mut self) -> Vec<Response> {
        std::mem::take(&mut self.held_back)
    }

    /// Ticks spent on the responses that are in these artifacts.
    fn spent_on(&mut self, question: QuestionId, artifacts: &SearchArtifacts) -> u64 {
        let state = |node: u32| artifacts.nodes[node as usize].state.as_str();
        let kept: HashSet<(&str, u32)> = artifacts
            .rollouts
            .iter()
            .filter_map(|rollout| rollout.draw.map(|draw| (state(rollout.node), draw)))
            .collect();
        let spent = self.spent.remove(&question).unwrap_or_default();
        let ticks = spent.iter().map(|(state, draw, ticks)| (state.to_string(), *draw, *ticks));
        ticks
            .filter(|(state, draw, _)| kept.contains(&(state.as_str(), *draw)))
            .map(|(_, _, ticks)| ticks)
            .sum()
    }
}
