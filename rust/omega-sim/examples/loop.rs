//! scratch
#![expect(clippy::print_stdout, reason = "the figures are the output")]
use omega_core::{Config, LocateKind, Split};
use omega_sim::{Figures, Recovery, Setup, World, drive};
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let questions: u32 = args[1].parse().unwrap();
    let conf: f64 = args[2].parse().unwrap();
    let max: u32 = args[3].parse().unwrap();
    for rho in [0.0, 0.02, 0.1] { for seed in [1, 2] {
        let world = World { recovery: Recovery { rho, gamma: 1.0 }, distinct_right: std::env::var("MERGE").is_err(), ..World::five_steps(seed) };
        for (name, locate, k) in [("b16", LocateKind::Binary, 16), ("e16", LocateKind::EarlyStop, 16), ("seq", LocateKind::Sequential, 16), ("bayes", LocateKind::Bayes, 16)] {
            let now = Instant::now();
            let split = Split::Separator { separator: "\n".into() };
            let config = Config { num_rollouts: k, locate, split, locate_confidence: conf, locate_cap: args[4].parse().unwrap(), max_search_count: max, ..Config::default() };
            let specs = (0..questions).map(|q| world.question(q)).collect();
            let run = drive(config, &world, specs, &Setup::default()).unwrap();
            let f = Figures::of_core(&run.artifacts, 200);
            let mut reasons = std::collections::BTreeMap::new();
            for s in run.artifacts.iter().flat_map(|a| &a.searches) { *reasons.entry(format!("{:?}", s.reason)).or_insert(0) += 1; }
            println!("rho {rho} seed {seed} {name:<6} rollouts {} searches {} located {:.1} exact {:.1} ({:.1}%) prefixes {:.1} over {} occ {:.2} s {:.2} {reasons:?}", f.rollouts, f.searches, f.per_thousand(f.located), f.per_thousand(f.exact), 100.*f.exact as f64/f.located as f64, f.per_thousand(f.right_prefixes), f.overshoot, run.occupancy(256), now.elapsed().as_secs_f64());
        }
    } }
}
