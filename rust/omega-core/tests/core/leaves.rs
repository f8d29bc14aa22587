//! Right continuations as labelled leaves.

use crate::support::{binary, config, judged, policy, question, run};
use omega_core::{Config, HardRule, LocateKind, Outcome, Request, RightLeaves, SearchArtifacts, Verdict};

fn searched(right_leaves: RightLeaves) -> SearchArtifacts {
    run(Config { right_leaves, num_rollouts: 3, ..binary() }, question(), policy)
}

/// What a state says, and whether a right rollout from below the root ends there.
fn ends(artifacts: &SearchArtifacts) -> Vec<(bool, Option<bool>, Option<HardRule>)> {
    let text = |id: u32| {
        let path = std::iter::successors(Some(id), |&at| artifacts.nodes[at as usize].parent);
        let mut steps: Vec<&str> = path.map(|at| artifacts.nodes[at as usize].step.as_str()).collect();
        steps.reverse();
        steps.concat()
    };
    let right = artifacts.rollouts.iter().filter(|one| one.node != 0 && one.verdict == Verdict::Correct);
    right
        .map(|one| {
            let whole = text(one.node) + &one.text;
            let end = artifacts.nodes.iter().find(|node| text(node.id) == whole);
            (end.is_some(), end.and_then(|node| node.hard), end.and_then(|node| node.hard_rule))
        })
        .collect()
}

#[test]
fn right_continuations_of_right_states_are_labelled_to_their_end_if_asked_for() {
    let all = ends(&searched(RightLeaves::All));
    assert!(!all.is_empty());
    assert!(all.iter().all(|end| *end == (true, Some(true), Some(HardRule::RightFinalAnswer))), "{all:?}");
    assert!(ends(&searched(RightLeaves::Root)).iter().all(|(made, ..)| !made));
}

#[test]
fn leaves_change_nothing_else() {
    let (root, all) = (searched(RightLeaves::Root), searched(RightLeaves::All));
    assert!(all.nodes.len() > root.nodes.len());
    assert_eq!(all.nodes[..root.nodes.len()], root.nodes);
    assert_eq!((&all.rollouts, &all.searches, all.counts), (&root.rollouts, &root.searches, root.counts));
}

/// A wrong prefix is completed by luck once in four draws, a right one always but at the root.
fn lucky(request: &Request) -> Outcome {
    let wrong = request.prefix.contains('w');
    match (request.prefix.is_empty(), wrong, request.draw) {
        (true, _, 0) => judged("r0\nr1\nr2\nr3\n", Verdict::Correct),
        (true, ..) => judged("r0\nw1\nw2\nw3\n", Verdict::Wrong),
        (_, true, 3) => judged("lucky\n", Verdict::Correct),
        (_, true, draw) => judged(&format!("w{draw}\n"), Verdict::Wrong),
        (_, false, draw) => judged(&format!("fine{draw}\n"), Verdict::Correct),
    }
}

#[test]
fn a_lucky_recovery_of_a_state_held_wrong_labels_nothing() {
    let config = Config {
        right_leaves: RightLeaves::All,
        locate: LocateKind::Sequential,
        num_rollouts: 8,
        root_rollouts: 2,
        max_search_count: 1,
        ..config()
    };
    let artifacts = run(config, question(), lucky);
    let steps = |hard| artifacts.nodes.iter().filter(move |node| node.hard == Some(hard));
    assert!(artifacts.rollouts.iter().any(|one| one.text == "lucky\n"));
    assert!(steps(false).any(|node| node.n_correct == 1));
    assert!(artifacts.nodes.iter().all(|node| node.step != "lucky\n"));
    assert!(steps(true).any(|node| node.step.starts_with("fine")));
}

#[test]
fn no_right_label_by_an_answer_stands_behind_a_wrong_one() {
    // The root's right solution goes through a step that, once searched, is never completed again.
    let config = Config { right_leaves: RightLeaves::All, num_rollouts: 2, ..binary() };
    let artifacts = run(config, question(), |request| match (request.prefix.is_empty(), request.draw) {
        (true, 0) => judged("a\nb\nc\nend\n", Verdict::Correct),
        (true, _) => judged("a\nb\nc\nwrong\n", Verdict::Wrong),
        (_, draw) => judged(&format!("x{draw}\n"), Verdict::Wrong),
    });
    let mut wrong = vec![false; artifacts.nodes.len()];
    for node in &artifacts.nodes {
        let behind = node.parent.is_some_and(|parent| wrong[parent as usize]);
        wrong[node.id as usize] = behind || node.hard == Some(false);
        assert!(!(behind && node.hard_rule == Some(HardRule::RightFinalAnswer)), "{node:?}");
    }
    assert!(wrong.contains(&true));
}
