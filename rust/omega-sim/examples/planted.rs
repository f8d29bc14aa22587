//! 1,000 simulated questions with planted errors and exact estimates: what binary search locates, what it costs, and
//! whether slots or the order of arrival change a label.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use omega_core::{Config, Error, LocateKind, Request, RolloutText, SearchArtifacts, Split};
use omega_sim::{Policy, Rates, Setup, World, drive, prefix, truth};
use std::cell::RefCell;
use std::collections::BTreeSet;

const K: u32 = 8;

/// A world that remembers which draws it was asked for.
struct Watched<'a> {
    world: &'a World,
    asked: RefCell<Vec<(u32, u128, u32)>>,
}

impl Policy for Watched<'_> {
    fn answer(&self, request: &Request) -> RolloutText {
        self.asked.borrow_mut().push((request.id.question.0, request.state.0, request.draw));
        self.world.answer(request)
    }
}

#[derive(Default)]
struct Counts {
    questions: u32,
    located: u32,
    wrong: u32,
    probes_over_bound: u32,
    repeated_draws: usize,
    searched_twice: usize,
    over_budget: u32,
    changed_labels: u32,
}

fn main() -> Result<(), Error> {
    let five = World { solvable_in: Some(K), ..World::five_steps(3) };
    let worlds = [
        (five, 400),
        (World { steps: 8, rates: Rates::PerStep(0.05, 0.35), distinct_right: false, ..five }, 200),
        (World { steps: 13, rates: Rates::Constant(0.15), ..five }, 200),
        (World { steps: 16, rates: Rates::HardStep, distinct_right: false, ..five }, 200),
    ];
    let mut counts = Counts::default();
    for (world, questions) in &worlds {
        examine(world, *questions, &mut counts)?;
    }
    let claim = |name, figure: usize, bar: usize, what| {
        let word = if figure == bar { "ok" } else { "short" };
        println!("claim-3{name} figure={figure} bar={bar} {word}  {what}");
    };
    println!("{} first errors located", counts.located);
    claim("a", counts.questions as usize, 1000, "questions with planted errors");
    claim("b", counts.wrong as usize, 0, "located errors that are not the planted one");
    claim("c", counts.probes_over_bound as usize, 0, "searches with more than ceil(log2 n) probes");
    claim("d", counts.repeated_draws, 0, "draws made twice: no prefix is estimated twice");
    claim("e", counts.searched_twice, 0, "rollouts searched twice");
    claim("f", counts.over_budget as usize, 0, "questions over their rollout budget");
    claim(
        "g",
        counts.changed_labels as usize,
        0,
        "questions whose labels change with 1, 7, 256 slots or shuffled arrival",
    );
    Ok(())
}

fn examine(world: &World, questions: u32, counts: &mut Counts) -> Result<(), Error> {
    let split = Split::Separator { separator: "\n".into() };
    let config = Config { num_rollouts: K, locate: LocateKind::Binary, split, ..Config::default() };
    let specs = || (0..questions).map(|question| world.question(question)).collect();
    let watched = Watched { world, asked: RefCell::default() };
    let setup = Setup { slots: 256, ..Setup::default() };
    let base = drive(config.clone(), &watched, specs(), &setup)?.artifacts;
    let asked = watched.asked.into_inner();
    counts.repeated_draws += asked.len() - asked.iter().collect::<BTreeSet<_>>().len();
    counts.questions += questions;
    for artifacts in &base {
        count_searches(artifacts, counts);
        counts.over_budget += u32::from(artifacts.counts.rollouts > config.rollout_budget);
    }
    for setup in [
        Setup { slots: 1, ..Setup::default() },
        Setup { slots: 7, batch: 5, shuffle: 5, ..Setup::default() },
        Setup { slots: 256, batch: 64, shuffle: 6, ..Setup::default() },
    ] {
        let other = drive(config.clone(), world, specs(), &setup)?.artifacts;
        let differs = base.iter().zip(&other).filter(|(one, two)| one.to_json() != two.to_json()).count();
        counts.changed_labels += u32::try_from(differs).expect("there are 1,000 questions");
    }
    Ok(())
}

fn count_searches(artifacts: &SearchArtifacts, counts: &mut Counts) {
    let searched: BTreeSet<u32> = artifacts.searches.iter().map(|search| search.rollout).collect();
    counts.searched_twice += artifacts.searches.len() - searched.len();
    for search in &artifacts.searches {
        let text = &artifacts.rollouts[search.rollout as usize].text;
        let bound = truth::steps(text).len().next_power_of_two().trailing_zeros();
        counts.probes_over_bound += u32::from(search.probes.len() > bound as usize);
        if let Some(step) = search.error_step {
            let whole = prefix(artifacts, search.node) + text;
            counts.located += 1;
            counts.wrong += u32::from(truth::first_error(&whole) != Some(step as usize));
        }
    }
}
