//! scratch
#![expect(clippy::print_stdout, reason = "the figures are the output")]
use omega_core::LocateKind;
use omega_sim::hunts::{Account, Rule, hunt};
use omega_sim::{Rates, Recovery, World};
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let steps: Vec<usize> = args[1].split(',').map(|x| x.parse().unwrap()).collect();
    let kinds: Vec<&str> = args[2].split(',').collect();
    let rhos: Vec<&str> = args[3].split(',').collect();
    let questions: u32 = args[4].parse().unwrap();
    let taus: Vec<f64> = args[5].split(',').map(|x| x.parse().unwrap()).collect();
    let base = args.get(6).is_none_or(|x| x != "nobase");
    let seed: u64 = args.get(7).map_or(1, |x| x.parse().unwrap());
    for &t in &steps { for kind in &kinds { for rho in &rhos {
        let rates = match *kind { "const" => Rates::PerQuestion(0.05, 0.35), "hard" => Rates::HardStep, "ramp" => Rates::Ramp, "iid" => Rates::PerStep(0.05, 0.35), _ => panic!() };
        let recovery = match *rho { "dec" => Recovery { rho: 0.2, gamma: 0.5 }, r => Recovery { rho: r.parse().unwrap(), gamma: 1.0 } };
        let world = World { seed, steps: t, rates, recovery, ..World::five_steps(seed) };
        println!("== {t} {kind} {rho}");
        if base { for (name, k, n) in [(LocateKind::Binary, 8, "b8"), (LocateKind::Binary, 16, "b16"), (LocateKind::EarlyStop, 16, "e16"), (LocateKind::Sequential, 16, "seq")] {
            let now = Instant::now();
            let a = hunt(&world, questions, Rule::Estimates(name, k)); show(n, &a, now);
        } }
        for &tau in &taus { for learns in [true] {
            let now = Instant::now();
            let a = hunt(&world, questions, Rule::Bayes { confidence: tau, cap: 0, learns }); show(&format!("bayes {tau} {learns}"), &a, now);
        } }
    } } }
}
fn show(name: &str, a: &Account, now: Instant) {
    println!("{name:<14} n {:5} exact {:.1} abst {:.1} ex|ans {:.1} rol {:.1} r/ex {:.1} t/ex {:.0} ece {:.3} us {:.0}", a.hunts.len(), a.exact()*100., a.abstained()*100., a.exact_answered()*100., a.rollouts(), a.rollouts_per_exact(), a.tokens_per_exact(), a.calibration_error(), now.elapsed().as_secs_f64()*1e6/(a.choices as f64));
}
