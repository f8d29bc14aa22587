//! What the calls promise, and what they refuse.

use crate::support::{Seen, config, dump, random_tree, searched};
use omega_core::mcts::{
    Answer, Backup, Config, Evaluation, Forest, Fpu, Fusion, Select, Steps, Tree, ValueRole, Wanted, Widening,
};
use omega_core::{Error, QuestionId, RequestId};

const LEAF: Evaluation<'_> = Evaluation {
    values: &[0.5],
    verdict: None,
    steps: Steps { ids: &[], priors: &[0.5, 0.5] },
    terminal: false,
};

fn refused(config: Config, answer: Answer<'_>) -> String {
    let mut tree = Tree::new(config).unwrap();
    let request = tree.poll_request().unwrap();
    let error = tree.handle(request.id, answer).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    assert_eq!(tree.in_flight(), 1, "the request is still in flight");
    tree.handle(request.id, Answer::Lost).unwrap();
    assert!(tree.is_done());
    error.to_string()
}

#[test]
fn answers_that_do_not_fit_are_refused_and_change_nothing() {
    let cases: [(Evaluation<'_>, &str); 9] = [
        (Evaluation { values: &[], ..LEAF }, "one value a role"),
        (Evaluation { values: &[0.1, 0.2], ..LEAF }, "one value a role"),
        (Evaluation { values: &[f32::NAN], ..LEAF }, "at least one value"),
        (Evaluation { values: &[f32::INFINITY], ..LEAF }, "finite"),
        (Evaluation { verdict: Some(f32::NAN), ..LEAF }, "verdict"),
        (Evaluation { steps: Steps { ids: &[1], priors: &[0.5, 0.5] }, ..LEAF }, "as many priors"),
        (Evaluation { steps: Steps { ids: &[1 << 31], priors: &[] }, ..LEAF }, "below 2^31"),
        (Evaluation { steps: Steps { ids: &[], priors: &[-0.1] }, ..LEAF }, "at least 0"),
        (Evaluation { steps: Steps { ids: &[], priors: &[f32::NAN] }, ..LEAF }, "at least 0"),
    ];
    for (evaluation, said) in cases {
        let message = refused(Config::default(), Answer::Evaluated(evaluation));
        assert!(message.contains(said), "{message}");
    }
    let many = vec![0.0; (1 << 15) + 1];
    let steps = Steps { ids: &[], priors: &many };
    assert!(refused(Config::default(), Answer::Evaluated(Evaluation { steps, ..LEAF })).contains("32768"));
    assert!(
        refused(Config::default(), Answer::Proposed(Steps::default()))
            .contains("an evaluation was asked for")
    );
    let fused = Config { backup: Backup::Fused { fusion: Fusion::Released }, ..Config::default() };
    assert!(refused(fused, Answer::Evaluated(LEAF)).contains("needs a verdict"));
}

#[test]
fn a_request_is_answered_once_and_only_if_it_was_handed_out() {
    let mut tree = Tree::new(config(10)).unwrap();
    let first = RequestId::decided(QuestionId(0), 0);
    assert_eq!(tree.handle(first, Answer::Lost), Err(Error::NotInFlight(first)), "it was not handed out yet");
    let request = tree.poll_request().unwrap();
    assert_eq!(request.id, first);
    assert_eq!((request.wanted, request.from), (Wanted::Evaluation, None));
    tree.handle(first, Answer::Evaluated(LEAF)).unwrap();
    assert_eq!(tree.handle(first, Answer::Evaluated(LEAF)), Err(Error::NotInFlight(first)));
    let later = RequestId::decided(QuestionId(0), 77);
    assert_eq!(tree.handle(later, Answer::Lost), Err(Error::NotInFlight(later)));
}

#[test]
fn an_early_answer_is_taken_once_and_waits_for_its_turn() {
    let mut tree = Tree::new(Config { in_flight: 2, ..config(10) }).unwrap();
    let root = tree.poll_request().unwrap();
    assert_eq!(tree.poll_request(), None, "a second selection waits for the root");
    tree.handle(root.id, Answer::Evaluated(LEAF)).unwrap();
    let (a, b) = (tree.poll_request().unwrap(), tree.poll_request().unwrap());
    tree.handle(b.id, Answer::Evaluated(LEAF)).unwrap();
    assert_eq!(tree.simulations(), 1, "it waits");
    assert_eq!(tree.handle(b.id, Answer::Lost), Err(Error::NotInFlight(b.id)));
    tree.handle(a.id, Answer::Evaluated(LEAF)).unwrap();
    assert_eq!(tree.simulations(), 3);
}

#[test]
fn a_lost_root_ends_the_search_and_a_cancelled_one_is_asked_again() {
    let mut tree = Tree::new(config(10)).unwrap();
    let root = tree.poll_request().unwrap();
    tree.handle(root.id, Answer::Cancelled).unwrap();
    let again = tree.poll_request().unwrap();
    assert_ne!(again.id, root.id);
    tree.handle(again.id, Answer::Lost).unwrap();
    assert_eq!((tree.poll_request(), tree.is_done(), tree.simulations()), (None, true, 0));
    assert_eq!((tree.root(), tree.root_value()), (None, None));
}

#[test]
fn a_lost_step_is_not_chosen_again() {
    let mut tree = Tree::new(config(30)).unwrap();
    let mut lost = 0;
    while let Some(request) = tree.poll_request() {
        if tree.path(request.node) == [0] {
            lost += 1;
            tree.handle(request.id, Answer::Lost).unwrap();
        } else {
            Seen::new(0.1, vec![0.9, 0.1], false).answer_to(&mut tree, &request);
        }
    }
    assert_eq!((lost, tree.simulations()), (1, 30));
    let child = tree.children(tree.root().unwrap())[0];
    assert_eq!((child.visits, child.values, child.open, child.q), (0, 0, false, None));
}

#[test]
fn a_node_whose_steps_are_all_lost_absorbs_with_its_own_value() {
    let mut tree = Tree::new(config(9)).unwrap();
    while let Some(request) = tree.poll_request() {
        match tree.path(request.node).len() {
            0 | 1 => Seen::new(0.75, vec![1.0], false).answer_to(&mut tree, &request),
            _ => tree.handle(request.id, Answer::Lost).unwrap(),
        }
    }
    let child = tree.children(tree.root().unwrap())[0];
    assert_eq!((tree.simulations(), child.values, child.q), (9, 8, Some(0.75)));
}

#[test]
fn a_restarted_tree_searches_as_a_new_one_does() {
    let mut tree = searched(Config { in_flight: 3, ..config(50) }, random_tree(1));
    tree.restart();
    let stale = RequestId::decided(QuestionId(0), 0);
    assert_eq!(tree.handle(stale, Answer::Lost), Err(Error::NotInFlight(stale)));
    crate::support::search(&mut tree, random_tree(2));
    assert_eq!(dump(&tree), dump(&searched(Config { in_flight: 3, ..config(50) }, random_tree(2))));
}

#[test]
fn a_forest_names_the_tree_it_does_not_have() {
    let mut forest = Forest::new(config(5)).unwrap();
    let (tree, none) = (forest.add_tree(), QuestionId(7));
    assert_eq!(forest.tree(none).unwrap_err(), Error::NotOpen(none));
    assert_eq!(forest.advance(none, 0).unwrap_err(), Error::NotOpen(none));
    let stranger = RequestId::decided(none, 0);
    assert_eq!(forest.handle_responses(&[(stranger, Answer::Lost)]), Err(Error::NotOpen(none)));
    forest.retire(tree).unwrap();
    assert_eq!(forest.retire(tree).unwrap_err(), Error::NotOpen(tree));
    let mut requests = vec![];
    forest.poll_requests(9, &mut requests);
    assert!(requests.is_empty(), "a retired tree asks for nothing");
}

#[test]
fn answers_before_a_faulty_one_are_taken() {
    let mut forest = Forest::new(config(5)).unwrap();
    let trees = [forest.add_tree(), forest.add_tree()];
    let mut requests = vec![];
    forest.poll_requests(9, &mut requests);
    let bad = Answer::Evaluated(Evaluation { values: &[], ..LEAF });
    let answers = [(requests[0].id, Answer::Evaluated(LEAF)), (requests[1].id, bad)];
    assert!(forest.handle_responses(&answers).is_err());
    assert_eq!(forest.tree(trees[0]).unwrap().simulations(), 1);
    assert_eq!(forest.tree(trees[1]).unwrap().simulations(), 0);
    requests.clear();
    forest.poll_requests(9, &mut requests);
    assert_eq!(requests.len(), 1, "the first tree goes on");
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let of = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        Tree::new(config).unwrap_err().to_string()
    };
    assert!(of(|c| c.simulations = 0).starts_with("simulations"));
    assert!(of(|c| c.in_flight = 0).starts_with("in_flight"));
    assert!(of(|c| c.discount = 0.0).starts_with("discount"));
    assert!(of(|c| c.discount = 1.5).starts_with("discount"));
    assert!(of(|c| c.fpu = Fpu::Fixed { value: f32::NAN }).starts_with("fpu.value"));
    assert!(of(|c| c.fpu = Fpu::Parent { reduction: f32::INFINITY }).starts_with("fpu.reduction"));
    assert!(of(|c| c.select = Select::Uct { weight: -1.0 }).starts_with("select.weight"));
    assert!(of(|c| c.select = Select::Puct { base: 0.0, init: 1.0 }).starts_with("select.base"));
    assert!(of(|c| c.values = vec![]).starts_with("values"));
    assert!(
        of(|c| c.values = vec![ValueRole { role: "x".into(), weight: 0.0 }]).starts_with("values.weight")
    );
    assert!(
        of(|c| c.widening = Some(Widening { factor: 1.0, exponent: 2.0, propose: false }))
            .starts_with("widening.exponent")
    );
    let fusion = Fusion::Normalised { outcome: 1.5 };
    assert!(Tree::new(Config { backup: Backup::Fused { fusion }, ..Config::default() }).is_err());
    assert!(Config::from_json(r#"{"simulatons": 3}"#).unwrap_err().to_string().contains("simulatons"));
}
