//! P4: the search core on one thread, beside other implementations of the same search, in one run.

use omega_bench::p4::{
    forest::{InStep, RoundRobin},
    ours::Ours,
    simple::Simple,
    treant_crate::Treant,
};
use omega_bench::{Verdict, absent, bar, median, seconds};

const ROUNDS: u64 = 15;

fn main() {
    one_tree::<8>(800, 60);
    one_tree::<8>(10_000, 5);
    one_tree::<32>(800, 60);
    one_tree::<32>(10_000, 5);
    many_trees::<8>(4_096, 400);
    many_trees::<32>(4_096, 200);
}

/// Nanoseconds a simulation of each implementation, round by round; what is compared ran within the same second.
#[expect(clippy::print_stdout, reason = "it is what a benchmark says")]
fn one_tree<const B: usize>(simulations: u32, searches: u32) {
    let (mut tree2_ns, mut ours_ns, mut simple_ns, mut treant_ns) = (vec![], vec![], vec![], vec![]);
    let mut ours = Ours::<B>::new(simulations);
    let (mut deep, mut simple_deep) = (0.0, 0.0);
    #[cfg(has_tree2)]
    let mut reference = omega_bench::p4::tree2::Reference::<B>::new(simulations as usize);
    let per = |time: f64, searches: u32| time * 1e9 / (f64::from(searches) * f64::from(simulations));
    let few = searches.div_ceil(4);
    for round in 0..ROUNDS {
        let seeds = |count: u32| (round * u64::from(searches)..).take(count as usize).map(|seed| seed + 1);
        #[cfg(has_tree2)]
        if omega_bench::p4::tree2::runs_here() {
            let (time, depth) = seconds(|| seeds(searches).map(|seed| reference.search(seed)).last());
            deep = depth.unwrap_or(deep);
            tree2_ns.push(per(time, searches));
        }
        let (time, ()) = seconds(|| seeds(searches).for_each(|seed| ours.search(seed)));
        ours_ns.push(per(time, searches));
        let mut fresh: Vec<_> =
            seeds(few).map(|seed| (seed, Simple::<B>::new(simulations as usize))).collect();
        let (time, depth) = seconds(|| {
            fresh.iter_mut().map(|(seed, engine)| engine.search(*seed, simulations as usize)).last()
        });
        simple_deep = depth.unwrap_or(simple_deep);
        simple_ns.push(per(time, few));
        let mut fresh: Vec<_> = seeds(few).map(Treant::<B>::new).collect();
        let (time, ()) = seconds(|| fresh.iter_mut().for_each(|manager| manager.search(simulations.into())));
        treant_ns.push(per(time, few));
    }
    let (depth, bytes) = ours.depth_and_bytes();
    let what = format!(
        "one tree, B={B}, {simulations} simulations, values [-1,1), FPU 0, PUCT, mean depth {depth:.2}"
    );
    println!(
        "{what}: M/s ours {:.2}, simple-mcts {:.2} (depth {simple_deep:.2}), treant {:.2}",
        1e3 / median(ours_ns.clone()),
        1e3 / median(simple_ns.clone()),
        1e3 / median(treant_ns.clone())
    );
    if tree2_ns.is_empty() {
        absent("P4", format!("{what}, of tree2"), "the reference or its vector units are not here");
    } else {
        let tree2 = format!("{:.2}M/s(tree2,depth {deep:.2})", 1e3 / median(tree2_ns.clone()));
        bar(
            "P4",
            format!("{what}, share of tree2's speed"),
            ratio(&tree2_ns, &ours_ns),
            tree2,
            Verdict::AtLeast,
            0.65,
        );
    }
    for (name, theirs) in [("simple-mcts", &simple_ns), ("treant", &treant_ns)] {
        let figure = ratio(theirs, &ours_ns);
        let baseline = format!("{:.2}M/s({name})", 1e3 / median(theirs.clone()));
        bar("P4", format!("{what}, times the speed of {name}"), figure, baseline, Verdict::AtLeast, 1.0);
    }
    bar("P4", format!("{what}, bytes a child slot"), bytes, "none", Verdict::AtMost, 20.0);
}

/// The median over rounds of how many times faster the second is.
fn ratio(slower: &[f64], faster: &[f64]) -> f64 {
    median(slower.iter().zip(faster).map(|(slow, fast)| slow / fast).collect())
}

fn many_trees<const B: usize>(trees: usize, simulations: u32) {
    let (mut robin, mut step) = (vec![], vec![]);
    let mut one_by_one = RoundRobin::<B>::new(trees, simulations);
    let mut together = InStep::<B>::new(trees, simulations);
    for seed in 0..6 {
        let (slow, expected) = seconds(|| one_by_one.search(seed));
        let (fast, found) = seconds(|| together.search(seed));
        assert_eq!(expected, found, "both ways make the same trees");
        // The first round is the memory's first use.
        if seed > 0 {
            robin.push(slow);
            step.push(fast);
        }
    }
    let all = (trees as f64) * f64::from(simulations);
    let speed = |times: &[f64]| all / median(times.to_vec()) / 1e6;
    bar(
        "P4",
        format!(
            "{trees} trees in flight, B={B}, {simulations} simulations each, values [-1,1), FPU 0, PUCT, mean depth \
             {:.2}: {:.2}M/s, times round robin",
            one_by_one.mean_depth(),
            speed(&step)
        ),
        ratio(&robin, &step),
        format!("{:.2}M/s(round robin)", speed(&robin)),
        Verdict::AtLeast,
        2.0,
    );
}
