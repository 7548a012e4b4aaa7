//! Low-rank adapters beside a projection: scale · drop(x)·A·B, and their gradients.
//!
//! Hu et al. 2021, arXiv 2106.09685. Adapters that see the same input are multiplied together: their A stand side by side.

use palinode_core::rng::RandomKey;

use crate::{
    buffer::Buffer,
    matmul::{Into, Matrix, MatrixMut, Packed, product, product_packed, product_transposed, transposed_product},
    rows::{add, cut, paste},
    stored::Stored,
};

/// An adapter's sizes, and where it stands: adds scale · x·A·B to some columns of a projection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapter {
    /// Inner width r: A is `[inputs, r]`, and B `[r, outputs]`.
    pub rank: usize,
    /// First of the projection's columns that it adds to.
    pub at: usize,
    /// How many they are.
    pub outputs: usize,
    /// Factor on x·A·B.
    pub scale: f32,
    /// What is dropped of its inputs; nothing, when it is not differentiated or sees all.
    pub dropout: Option<Dropout>,
}

/// Which inputs of an adapter are set to zero; the others are made larger, so that their mean stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Of the inputs, in [0, 1).
    pub share: f64,
    /// Draws them, by its token.
    pub key: RandomKey,
}

impl Dropout {
    /// What inputs are multiplied by, from the `first` on of all tokens' inputs one after another: the i-th is drawn by the word i mod 4 of token i / 4.
    pub fn factors(&self, first: usize, factors: &mut [f32]) {
        // Uniform numbers are multiples of 2⁻²⁴: those below the share are dropped.
        let least = libm::ceil(self.share * f64::from(1u32 << 24)) as u32;
        let larger = (1.0 / (1.0 - self.share)) as f32;
        let mut left = factors.iter_mut();
        for group in first / 4..(first + left.len()).div_ceil(4) {
            let words = RandomKey { token: group as u32, ..self.key }.words();
            let skipped = first.saturating_sub(4 * group);
            for (word, factor) in words.into_iter().skip(skipped).zip(&mut left) {
                *factor = if word >> 8 < least { 0.0 } else { larger };
            }
        }
    }
}

/// An adapter's numbers.
#[derive(Debug, Clone)]
pub struct LowRank<T> {
    pub(crate) adapter: Adapter,
    pub(crate) a: T,
    pub(crate) b: T,
}

/// What each group of adapters has between A and B.
pub(crate) type Inner = Vec<Between>;

/// The numbers between A and B of a group of adapters, `[N, Σ rank]`, and what of their input they saw.
pub(crate) struct Between {
    z: Buffer,
    seen: Option<Mask>,
}

/// The gradient of those numbers, of each group.
pub(crate) type InnerGradient = Vec<Buffer>;

/// Which inputs are kept, and what they are multiplied by.
struct Mask {
    bits: Vec<u64>,
    larger: f32,
}

impl Mask {
    fn new(dropout: Dropout, numbers: usize, inputs: usize, drawn: Drawn<'_>) -> Self {
        let mut row = Buffer::any(inputs);
        let mut bits = vec![0; numbers.div_ceil(64)];
        let mut larger = 1.0;
        for r in 0..numbers / inputs {
            dropout.factors(drawn.row(r) * inputs, &mut row);
            for (i, &factor) in (r * inputs..).zip(row.iter()) {
                bits[i / 64] |= u64::from(factor != 0.0) << (i % 64);
                larger = if factor != 0.0 { factor } else { larger };
            }
        }
        Self { bits, larger }
    }

    fn apply(&self, x: &mut [f32]) {
        let factors = [0.0, self.larger];
        for (&bits, x) in self.bits.iter().zip(x.chunks_mut(64)) {
            for (i, x) in x.iter_mut().enumerate() {
                *x *= factors[(bits >> i & 1) as usize];
            }
        }
    }

    /// What is seen of an input.
    fn of(&self, x: &[f32]) -> Buffer {
        let mut seen = Buffer::of(x);
        self.apply(&mut seen);
        seen
    }
}

/// Which rows of a pass some rows are, where dropout counts them: itself, where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn<'a>(pub(crate) Option<&'a [usize]>);

impl Drawn<'_> {
    fn row(self, row: usize) -> usize {
        self.0.map_or(row, |rows| rows[row])
    }
}

/// The adapters of one projection, packed.
#[derive(Debug, Clone)]
pub(crate) struct PackedLowRank {
    /// For each group, A of all, and each one's B.
    groups: Vec<(Packed, Vec<Packed>)>,
}

impl PackedLowRank {
    pub(crate) fn new(adapters: &[LowRank<Stored<'_>>], inputs: usize) -> Self {
        let group = |group: &[LowRank<Stored<'_>>]| {
            let side_by_side = side_by_side(group, inputs);
            let a = side_by_side.as_deref().unwrap_or(group[0].a.plain());
            let a = Packed::new(Matrix::new(a, ranks(group)), false);
            (a, group.iter().map(|low| Packed::new(Matrix::new(low.b.plain(), low.adapter.outputs), false)).collect())
        };
        Self { groups: groups(adapters).map(group).collect() }
    }
}

/// What some adapters of a projection add to its output `y: [N, outputs]`, of `x: [N, inputs]`; returns x·A.
pub(crate) fn forward(
    adapters: &[LowRank<Stored<'_>>],
    packed: Option<&PackedLowRank>,
    x: &[f32],
    inputs: usize,
    y: &mut [f32],
    drawn: Drawn<'_>,
) -> Inner {
    let rows = x.len() / inputs;
    let inner = between(adapters, packed, x, inputs, drawn);
    for ((g, group), Between { z, .. }) in groups(adapters).enumerate().zip(&inner) {
        let (total, outputs) = (ranks(group), y.len() / rows);
        for ((first, low), i) in placed(group).zip(0..) {
            let Adapter { rank, at, outputs: columns, scale, .. } = low.adapter;
            let z = Matrix::within(&z[first..], [rows, rank], total);
            let out = MatrixMut::within(&mut y[at..], [rows, columns], outputs);
            match packed.map(|packed| &packed.groups[g].1[i]) {
                Some(b) => product_packed(z, b, scale, out, Into::Add),
                None => product(z, Matrix::new(low.b.plain(), columns), scale, out, Into::Add),
            }
        }
    }
    inner
}

/// x·A of some adapters of a projection, of `x: [N, inputs]`.
pub(crate) fn between(
    adapters: &[LowRank<Stored<'_>>],
    packed: Option<&PackedLowRank>,
    x: &[f32],
    inputs: usize,
    drawn: Drawn<'_>,
) -> Inner {
    let rows = x.len() / inputs;
    if rows == 0 {
        return Inner::new();
    }
    let of_group = |(g, group): (usize, &[LowRank<Stored<'_>>])| {
        let total = ranks(group);
        let mask = group[0].adapter.dropout.map(|dropout| Mask::new(dropout, x.len(), inputs, drawn));
        let seen = mask.as_ref().map(|mask| mask.of(x));
        let x = Matrix::new(seen.as_deref().unwrap_or(x), inputs);
        let mut z = Buffer::any(rows * total);
        let out = MatrixMut::new(&mut z, total);
        match packed.map(|packed| &packed.groups[g].0) {
            Some(a) => product_packed(x, a, 1.0, out, Into::Replace),
            None => {
                let together = side_by_side(group, inputs);
                let a = together.as_deref().unwrap_or(group[0].a.plain());
                product(x, Matrix::new(a, total), 1.0, out, Into::Replace);
            }
        }
        Between { z, seen: mask }
    };
    groups(adapters).enumerate().map(of_group).collect()
}

/// The gradient of x·A from that of the projection's output, `dy: [N, outputs]`.
pub(crate) fn inner_gradient(adapters: &[LowRank<Stored<'_>>], dy: &[f32], outputs: usize) -> InnerGradient {
    let rows = dy.len() / outputs;
    let of_group = |group: &[LowRank<Stored<'_>>]| {
        let total = ranks(group);
        let mut dz = Buffer::any(rows * total);
        for (first, low) in placed(group).filter(|_| rows > 0) {
            let Adapter { rank, at, outputs: columns, scale, .. } = low.adapter;
            let dy = Matrix::within(&dy[at..], [rows, columns], outputs);
            let out = MatrixMut::within(&mut dz[first..], [rows, rank], total);
            product_transposed(dy, Matrix::new(low.b.plain(), columns), scale, out, Into::Replace);
        }
        dz
    };
    groups(adapters).map(of_group).collect()
}

/// Adds what flows through the adapters into the projection's input: of what they saw of it.
pub(crate) fn add_input_gradient(
    adapters: &[LowRank<Stored<'_>>],
    (inner, dz): (&Inner, &InnerGradient),
    inputs: usize,
    dx: &mut [f32],
) {
    for ((group, between), dz) in groups(adapters).zip(inner).zip(dz) {
        let total = ranks(group);
        let together = side_by_side(group, inputs);
        let a = Matrix::new(together.as_deref().unwrap_or(group[0].a.plain()), total);
        let dz = Matrix::new(dz, total);
        match &between.seen {
            None => product_transposed(dz, a, 1.0, MatrixMut::new(dx, inputs), Into::Add),
            Some(mask) => {
                let mut flow = Buffer::any(dx.len());
                product_transposed(dz, a, 1.0, MatrixMut::new(&mut flow, inputs), Into::Replace);
                mask.apply(&mut flow);
                add(dx, &flow);
            }
        }
    }
}

/// Adds to the gradients of A and B, where they are asked for: `x` and `dy` are the projection's input and its output's gradient, the others what
/// [`forward`] and [`inner_gradient`] gave.
pub(crate) fn add_outer(
    gradients: &mut [LowRank<Vec<f32>>],
    [x, dy]: [&[f32]; 2],
    (inner, dz): (&Inner, &InnerGradient),
    inputs: usize,
) {
    let rows = x.len() / inputs;
    if rows == 0 {
        return;
    }
    let (outputs, size) = (dy.len() / rows, together(gradients));
    for ((group, Between { z, seen }), dz) in gradients.chunks_mut(size).zip(inner).zip(dz) {
        let total = ranks(group);
        let seen = seen.as_ref().map(|mask| mask.of(x));
        let (x, flow) = (Matrix::new(seen.as_deref().unwrap_or(x), inputs), Matrix::new(dz, total));
        let mut d_a = Buffer::any(inputs * total);
        transposed_product(x, flow, 1.0, MatrixMut::new(&mut d_a, total), Into::Replace);
        let mut first = 0;
        for LowRank { adapter: Adapter { rank, at, outputs: columns, scale, .. }, a, b } in group {
            add(a, &cut(&d_a, total, first..first + *rank));
            if !b.is_empty() {
                let z = Matrix::within(&z[first..], [rows, *rank], total);
                let dy = Matrix::within(&dy[*at..], [rows, *columns], outputs);
                transposed_product(z, dy, *scale, MatrixMut::new(b, *columns), Into::Add);
            }
            first += *rank;
        }
    }
}

/// Adapters that are multiplied together: all, or each by itself where each sees another part of the input.
fn groups<T>(adapters: &[LowRank<T>]) -> impl Iterator<Item = &[LowRank<T>]> {
    adapters.chunks(together(adapters))
}

fn together<T>(adapters: &[LowRank<T>]) -> usize {
    if adapters.iter().any(|low| low.adapter.dropout.is_some()) { 1 } else { adapters.len().max(1) }
}

fn ranks<T>(group: &[LowRank<T>]) -> usize {
    group.iter().map(|low| low.adapter.rank).sum()
}

/// Adapters of a group, and the first of their columns between A and B.
fn placed<T>(group: &[LowRank<T>]) -> impl Iterator<Item = (usize, &LowRank<T>)> {
    group.iter().scan(0, |next, low| {
        let first = *next;
        *next += low.adapter.rank;
        Some((first, low))
    })
}

/// A of several adapters, `[inputs, Σ rank]`; of one, it is as it is.
fn side_by_side(group: &[LowRank<Stored<'_>>], inputs: usize) -> Option<Buffer> {
    if group.len() == 1 {
        return None;
    }
    let total = ranks(group);
    let mut all = Buffer::any(inputs * total);
    placed(group).for_each(|(first, low)| paste(&mut all, total, first..first + low.adapter.rank, low.a.plain()));
    Some(all)
}
