//! Responses that do not fit are refused, and nothing changes.

use crate::support::{binary, config, judged, policy, question, respond, rollout};
use omega_core::{
    Config, Error, Outcome, QuestionId, QuestionSpec, Request, RequestId, Response, RolloutText, Scheduler,
    Turns, Verdict,
};

fn scheduler() -> Scheduler {
    let mut scheduler = Scheduler::new(config()).unwrap();
    scheduler.add_question(question()).unwrap();
    scheduler
}

/// The questions of the requests handed out, in order, where the second question's are ready before some of the first.
fn order_of(turns: Turns) -> Vec<u32> {
    let mut scheduler = Scheduler::new(Config { num_rollouts: 2, ..binary() }).unwrap();
    scheduler.set_turns(turns);
    for id in ["a", "b"] {
        scheduler.add_question(QuestionSpec { id: id.into(), ..question() }).unwrap();
    }
    scheduler.poll_requests(3);
    let roots = [(0, Verdict::Correct), (1, Verdict::Wrong)];
    let answers = roots.map(|(sequence, verdict)| Response {
        id: RequestId::decided(QuestionId(0), sequence),
        outcome: judged("r\ns\nt\nu\n", verdict),
    });
    scheduler.handle_responses(answers.into()).unwrap();
    scheduler.poll_requests(2).iter().map(|request| request.id.question.0).collect()
}

#[test]
fn the_oldest_requests_go_first_or_those_of_the_first_question() {
    assert_eq!(order_of(Turns::Even), [1, 0]);
    assert_eq!(order_of(Turns::FirstToFinish), [0, 0]);
}

fn response(question: u32, sequence: u32) -> Response {
    let id = RequestId::decided(QuestionId(question), sequence);
    Response { id, outcome: judged("r\n", Verdict::Correct) }
}

fn assert_refused(scheduler: &mut Scheduler, response: Response) {
    let before = scheduler.snapshot();
    let id = response.id;
    assert_eq!(scheduler.handle_responses(vec![response]), Err(Error::NotInFlight(id)));
    assert!(scheduler.snapshot() == before, "a refused response changes nothing");
}

#[test]
fn a_response_to_an_unknown_question_is_refused() {
    let mut scheduler = scheduler();
    scheduler.poll_requests(1);
    assert_refused(&mut scheduler, response(7, 0));
}

#[test]
fn a_response_to_an_unknown_request_is_refused() {
    let mut scheduler = scheduler();
    scheduler.poll_requests(2);
    assert_refused(&mut scheduler, response(0, 99));
}

#[test]
fn a_response_to_a_request_nobody_polled_is_refused() {
    let mut scheduler = scheduler();
    assert_refused(&mut scheduler, response(0, 0));
    assert_eq!(scheduler.poll_requests(1).len(), 1);
    assert_refused(&mut scheduler, response(0, 1));
}

#[test]
fn a_second_response_is_refused_whether_the_first_was_committed_or_waits() {
    let mut scheduler = scheduler();
    scheduler.poll_requests(2);
    scheduler.handle_responses(vec![response(0, 1)]).unwrap();
    assert_refused(&mut scheduler, response(0, 1));
    scheduler.handle_responses(vec![response(0, 0)]).unwrap();
    assert_refused(&mut scheduler, response(0, 0));
}

#[test]
fn a_response_to_a_finished_question_is_refused() {
    let mut scheduler = scheduler();
    scheduler.poll_requests(2);
    scheduler.handle_responses(vec![response(0, 0), response(0, 1)]).unwrap();
    assert!(scheduler.is_done());
    assert_refused(&mut scheduler, response(0, 1));
    scheduler.retire(QuestionId(0)).unwrap();
    assert_refused(&mut scheduler, response(0, 1));
}

#[test]
fn responses_before_a_refused_one_are_taken() {
    let mut scheduler = scheduler();
    scheduler.poll_requests(2);
    scheduler.handle_responses(vec![response(0, 0), response(0, 99), response(0, 1)]).unwrap_err();
    assert_eq!(scheduler.in_flight(), 1);
    scheduler.handle_responses(vec![response(0, 1)]).unwrap();
    assert!(scheduler.is_done());
}

#[test]
fn malformed_token_ends_are_refused_and_the_request_stays_open() {
    for (text, tokens, ends) in [
        ("abc", vec![1, 2], vec![3]),
        ("abc", vec![], vec![3]),
        ("abc", vec![1, 2], vec![3, 2]),
        ("abc", vec![1], vec![4]),
        ("aé", vec![1], vec![2]),
        ("abc", vec![1], vec![-2]),
    ] {
        let mut scheduler = scheduler();
        let request = scheduler.poll_requests(1).remove(0);
        let before = scheduler.snapshot();
        let bad = RolloutText { tokens, token_ends: ends.clone(), ..rollout(text, Verdict::Wrong) };
        let outcome = scheduler.handle_responses(vec![respond(&request, |_| Outcome::Rollout(bad))]);
        assert!(matches!(outcome, Err(Error::Malformed { id, .. }) if id == request.id), "{text} {ends:?}");
        assert!(scheduler.snapshot() == before, "{text} {ends:?}");
        scheduler.handle_responses(vec![respond(&request, policy)]).unwrap();
    }
}

#[test]
fn a_rollout_longer_than_a_token_budget_set_aside_is_refused() {
    let limits = Config { token_budget: Some(100), max_new_tokens: 10, ..config() };
    let mut scheduler = Scheduler::new(limits).unwrap();
    scheduler.add_question(question()).unwrap();
    let request: Request = scheduler.poll_requests(1).remove(0);
    let long = RolloutText { n_tokens: 11, ..rollout("w\n", Verdict::Wrong) };
    let refused = scheduler.handle_responses(vec![respond(&request, |_| Outcome::Rollout(long))]);
    assert!(matches!(refused, Err(Error::Malformed { .. })));
}

#[test]
fn a_question_that_goes_on_cannot_be_retired() {
    let mut scheduler = scheduler();
    scheduler.poll_requests(1);
    assert_eq!(scheduler.artifacts(QuestionId(0)), Ok(None));
    assert_eq!(scheduler.retire(QuestionId(0)), Err(Error::NotOpen(QuestionId(0))));
    assert_eq!(scheduler.artifacts(QuestionId(1)), Err(Error::NotOpen(QuestionId(1))));
}

#[test]
fn polling_hands_out_each_request_once_and_no_more_than_asked_for() {
    let mut scheduler = scheduler();
    let first: Vec<RequestId> = scheduler.poll_requests(1).iter().map(|request| request.id).collect();
    let rest: Vec<RequestId> = scheduler.poll_requests(9).iter().map(|request| request.id).collect();
    assert_eq!((first.len(), rest.len(), scheduler.in_flight()), (1, 1, 2));
    assert_ne!(first, rest);
    assert!(scheduler.poll_requests(9).is_empty());
}

#[test]
fn draws_polled_by_name_are_the_requests_and_can_be_had_whole_while_they_are_out() {
    let (mut whole, mut named) = (scheduler(), scheduler());
    while !whole.is_done() {
        let requests = whole.poll_requests(3);
        let draws = named.poll_draws(3);
        let ids: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
        assert_eq!(ids, draws.iter().map(|draw| draw.id).collect::<Vec<_>>());
        for (request, draw) in requests.iter().zip(&draws) {
            assert_eq!(named.request(draw.id).as_ref(), Some(request));
            assert_eq!((draw.state, draw.draw, draw.at_root), (request.state, request.draw, request.at_root));
        }
        assert_eq!(named.request(RequestId::decided(QuestionId(0), 9_999)), None);
        assert_eq!(named.in_flight(), whole.in_flight());
        for scheduler in [&mut whole, &mut named] {
            let answers = requests.iter().map(|request| respond(request, policy)).collect();
            scheduler.handle_responses(answers).unwrap();
        }
        assert!(requests.iter().all(|request| named.request(request.id).is_none()), "they are back");
    }
    assert!(named.snapshot() == whole.snapshot());
}
