//! P8: recorded responses a second that the core decides again, to the same bytes. P9: memory over many questions of
//! 200 rollouts of 1 KB, whose artifacts are given away as each ends.
//!
//! `endurance [P8] [P9] [QUESTIONS]`: both unless one is named; 100,000 questions unless said otherwise. Memory and
//! processor time are read from `/proc`.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use omega_core::{
    Config, Error, Event, LocateKind, Outcome, QuestionId, Request, Response, RolloutText, Scheduler, Split,
    StateKey,
};
use omega_sim::{Policy, Setup, World, drive, drive_each};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

const RECORDED: u32 = 500;
const REPLAY_BAR: f64 = 100_000.0;
const MEMORY_BAR: f64 = 2048.0;
/// Largest growth that counts as flat, from a tenth of the questions to nine tenths; at the end all that are left are
/// open at once.
const FLAT: f64 = 1.1;

/// The five-step world, its steps padded so that a solution has 1 KB.
struct Kilobyte(World);

impl Policy for Kilobyte {
    fn answer(&self, request: &Request) -> RolloutText {
        let rollout = self.0.answer(request);
        let mut text = String::with_capacity(1024);
        for step in rollout.text.lines() {
            text.push_str(step);
            text.extend(std::iter::repeat_n('.', 1024 / 5 - step.len() - 1));
            text.push('\n');
        }
        RolloutText { text, ..rollout }
    }
}

type Draw = (QuestionId, StateKey, u32);

struct Recorder<'a> {
    policy: &'a Kilobyte,
    log: RefCell<HashMap<Draw, RolloutText>>,
}

impl Policy for Recorder<'_> {
    fn answer(&self, request: &Request) -> RolloutText {
        let answer = self.policy.answer(request);
        self.log.borrow_mut().insert(draw(request), answer.clone());
        answer
    }
}

fn draw(request: &Request) -> Draw {
    (request.id.question, request.state, request.draw)
}

fn main() -> Result<(), Error> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let questions = given.iter().find_map(|word| word.parse().ok()).unwrap_or(100_000);
    let all = !given.iter().any(|word| word.starts_with('P'));
    let wanted = |bar: &str| all || given.iter().any(|word| word == bar);
    let policy = Kilobyte(World::five_steps(1));
    if wanted("P8") {
        replay(&policy)?;
    }
    if wanted("P9") {
        endure(&policy, questions)?;
    }
    Ok(())
}

/// The search that thinks least between draws, so that the figures are the machinery's; what choices by a posterior
/// cost is in the example `slots`.
fn config() -> Config {
    let split = Split::Separator { separator: "\n".into() };
    Config { locate: LocateKind::Binary, max_search_count: 1000, split, ..Config::default() }
}

fn setup() -> Setup {
    Setup { max_open: 1024, speculation: 1.0, ..Setup::default() }
}

fn replay(policy: &Kilobyte) -> Result<(), Error> {
    let specs = || (0..RECORDED).map(|number| policy.0.question(number)).collect::<Vec<_>>();
    let recorder = Recorder { policy, log: RefCell::default() };
    let first = drive(config(), &recorder, specs(), &setup())?.artifacts;
    let expected: Vec<Vec<u8>> = first.iter().map(omega_core::SearchArtifacts::to_json).collect();
    let mut log = recorder.log.into_inner();
    let kept = log.len();

    let (started, worked) = (Instant::now(), processor_seconds());
    let mut scheduler = Scheduler::new(config())?;
    scheduler.set_max_open(1024);
    specs().into_iter().try_for_each(|spec| scheduler.add_question(spec).map(drop))?;
    let mut bytes = vec![Vec::new(); expected.len()];
    let mut responses = 0;
    while !scheduler.is_done() {
        let requests = scheduler.poll_requests(1024);
        responses += requests.len();
        let answered = requests.iter().map(|request| {
            let rollout = log.remove(&draw(request)).expect("the log has every draw");
            Response { id: request.id, outcome: Outcome::Rollout(rollout) }
        });
        scheduler.handle_responses(answered.collect())?;
        for event in scheduler.poll_events() {
            if let Event::SearchFinished { question } = event {
                bytes[question.index()] = scheduler.retire(question)?.to_json();
            }
        }
    }
    let worked = processor_seconds() - worked;
    let (rate, elapsed) = (responses as f64 / worked, started.elapsed().as_secs_f64());
    let same = bytes == expected;
    let word = if rate >= REPLAY_BAR && same { "ok" } else { "short" };
    println!("{responses} of {kept} recorded responses");
    println!("{worked:.2} s of one processor, {elapsed:.2} s by the clock");
    let same = if same { "equal" } else { "not equal" };
    println!(
        "P8 figure={rate:.0} baseline=none bar=>={REPLAY_BAR:.0} {word} | core: responses decided again a second of \
         processor time, 1 KB each; bytes {same}"
    );
    Ok(())
}

fn endure(policy: &Kilobyte, questions: u32) -> Result<(), Error> {
    let specs = (0..questions).map(|number| policy.0.question(number)).collect();
    let started = Instant::now();
    let (mut ended, mut rollouts, mut warm, mut late, mut most) = (0, 0_u64, 0.0, 0.0, 0.0);
    drive_each(config(), policy, specs, &setup(), |_, artifacts| {
        ended += 1;
        rollouts += u64::from(artifacts.counts.rollouts);
        if ended % (questions / 20).max(1) == 0 {
            let now = resident();
            if ended <= questions / 10 {
                warm = f64::max(warm, now);
            }
            if ended <= questions / 10 * 9 {
                late = now;
            }
            most = f64::max(most, now);
            println!("{ended:>7} questions {rollouts:>9} rollouts {now:>7.0} MiB");
        }
    })?;
    let word = if most <= MEMORY_BAR && late <= FLAT * warm { "ok" } else { "short" };
    let rate = rollouts as f64 / started.elapsed().as_secs_f64();
    println!(
        "{rate:.0} rollouts/s, world included; {warm:.0} MiB after a tenth, {late:.0} after nine, {most:.0} at most"
    );
    println!(
        "P9 figure={most:.0} baseline={warm:.0}MiB(after-a-tenth) bar=<={MEMORY_BAR:.0} {word} | MiB at most, {questions} \
         questions, {rollouts} rollouts of 1 KB; after nine tenths {late:.0}, at most {FLAT} times that after a tenth"
    );
    Ok(())
}

/// Seconds this thread has had a processor: what a clock would say on a machine with nothing else to do.
fn processor_seconds() -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let spent: f64 = spent.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(f64::NAN);
    spent / 1e9
}

/// Resident memory in MiB, 4 KiB to a page.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = pages.split(' ').nth(1).and_then(|count| count.parse().ok()).unwrap_or(f64::NAN);
    pages * 4.0 / 1024.0
}
