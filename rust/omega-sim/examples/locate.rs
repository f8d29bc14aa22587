//! First errors located per 1,000 rollouts in the five-step world: the published rule beside the core's strategies.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use omega_core::{Config, Error, LocateKind, Split};
use omega_sim::{Figures, Published, Setup, World, drive};

const BAR: f64 = 3.0;

fn main() -> Result<(), Error> {
    let mut ratio = 0.0;
    for questions in [50, 500] {
        ratio = compare(&World::five_steps(1), questions)?;
    }
    let word = if ratio >= BAR { "ok" } else { "short" };
    println!("claim-5 figure={ratio:.2} bar={BAR:.1} {word}");
    Ok(())
}

/// Prints one line a rule; gives how many times more errors `binary` (k 16) locates than the published rule.
fn compare(world: &World, questions: u32) -> Result<f64, Error> {
    println!("{questions} questions, {} steps, seed {}", world.steps, world.seed);
    println!(
        "{:<24}{:>10}{:>10}{:>10}{:>10}{:>14}{:>10}{:>11}",
        "per 1,000 rollouts:",
        "located",
        "exact",
        "prefixes",
        "repeats",
        "re-estimated",
        "rollouts",
        "overshoot"
    );
    let released = Published::released();
    let published = |name, rule: Published| {
        let found: Vec<_> = (0..questions).map(|question| rule.search(world, question)).collect();
        let figures = Figures::of_published(&found, rule.rollout_budget);
        print_row(name, &figures);
        figures
    };
    let core = |name, locate, num_rollouts| -> Result<Figures, Error> {
        let split = Split::Separator { separator: "\n".into() };
        let config = Config { num_rollouts, locate, split, ..Config::default() };
        let budget = config.rollout_budget;
        let specs = (0..questions).map(|question| world.question(question)).collect();
        let figures = Figures::of_core(&drive(config, world, specs, &Setup::default())?.artifacts, budget);
        print_row(name, &figures);
        Ok(figures)
    };
    let baseline = published("published", released);
    published("published, no repeats", Published { puts_back: false, ..released });
    let binary = core("binary, k 16", LocateKind::Binary, 16)?;
    core("binary, k 8", LocateKind::Binary, 8)?;
    core("early_stop, k 16", LocateKind::EarlyStop, 16)?;
    core("every_step, k 16", LocateKind::EveryStep, 16)?;
    Ok(binary.per_thousand(binary.located) / baseline.per_thousand(baseline.located))
}

fn print_row(name: &str, figures: &Figures) {
    let per = |count| figures.per_thousand(count);
    let share = |part: u64, all: u64| part as f64 * 100.0 / all.max(1) as f64;
    println!(
        "{name:<24}{:>10.1}{:>10.1}{:>10.1}{:>9.0}%{:>13.0}%{:>10}{:>11}",
        per(figures.located),
        per(figures.exact),
        per(figures.right_prefixes),
        share(figures.repeats, figures.searches),
        share(figures.estimates_repeated, figures.estimates),
        figures.rollouts,
        figures.overshoot
    );
}
