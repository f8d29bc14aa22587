//! Draws made early change how long a run takes, and nothing else.

use crate::support::{STRATEGIES, bytes, config, questions};
use omega_core::{
    Config, LocateKind, Outcome, QuestionId, QuestionSpec, Request, Response, RolloutText, Scheduler, Split,
    Supplied,
};
use omega_sim::{Faults, Latency, Policy, Rates, Rng, Setup, Tokens, World, drive};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Continues the ids it is given: the same text as other ids is continued in another way.
struct ByTokens(World);

impl Policy for ByTokens {
    fn answer(&self, request: &Request) -> RolloutText {
        let ids = request.prefix_tokens.iter().flatten().map(|&id| u64::from(id));
        let seed = Rng::named(&ids.chain([request.seed]).collect::<Vec<u64>>()).bits();
        self.0.answer(&Request { seed, ..request.clone() })
    }
}

fn configs() -> impl Strategy<Value = Config> {
    let budgets = (10..60_u32, prop::option::of(500..6000_u64));
    let solutions = prop::sample::select(vec![Supplied::Label, Supplied::Seed, Supplied::Ignore]);
    let searches = (0..8_u32, 1..6_u32);
    (1..7_u32, budgets, searches, solutions, prop::sample::select(STRATEGIES.to_vec()), any::<u64>())
        .prop_map(|(num_rollouts, (rollout_budget, token_budget), searches, solutions, locate, seed)| {
            Config {
                seed,
                num_rollouts,
                rollout_budget,
                token_budget,
                max_search_count: searches.0,
                searches_at_once: searches.1,
                max_new_tokens: 200,
                locate,
                solutions,
                split: Split::Separator { separator: "\n".into() },
                ..Config::default()
            }
        })
}

fn worlds() -> impl Strategy<Value = World> {
    let tokens = prop::sample::select(vec![Tokens::None, Tokens::EndWithSteps, Tokens::Straddle]);
    (0..1000_u64, 2..9_usize, any::<bool>(), tokens).prop_map(|(seed, steps, distinct_right, tokens)| World {
        steps,
        distinct_right,
        tokens,
        rates: Rates::PerStep(0.05, 0.5),
        ..World::five_steps(seed)
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    let slots = prop::sample::select(vec![1_usize, 7, 64, 256]);
    (slots, 1..6_usize, 1..5_u64, any::<u64>(), 0..3_u8, 0..5_u8).prop_map(
        |(slots, batch, wrong, shuffle, loss, share)| Setup {
            slots,
            max_open: usize::from(loss) + 1,
            latency: Latency { start: 1, wrong },
            batch,
            shuffle,
            faults: Faults { seed: 1, loss: f64::from(loss) * 0.2, attempts: 1 },
            speculation: f64::from(share) * 0.25,
        },
    )
}

fn with_solutions(world: &World, count: u32) -> Vec<QuestionSpec> {
    let supplied = |number| {
        let solutions = (0..number % 3).map(|one| world.solution(number, one.into())).collect();
        QuestionSpec { solutions, ..world.question(number) }
    };
    (0..count).map(supplied).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_label_changes(config in configs(), world in worlds(), setup in setup()) {
        let one_by_one = Setup { slots: 1, batch: 1, speculation: 0.0, ..setup };
        let run = |setup| drive(config.clone(), &ByTokens(world), with_solutions(&world, 4), setup).unwrap();
        let (early, plain) = (run(&setup), run(&one_by_one));
        prop_assert_eq!(bytes(&early.artifacts), bytes(&plain.artifacts));
        let counted = early.speculation;
        prop_assert_eq!(counted.out, 0);
        prop_assert_eq!(counted.sent, counted.used + counted.unused() + counted.cancelled);
        for artifacts in &early.artifacts {
            let drawn = artifacts.rollouts.iter().filter(|one| one.draw.is_some()).count();
            let judged: u32 = artifacts.nodes.iter().map(|node| node.n_rollouts + node.n_excluded).sum();
            prop_assert_eq!(artifacts.counts.rollouts, judged);
            prop_assert!(drawn <= judged as usize && judged <= config.rollout_budget);
        }
    }
}

#[test]
fn few_questions_end_sooner() {
    let world = World { steps: 16, rates: Rates::HardStep, ..World::five_steps(3) };
    for locate in [LocateKind::Binary, LocateKind::EarlyStop] {
        let config = Config { locate, ..config(8) };
        let run = |speculation| {
            let setup = Setup { speculation, ..Setup::default() };
            drive(config.clone(), &world, questions(&world, 8), &setup).unwrap()
        };
        let (plain, early) = (run(0.0), run(1.0));
        assert!(early.makespan < plain.makespan, "{locate:?} {} {}", early.makespan, plain.makespan);
        assert!(early.used(256) > plain.used(256));
        assert!(early.speculation.used > early.speculation.unused(), "{locate:?} {:?}", early.speculation);
    }
}

#[test]
fn full_slots_leave_nothing_to_speculation() {
    let world = World::five_steps(3);
    let setup = Setup { slots: 1, speculation: 1.0, ..Setup::default() };
    let run = drive(config(8), &world, questions(&world, 20), &setup).unwrap();
    assert_eq!(run.speculation.sent, 0);
}

#[test]
fn no_more_goes_out_early_than_was_asked_for() {
    let world = World::five_steps(3);
    let mut scheduler = Scheduler::new(config(8)).unwrap();
    scheduler.add_question(world.question(0)).unwrap();
    let roots = scheduler.poll_requests(100);
    scheduler.handle_responses(roots.iter().map(|one| answer(&world, one)).collect()).unwrap();
    scheduler.poll_requests(100);
    assert_eq!(scheduler.poll_speculative(3).len(), 3);
    assert_eq!((scheduler.poll_speculative(0).len(), scheduler.speculation().out), (0, 3));
}

fn answer(world: &World, request: &Request) -> Response {
    Response { id: request.id, outcome: Outcome::Rollout(world.answer(request)) }
}

/// Polls, answers, cancels and restores in random order, to the end; gives the labels.
fn wander(config: Config, world: &World, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut scheduler = Scheduler::new(config).unwrap();
    let ids: Vec<QuestionId> =
        questions(world, 3).into_iter().map(|one| scheduler.add_question(one).unwrap()).collect();
    let mut out = BTreeMap::new();
    while !scheduler.is_done() {
        scheduler = Scheduler::restore(&scheduler.snapshot()).unwrap();
        assert_eq!(scheduler.in_flight(), out.len());
        let polled = match rng.below(3) {
            0 => scheduler.poll_requests(1 + rng.below(4)),
            1 => scheduler.poll_speculative(1 + rng.below(4)),
            _ => Vec::new(),
        };
        out.extend(polled.into_iter().map(|request| (request.id, request)));
        if rng.chance(0.5) {
            let passed_by = scheduler.poll_cancels();
            let gone = passed_by.into_iter().filter(|id| out.remove(id).is_some());
            let gone = gone.map(|id| Response { id, outcome: Outcome::Cancelled }).collect();
            scheduler.handle_responses(gone).unwrap();
        } else if !out.is_empty() {
            let id = *out.keys().nth(rng.below(out.len())).unwrap();
            let request = out.remove(&id).unwrap();
            // An engine may drop speculative work at any time, whatever has become of it.
            let dropped = id.speculative && rng.chance(0.3);
            let response =
                if dropped { Response { id, outcome: Outcome::Cancelled } } else { answer(world, &request) };
            scheduler.handle_responses(vec![response]).unwrap();
        }
    }
    let labels = ids.iter().map(|&id| scheduler.retire(id).unwrap().to_json()).collect();
    let left = out.values().map(|request| answer(world, request)).collect();
    scheduler.handle_responses(left).unwrap();
    assert_eq!((scheduler.in_flight(), scheduler.speculation().out), (0, 0));
    labels
}

#[test]
fn any_order_of_polls_responses_and_cancellations_leads_to_the_same_labels() {
    let world = World { distinct_right: false, tokens: Tokens::EndWithSteps, ..World::five_steps(6) };
    for locate in STRATEGIES {
        let config = Config { locate, rollout_budget: 40, token_budget: Some(30_000), ..config(4) };
        let plain = drive(config.clone(), &world, questions(&world, 3), &Setup::default()).unwrap();
        let expected = bytes(&plain.artifacts);
        for seed in 0..40 {
            assert!(
                wander(config.clone(), &world, &mut Rng::named(&[seed])) == expected,
                "{locate:?} {seed}"
            );
        }
    }
}
