//! What the artifacts and the events say.

use crate::support::{STEPS, binary, config, judged, policy, question, respond, run, supplied};
use omega_core::{
    Config, Error, Event, Finish, HardRule, LengthUnit, LocateKind, QuestionSpec, RolloutRecord, Scheduler,
    SearchArtifacts, SearchOutcome, StoppingRule, Verdict,
};

/// One supplied solution, searched by `policy`.
fn label(text: &str, locate: LocateKind) -> SearchArtifacts {
    let solutions = vec![supplied(text, Verdict::Wrong)];
    run(Config { locate, ..config() }, QuestionSpec { solutions, ..question() }, policy)
}

fn hard_labels(artifacts: &SearchArtifacts) -> Vec<(Option<bool>, Option<HardRule>)> {
    artifacts.nodes.iter().map(|node| (node.hard, node.hard_rule)).collect()
}

#[test]
fn estimates_label_the_states_they_were_made_at() {
    let artifacts = label("r0\nw1\nw2\nw3\n", LocateKind::Binary);
    let mc = |right| (Some(right), Some(HardRule::Mc));
    assert_eq!(hard_labels(&artifacts), [mc(true), mc(true), mc(false)]);
}

#[test]
fn steps_before_a_right_prefix_are_right_without_draws() {
    let artifacts = label("r0\nr1\nw2\nw3\n", LocateKind::Binary);
    let between = &artifacts.nodes[1];
    assert_eq!((between.hard, between.hard_rule), (Some(true), Some(HardRule::BeforeRightPrefix)));
    assert_eq!((between.n_rollouts, between.mc), (0, None));
}

#[test]
fn right_solutions_from_the_root_are_labelled_to_their_end() {
    let artifacts = run(config(), question(), policy);
    let right =
        artifacts.rollouts.iter().find(|one| one.node == 0 && one.verdict == Verdict::Correct).unwrap();
    let ends_right = |node: &&omega_core::StateLabel| {
        node.depth as usize == STEPS && right.text.ends_with(&node.step) && node.hard == Some(true)
    };
    let end = artifacts.nodes.iter().find(ends_right).unwrap();
    assert_eq!((end.n_rollouts, end.hard_rule), (0, Some(HardRule::RightFinalAnswer)));
}

#[test]
fn a_right_supplied_solution_is_labelled_to_its_end() {
    let solutions = vec![supplied("r0\nr1\nr2\nr3\n", Verdict::Correct)];
    let artifacts = run(config(), QuestionSpec { solutions, ..question() }, policy);
    let rules: Vec<_> = artifacts.nodes[1..].iter().map(|node| (node.hard, node.hard_rule)).collect();
    assert_eq!(rules, [(Some(true), Some(HardRule::RightFinalAnswer)); STEPS]);
}

#[test]
fn a_last_step_is_wrong_by_its_solutions_answer() {
    let artifacts = label("r0\nr1\nr2\nw3\n", LocateKind::Binary);
    let last = artifacts.nodes.last().unwrap();
    assert_eq!((last.depth as usize, last.n_rollouts), (STEPS, 0));
    assert_eq!((last.hard, last.hard_rule), (Some(false), Some(HardRule::WrongFinalAnswer)));
}

#[test]
fn estimates_carry_their_stopping_rule() {
    let rules = |locate| -> Vec<StoppingRule> {
        let artifacts = label("r0\nw1\nw2\nw3\n", locate);
        artifacts.nodes.iter().filter(|node| node.n_rollouts > 0).map(|node| node.stopping_rule).collect()
    };
    assert_eq!(rules(LocateKind::Binary), [StoppingRule::Fixed; 3]);
    assert_eq!(rules(LocateKind::EveryStep), [StoppingRule::Fixed; 4]);
    let [root, probes @ ..] = &rules(LocateKind::EarlyStop)[..] else { panic!("the root is drawn from") };
    assert_eq!((*root, probes), (StoppingRule::Fixed, &[StoppingRule::FirstSuccess; 2][..]));
}

#[test]
fn an_estimate_that_a_budget_cut_short_says_so_and_labels_nothing() {
    let solutions = vec![supplied("r0\nw1\nw2\nw3\n", Verdict::Wrong)];
    let config = Config { locate: LocateKind::EarlyStop, num_rollouts: 3, rollout_budget: 5, ..config() };
    let artifacts = run(config, QuestionSpec { solutions, ..question() }, policy);
    let cut_short = artifacts.nodes.last().unwrap();
    assert_eq!((cut_short.n_rollouts, cut_short.stopping_rule), (2, StoppingRule::Budget));
    assert_eq!(cut_short.hard, None);
}

#[test]
fn the_error_node_follows_the_right_node() {
    let artifacts = run(binary(), question(), policy);
    assert!(artifacts.counts.located > 0);
    for search in artifacts.searches.iter().filter(|one| one.outcome == SearchOutcome::Located) {
        let error = &artifacts.nodes[search.error_node.unwrap() as usize];
        assert_eq!(error.parent, search.right_node);
        assert_eq!(error.depth, search.error_step.unwrap() + 1);
    }
}

#[test]
fn parents_come_before_children_and_states_are_distinct() {
    let artifacts = run(config(), question(), policy);
    let mut states: Vec<&str> = artifacts.nodes.iter().map(|node| node.state.as_str()).collect();
    states.sort_unstable();
    states.dedup();
    assert_eq!(states.len(), artifacts.nodes.len());
    assert!(artifacts.nodes.iter().all(|node| node.parent.is_none_or(|parent| parent < node.id)));
}

#[test]
fn artifacts_survive_json() {
    let artifacts = run(config(), question(), policy);
    let read: SearchArtifacts = serde_json::from_slice(&artifacts.to_json()).unwrap();
    assert_eq!(read, artifacts);
}

#[test]
fn a_tally_counts_what_the_artifacts_hold() {
    let artifacts = run(config(), question(), policy);
    let tally = artifacts.tally();
    assert_eq!((tally.finish, tally.counts), (artifacts.finish, artifacts.counts));
    assert_eq!(
        tally.labels as usize,
        artifacts.nodes.iter().filter(|node| node.hard.is_some()).count(),
        "every hard label"
    );
    let drawn = |verdict| artifacts.rollouts.iter().filter(|one| one.verdict == verdict).count();
    assert!(tally.verdicts.len() == 2 && tally.verdicts.values().sum::<u32>() == tally.counts.rollouts);
    for (verdict, &count) in &tally.verdicts {
        assert_eq!(count as usize, drawn(*verdict), "{verdict:?}");
    }
    let supplied = SearchArtifacts {
        rollouts: vec![RolloutRecord { draw: None, ..artifacts.rollouts[0].clone() }],
        ..artifacts
    };
    assert!(supplied.tally().verdicts.is_empty(), "nobody drew what was supplied");
    let json: serde_json::Value = serde_json::from_str(&tally.to_json()).unwrap();
    assert_eq!(json["verdicts"]["wrong"], tally.verdicts[&Verdict::Wrong]);
}

#[test]
fn the_root_may_have_draws_of_its_own_number() {
    let config = Config { root_rollouts: 5, ..binary() };
    let artifacts = run(config, question(), policy);
    assert_eq!(artifacts.nodes[0].n_rollouts, 5);
    assert!(artifacts.nodes[1..].iter().all(|node| matches!(node.n_rollouts, 0 | 2)));
    assert!(artifacts.searches.iter().filter(|search| search.node == 0).count() == 4);
}

#[test]
fn events_tell_of_every_located_error_and_of_the_end() {
    let mut scheduler = Scheduler::new(config()).unwrap();
    let question = scheduler.add_question(question()).unwrap();
    let mut events = Vec::new();
    while !scheduler.is_done() {
        let requests = scheduler.poll_requests(1);
        scheduler.handle_responses(requests.iter().map(|one| respond(one, policy)).collect()).unwrap();
        events.extend(scheduler.poll_events());
    }
    let artifacts = scheduler.retire(question).unwrap();
    let located: Vec<u32> = artifacts
        .searches
        .iter()
        .filter(|search| search.outcome == SearchOutcome::Located)
        .map(|search| search.index)
        .collect();
    let mut expected: Vec<Event> =
        located.into_iter().map(|search| Event::ErrorLocated { question, search }).collect();
    expected.push(Event::SearchFinished { question });
    assert_eq!(events, expected);
}

#[test]
fn searches_stop_at_their_limit() {
    let artifacts = run(Config { max_search_count: 1, ..binary() }, question(), policy);
    assert_eq!((artifacts.finish, artifacts.counts.searches), (Finish::SearchLimit, 1));
}

#[test]
fn words_and_characters_can_measure_a_rollout() {
    // The wrong rollout with fewer words, or characters, is searched first.
    let first = |length_unit| {
        let config = Config { num_rollouts: 3, length_unit, ..binary() };
        let artifacts = run(config, question(), |request| match request.draw {
            0 => judged("r\n", Verdict::Correct),
            1 => judged("w w w\n", Verdict::Wrong),
            _ => judged("wwwwwwwww\n", Verdict::Wrong),
        });
        artifacts.searches[0].rollout
    };
    assert_eq!(first(LengthUnit::Words), 2);
    assert_eq!(first(LengthUnit::Characters), 1);
}

#[test]
fn errors_are_located_by_a_posterior_unless_something_else_is_said() {
    assert_eq!(Config::from_json("{}").unwrap().locate, LocateKind::Bayes);
    assert_eq!(Config::from_json(r#"{"locate": "binary"}"#).unwrap().locate, LocateKind::Binary);
}

#[test]
fn unknown_settings_and_settings_that_cannot_work_are_named() {
    for (json, name) in [
        (r#"{"rolout_budget": 3}"#, "rolout_budget"),
        (r#"{"num_rollouts": true}"#, "boolean"),
        (r#"{"num_rollouts": 0}"#, "num_rollouts"),
        (r#"{"rollout_budget": 3}"#, "rollout_budget"),
        (r#"{"token_budget": 3}"#, "token_budget"),
        (r#"{"max_new_tokens": 0}"#, "max_new_tokens"),
        (r#"{"select": {"alpha": 0}}"#, "select.alpha"),
        (r#"{"split": {"by": "regex", "pattern": "("}}"#, "split.pattern"),
    ] {
        let error: Error = Config::from_json(json).unwrap_err();
        assert!(error.to_string().contains(name), "{json}: {error}");
    }
}

#[test]
fn visits_count_selections() {
    let artifacts = run(config(), question(), policy);
    for node in &artifacts.nodes {
        let selections = artifacts.searches.iter().filter(|search| search.node == node.id).count();
        assert_eq!(node.visits as usize, selections);
    }
    assert!(artifacts.nodes.iter().any(|node| node.visits > 0));
}
