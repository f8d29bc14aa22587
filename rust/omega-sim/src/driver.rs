//! An engine in simulated time: slots, latency, reordering and loss.

use crate::rng::Rng;
use crate::world::World;
use omega_core::{
    Config, Error, Event, Outcome, QuestionSpec, Request, Response, RolloutText, Scheduler, SearchArtifacts,
    Verdict,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
    /// 256 slots; every response is delivered as it comes, none is lost.
    fn default() -> Self {
        Self {
            slots: 256,
            max_open: usize::MAX,
            latency: Latency { start: 1, wrong: 1 },
            batch: 1,
            shuffle: 0,
            faults: Faults { seed: 0, loss: 0.0, attempts: 1 },
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
    /// Attempts that were lost.
    pub lost: u32,
}

impl Run {
    /// Share of the slots' time that was spent at work.
    pub fn occupancy(&self, slots: usize) -> f64 {
        self.busy as f64 / (self.makespan as f64 * slots as f64)
    }
}

/// Runs the questions to their end. Fails where the scheduler refuses the configuration or a question.
pub fn drive(
    config: Config,
    policy: &impl Policy,
    questions: Vec<QuestionSpec>,
    setup: &Setup,
) -> Result<Run, Error> {
    let mut scheduler = Scheduler::new(config)?;
    scheduler.set_max_open(setup.max_open);
    let mut artifacts = Vec::new();
    for question in questions {
        scheduler.add_question(question)?;
        artifacts.push(None);
    }
    let mut engine = Engine::new(setup);
    while !scheduler.is_done() {
        for request in scheduler.poll_requests(engine.free()) {
            engine.start(&request, policy);
        }
        scheduler.handle_responses(engine.wait())?;
        for event in scheduler.poll_events() {
            if let Event::SearchFinished { question } = event {
                artifacts[question.index()] = Some(scheduler.retire(question)?);
            }
        }
    }
    Ok(Run {
        artifacts: artifacts.into_iter().map(|one| one.expect("every question finished")).collect(),
        makespan: engine.now,
        busy: engine.busy,
        lost: engine.lost,
    })
}

struct Engine<'a> {
    setup: &'a Setup,
    rng: Rng,
    now: u64,
    busy: u64,
    lost: u32,
    /// By the tick at which they end, then by a random number, then by their place in `outcomes`.
    running: BinaryHeap<Reverse<(u64, u64, usize)>>,
    responses: Vec<Option<Response>>,
    held_back: Vec<Response>,
}

impl<'a> Engine<'a> {
    fn new(setup: &'a Setup) -> Self {
        Self {
            setup,
            rng: Rng::named(&[setup.shuffle]),
            now: 0,
            busy: 0,
            lost: 0,
            running: BinaryHeap::new(),
            responses: Vec::new(),
            held_back: Vec::new(),
        }
    }

    fn free(&self) -> usize {
        self.setup.slots - self.running.len()
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
        let spent = ticks * u64::from(attempts.min(failed + 1));
        let outcome = if failed == attempts { Outcome::Lost } else { Outcome::Rollout(rollout) };
        self.busy += spent;
        self.running.push(Reverse((self.now + spent, self.rng.bits(), self.responses.len())));
        self.responses.push(Some(Response { id: request.id, outcome }));
    }

    /// Lets time pass until there is something to deliver.
    fn wait(&mut self) -> Vec<Response> {
        while self.held_back.len() < self.setup.batch {
            let Some(Reverse((tick, _, at))) = self.running.pop() else { break };
            self.now = tick;
            self.held_back.extend(self.responses[at].take());
        }
        if self.setup.batch == 1 {
            return std::mem::take(&mut self.held_back);
        }
        self.rng.shuffle(&mut self.held_back);
        let kept = self.rng.below(self.held_back.len().max(1));
        self.held_back.split_off(kept)
    }
}
