//! Finds the reference program that P4 is measured against; it is no part of this repository.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=OMEGA_REFERENCE");
    println!("cargo:rustc-check-cfg=cfg(has_tree2)");
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let reference =
        std::env::var("OMEGA_REFERENCE").map_or_else(|_| checkout.join("../shared/reference"), PathBuf::from);
    let Ok(tree2) = reference.join("search_core/src/tree2.rs").canonicalize() else { return };
    println!("cargo:rerun-if-changed={}", tree2.display());
    println!("cargo:rustc-env=OMEGA_TREE2={}", tree2.display());
    println!("cargo:rustc-cfg=has_tree2");
}
