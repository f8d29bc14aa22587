//! P1: what an exactly located first error costs, for every strategy, in worlds with planted errors.
//!
//! `cargo run --release -p omega-sim --example p1 -- 5 8 16 32` runs the cells of those lengths; without any, all of them.
//! `rates=hard`, `recovery=.02`, `questions=50`, `seed=7`, `searches=4`, `only=cells` (or `learnt`, `whole`) narrow a run down.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use omega_core::{Config, Error, LocateKind, Split};
use omega_sim::hunts::{Account, Rule, hunt};
use omega_sim::{Figures, Rates, Recovery, Setup, World, drive};
use std::time::Instant;

const BAYES: Rule = Rule::Bayes { confidence: CONFIDENCE, cap: 0, learns: true };
/// The default: short solutions are then as exact as binary search makes them, but for 3 points.
const CONFIDENCE: f64 = 0.955;
const RULES: [(&str, Rule); 6] = [
    ("binary k=8", Rule::Estimates(LocateKind::Binary, 8)),
    ("binary k=16", Rule::Estimates(LocateKind::Binary, 16)),
    ("early_stop k=8", Rule::Estimates(LocateKind::EarlyStop, 8)),
    ("early_stop k=16", Rule::Estimates(LocateKind::EarlyStop, 16)),
    ("sequential k=16", Rule::Estimates(LocateKind::Sequential, 16)),
    ("bayes", BAYES),
];
const RATES: [(&str, Rates); 4] = [
    ("even", Rates::PerQuestion(0.05, 0.35)),
    ("hard", Rates::HardStep),
    ("ramp", Rates::Ramp),
    ("free", Rates::PerStep(0.05, 0.35)),
];
const RECOVERIES: [(&str, Recovery); 4] = [
    ("0", Recovery { rho: 0.0, gamma: 1.0 }),
    (".02", Recovery { rho: 0.02, gamma: 1.0 }),
    (".1", Recovery { rho: 0.1, gamma: 1.0 }),
    (".2 decaying", Recovery { rho: 0.2, gamma: 0.5 }),
];

/// What is asked for on the command line.
struct Asked {
    lengths: Vec<usize>,
    narrowed: Vec<(String, String)>,
}

impl Asked {
    fn read() -> Self {
        let (mut lengths, mut narrowed) = (Vec::new(), Vec::new());
        for argument in std::env::args().skip(1) {
            if let Some((name, value)) = argument.split_once('=') {
                narrowed.push((name.to_owned(), value.to_owned()));
            } else if let Ok(steps) = argument.parse() {
                lengths.push(steps);
            }
        }
        if lengths.is_empty() {
            lengths = vec![5, 8, 16, 32];
        }
        Self { lengths, narrowed }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.narrowed.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    fn wants(&self, name: &str, value: &str) -> bool {
        self.value(name).is_none_or(|only| only == value)
    }

    fn number(&self, name: &str, default: u32) -> u32 {
        self.value(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    fn seed(&self) -> u64 {
        u64::from(self.number("seed", 1))
    }
}

fn main() -> Result<(), Error> {
    let asked = Asked::read();
    println!(
        "16 root draws a question, each wrong one searched; calibration: ten bins, best guess of every solution"
    );
    for &steps in asked.lengths.iter().filter(|_| asked.wants("only", "cells")) {
        for (kind, rates) in RATES.into_iter().filter(|(kind, _)| asked.wants("rates", kind)) {
            for (name, recovery) in RECOVERIES.into_iter().filter(|(name, _)| asked.wants("recovery", name)) {
                let world = World { steps, rates, recovery, ..World::five_steps(asked.seed()) };
                cell(&world, asked.number("questions", if steps < 8 { 600 } else { 200 }), kind, name);
            }
        }
    }
    if asked.lengths.contains(&5) && asked.wants("only", "learnt") {
        learnt_rates(asked.seed());
    }
    if asked.lengths.contains(&5) && asked.wants("only", "whole") {
        whole_question(asked.seed(), asked.number("searches", Config::default().searches_at_once))?;
    }
    Ok(())
}

/// A figure that must not be greater than its bar.
fn at_most(what: &str, figure: f64, baseline: f64, bar: f64) {
    line(what, figure, baseline, bar, figure <= bar);
}

/// A figure that must not be less than its bar.
fn at_least(what: &str, figure: f64, baseline: f64, bar: f64) {
    line(what, figure, baseline, bar, figure >= bar);
}

fn line(what: &str, figure: f64, baseline: f64, bar: f64, holds: bool) {
    let word = if holds { "ok" } else { "short" };
    println!("P1 figure={figure:.3} baseline={baseline:.3} bar={bar:.3} {word} | {what}");
}

/// Every rule in one world.
fn cell(world: &World, questions: u32, kind: &str, recovery: &str) {
    let what = format!("{} steps, {kind}, recovery {recovery}", world.steps);
    println!("\n{what}");
    let accounts = RULES.map(|(name, rule)| {
        let begun = Instant::now();
        let account = hunt(world, questions, rule);
        print_row(name, &account);
        if account.choices > 0 {
            let each = begun.elapsed().as_secs_f64() * 1e6 / account.choices as f64;
            println!("    {each:.0} us a choice, the world's own time included");
        }
        account
    });
    let [binary_8, binary_16, _, early, _, bayes] = &accounts;
    let better = 100.0 * binary_8.exact().max(binary_16.exact());
    let exact = 100.0 * bayes.exact();
    let needed = match (kind, world.steps, recovery) {
        ("even", 5 | 8 | 16, ".1") | ("even", 8, ".02") => Some(15.0),
        ("even", 5 | 16, ".02") => Some(10.0),
        ("even", 32, ".02" | ".1") => Some(5.0),
        _ => None,
    };
    if let Some(needed) = needed {
        at_least(&format!("(b) {what}: % exact, beside the better binary"), exact, better, better + needed);
        let most = binary_16.rollouts();
        at_most(&format!("(b) {what}: rollouts, beside binary k=16"), bayes.rollouts(), most, most);
    } else if world.steps <= 16 {
        at_least(&format!("(c) {what}: % exact, beside the better binary"), exact, better, better - 3.0);
        let early = 100.0 * early.exact();
        at_least(&format!("(c) {what}: % exact, beside early_stop k=16"), exact, early, early - 5.0);
    }
    let own = kind != "free" && recovery != ".2 decaying" && world.steps <= 16;
    let most = if own { 0.05 } else { 0.10 };
    let what = format!("(d) {what}: calibration error, beside binary k=16");
    at_most(&what, bayes.calibration_error(), binary_16.calibration_error(), most);
}

fn print_row(name: &str, account: &Account) {
    println!(
        "{name:<16} n={} exact {:5.1} answered {:5.1} of them exact {:5.1} rollouts {:5.1} per exact {:7.1} tokens per \
         exact {:8.0} bits a rollout {:.3} calibration {:.3}",
        account.hunts.len(),
        100.0 * account.exact(),
        100.0 * (1.0 - account.abstained()),
        100.0 * account.exact_answered(),
        account.rollouts(),
        account.rollouts_per_exact(),
        account.tokens_per_exact(),
        account.bits_per_rollout(),
        account.calibration_error()
    );
}

/// Costs per exact label over 1,500 questions and over fresh sets of 50.
fn learnt_rates(seed: u64) {
    for (name, recovery) in [RECOVERIES[0], RECOVERIES[1]] {
        for (questions, sets, to_binary, to_early) in [(1500, 1, 0.30, 0.50), (50, 20, 0.36, 0.60)] {
            let [binary, early, bayes] = [RULES[1].1, RULES[3].1, BAYES].map(|rule| {
                let mut all = Account::default();
                for set in 0..sets {
                    let world = World { recovery, ..World::five_steps(100 * seed + 1 + set) };
                    all.add(hunt(&world, questions, rule));
                }
                all
            });
            let what = format!("(a) 5 steps, recovery {name}, {sets} x {questions} questions");
            let figure = bayes.rollouts_per_exact();
            let baseline = binary.rollouts_per_exact();
            let each = "rollouts per exact label";
            at_most(&format!("{what}: {each}, beside binary k=16"), figure, baseline, to_binary * baseline);
            let baseline = early.rollouts_per_exact();
            at_most(
                &format!("{what}: {each}, beside early_stop k=16"),
                figure,
                baseline,
                to_early * baseline,
            );
            let baseline = 100.0 * binary.exact().max(early.exact());
            at_least(&format!("{what}: % exact"), 100.0 * bayes.exact(), baseline, baseline - 3.0);
        }
    }
}

/// The search itself on sets of 50 questions, its own selection included; beside it, the published rule's.
fn whole_question(seed: u64, searches: u32) -> Result<(), Error> {
    let bars = [("0", RECOVERIES[0].1, 120.0), (".1", RECOVERIES[2].1, 100.0)];
    for (name, recovery, exact_bar) in bars {
        let worlds: Vec<World> =
            (0..5).map(|set| World { recovery, ..World::five_steps(5 * seed - 4 + set) }).collect();
        let binary = whole(&worlds, LocateKind::Binary, CONFIDENCE, 1)?;
        for confidence in [CONFIDENCE, 0.9] {
            let found = whole(&worlds, LocateKind::Bayes, confidence, searches)?;
            let what =
                format!("(e) whole questions, recovery {name}, confidence {confidence}, per 1,000 rollouts");
            let per = |figures: &Figures, count: u64| figures.per_thousand(count);
            let (figure, baseline) = (per(&found, found.exact), per(&binary, binary.exact));
            at_least(&format!("{what}: exact, beside binary k=16"), figure, baseline, exact_bar);
            let (figure, baseline) = (per(&found, found.right_prefixes), per(&binary, binary.right_prefixes));
            if name == "0" {
                at_least(&format!("{what}: right prefixes"), figure, baseline, 85.0);
            } else {
                println!("    right prefixes {figure:.1}, of binary {baseline:.1}");
            }
            let share = 100.0 * found.exact as f64 / found.located as f64;
            println!("    {share:.1} % of {} located are exact, {} rollouts", found.located, found.rollouts);
        }
    }
    Ok(())
}

fn whole(
    worlds: &[World],
    locate: LocateKind,
    confidence: f64,
    searches_at_once: u32,
) -> Result<Figures, Error> {
    let mut all = Figures::default();
    for world in worlds {
        let config = Config {
            locate,
            locate_confidence: confidence,
            split: Split::Separator { separator: "\n".into() },
            max_search_count: 1000,
            searches_at_once,
            ..Config::default()
        };
        let budget = config.rollout_budget;
        let specs = (0..50).map(|question| world.question(question)).collect();
        all.add(&Figures::of_core(&drive(config, world, specs, &Setup::default())?.artifacts, budget));
    }
    Ok(all)
}
