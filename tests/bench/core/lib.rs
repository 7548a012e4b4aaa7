//! The benchmark beside this is all there is: `cargo bench -p palinode-bench`. It is a package of its own, so that `cargo test` needs no Criterion.
