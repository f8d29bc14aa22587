//! No budget is exceeded by one, and budgets decide alike at every pace.

use crate::support::{Recorder, STRATEGIES, bytes, questions, setups};
use omega_core::{Config, Finish, LocateKind, Split};
use omega_sim::{Faults, Latency, Setup, World, drive};
use proptest::prelude::*;

fn configs() -> impl Strategy<Value = Config> {
    let draws = (1..9_u32, 0..12_u32, 0..60_u32);
    let tokens = prop::option::of(0..4000_u64);
    (draws, 0..6_u32, tokens, 1..300_u32, prop::sample::select(STRATEGIES.to_vec()), any::<u64>()).prop_map(
        |((num_rollouts, root_rollouts, more), max_search_count, tokens, max_new_tokens, locate, seed)| {
            Config {
                seed,
                num_rollouts,
                root_rollouts,
                rollout_budget: num_rollouts.max(root_rollouts) + more,
                max_search_count,
                token_budget: tokens.map(|tokens| tokens + u64::from(max_new_tokens)),
                max_new_tokens,
                locate,
                split: Split::Separator { separator: "\n".into() },
                ..Config::default()
            }
        },
    )
}

fn setup() -> impl Strategy<Value = Setup> {
    (1..20_usize, 1..6_usize, 1..5_u64, any::<u64>(), 0..3_u8).prop_map(
        |(slots, batch, wrong, shuffle, loss)| Setup {
            slots,
            max_open: usize::MAX,
            latency: Latency { start: 1, wrong },
            batch,
            shuffle,
            faults: Faults { seed: 1, loss: f64::from(loss) * 0.2, attempts: 1 },
            speculation: 0.0,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_budget_is_exceeded_by_one(config in configs(), setup in setup(), seed in 0..1000_u64) {
        let world = World { solvable_in: Some(config.num_rollouts), ..World::five_steps(seed) };
        let recorder = Recorder::new(&world);
        let all = drive(config.clone(), &recorder, questions(&world, 4), &setup).unwrap().artifacts;
        let log = recorder.log.into_inner();
        for (number, artifacts) in all.iter().enumerate() {
            let asked: Vec<_> = log.iter().filter(|(one, _)| one.id.question.index() == number).collect();
            let tokens: u64 = asked.iter().map(|(_, answer)| u64::from(answer.n_tokens)).sum();
            prop_assert_eq!(artifacts.counts.rollouts as usize, asked.len());
            prop_assert!(artifacts.counts.rollouts <= config.rollout_budget);
            prop_assert!(artifacts.counts.searches <= config.max_search_count);
            prop_assert!(config.token_budget.is_none_or(|budget| artifacts.counts.tokens <= budget));
            // What a lost draw generated, nobody knows.
            prop_assert!(artifacts.counts.tokens == tokens || setup.faults.loss > 0.0);
        }
    }

    #[test]
    fn budgets_decide_alike_at_every_pace(config in configs(), setup in setup(), seed in 0..1000_u64) {
        let world = World::five_steps(seed);
        let slow = Setup { slots: 1, batch: 1, ..setup };
        let run = |setup| bytes(&drive(config.clone(), &world, questions(&world, 4), setup).unwrap().artifacts);
        prop_assert_eq!(run(&setup), run(&slow));
    }
}

#[test]
fn a_budget_is_spent_to_the_last_draw_that_fits() {
    let world = World { solvable_in: Some(4), ..World::five_steps(2) };
    let config = Config {
        num_rollouts: 4,
        rollout_budget: 32,
        max_search_count: u32::MAX,
        locate: LocateKind::Binary,
        split: Split::Separator { separator: "\n".into() },
        ..Config::default()
    };
    let all = drive(config, &world, questions(&world, 40), &setups()[0]).unwrap().artifacts;
    let short: Vec<_> = all.iter().filter(|one| one.finish == Finish::RolloutBudget).collect();
    assert!(!short.is_empty());
    assert!(short.iter().all(|one| one.counts.rollouts == 32));
}
