//! Speculative requests: what goes out early, what may come of it, and what is refused.

use crate::support::{binary, config, judged, policy, question, respond, supplied};
use omega_core::{
    Config, Error, LocateKind, Outcome, QuestionId, QuestionSpec, Request, RequestId, Response, Scheduler,
    Verdict,
};

/// A scheduler with the first probe of a supplied solution out: the middle of four steps.
fn probing(locate: LocateKind) -> (Scheduler, Vec<Request>) {
    let mut scheduler = Scheduler::new(Config { locate, num_rollouts: 3, ..config() }).unwrap();
    let solutions = vec![supplied("r0\nr1\nw2\nw3\n", Verdict::Wrong)];
    scheduler.add_question(QuestionSpec { solutions, ..question() }).unwrap();
    let roots = scheduler.poll_requests(9);
    scheduler.handle_responses(roots.iter().map(|one| respond(one, policy)).collect()).unwrap();
    let probes = scheduler.poll_requests(9);
    assert!(probes.iter().all(|one| one.prefix == "r0\nr1\n"));
    (scheduler, probes)
}

fn cancelled(id: RequestId) -> Response {
    Response { id, outcome: Outcome::Cancelled }
}

#[test]
fn both_halves_of_a_binary_search_can_go_out_early() {
    let (mut scheduler, _) = probing(LocateKind::Binary);
    let early = scheduler.poll_speculative(9);
    let mut places: Vec<(&str, u32)> = early.iter().map(|one| (one.prefix.as_str(), one.draw)).collect();
    places.sort_unstable();
    let expected = ["r0\n", "r0\nr1\nw2\n"].into_iter().flat_map(|at| [(at, 0), (at, 1), (at, 2)]);
    assert_eq!(places, expected.collect::<Vec<_>>());
    assert!(early.iter().all(|one| one.id.speculative));
    assert!(scheduler.poll_speculative(9).is_empty(), "nothing goes out twice");
}

#[test]
fn the_rest_of_a_probe_goes_out_before_what_may_follow_it() {
    let (mut scheduler, probes) = probing(LocateKind::EarlyStop);
    assert_eq!(probes.len(), 1);
    let early = scheduler.poll_speculative(2);
    let places: Vec<(&str, u32)> = early.iter().map(|one| (one.prefix.as_str(), one.draw)).collect();
    assert_eq!(places, [("r0\nr1\n", 1), ("r0\nr1\n", 2)]);
}

#[test]
fn what_a_decision_passes_by_is_cancelled_and_what_it_asks_for_is_not_asked_for_again() {
    let (mut scheduler, probes) = probing(LocateKind::Binary);
    let early = scheduler.poll_speculative(9);
    assert!(scheduler.poll_cancels().is_empty());
    // A success at the middle: the first half is passed by, the second is what comes next.
    scheduler.handle_responses(probes.iter().map(|one| respond(one, policy)).collect()).unwrap();
    let mut passed_by = scheduler.poll_cancels();
    passed_by.sort_unstable();
    let first_half: Vec<RequestId> =
        early.iter().filter(|one| one.prefix == "r0\n").map(|one| one.id).collect();
    assert_eq!(passed_by, first_half);
    assert!(scheduler.poll_cancels().is_empty(), "nothing is cancelled twice");
    assert!(scheduler.poll_requests(9).is_empty());
    assert_eq!((scheduler.in_flight(), scheduler.speculation().used), (6, 3));
    scheduler.handle_responses(passed_by.into_iter().map(cancelled).collect()).unwrap();
    assert_eq!((scheduler.in_flight(), scheduler.speculation().cancelled), (3, 3));
}

#[test]
fn a_success_among_what_is_back_makes_the_rest_of_an_early_stop_probe_useless() {
    let (mut scheduler, probes) = probing(LocateKind::EarlyStop);
    let early = scheduler.poll_speculative(2);
    scheduler.handle_responses(vec![respond(&early[0], |_| judged("r2\nr3\n", Verdict::Correct))]).unwrap();
    assert_eq!(scheduler.poll_cancels(), [early[1].id]);
    scheduler.handle_responses(vec![respond(&probes[0], |_| judged("w\n", Verdict::Wrong))]).unwrap();
    assert_eq!(scheduler.speculation().used, 1);
}

#[test]
fn a_draw_that_is_asked_for_after_all_is_not_cancelled() {
    let (mut scheduler, probes) = probing(LocateKind::EarlyStop);
    let early = scheduler.poll_speculative(2);
    scheduler.handle_responses(vec![respond(&early[1], |_| judged("r2\nr3\n", Verdict::Correct))]).unwrap();
    scheduler.handle_responses(vec![respond(&probes[0], |_| judged("w\n", Verdict::Wrong))]).unwrap();
    assert!(scheduler.poll_cancels().is_empty());
}

#[test]
fn a_taken_draw_that_was_cancelled_is_requested_again() {
    let (mut scheduler, probes) = probing(LocateKind::EarlyStop);
    let early = scheduler.poll_speculative(1);
    scheduler.handle_responses(vec![respond(&probes[0], |_| judged("w\n", Verdict::Wrong))]).unwrap();
    assert!(scheduler.poll_requests(9).is_empty(), "it is out already");
    scheduler.handle_responses(vec![cancelled(early[0].id)]).unwrap();
    let again = scheduler.poll_requests(9).remove(0);
    assert_eq!((again.state, again.draw, again.seed), (early[0].state, early[0].draw, early[0].seed));
    assert!(!again.id.speculative);
    assert_eq!((scheduler.speculation().used, scheduler.speculation().cancelled), (0, 1));
}

#[test]
fn a_late_response_to_a_cancelled_request_is_taken_and_ignored() {
    let (mut scheduler, probes) = probing(LocateKind::Binary);
    let early = scheduler.poll_speculative(9);
    scheduler.handle_responses(probes.iter().map(|one| respond(one, policy)).collect()).unwrap();
    let id = scheduler.poll_cancels()[0];
    scheduler.handle_responses(vec![cancelled(id)]).unwrap();
    let before = scheduler.snapshot();
    let late = early.iter().find(|one| one.id == id).unwrap();
    scheduler.handle_responses(vec![respond(late, policy), cancelled(id)]).unwrap();
    assert!(scheduler.snapshot() == before);
}

#[test]
fn what_is_out_when_its_question_ends_can_be_cancelled_or_answered() {
    let (mut scheduler, _) = probing(LocateKind::Binary);
    let early = scheduler.poll_speculative(9);
    let mut waiting = probing(LocateKind::Binary).1;
    while !scheduler.is_done() {
        scheduler.handle_responses(waiting.iter().map(|one| respond(one, policy)).collect()).unwrap();
        waiting = scheduler.poll_requests(9);
        let taken = early.iter().filter(|one| one.prefix == "r0\nr1\nw2\n");
        waiting.extend(taken.filter(|_| scheduler.speculation().used == 3).cloned());
    }
    scheduler.retire(QuestionId(0)).unwrap();
    assert_eq!((scheduler.in_flight(), scheduler.speculation().out), (3, 3));
    let passed_by = scheduler.poll_cancels();
    assert_eq!(passed_by.len(), 3);
    scheduler.handle_responses(vec![cancelled(passed_by[0]), cancelled(passed_by[1])]).unwrap();
    let last = early.iter().find(|one| one.id == passed_by[2]).unwrap();
    scheduler.handle_responses(vec![respond(last, policy), respond(last, policy)]).unwrap();
    let counted = scheduler.speculation();
    assert_eq!((scheduler.in_flight(), counted.cancelled, counted.unused()), (0, 2, 1));
}

#[test]
fn a_request_of_a_decision_cannot_be_cancelled() {
    let (mut scheduler, probes) = probing(LocateKind::Binary);
    let before = scheduler.snapshot();
    let refused = scheduler.handle_responses(vec![cancelled(probes[0].id)]);
    assert!(matches!(refused, Err(Error::Malformed { id, .. }) if id == probes[0].id));
    assert!(scheduler.snapshot() == before);
}

#[test]
fn a_response_to_a_speculative_request_nobody_polled_is_refused() {
    let (mut scheduler, _) = probing(LocateKind::Binary);
    let bogus = |question, sequence| {
        let id = RequestId::speculative(QuestionId(question), sequence);
        Response { id, outcome: judged("r\n", Verdict::Correct) }
    };
    for response in [bogus(0, 0), bogus(1, 0)] {
        let id = response.id;
        assert_eq!(scheduler.handle_responses(vec![response]), Err(Error::NotInFlight(id)));
    }
}

#[test]
fn nothing_goes_out_early_that_a_budget_would_not_pay_for() {
    for (rollout_budget, token_budget, expected) in
        [(6, None, 0), (8, None, 0), (9, None, 6), (100, Some(100), 0), (100, Some(600), 6)]
    {
        let limits = Config { num_rollouts: 3, rollout_budget, token_budget, max_new_tokens: 50, ..binary() };
        let mut scheduler = Scheduler::new(limits).unwrap();
        let solutions = vec![supplied("r0\nr1\nw2\nw3\n", Verdict::Wrong)];
        scheduler.add_question(QuestionSpec { solutions, ..question() }).unwrap();
        loop {
            let requests = scheduler.poll_requests(9);
            if requests.iter().any(|one| !one.at_root) || requests.is_empty() {
                break;
            }
            scheduler.handle_responses(requests.iter().map(|one| respond(one, policy)).collect()).unwrap();
        }
        assert_eq!(scheduler.poll_speculative(99).len(), expected, "{rollout_budget} {token_budget:?}");
    }
}
