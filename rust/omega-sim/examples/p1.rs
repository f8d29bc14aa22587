//! P1: what an exactly located first error costs, for every strategy, in worlds with planted errors.
//!
//! `cargo run --release -p omega-sim --example p1 -- 5 8 16 32` runs the cells of those lengths; without arguments, all.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use omega_core::{Config, Error, LocateKind, Split};
use omega_sim::hunts::{Account, Rule, hunt};
use omega_sim::{Figures, Rates, Recovery, Setup, World, drive};

const BAYES: Rule = Rule::Bayes { confidence: CONFIDENCE, cap: 0, learns: true };
const CONFIDENCE: f64 = 0.95;
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

fn main() -> Result<(), Error> {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|each| each.parse().ok()).collect();
    let lengths = if asked.is_empty() { vec![5, 8, 16, 32] } else { asked };
    println!(
        "16 root draws a question, each wrong one searched; calibration: ten bins, best guess of every solution"
    );
    for &steps in &lengths {
        for (kind, rates) in RATES {
            for (name, recovery) in RECOVERIES {
                cell(&World { steps, rates, recovery, ..World::five_steps(1) }, kind, name);
            }
        }
    }
    if lengths.contains(&5) {
        learnt_rates();
        whole_question()?;
    }
    Ok(())
}

fn bar(name: &str, what: &str, figure: f64, bar: f64, holds: bool) {
    let word = if holds { "ok" } else { "short" };
    println!("{name} figure={figure:.3} bar={bar:.3} {word}  {what}");
}

/// Every rule in one world: at least 500 solutions each.
fn cell(world: &World, kind: &str, recovery: &str) {
    let questions = if world.steps < 8 { 80 } else { 50 };
    let what = format!("{} steps, {kind}, recovery {recovery}", world.steps);
    println!("\n{what}");
    let accounts = RULES.map(|(name, rule)| {
        let account = hunt(world, questions, rule);
        print_row(name, &account);
        account
    });
    let [binary_8, binary_16, _, early, _, bayes] = &accounts;
    let better = binary_8.exact().max(binary_16.exact());
    let ahead = 100.0 * (bayes.exact() - better);
    let needed = match (kind, world.steps, recovery) {
        ("even", 5 | 8 | 16, ".1") | ("even", 8, ".02") => Some(15.0),
        ("even", 5 | 16, ".02") => Some(10.0),
        ("even", 32, ".02" | ".1") => Some(5.0),
        _ => None,
    };
    if let Some(needed) = needed {
        bar(
            "P1b",
            &format!("{what}: points more exact than the better binary"),
            ahead,
            needed,
            ahead >= needed,
        );
        let (figure, most) = (bayes.rollouts(), binary_16.rollouts());
        bar("P1b", &format!("{what}: rollouts beside binary k=16"), figure, most, figure <= most);
    } else if world.steps <= 16 {
        bar("P1c", &format!("{what}: points behind binary, at most"), -ahead, 3.0, -ahead <= 3.0);
        let behind = 100.0 * (early.exact() - bayes.exact());
        bar("P1c", &format!("{what}: points behind early_stop, at most"), behind, 5.0, behind <= 5.0);
    }
    let own = kind != "free" && recovery != ".2 decaying" && world.steps <= 16;
    let most = if own { 0.05 } else { 0.10 };
    let error = bayes.calibration_error();
    bar("P1d", &format!("{what}: calibration error"), error, most, error <= most);
}

fn print_row(name: &str, account: &Account) {
    println!(
        "{name:<16} n={} exact {:5.1} answered {:5.1} of them exact {:5.1} rollouts {:5.1} per exact {:7.1} tokens per \
         exact {:8.0} calibration {:.3}",
        account.hunts.len(),
        100.0 * account.exact(),
        100.0 * (1.0 - account.abstained()),
        100.0 * account.exact_answered(),
        account.rollouts(),
        account.rollouts_per_exact(),
        account.tokens_per_exact(),
        account.calibration_error()
    );
}

/// Costs per exact label over 1,500 questions and over fresh sets of 50.
fn learnt_rates() {
    for (name, recovery) in [RECOVERIES[0], RECOVERIES[1]] {
        for (questions, seeds, to_binary, to_early) in [(1500, 1, 0.30, 0.50), (50, 10, 0.36, 0.60)] {
            let [binary, early, bayes] = [RULES[1].1, RULES[3].1, BAYES].map(|rule| {
                let mut all = Account::default();
                for seed in 1..=seeds {
                    let world = World { recovery, ..World::five_steps(100 + seed) };
                    all.add(hunt(&world, questions, rule));
                }
                all
            });
            let what = format!("5 steps, recovery {name}, {seeds} x {questions} questions");
            let figure = bayes.rollouts_per_exact();
            let of_binary = figure / binary.rollouts_per_exact();
            bar(
                "P1a",
                &format!("{what}: per exact label, of binary k=16"),
                of_binary,
                to_binary,
                of_binary <= to_binary,
            );
            let of_early = figure / early.rollouts_per_exact();
            bar("P1a", &format!("{what}: of early_stop k=16"), of_early, to_early, of_early <= to_early);
            let behind = 100.0 * (binary.exact().max(early.exact()) - bayes.exact());
            bar("P1a", &format!("{what}: points of exactness behind"), behind, 3.0, behind <= 3.0);
        }
    }
}

/// The search itself on 50 questions, its own selection included.
fn whole_question() -> Result<(), Error> {
    for (name, recovery, exact_bar) in [("0", RECOVERIES[0].1, 120.0), (".1", RECOVERIES[2].1, 100.0)] {
        for confidence in [CONFIDENCE, 0.9] {
            let mut all = [0, 0, 0, 0];
            for seed in 1..=5 {
                let world = World { recovery, ..World::five_steps(seed) };
                let config = Config {
                    locate: LocateKind::Bayes,
                    locate_confidence: confidence,
                    split: Split::Separator { separator: "\n".into() },
                    max_search_count: 1000,
                    ..Config::default()
                };
                let specs = (0..50).map(|question| world.question(question)).collect();
                let budget = config.rollout_budget;
                let figures =
                    Figures::of_core(&drive(config, &world, specs, &Setup::default())?.artifacts, budget);
                let one = [figures.exact, figures.right_prefixes, figures.located, figures.rollouts];
                all.iter_mut().zip(one).for_each(|(sum, figure)| *sum += figure);
            }
            let per = |count: u64| count as f64 * 1e3 / all[3] as f64;
            let what =
                format!("whole questions, recovery {name}, confidence {confidence}, per 1,000 rollouts");
            bar("P1e", &format!("{what}: exact"), per(all[0]), exact_bar, per(all[0]) >= exact_bar);
            if name == "0" {
                bar("P1e", &format!("{what}: right prefixes"), per(all[1]), 85.0, per(all[1]) >= 85.0);
            }
            println!("    {:.1} % of {} located are exact", 100.0 * all[0] as f64 / all[2] as f64, all[2]);
        }
    }
    Ok(())
}
