//! A policy of a few lines, and the shortest way to run it.

use omega_core::{
    Config, LocateKind, Outcome, QuestionSpec, Request, Response, RolloutText, Scheduler, SearchArtifacts,
    Split, SuppliedSolution, Verdict,
};
use std::fmt::Write;

/// Steps of every solution of `policy`.
pub(crate) const STEPS: usize = 4;

/// Two draws an estimate, one step a line.
pub(crate) fn config() -> Config {
    Config { num_rollouts: 2, split: Split::Separator { separator: "\n".into() }, ..Config::default() }
}

/// The same with the published search, whose probes are known beforehand.
pub(crate) fn binary() -> Config {
    Config { locate: LocateKind::Binary, ..config() }
}

pub(crate) fn question() -> QuestionSpec {
    QuestionSpec { id: "q".into(), problem: "p".into(), solutions: vec![] }
}

pub(crate) fn supplied(text: &str, verdict: Verdict) -> SuppliedSolution {
    SuppliedSolution {
        text: text.into(),
        step_lengths: vec![],
        verdict,
        answer: None,
        source: "dataset".into(),
    }
}

/// One token a byte.
pub(crate) fn rollout(text: &str, verdict: Verdict) -> RolloutText {
    RolloutText {
        text: text.into(),
        tokens: vec![],
        token_ends: vec![],
        n_tokens: u32::try_from(text.len()).unwrap(),
        verdict,
        answer: None,
    }
}

pub(crate) fn judged(text: &str, verdict: Verdict) -> Outcome {
    Outcome::Rollout(rollout(text, verdict))
}

/// Steps begin with `r` or `w`; after a wrong one all are wrong. The first draw from a right prefix goes right to
/// the end, later ones after one more step, if there are two.
pub(crate) fn policy(request: &Request) -> Outcome {
    let done = request.prefix.lines().count();
    let error = match (request.prefix.contains('w'), request.draw) {
        (true, _) => done,
        (false, 0) => STEPS,
        (false, _) => (done + 1).min(STEPS - 1),
    };
    let mut steps = String::new();
    for at in done..STEPS {
        writeln!(steps, "{}{at}.{}", if at < error { 'r' } else { 'w' }, request.draw).unwrap();
    }
    judged(&steps, if error == STEPS { Verdict::Correct } else { Verdict::Wrong })
}

pub(crate) fn respond(request: &Request, policy: impl FnOnce(&Request) -> Outcome) -> Response {
    Response { id: request.id, outcome: policy(request) }
}

/// Runs one question to its end, every response in order.
pub(crate) fn run(
    config: Config,
    spec: QuestionSpec,
    mut policy: impl FnMut(&Request) -> Outcome,
) -> SearchArtifacts {
    let mut scheduler = Scheduler::new(config).unwrap();
    let question = scheduler.add_question(spec).unwrap();
    while !scheduler.is_done() {
        let requests = scheduler.poll_requests(usize::MAX);
        assert!(!requests.is_empty(), "an open question has work to hand out");
        scheduler.handle_responses(requests.iter().map(|one| respond(one, &mut policy)).collect()).unwrap();
    }
    scheduler.retire(question).unwrap()
}
