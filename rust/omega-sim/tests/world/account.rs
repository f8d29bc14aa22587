//! What was handed out, answered and cancelled adds up at the end of any run.

use crate::support::{STRATEGIES, bytes, config, questions};
use omega_core::{
    Config, LocateKind, Outcome, QuestionId, Request, RequestId, Response, Scheduler, SearchArtifacts,
};
use omega_sim::{Rng, Setup, World, drive};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Draw = (QuestionId, String, u32);

/// What became of the draws of a run.
#[derive(Default)]
struct Account {
    artifacts: Vec<SearchArtifacts>,
    answered: BTreeSet<Draw>,
    cancelled: usize,
}

fn name(request: &Request) -> Draw {
    (request.id.question, request.state.to_string(), request.draw)
}

/// An engine that starts, answers and drops work in random order, told to or not.
fn unruly(config: Config, world: &World, count: u32, seed: u64) -> Account {
    let mut rng = Rng::named(&[seed]);
    let mut scheduler = Scheduler::new(config).unwrap();
    let ids: Vec<QuestionId> =
        questions(world, count).into_iter().map(|one| scheduler.add_question(one).unwrap()).collect();
    scheduler.set_max_open(1 + rng.below(4));
    let (mut account, mut out) = (Account::default(), BTreeMap::<RequestId, Request>::new());
    loop {
        assert_eq!(scheduler.in_flight(), out.len(), "what is in flight was handed out and not answered");
        let done = scheduler.is_done();
        if done && out.is_empty() {
            break;
        }
        let mut polled = scheduler.poll_requests(rng.below(6));
        polled.extend(scheduler.poll_speculative(rng.below(6)));
        out.extend(polled.into_iter().map(|request| (request.id, request)));
        let mut gone = scheduler.poll_cancels();
        gone.extend(out.keys().filter(|id| id.speculative && rng.chance(0.1)));
        gone.retain(|id| out.remove(id).is_some());
        account.cancelled += gone.len();
        let dropped = gone.into_iter().map(|id| Response { id, outcome: Outcome::Cancelled }).collect();
        scheduler.handle_responses(dropped).unwrap();
        if let Some((&id, _)) = out.iter().nth(rng.below(out.len().max(1))) {
            let request = out.remove(&id).unwrap();
            assert!(account.answered.insert(name(&request)), "no draw is answered twice");
            let outcome = Outcome::Rollout(world.answer(&request));
            scheduler.handle_responses(vec![Response { id, outcome }]).unwrap();
        }
    }
    let counted = scheduler.speculation();
    assert_eq!(counted.out, 0);
    assert_eq!(counted.cancelled, account.cancelled as u64);
    assert_eq!(counted.sent, counted.used + counted.unused() + counted.cancelled);
    account.artifacts = ids.into_iter().map(|id| scheduler.retire(id).unwrap()).collect();
    account
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_left_in_flight_visits_add_up_and_what_was_cancelled_counts_nowhere(
        locate in prop::sample::select(STRATEGIES.to_vec()),
        seed in any::<u64>(),
        steps in 2..7_usize,
        distinct_right in any::<bool>(),
    ) {
        let world = World { steps, distinct_right, ..World::five_steps(seed % 50) };
        let config = Config { locate, rollout_budget: 30, ..config(4) };
        let account = unruly(config.clone(), &world, 4, seed);
        for (number, artifacts) in account.artifacts.iter().enumerate() {
            let visits: u32 = artifacts.nodes.iter().map(|node| node.visits).sum();
            prop_assert_eq!(visits as usize, artifacts.searches.len());
            prop_assert_eq!(artifacts.counts.searches as usize, artifacts.searches.len());
            let judged: u32 = artifacts.nodes.iter().map(|node| node.n_rollouts + node.n_excluded).sum();
            prop_assert_eq!(artifacts.counts.rollouts, judged);
            prop_assert_eq!(artifacts.rollouts.len(), judged as usize);
            for rollout in &artifacts.rollouts {
                let state = artifacts.nodes[rollout.node as usize].state.clone();
                let draw = (QuestionId(u32::try_from(number).unwrap()), state, rollout.draw.unwrap());
                prop_assert!(account.answered.contains(&draw), "{draw:?} was never answered");
            }
        }
        let plain = drive(config, &world, questions(&world, 4), &Setup::default()).unwrap();
        prop_assert!(bytes(&account.artifacts) == bytes(&plain.artifacts), "the labels differ");
    }
}

/// Questions that wait for learnt rates go on in rehearsal: their draws are used, and none of their decisions is.
#[test]
fn a_rehearsal_leaves_no_trace_but_time() {
    let world = World::five_steps(9);
    let config = Config { locate: LocateKind::Bayes, rollout_budget: 24, ..config(8) };
    let run = |speculation| {
        let setup = Setup { slots: 128, speculation, ..Setup::default() };
        drive(config.clone(), &world, questions(&world, 90), &setup).unwrap()
    };
    let (plain, early) = (run(0.0), run(1.0));
    assert!(bytes(&plain.artifacts) == bytes(&early.artifacts));
    assert_eq!(early.artifacts[80].epoch, Some(3));
    assert!(early.makespan < plain.makespan, "{} {}", early.makespan, plain.makespan);
}
