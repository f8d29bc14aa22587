//! The reference program, compiled from where it lies, at the limit of this machine's vector units.

#![allow(
    unsafe_code,
    missing_docs,
    dead_code,
    unused_imports,
    elided_lifetimes_in_paths,
    clippy::all,
    clippy::pedantic,
    clippy::print_stdout,
    reason = "an experiment that is not ours to tidy"
)]

mod program {
    include!(env!("OMEGA_TREE2"));

    /// A search from each seed in turn, by the reference's own calls; the sum of all depths.
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw,bmi1,bmi2,lzcnt")]
    fn run<const B: usize>(tree: &mut Tree<B>, path: &mut Vec<(u32, u32)>, seed: u64, sims: usize) -> usize {
        let mut depths = 0;
        tree.reset(seed);
        for _ in 0..sims {
            let key = tree.select(path, 1.25);
            depths += path.len();
            tree.backup(path, key, val(key));
        }
        depths
    }

    /// A tree with room for `sims` simulations.
    pub struct Reference<const B: usize> {
        tree: Tree<B>,
        path: Vec<(u32, u32)>,
        sims: usize,
    }

    impl<const B: usize> Reference<B> {
        pub fn new(sims: usize) -> Self {
            Self { tree: Tree::new(1, sims + 1), path: Vec::with_capacity(256), sims }
        }

        /// One search; the mean depth.
        pub fn search(&mut self, seed: u64) -> f64 {
            // SAFETY: `runs_here` was asked.
            (unsafe { run(&mut self.tree, &mut self.path, seed, self.sims) }) as f64 / self.sims as f64
        }
    }
}

pub use program::Reference;

/// Whether this machine has the vector units that the reference is written for.
pub fn runs_here() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("fma")
}
