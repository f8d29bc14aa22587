//! Faults seen in earlier implementations of `OmegaPRM`, each with the test that it is not here.

use crate::support::{STEPS, binary, config, judged, policy, question, respond, rollout, run, supplied};
use omega_core::{
    Config, LocateKind, Outcome, QuestionSpec, Request, RolloutText, Scheduler, SearchArtifacts,
    SearchOutcome, Split, Verdict,
};
use std::collections::BTreeSet;

fn many() -> Config {
    Config { num_rollouts: 4, max_search_count: 1000, rollout_budget: 1000, ..binary() }
}

#[test]
fn searched_rollouts_put_back_in_the_pool() {
    let artifacts = run(many(), question(), policy);
    let searched: BTreeSet<u32> = artifacts.searches.iter().map(|search| search.rollout).collect();
    assert!(searched.len() > 3);
    assert_eq!(searched.len(), artifacts.searches.len());
}

#[test]
fn one_prefix_with_two_estimates() {
    // Every draw writes the same right steps, so that many rollouts share their prefixes.
    let mut draws = Vec::new();
    let artifacts = run(many(), question(), |request| {
        draws.push((request.prefix.clone(), request.draw));
        let Outcome::Rollout(answer) = policy(request) else { unreachable!("it always answers") };
        let shared = answer.text.lines().map(|step| {
            if step.starts_with('r') { format!("{}\n", &step[..2]) } else { format!("{step}\n") }
        });
        judged(&shared.collect::<String>(), answer.verdict)
    });
    let distinct: BTreeSet<_> = draws.iter().cloned().collect();
    assert_eq!(distinct.len(), draws.len(), "no draw is made twice");
    assert!(draws.iter().all(|(_, draw)| *draw < 4), "no state is drawn from more than k times");
    let shared = artifacts.nodes.iter().filter(|node| node.step == "r0\n").count();
    assert_eq!(shared, 1, "equal prefixes are one state");
}

#[test]
fn fewer_than_k_returned_but_k_in_the_denominator() {
    let artifacts = run(many(), question(), |request| match request.draw {
        0 => judged("r\n", Verdict::Correct),
        1 => judged("w\n", Verdict::Wrong),
        _ => Outcome::Lost,
    });
    assert_eq!((artifacts.nodes[0].n_rollouts, artifacts.nodes[0].mc), (2, Some(0.5)));
}

#[test]
fn rollouts_drawn_from_a_finished_solution() {
    for locate in [LocateKind::Binary, LocateKind::EarlyStop, LocateKind::EveryStep] {
        run(Config { locate, ..many() }, question(), |request| {
            assert!(request.prefix.lines().count() < STEPS, "{locate:?} continues {:?}", request.prefix);
            policy(request)
        });
    }
}

#[test]
fn a_rollout_without_text_breaks_a_search() {
    let artifacts = run(config(), question(), |request| match request.draw {
        0 => judged("r\n", Verdict::Correct),
        _ => judged("", Verdict::NoAnswer),
    });
    assert_eq!((artifacts.counts.searches, artifacts.counts.located), (1, 0));
}

#[test]
fn budgets_checked_between_searches_alone() {
    for rollout_budget in 4..60 {
        for locate in [LocateKind::Binary, LocateKind::EarlyStop, LocateKind::EveryStep] {
            let mut asked = 0;
            let config = Config { rollout_budget, locate, ..many() };
            let artifacts = run(config, question(), |request| {
                asked += 1;
                policy(request)
            });
            assert!(asked <= rollout_budget, "{locate:?} {rollout_budget}");
            assert_eq!(artifacts.counts.rollouts, asked);
        }
    }
}

#[test]
fn stripping_shifts_the_text() {
    // Blanks before, between and after the steps: each prefix must be a prefix of the text, byte for byte.
    let text = "\n  r0 \n\n r1\t\n w2 \n \n  w3  \n ";
    let mut prefixes = BTreeSet::new();
    let solutions = vec![supplied(text, Verdict::Wrong)];
    let config = Config { locate: LocateKind::EveryStep, ..config() };
    run(config, QuestionSpec { solutions, ..question() }, |request| {
        assert!(text.starts_with(&request.prefix));
        prefixes.insert(request.prefix.clone());
        policy(request)
    });
    let expected = ["", "\n  r0 \n\n", "\n  r0 \n\n r1\t\n", "\n  r0 \n\n r1\t\n w2 \n \n"];
    assert_eq!(prefixes.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn halves_glued_without_their_blank() {
    let text = "first we add one and one then we are wrong";
    let (tokens, token_ends): (Vec<u32>, Vec<i32>) = text
        .match_indices(' ')
        .map(|(at, _)| i32::try_from(at).unwrap())
        .chain([i32::try_from(text.len()).unwrap()])
        .map(|end| (7, end))
        .unzip();
    let config = Config { split: Split::Midpoint { max_tokens: 1 }, num_rollouts: 2, ..Config::default() };
    let mut longest = 0;
    let artifacts = run(config, question(), |request| {
        assert!(text.starts_with(&request.prefix), "{:?}", request.prefix);
        longest = longest.max(request.prefix.len());
        if request.at_root && request.draw == 1 {
            let (tokens, token_ends) = (tokens.clone(), token_ends.clone());
            Outcome::Rollout(RolloutText { tokens, token_ends, ..rollout(text, Verdict::Wrong) })
        } else if request.prefix.contains("wrong") || request.draw == 1 {
            judged("", Verdict::Wrong)
        } else {
            judged(" and so on", Verdict::Correct)
        }
    });
    assert_eq!(longest, text.len() - " wrong".len());
    assert_eq!(artifacts.searches[0].outcome, SearchOutcome::Located);
}

#[test]
fn negatives_of_a_search_without_a_positive_probe_are_lost() {
    let solutions = vec![supplied("w0\nw1\nw2\nw3\n", Verdict::Wrong)];
    let artifacts = run(binary(), QuestionSpec { solutions, ..question() }, policy);
    let search = &artifacts.searches[0];
    assert_eq!((search.right_node, search.error_step), (Some(0), Some(0)));
    let error = &artifacts.nodes[search.error_node.unwrap() as usize];
    assert_eq!((error.step.as_str(), error.n_rollouts, error.hard), ("w0\n", 2, Some(false)));
    assert!(search.probes.iter().all(|&probe| artifacts.nodes[probe as usize].hard == Some(false)));
}

#[test]
fn a_restart_truncates_or_doubles_the_output() {
    let whole = run(many(), question(), policy);
    let mut scheduler = Scheduler::new(many()).unwrap();
    let question = scheduler.add_question(question()).unwrap();
    let mut answered = 0;
    while !scheduler.is_done() {
        let requests: Vec<Request> = scheduler.poll_requests(3);
        scheduler = Scheduler::restore(&scheduler.snapshot()).unwrap();
        answered += requests.len();
        scheduler.handle_responses(requests.iter().map(|one| respond(one, policy)).collect()).unwrap();
    }
    let resumed: SearchArtifacts = scheduler.retire(question).unwrap();
    assert_eq!((resumed.to_json(), answered), (whole.to_json(), whole.counts.rollouts as usize));
}
