//! Slots, latency, order, subsets and open questions change how long a run takes and nothing else.

use crate::support::{STRATEGIES, bytes, config, questions, setups};
use omega_core::Config;
use omega_sim::{Faults, Latency, Rates, Recovery, Setup, World, drive};

fn worlds() -> [World; 3] {
    let world = World::five_steps(9);
    [
        world,
        World { distinct_right: false, recovery: Recovery { rho: 0.1, gamma: 0.5 }, ..world },
        World { steps: 9, rates: Rates::Ramp, ..world },
    ]
}

#[test]
fn labels_are_the_same_bytes_at_every_pace() {
    for locate in STRATEGIES {
        for world in worlds() {
            let run = |setup: &Setup| {
                let config = Config { locate, ..config(6) };
                bytes(&drive(config, &world, questions(&world, 12), setup).unwrap().artifacts)
            };
            let expected = run(&Setup::default());
            for setup in setups() {
                assert!(run(&setup) == expected, "{locate:?} {setup:?}");
            }
        }
    }
}

#[test]
fn lost_draws_are_lost_alike_at_every_pace() {
    let world = World::five_steps(9);
    let run = |setup: Setup| {
        let faults = Faults { seed: 4, loss: 0.2, attempts: 1 };
        let run = drive(config(6), &world, questions(&world, 12), &Setup { faults, ..setup }).unwrap();
        let excluded: u32 = run.artifacts.iter().map(|one| one.counts.excluded).sum();
        assert!(excluded > 0);
        // What was lost of draws that no decision asked for counts nowhere.
        assert!(excluded == run.lost || excluded < run.lost && setup.speculation > 0.0);
        bytes(&run.artifacts)
    };
    let expected = run(Setup::default());
    assert!(setups().into_iter().all(|setup| run(setup) == expected));
}

#[test]
fn retries_that_succeed_leave_no_trace_in_the_labels() {
    let world = World::five_steps(9);
    let run = |faults| {
        drive(config(6), &world, questions(&world, 12), &Setup { faults, ..Setup::default() }).unwrap()
    };
    let retried = run(Faults { seed: 4, loss: 0.3, attempts: 100 });
    assert!(retried.lost > 0);
    let smooth = run(Setup::default().faults);
    assert!(bytes(&retried.artifacts) == bytes(&smooth.artifacts));
}

#[test]
fn slower_wrong_rollouts_do_not_change_an_estimate() {
    let world = World::five_steps(9);
    let run = |wrong| {
        let setup = Setup { latency: Latency { start: 1, wrong }, ..Setup::default() };
        drive(config(16), &world, questions(&world, 20), &setup).unwrap()
    };
    let (even, slow) = (run(1), run(20));
    assert!(slow.makespan > even.makespan);
    assert!(bytes(&slow.artifacts) == bytes(&even.artifacts));
}

#[test]
fn a_question_keeps_its_labels_whatever_else_is_asked() {
    let world = World::five_steps(9);
    let together = drive(config(6), &world, questions(&world, 12), &Setup::default()).unwrap();
    // The world knows questions by their place, so the others follow.
    let alone = drive(config(6), &world, questions(&world, 1), &Setup::default()).unwrap();
    assert_eq!(alone.artifacts[0], together.artifacts[0]);
}

#[test]
fn many_open_questions_keep_the_slots_at_work() {
    let world = World::five_steps(9);
    let occupancy = |max_open| {
        let setup = Setup { slots: 16, max_open, ..Setup::default() };
        drive(config(16), &world, questions(&world, 64), &setup).unwrap().occupancy(16)
    };
    let (one, many) = (occupancy(1), occupancy(64));
    assert!(one < 0.7 && many > 0.9, "{one} {many}");
}
