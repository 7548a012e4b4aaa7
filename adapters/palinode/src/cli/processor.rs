//! The processor, and the instruction set of it that a model's passes run on.

use std::env::consts::ARCH;

/// `x86_64 v3`: what a run's folder and `palinode doctor` call the processor.
pub(super) fn name() -> String {
    format!("{ARCH} {}", instruction_set())
}

/// The widest instruction set that the passes know and this processor has: `v4` (x86-64-v4, with AVX-512), `v3` (x86-64-v3, with AVX2 and FMA), `neon`, or
/// `scalar` for any other.
pub(super) fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let all = |features: &[bool]| features.iter().all(|has| *has);
        let v3 = all(&[
            is_x86_feature_detected!("avx2"),
            is_x86_feature_detected!("bmi1"),
            is_x86_feature_detected!("bmi2"),
            is_x86_feature_detected!("f16c"),
            is_x86_feature_detected!("fma"),
            is_x86_feature_detected!("lzcnt"),
            is_x86_feature_detected!("movbe"),
            is_x86_feature_detected!("popcnt"),
        ]);
        let v4 = all(&[
            is_x86_feature_detected!("avx512bw"),
            is_x86_feature_detected!("avx512cd"),
            is_x86_feature_detected!("avx512dq"),
            is_x86_feature_detected!("avx512f"),
            is_x86_feature_detected!("avx512vl"),
        ]);
        match (v3, v4) {
            (true, true) => "v4",
            (true, false) => "v3",
            _ => "scalar",
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        if std::arch::is_aarch64_feature_detected!("neon") { "neon" } else { "scalar" }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        "scalar"
    }
}
