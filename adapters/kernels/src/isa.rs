//! The instruction set that the passes run on.
//!
//! It decides how fast they are, and nothing else: every number is the same on each of them, which the tests of this file hold.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU8, Ordering},
};

use pulp::{Arch, WithSimd};

/// Sets of instructions, narrower ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// One number at a time, as any processor can.
    Scalar,
    /// Four at a time: 64-bit ARM.
    Neon,
    /// Eight at a time: x86-64-v3, with AVX2 and FMA.
    V3,
    /// Sixteen at a time: x86-64-v4, with AVX-512.
    V4,
}

impl Isa {
    /// All of them, narrower ones first.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::V3, Self::V4];

    /// Those that this machine has, narrower ones first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|&isa| of(widest(isa)) == isa).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is none of [`Isa::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownIsa(String);

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no instruction set is called `{}`; there are {}", self.0, Isa::ALL.map(Isa::name).join(", "))
    }
}

impl std::error::Error for UnknownIsa {}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        Self::ALL.into_iter().find(|isa| isa.name() == name).ok_or_else(|| UnknownIsa(name.to_owned()))
    }
}

/// The widest that may be used.
static MOST: AtomicU8 = AtomicU8::new(Isa::V4 as u8);

/// Keeps all passes of this process, from now on, to instruction sets that are no wider than `most`; returns the one that they run on then. What was
/// packed before goes on with the vectors that it was packed for: call this first.
///
/// For tests and comparisons between machines: results do not change by it, speed does.
pub fn limit(most: Isa) -> Isa {
    MOST.store(most as u8, Ordering::Relaxed);
    isa()
}

/// The instruction set that passes run on: the widest that the machine has and [`limit`] allows.
pub fn isa() -> Isa {
    of(chosen())
}

/// Runs `work` on the instruction set of [`isa`].
#[inline(always)]
pub(crate) fn dispatch<W: WithSimd>(work: W) -> W::Output {
    chosen().dispatch(work)
}

#[inline]
pub(crate) fn chosen() -> Arch {
    #[cfg(test)]
    if let Some(isa) = tests::HERE.get() {
        return widest(isa);
    }
    let most = MOST.load(Ordering::Relaxed);
    // As the numbers of `Isa` are ordered.
    widest(if most >= Isa::V4 as u8 {
        Isa::V4
    } else if most >= Isa::V3 as u8 {
        Isa::V3
    } else if most >= Isa::Neon as u8 {
        Isa::Neon
    } else {
        Isa::Scalar
    })
}

/// The widest that the machine has, but none wider than `most`.
#[inline]
#[cfg_attr(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")), allow(unused_variables))]
fn widest(most: Isa) -> Arch {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if most >= Isa::V4
            && let Some(simd) = pulp::x86::V4::try_new()
        {
            return Arch::V4(simd);
        }
        if most >= Isa::V3
            && let Some(simd) = pulp::x86::V3::try_new()
        {
            return Arch::V3(simd);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if most >= Isa::Neon
        && let Some(simd) = pulp::aarch64::Neon::try_new()
    {
        return Arch::Neon(simd);
    }
    Arch::Scalar
}

fn of(arch: Arch) -> Isa {
    match arch {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(_) => Isa::V4,
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(_) => Isa::V3,
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => Isa::Neon,
        _ => Isa::Scalar,
    }
}

#[cfg(test)]
pub(crate) mod tests;
