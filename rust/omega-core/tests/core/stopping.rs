//! Questions that are stopped because a draw will never be answered.

use crate::support::{binary, judged, policy, question, respond};
use omega_core::{
    Error, Event, Finish, Outcome, QuestionId, QuestionSpec, Scheduler, SearchOutcome, Unlocated, Verdict,
};

/// A question in its first search that waits for the first of two draws, the second being there; and the root's draws.
fn stuck() -> (Scheduler, QuestionId, usize) {
    let mut scheduler = Scheduler::new(binary()).unwrap();
    let question = scheduler.add_question(question()).unwrap();
    let roots = scheduler.poll_requests(usize::MAX);
    scheduler.handle_responses(roots.iter().map(|one| respond(one, policy)).collect()).unwrap();
    let probes = scheduler.poll_requests(usize::MAX);
    assert!(probes.len() >= 2, "a probe has two draws");
    // The second is here, and waits for the first.
    scheduler.handle_responses(vec![respond(&probes[1], policy)]).unwrap();
    (scheduler, question, roots.len())
}

#[test]
fn a_stopped_question_has_what_it_had_decided_and_nothing_more() {
    let (mut scheduler, question, roots) = stuck();
    scheduler.stop(question).unwrap();
    assert!(scheduler.is_done());
    assert_eq!(scheduler.in_flight(), 0);
    assert!(scheduler.poll_requests(usize::MAX).is_empty());
    assert_eq!(scheduler.poll_events().last(), Some(&Event::SearchFinished { question }));
    let artifacts = scheduler.retire(question).unwrap();
    assert_eq!(artifacts.finish, Finish::Unanswered);
    assert_eq!(artifacts.rollouts.len(), roots);
    assert_eq!(artifacts.counts.rollouts as usize, roots);
    let search = artifacts.searches.last().unwrap();
    assert_eq!((search.outcome, search.reason), (SearchOutcome::NotLocated, Some(Unlocated::Unanswered)));
}

#[test]
fn what_comes_after_is_refused_and_other_questions_go_on() {
    let (mut scheduler, question, _) = stuck();
    let other = scheduler
        .add_question(QuestionSpec { id: "other".into(), problem: "p".into(), solutions: vec![] })
        .unwrap();
    let late = scheduler.poll_requests(1).remove(0);
    assert_eq!(late.id.question, other);
    let mut unanswered = late.id;
    unanswered.question = question;
    unanswered.sequence = 2;
    scheduler.stop(question).unwrap();
    scheduler.stop(question).unwrap();
    let response = omega_core::Response { id: unanswered, outcome: judged("r\n", Verdict::Correct) };
    assert_eq!(scheduler.handle_responses(vec![response]), Err(Error::NotInFlight(unanswered)));
    scheduler.handle_responses(vec![respond(&late, |_| Outcome::Lost)]).unwrap();
    assert!(!scheduler.is_done());
    assert_eq!(scheduler.stop(QuestionId(9)), Err(Error::NotOpen(QuestionId(9))));
}
