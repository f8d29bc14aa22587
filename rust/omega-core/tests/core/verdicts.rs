//! Which rollouts an estimate counts.

use crate::support::{binary, config, judged, policy, question, run};
use omega_core::{
    Config, Finish, Judging, Outcome, Request, SearchArtifacts, StoppingRule, Unanswered, Unlocated, Verdict,
};

fn four() -> Config {
    Config { num_rollouts: 4, max_search_count: 0, ..config() }
}

/// Four draws from the root: right, wrong, wrong, then `last`.
fn root_with(config: Config, last: &Outcome) -> SearchArtifacts {
    run(config, question(), |request| match request.draw {
        0 => judged("r\n", Verdict::Correct),
        1 | 2 => judged("w\n", Verdict::Wrong),
        _ => last.clone(),
    })
}

fn counts(artifacts: &SearchArtifacts) -> (u32, u32, u32) {
    let root = &artifacts.nodes[0];
    (root.n_correct, root.n_rollouts, root.n_excluded)
}

#[test]
fn the_checkers_failures_leave_the_denominator() {
    for verdict in [Verdict::Timeout, Verdict::Crash, Verdict::Unsupported] {
        let artifacts = root_with(four(), &judged("?\n", verdict));
        assert_eq!(counts(&artifacts), (1, 3, 1), "{verdict:?}");
        assert_eq!(artifacts.nodes[0].mc, Some(1.0 / 3.0));
        assert_eq!((artifacts.counts.rollouts, artifacts.counts.excluded), (4, 1));
    }
}

#[test]
fn unanswered_rollouts_count_as_wrong_by_default() {
    for verdict in [Verdict::NoAnswer, Verdict::Truncated] {
        assert_eq!(counts(&root_with(four(), &judged("w\n", verdict))), (1, 4, 0), "{verdict:?}");
    }
}

#[test]
fn each_kind_of_unanswered_rollout_can_be_excluded() {
    let no_answer = Judging { no_answer: Unanswered::Exclude, ..Judging::default() };
    let truncated = Judging { truncated: Unanswered::Exclude, ..Judging::default() };
    for (judging, verdict, expected) in [
        (no_answer, Verdict::NoAnswer, (1, 3, 1)),
        (no_answer, Verdict::Truncated, (1, 4, 0)),
        (truncated, Verdict::NoAnswer, (1, 4, 0)),
        (truncated, Verdict::Truncated, (1, 3, 1)),
    ] {
        let artifacts = root_with(Config { judging, ..four() }, &judged("w\n", verdict));
        assert_eq!(counts(&artifacts), expected, "{judging:?} {verdict:?}");
    }
}

#[test]
fn a_lost_draw_is_charged_and_leaves_the_denominator() {
    let artifacts = root_with(four(), &Outcome::Lost);
    assert_eq!(counts(&artifacts), (1, 3, 1));
    assert_eq!((artifacts.counts.rollouts, artifacts.counts.excluded), (4, 1));
    assert_eq!(artifacts.rollouts.len(), 3);
}

#[test]
fn excluded_rollouts_are_never_searched() {
    let artifacts = root_with(Config { max_search_count: 20, ..four() }, &judged("?\n", Verdict::Timeout));
    let searched: Vec<u32> = artifacts.searches.iter().map(|search| search.rollout).collect();
    assert_eq!(searched, [1, 2]);
}

#[test]
fn a_question_of_which_nothing_could_be_judged_ends() {
    for lost in [Outcome::Lost, judged("?\n", Verdict::Crash)] {
        let artifacts = run(config(), question(), |_| lost.clone());
        assert_eq!((artifacts.finish, artifacts.nodes[0].mc), (Finish::RootUnjudged, None));
    }
}

#[test]
fn a_probe_of_which_nothing_could_be_judged_leaves_the_error_unknown() {
    let lose_probes = |request: &Request| if request.at_root { policy(request) } else { Outcome::Lost };
    let artifacts = run(binary(), question(), lose_probes);
    assert_eq!(artifacts.searches[0].reason, Some(Unlocated::Unjudged));
    let probed = &artifacts.nodes[artifacts.searches[0].probes[0] as usize];
    assert_eq!((probed.hard, probed.n_excluded, probed.stopping_rule), (None, 2, StoppingRule::Fixed));
}

#[test]
fn uniform_roots_are_told_apart() {
    let all = |verdict| run(config(), question(), |_| judged("x\n", verdict)).finish;
    assert_eq!(all(Verdict::Correct), Finish::RootAllRight);
    assert_eq!(all(Verdict::Wrong), Finish::RootAllWrong);
}
