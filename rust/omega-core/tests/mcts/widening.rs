//! Merging of equal steps, and nodes that try more of them the more they are visited.

use crate::support::{Seen, config, search, searched};
use omega_core::mcts::{Answer, Child, Config, Fpu, Steps, Tree, Wanted, Widening};

fn root(tree: &Tree) -> Vec<Child> {
    tree.children(tree.root().unwrap())
}

fn steps_and_priors(tree: &Tree) -> Vec<(u32, f32)> {
    root(tree).iter().map(|child| (child.step, child.prior)).collect()
}

const ROOT_RULE: Widening = Widening { factor: 1.0, exponent: 0.5, propose: false };

fn repeated(path: &[u32]) -> Seen {
    let first =
        Seen { value: 0.5, ids: vec![7, 3, 7, 5], priors: vec![0.125, 0.25, 0.125, 0.5], terminal: false };
    if path.is_empty() { first } else { Seen::new(0.5, vec![], true) }
}

#[test]
fn equal_steps_become_one_and_their_priors_add_up() {
    let tree = searched(config(20), repeated);
    assert_eq!(steps_and_priors(&tree), [(7, 0.25), (3, 0.25), (5, 0.5)]);
}

#[test]
fn equal_steps_stay_apart_where_that_is_wanted() {
    let tree = searched(Config { merge: false, ..config(20) }, repeated);
    assert_eq!(steps_and_priors(&tree), [(7, 0.125), (3, 0.25), (7, 0.125), (5, 0.5)]);
    assert!(root(&tree).iter().all(|child| child.values > 0), "each is searched");
}

#[test]
fn a_node_opens_its_likeliest_steps_first_and_more_with_its_visits() {
    let priors = [0.05, 0.4, 0.15, 0.3, 0.1];
    for simulations in [1, 2, 4, 5, 9, 10, 16, 17, 60] {
        let tree = searched(Config { widening: Some(ROOT_RULE), ..config(simulations) }, |path| {
            Seen::new(0.5, if path.is_empty() { priors.to_vec() } else { vec![] }, !path.is_empty())
        });
        assert_eq!(steps_and_priors(&tree).iter().map(|child| child.0).collect::<Vec<_>>(), [1, 3, 2, 4, 0]);
        let tried = root(&tree).iter().filter(|child| child.open).count();
        let allowed = f64::from(simulations).sqrt().ceil().min(5.0);
        let before = f64::from(simulations).sqrt().ceil() - 1.0;
        assert!(simulations == 1 || tried as f64 <= allowed, "{simulations}: {tried}");
        assert!(simulations == 1 || tried as f64 >= before.min(5.0), "{simulations}: {tried}");
    }
}

/// Asked for more, gives one new step at a time until there are `most`; then none.
fn proposing(most: u32, simulations: u32) -> (Tree, u32) {
    let widening = Some(Widening { propose: true, ..ROOT_RULE });
    let mut tree = Tree::new(Config { widening, max_depth: 1, ..config(simulations) }).unwrap();
    let mut proposals = 0;
    while let Some(request) = tree.poll_request() {
        if request.wanted == Wanted::Proposals {
            assert_eq!(Some(request.node), tree.root());
            proposals += 1;
            let ids: &[u32] = if proposals < most { &[0, proposals] } else { &[0] };
            tree.handle(request.id, Answer::Proposed(Steps { ids, priors: &[] })).unwrap();
        } else {
            Seen::new(0.5, vec![1.0], false).answer_to(&mut tree, &request);
        }
    }
    (tree, proposals)
}

#[test]
fn more_steps_are_asked_for_until_none_is_new() {
    let (tree, proposals) = proposing(12, 400);
    assert_eq!(proposals, 12, "the last brought nothing new, and it was not asked again");
    let steps: Vec<u32> = root(&tree).iter().map(|child| child.step).collect();
    assert_eq!(steps, (0..12).collect::<Vec<_>>());
    assert_eq!(tree.simulations(), 400, "proposals are no simulations");
    assert!(root(&tree).iter().all(|child| child.values > 0));
    let first = root(&tree)[0].prior;
    assert!((first - (1.0 + 11.0 * 0.5 + 1.0)).abs() < 1e-6, "a known step's prior grows: {first}");
}

#[test]
fn lost_proposals_are_not_asked_for_again_and_cancelled_ones_are() {
    for (answer, times) in [(Answer::Lost, 1), (Answer::Cancelled, 4)] {
        let widening = Some(Widening { propose: true, ..ROOT_RULE });
        let mut tree = Tree::new(Config { widening, max_depth: 1, ..config(30) }).unwrap();
        let mut asked = 0;
        while let Some(request) = tree.poll_request() {
            if request.wanted == Wanted::Proposals {
                asked += 1;
                tree.handle(request.id, if asked < times { answer } else { Answer::Lost }).unwrap();
            } else {
                Seen::new(0.5, vec![1.0], false).answer_to(&mut tree, &request);
            }
        }
        assert_eq!((asked, tree.simulations()), (times, 30));
    }
}

#[test]
fn a_node_without_steps_asks_for_some_where_it_may() {
    let widening = Some(Widening { propose: true, ..ROOT_RULE });
    let mut tree = Tree::new(Config { widening, max_depth: 1, ..config(5) }).unwrap();
    let root_request = tree.poll_request().unwrap();
    Seen::new(0.5, vec![], false).answer_to(&mut tree, &root_request);
    let more = tree.poll_request().unwrap();
    assert_eq!(more.wanted, Wanted::Proposals);
    tree.handle(more.id, Answer::Proposed(Steps { ids: &[8], priors: &[] })).unwrap();
    while let Some(request) = tree.poll_request() {
        match request.wanted {
            Wanted::Proposals => tree.handle(request.id, Answer::Proposed(Steps::default())).unwrap(),
            Wanted::Evaluation => Seen::new(0.25, vec![], false).answer_to(&mut tree, &request),
        }
    }
    assert_eq!(steps_and_priors(&tree), [(8, 1.0)]);
    assert_eq!(tree.simulations(), 5);
}

#[test]
fn many_children_are_kept_apart() {
    let count = 1_000_u32;
    let mut tree = Tree::new(Config { fpu: Fpu::First, ..config(3_000) }).unwrap();
    search(&mut tree, |path| match path {
        [] => Seen { value: 0.5, ids: (0..count).rev().collect(), priors: vec![], terminal: false },
        [step, ..] => Seen::new(if *step == 377 { 1.0 } else { 0.0 }, vec![], true),
    });
    let children = root(&tree);
    assert!(children.iter().all(|child| child.q == Some(if child.step == 377 { 1.0 } else { 0.0 })));
    assert_eq!(tree.best_line(omega_core::mcts::By::Visits), [377]);
}

#[test]
fn proposals_beyond_what_a_node_can_hold_are_refused() {
    let widening = Some(Widening { factor: 1e6, exponent: 0.0, propose: true });
    let mut tree = Tree::new(Config { widening, merge: false, max_depth: 1, ..config(9) }).unwrap();
    let request = tree.poll_request().unwrap();
    Seen::new(0.5, vec![1.0; 20_000], false).answer_to(&mut tree, &request);
    let more = tree.poll_request().unwrap();
    assert_eq!(more.wanted, Wanted::Proposals);
    let priors = vec![1.0; 20_000];
    let too_many = Answer::Proposed(Steps { ids: &[], priors: &priors });
    assert!(tree.handle(more.id, too_many).unwrap_err().to_string().contains("at most 32768"));
    tree.handle(more.id, Answer::Proposed(Steps { ids: &[], priors: &priors[..12_768] })).unwrap();
    assert_eq!(root(&tree).len(), 32_768);
}
