//! P2: how much of the slots' time goes into responses that enter a decision, from the first request to the last
//! response, with lengths of a long tail. Beside it, a client that waits for every batch and one question at a time.
//! Arguments name the strategies to run, as in `slots bayes`; without any, all are run. `questions=200`, `share=1` and
//! `searches=4` (of one question at once) narrow a run down.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use omega_core::{
    Config, Error, LocateKind, Outcome, QuestionSpec, Request, Response, RolloutText, Scheduler, Speculation,
    Split,
};
use omega_sim::{Policy, Rng, Run, Setup, World, drive};
use std::str::FromStr;
use std::time::Instant;

const SLOTS: usize = 256;
const STATED: u32 = 1000;
const STATED_SHARE: f64 = 1.0;
const BAR: f64 = 0.9;
const STRATEGIES: [(&str, LocateKind); 4] = [
    ("binary", LocateKind::Binary),
    ("early_stop", LocateKind::EarlyStop),
    ("every_step", LocateKind::EveryStep),
    ("bayes", LocateKind::Bayes),
];

/// The five-step world, with rollouts whose lengths are Pareto of shape 1.5 from 40 to 1,000 tokens.
struct LongTail(World);

impl Policy for LongTail {
    fn answer(&self, request: &Request) -> RolloutText {
        RolloutText { n_tokens: length(request.seed), ..self.0.answer(request) }
    }
}

fn length(seed: u64) -> u32 {
    let tail = 40.0 / (1.0 - Rng::named(&[seed, 7]).unit()).powf(1.0 / 1.5);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 40 and 1,000")]
    let n_tokens = tail.min(1000.0) as u32;
    n_tokens
}

/// What is asked for on the command line.
struct Asked(Vec<String>);

impl Asked {
    fn wants(&self, name: &str) -> bool {
        let mut names = self.0.iter().filter(|one| !one.contains('=')).peekable();
        names.peek().is_none() || names.any(|one| one == name)
    }

    fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        let given = self.0.iter().find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
        given.and_then(|value| value.parse().ok())
    }
}

fn main() -> Result<(), Error> {
    let asked = Asked(std::env::args().skip(1).collect());
    let mut lengths: Vec<u32> = (0..10_000).map(length).collect();
    lengths.sort_unstable();
    let mean = f64::from(lengths.iter().sum::<u32>()) / lengths.len() as f64;
    println!("{SLOTS} slots; tokens a rollout: median {}, mean {mean:.0}, at most 1000", lengths[5000]);
    println!("share of all slot-time that entered a decision:");
    let counts = asked.number("questions").map_or_else(|| vec![200, STATED], |one| vec![one]);
    for count in counts {
        for (name, locate) in STRATEGIES.into_iter().filter(|(name, _)| asked.wants(name)) {
            measure(name, &config(locate, &asked), count, &asked)?;
        }
    }
    Ok(())
}

fn measure(name: &str, config: &Config, count: u32, asked: &Asked) -> Result<(), Error> {
    let barrier = barrier(config, count)?;
    let only: Option<f64> = asked.number("share");
    if only.is_none() {
        let alone = run(config, count, 1, 0.0)?.used(SLOTS);
        let (plain, cost) = timed(config, count, 0.0)?;
        println!(
            "{count:>5} questions  {name:<11}one question at a time {alone:.3}  barrier {barrier:.3}  \
             no speculation {:.3}  {cost:.0} us a rollout",
            plain.used(SLOTS)
        );
    }
    for share in only.map_or_else(|| vec![0.25, 0.5, 1.0], |one| vec![one]) {
        let (ahead, cost) = timed(config, count, share)?;
        let Speculation { sent, used, cancelled, .. } = ahead.speculation;
        let (figure, unused) = (ahead.used(SLOTS), ahead.speculation.unused());
        println!(
            "{:>29}speculation {share:.2}: {figure:.3}  ({sent} early: {used} used, {unused} unused, \
             {cancelled} cancelled)  {cost:.0} us a rollout",
            ""
        );
        if count == STATED && share >= STATED_SHARE {
            let word = if figure >= BAR { "ok" } else { "short" };
            println!(
                "P2 figure={figure:.3} baseline={barrier:.3} bar={BAR:.2} {word} | {name}: slot-time that entered a \
                 decision, {count} questions, speculation {share:.1}; a barrier client beside it"
            );
        }
    }
    Ok(())
}

/// A run, and the microseconds it took for each rollout that counts, the simulated engine's included.
fn timed(config: &Config, count: u32, speculation: f64) -> Result<(Run, f64), Error> {
    let before = Instant::now();
    let run = run(config, count, 4 * SLOTS, speculation)?;
    let rollouts: u32 = run.artifacts.iter().map(|one| one.counts.rollouts).sum();
    let cost = before.elapsed().as_secs_f64() * 1e6 / f64::from(rollouts);
    Ok((run, cost))
}

fn config(locate: LocateKind, asked: &Asked) -> Config {
    let usual = Config::default();
    let searches_at_once = asked.number("searches").unwrap_or(usual.searches_at_once);
    Config { locate, searches_at_once, split: Split::Separator { separator: "\n".into() }, ..usual }
}

fn questions(count: u32) -> Vec<QuestionSpec> {
    (0..count).map(|number| World::five_steps(1).question(number)).collect()
}

fn run(config: &Config, count: u32, max_open: usize, speculation: f64) -> Result<Run, Error> {
    let setup = Setup { slots: SLOTS, max_open, speculation, ..Setup::default() };
    drive(config.clone(), &LongTail(World::five_steps(1)), questions(count), &setup)
}

/// A client that hands a batch to the engine and waits for the whole of it.
fn barrier(config: &Config, count: u32) -> Result<f64, Error> {
    let policy = LongTail(World::five_steps(1));
    let mut scheduler = Scheduler::new(config.clone())?;
    for question in questions(count) {
        scheduler.add_question(question)?;
    }
    let (mut useful, mut makespan) = (0, 0);
    while !scheduler.is_done() {
        let mut longest = 0;
        let mut responses = Vec::new();
        for request in scheduler.poll_requests(SLOTS) {
            let rollout = policy.answer(&request);
            let ticks = u64::from(rollout.n_tokens) + 1;
            useful += ticks;
            longest = longest.max(ticks);
            responses.push(Response { id: request.id, outcome: Outcome::Rollout(rollout) });
        }
        makespan += longest;
        scheduler.handle_responses(responses)?;
    }
    Ok(useful as f64 / (makespan * SLOTS as u64) as f64)
}
