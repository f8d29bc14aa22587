//! The parts of the core one by one: `cargo bench -p omega-bench`. As a test, each runs once.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use omega_bench::p4::ours::Ours;
use omega_core::bayes::{Evidence, Model, Posterior, Weights, choose};
use omega_core::{
    CandidatePool, Config, Estimate, LocateKind, Next, NodeId, OmegaScore, Outcome, Response, RolloutId,
    Scheduler, Split, Splitter, View,
};
use omega_sim::World;
use std::hint::black_box;

const STEPS: [usize; 4] = [5, 8, 16, 32];

criterion_group!(core, selection, bayes_decision, binary_decision, simulate, split, snapshot);
criterion_main!(core);

/// Which state and rollout to search next, 256 times, from a pool where eight rollouts wait at each state.
fn selection(c: &mut Criterion) {
    const SELECTIONS: u16 = 256;
    let score = OmegaScore::default();
    let mut group = c.benchmark_group("selection from the pool");
    group.throughput(Throughput::Elements(SELECTIONS.into()));
    for states in [4_000_u32, 100_000] {
        let mut pool = CandidatePool::default();
        for state in 0..states {
            let mc = f64::from(state % 7 + 1) / 8.0;
            let rollouts =
                (0..8).map(|at| (score.q(mc, 20 + state * 13 % 997 + at), RolloutId(8 * state + at)));
            pool.add(NodeId(state), rollouts.collect());
        }
        group.bench_function(BenchmarkId::from_parameter(states), |b| {
            b.iter_batched_ref(
                || pool.clone(),
                |pool| (0..SELECTIONS).filter(|_| pool.select(&score).is_some()).count(),
                BatchSize::LargeInput,
            );
        });
    }
}

/// The posterior of one wrong solution after 16 draws from the root, and the choice of the next draw.
fn bayes_decision(c: &mut Criterion) {
    let mut group = c.benchmark_group("bayes");
    for steps in STEPS {
        // Every continuation goes its own way; one in three is right.
        let keys = |draw: u128| (0..steps as u128).map(|step| (draw + 1) << 64 | step).collect::<Vec<_>>();
        let mut evidence = Evidence::default();
        (0..16).for_each(|draw| evidence.add(None, &keys(draw), draw % 3 == 0));
        let (model, weights) = (Model::new(steps), Weights::default());
        let solution = *keys(1).last().expect("it has steps");
        let posterior = || Posterior::new(&model, &evidence, &weights, solution).expect("it was added");
        let made = posterior();
        group.bench_function(BenchmarkId::new("posterior", steps), |b| b.iter(posterior));
        // A confidence that none reaches, so that every cut is weighed.
        group.bench_function(BenchmarkId::new("decision", steps), |b| {
            b.iter(|| choose(black_box(&made), 2.0, 100, 1));
        });
    }
}

/// All decisions of a binary search for an error in the last step, k 16.
fn binary_decision(c: &mut Criterion) {
    let mut group = c.benchmark_group("binary search");
    for steps in STEPS {
        group.bench_function(BenchmarkId::from_parameter(steps), |b| {
            b.iter(|| {
                let mut estimates = vec![Estimate::default(); steps];
                loop {
                    let view = View { estimates: &estimates, k: 16, belief: None };
                    match LocateKind::Binary.strategy().next(black_box(&view)) {
                        Next::Draw(wants) => {
                            for want in wants {
                                let estimate = &mut estimates[want.cut];
                                (estimate.n_judged, estimate.n_correct) = (want.draws, 1);
                            }
                        }
                        found => break found,
                    }
                }
            });
        });
    }
}

/// A tree search of 800 simulations with a null evaluator: values in [-1, 1), FPU 0, PUCT.
fn simulate(c: &mut Criterion) {
    const SIMULATIONS: u32 = 800;
    let mut group = c.benchmark_group("tree search");
    group.throughput(Throughput::Elements(SIMULATIONS.into()));
    let mut few = Ours::<8>::new(SIMULATIONS);
    group.bench_function("8 steps a node", |b| b.iter(|| few.search(black_box(1))));
    let mut many = Ours::<32>::new(SIMULATIONS);
    group.bench_function("32 steps a node", |b| b.iter(|| many.search(black_box(1))));
}

/// A solution of 1 KB in eight steps, cut by separator, by pattern, and at the middle token.
fn split(c: &mut Criterion) {
    let text = format!("{}\n\n", "x".repeat(126)).repeat(8);
    let ends: Vec<i32> = (1..=256).map(|token| 4 * token).collect();
    let rules = [
        ("separator", Split::Separator { separator: "\n\n".into() }),
        ("pattern", Split::Regex { pattern: r"\n\s*\n".into() }),
        ("midpoint", Split::Midpoint { max_tokens: 32 }),
    ];
    let mut group = c.benchmark_group("split");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (name, rule) in rules {
        let splitter = Splitter::new(&rule).expect("a rule that works");
        assert_eq!(splitter.cuts(&text, &ends).len(), 8, "{name}");
        group.bench_function(name, |b| b.iter(|| splitter.cuts(black_box(&text), &ends)));
    }
}

/// The state of 64 questions, half of their root draws answered, to bytes and back.
fn snapshot(c: &mut Criterion) {
    let world = World::five_steps(1);
    let config = Config { split: Split::Separator { separator: "\n".into() }, ..Config::default() };
    let mut scheduler = Scheduler::new(config).expect("a configuration that works");
    scheduler.set_max_open(64);
    for number in 0..64 {
        scheduler.add_question(world.question(number)).expect("a new question");
    }
    let requests = scheduler.poll_requests(512);
    let outcome = |request| Outcome::Rollout(world.answer(request));
    let responses = requests.iter().map(|each| Response { id: each.id, outcome: outcome(each) }).collect();
    scheduler.handle_responses(responses).expect("they are in flight");
    let bytes = scheduler.snapshot();
    let mut group = c.benchmark_group("snapshot");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("taken", |b| b.iter(|| scheduler.snapshot()));
    group.bench_function("restored", |b| {
        b.iter(|| Scheduler::restore(black_box(&bytes)).expect("a snapshot"));
    });
}
