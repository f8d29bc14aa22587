//! A state is continued from the ids it was generated as.

use crate::support::{binary, config, judged, policy, question, rollout, run};
use omega_core::{Config, Outcome, Request, RolloutText, SearchArtifacts, Verdict};

/// Gives every generated token an id of its own, so that ids tell which draw they came from.
#[derive(Default)]
struct Ids(Vec<String>);

impl Ids {
    fn spell(&self, ids: &[u32]) -> String {
        ids.iter().map(|&id| self.0[id as usize].as_str()).collect()
    }

    /// `policy`, its text cut into tokens after each of these bytes.
    fn answer(&mut self, request: &Request, token_ends_with: &[char]) -> Outcome {
        let Outcome::Rollout(mut rollout) = policy(request) else { unreachable!("it always answers") };
        let mut end = 0;
        for piece in rollout.text.split_inclusive(token_ends_with) {
            end += piece.len();
            rollout.tokens.push(u32::try_from(self.0.len()).unwrap());
            rollout.token_ends.push(i32::try_from(end).unwrap());
            self.0.push(piece.into());
        }
        Outcome::Rollout(rollout)
    }
}

/// Runs `policy` with ids; gives the artifacts and every request.
fn run_with_ids(ids: &mut Ids, token_ends_with: &[char]) -> (SearchArtifacts, Vec<Request>) {
    let mut requests = Vec::new();
    let artifacts = run(binary(), question(), |request| {
        requests.push(request.clone());
        ids.answer(request, token_ends_with)
    });
    (artifacts, requests)
}

#[test]
fn prefix_tokens_are_the_ids_that_spell_the_prefix() {
    let mut ids = Ids::default();
    let (artifacts, requests) = run_with_ids(&mut ids, &['.', '\n']);
    for request in &requests {
        assert_eq!(ids.spell(request.prefix_tokens.as_ref().unwrap()), request.prefix);
    }
    assert!(
        requests.iter().any(|request| request.prefix.lines().count() == 3),
        "states of states were drawn from"
    );
    assert_eq!(artifacts.counts.retokenised, 0);
}

#[test]
fn a_cut_inside_a_token_is_retokenised_and_counted() {
    let mut ids = Ids::default();
    let (artifacts, requests) = run_with_ids(&mut ids, &['.']);
    let without = requests.iter().filter(|request| request.prefix_tokens.is_none()).count();
    assert!(without > 0);
    assert!(requests.iter().all(|request| request.prefix_tokens.is_none() != request.at_root));
    assert_eq!(artifacts.counts.retokenised as usize, without);
}

#[test]
fn the_root_has_no_tokens_and_needs_none() {
    let (artifacts, requests) = run_with_ids(&mut Ids::default(), &['\n']);
    assert_eq!(requests[0].prefix_tokens, Some(vec![]));
    assert_eq!(artifacts.counts.retokenised, 0);
}

#[test]
fn rollouts_without_ids_leave_states_without_ids() {
    let mut missing = 0;
    let artifacts = run(config(), question(), |request| {
        missing += u32::from(request.prefix_tokens.is_none());
        policy(request)
    });
    assert!(missing > 0);
    assert_eq!(artifacts.counts.retokenised, missing);
}

/// Continues two steps, the first of them given as these tokens.
fn prefix_tokens_of(first: &str, tokens: &[u32], ends: &[i32]) -> Option<Vec<u32>> {
    let mut seen = None;
    let text = format!("{first}w\n");
    let mut all_ends = ends.to_vec();
    all_ends.push(i32::try_from(text.len()).unwrap());
    let wrong = RolloutText {
        tokens: [tokens, &[99]].concat(),
        token_ends: all_ends,
        ..rollout(&text, Verdict::Wrong)
    };
    run(Config { max_search_count: 1, ..config() }, question(), |request| {
        if !request.at_root {
            assert_eq!(request.prefix, first);
            seen.clone_from(&request.prefix_tokens);
        }
        if request.at_root && request.draw == 1 {
            Outcome::Rollout(wrong.clone())
        } else {
            judged("r\n", Verdict::Correct)
        }
    });
    seen
}

#[test]
fn tokens_that_split_a_character_are_kept() {
    assert_eq!(prefix_tokens_of("é\n", &[1, 2, 3], &[-1, 2, 3]), Some(vec![1, 2, 3]));
}

#[test]
fn a_token_without_text_at_the_cut_stays_with_the_step() {
    assert_eq!(prefix_tokens_of("a\n", &[1, 2, 3], &[1, 2, 2]), Some(vec![1, 2, 3]));
}

#[test]
fn a_token_that_joins_the_separator_to_the_next_step_leaves_no_ids() {
    assert_eq!(prefix_tokens_of("a\n", &[1], &[1]), None);
}
