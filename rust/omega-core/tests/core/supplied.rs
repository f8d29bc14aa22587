//! Solutions that come with the question.

use crate::support::{STEPS, binary, config, judged, policy, question, run, supplied};
use omega_core::{
    Config, Error, Finish, LocateKind, QuestionSpec, Scheduler, SearchArtifacts, SearchOutcome, SearchRecord,
    Supplied, SuppliedSolution, Unlocated, Verdict,
};

const WRONG: &str = "r0\nr1\nw2\nw3\n";

fn with(solutions: Vec<SuppliedSolution>) -> QuestionSpec {
    QuestionSpec { solutions, ..question() }
}

fn label(solutions: Vec<SuppliedSolution>) -> SearchArtifacts {
    run(binary(), with(solutions), policy)
}

fn only_search(solution: SuppliedSolution) -> SearchRecord {
    let artifacts = label(vec![solution]);
    assert_eq!(artifacts.searches.len(), 1);
    artifacts.searches[0].clone()
}

#[test]
fn label_mode_searches_the_supplied_solutions_and_nothing_else() {
    let artifacts = label(vec![supplied(WRONG, Verdict::Wrong), supplied("w0\nw1\n", Verdict::Wrong)]);
    assert_eq!(artifacts.finish, Finish::SolutionsDone);
    let found: Vec<_> = artifacts.searches.iter().map(|one| (one.rollout, one.error_step)).collect();
    assert_eq!(found, [(0, Some(2)), (1, Some(0))]);
    assert_eq!(artifacts.rollouts[0].source, "supplied:dataset");
}

#[test]
fn seed_mode_searches_the_supplied_solutions_first() {
    let config = Config { solutions: Supplied::Seed, ..binary() };
    let artifacts = run(config, with(vec![supplied(WRONG, Verdict::Wrong)]), policy);
    let sources: Vec<&str> = artifacts
        .searches
        .iter()
        .map(|search| artifacts.rollouts[search.rollout as usize].source.as_str())
        .collect();
    assert_eq!(sources[0], "supplied:dataset");
    assert!(sources.len() > 1 && sources[1..].iter().all(|&source| source == "policy"));
    assert_eq!(artifacts.searches[0].error_step, Some(2));
}

#[test]
fn ignore_mode_is_a_run_without_them() {
    let config = Config { solutions: Supplied::Ignore, ..config() };
    let ignored = run(config.clone(), with(vec![supplied(WRONG, Verdict::Wrong)]), policy);
    assert_eq!(ignored, run(config, question(), policy));
}

#[test]
fn label_mode_searches_a_question_without_solutions_as_usual() {
    assert_eq!(label(vec![]).finish, Finish::PoolEmpty);
}

#[test]
fn given_steps_are_kept() {
    let solution = SuppliedSolution { step_lengths: vec![6, 3, 3], ..supplied(WRONG, Verdict::Wrong) };
    let artifacts = label(vec![solution]);
    assert_eq!(artifacts.searches[0].error_step, Some(1));
    let steps: Vec<&str> = artifacts.nodes[1..].iter().map(|node| node.step.as_str()).collect();
    assert_eq!(steps, ["r0\nr1\n", "w2\n"]);
}

#[test]
fn the_error_is_counted_in_the_solutions_own_steps() {
    let coarse = SuppliedSolution { step_lengths: vec![6, 3, 3], ..supplied(WRONG, Verdict::Wrong) };
    let fine = supplied(WRONG, Verdict::Wrong);
    for solutions in [vec![coarse.clone(), fine.clone()], vec![fine, coarse]] {
        let expected: Vec<_> =
            solutions.iter().map(|one| Some(if one.step_lengths.is_empty() { 2 } else { 1 })).collect();
        let artifacts = label(solutions);
        let found: Vec<_> = artifacts.searches.iter().map(|search| search.error_step).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_right_solution_costs_no_probe() {
    let artifacts = label(vec![supplied("r0\nr1\nr2\nr3\n", Verdict::Correct)]);
    assert_eq!(artifacts.searches[0].reason, Some(Unlocated::FinalAnswerRight));
    assert_eq!(artifacts.counts.rollouts, 2);
}

#[test]
fn every_step_estimates_a_right_solution_too() {
    let config = Config { locate: LocateKind::EveryStep, ..config() };
    let right = "r0\nr1\nr2\nr3\n";
    let artifacts = run(config, with(vec![supplied(right, Verdict::Correct)]), policy);
    assert_eq!(artifacts.searches[0].reason, Some(Unlocated::FinalAnswerRight));
    assert_eq!(artifacts.searches[0].probes.len(), STEPS - 1);
}

#[test]
fn the_error_of_an_unfinished_solution_is_located() {
    for verdict in [Verdict::NoAnswer, Verdict::Truncated] {
        let search = only_search(supplied("r0\nw1\nw2\n", verdict));
        assert_eq!((search.outcome, search.error_step), (SearchOutcome::Located, Some(1)));
    }
}

#[test]
fn an_unfinished_solution_may_err_in_its_last_step() {
    let artifacts = label(vec![supplied("r0\nw1\n", Verdict::NoAnswer)]);
    let search = &artifacts.searches[0];
    assert_eq!(search.error_step, Some(1));
    let last = &artifacts.nodes[search.error_node.unwrap() as usize];
    assert_eq!((last.n_rollouts, last.hard), (2, Some(false)));
}

#[test]
fn an_unfinished_solution_without_error_stopped_early() {
    let artifacts = label(vec![supplied("r0\nr1\n", Verdict::NoAnswer)]);
    let search = &artifacts.searches[0];
    assert_eq!((search.outcome, search.reason), (SearchOutcome::NotLocated, Some(Unlocated::StoppedEarly)));
    assert_eq!(search.error_node, None);
    assert!(artifacts.nodes.iter().all(|node| node.hard == Some(true)));
}

#[test]
fn a_solution_without_text_is_empty() {
    for text in ["", " \n\n"] {
        let search = only_search(supplied(text, Verdict::Wrong));
        assert_eq!((search.reason, search.probes), (Some(Unlocated::Empty), vec![]));
    }
}

#[test]
fn a_solution_that_could_not_be_judged_is_not_searched() {
    let search = only_search(supplied(WRONG, Verdict::Timeout));
    assert_eq!((search.reason, search.probes), (Some(Unlocated::Unjudged), vec![]));
}

#[test]
fn a_solution_the_policy_cannot_solve_from_anywhere_stays_unlabelled() {
    let artifacts =
        run(config(), with(vec![supplied(WRONG, Verdict::Wrong)]), |_| judged("x\n", Verdict::Wrong));
    assert_eq!(artifacts.searches[0].reason, Some(Unlocated::LaunchStateUnsolved));
}

#[test]
fn steps_that_do_not_make_up_the_text_are_refused() {
    for (text, step_lengths) in [
        ("abc", vec![1, 1]),
        ("abc", vec![2, 2]),
        ("aéb", vec![2, 2]),
        ("abc", vec![0, 3]),
        ("abc", vec![3, 0]),
        ("abc", vec![u32::MAX, 3]),
        ("", vec![0]),
    ] {
        let mut scheduler = Scheduler::new(config()).unwrap();
        let good = supplied(WRONG, Verdict::Wrong);
        let bad = SuppliedSolution { step_lengths: step_lengths.clone(), ..supplied(text, Verdict::Wrong) };
        let refused = scheduler.add_question(with(vec![good, bad]));
        assert!(matches!(refused, Err(Error::Solution { index: 1, .. })), "{text} {step_lengths:?}");
        assert!(scheduler.is_done() && scheduler.poll_requests(1).is_empty());
    }
}

#[test]
fn the_verdict_of_a_supplied_solution_enters_no_estimate() {
    let mut solutions: Vec<_> = (0..5).map(|_| supplied("r0\nr1\nr2\nr3\n", Verdict::Correct)).collect();
    solutions.push(supplied(WRONG, Verdict::Wrong));
    let artifacts = label(solutions);
    for node in artifacts.nodes.iter().filter(|node| node.n_rollouts > 0) {
        let launched: Vec<_> =
            artifacts.rollouts.iter().filter(|one| one.node == node.id && one.draw.is_some()).collect();
        let right = launched.iter().filter(|one| one.verdict == Verdict::Correct).count();
        assert_eq!((node.n_rollouts as usize, node.n_correct as usize), (launched.len(), right));
    }
    assert_eq!((artifacts.nodes[0].n_correct, artifacts.nodes[0].n_rollouts), (1, 2));
}
