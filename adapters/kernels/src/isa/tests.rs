//! Every kernel on every instruction set that the machine has: the same bits.

use std::cell::Cell;

use palinode_core::kl::Divergence;
use proptest::prelude::*;

use super::*;
use crate::{
    decoder::{PackedRows, Passes},
    head::Diverging,
    matmul::{Into, Matrix, MatrixMut, Packed, product, product_packed, product_transposed, transposed_product},
    parameters::Parameters,
    rotary::Rotary,
    rows::add,
    shape::{Gate, Shape},
    simd::{add_scaled, wide_dot},
};

thread_local! {
    /// What this thread keeps to, whatever the others do.
    pub(super) static HERE: Cell<Option<Isa>> = const { Cell::new(None) };
}

/// What some work gives on one instruction set.
fn on<T>(isa: Isa, work: impl FnOnce() -> T) -> T {
    HERE.set(Some(isa));
    assert_eq!(super::isa(), isa);
    let given = work();
    HERE.set(None);
    given
}

/// Holds that some work gives the same bits on all of them.
fn same_everywhere(work: impl Fn() -> Vec<Vec<f32>>) -> Result<(), TestCaseError> {
    let bits = |isa| -> Vec<Vec<u32>> {
        on(isa, &work).into_iter().map(|numbers| numbers.into_iter().map(f32::to_bits).collect()).collect()
    };
    let expected = bits(Isa::Scalar);
    for isa in Isa::available() {
        for (i, (given, expected)) in bits(isa).iter().zip(&expected).enumerate() {
            let differs = given.iter().zip(expected).position(|(given, expected)| given != expected);
            prop_assert!(differs.is_none() && given.len() == expected.len(), "{isa}, result {i}, number {differs:?}");
        }
    }
    Ok(())
}

/// Numbers in (−2, 2) by a seed, every seventh a zero of either sign.
fn numbers(seed: u64, length: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |i: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match (i % 7, state % 2) {
            (3, 0) => 0.0,
            (3, _) => -0.0,
            _ => (state >> 40) as f32 / (1 << 22) as f32 - 2.0,
        }
    };
    (0..length).map(next).collect()
}

fn isas_are_named_and_ordered() {
    for isa in Isa::ALL {
        assert_eq!(isa.to_string().parse(), Ok(isa));
    }
    assert!(Isa::ALL.is_sorted() && "avx9".parse::<Isa>().unwrap_err().to_string().contains("`avx9`"));
    let available = Isa::available();
    assert_eq!(available.first(), Some(&Isa::Scalar));
    assert_eq!(available.last(), Some(&super::isa()));
}

#[test]
fn a_limit_is_kept_by_every_thread() {
    isas_are_named_and_ordered();
    for isa in Isa::available() {
        assert_eq!((limit(isa), std::thread::spawn(super::isa).join().unwrap()), (isa, isa));
    }
    // Where a machine lacks one, the next narrower.
    assert_eq!(limit(Isa::V4), *Isa::available().last().unwrap());
}

/// What the narrower set packed is multiplied by the wider one too.
#[test]
fn panels_are_read_as_they_were_packed() {
    let (a, b) = (numbers(1, 3 * 5), numbers(2, 5 * 41));
    let multiplied = |packed: &Packed| {
        let mut out = vec![0.0; 3 * 41];
        product_packed(Matrix::new(&a, 5), packed, MatrixMut::new(&mut out, 41), Into::Replace);
        out
    };
    let expected = multiplied(&Packed::new(Matrix::new(&b, 41), false));
    for isa in Isa::available() {
        let packed = on(isa, || Packed::new(Matrix::new(&b, 41), false));
        assert_eq!(multiplied(&packed), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_are_the_same(
        [rows, depth, columns] in [1..30usize, 0..40usize, 1..70usize], deep in any::<bool>(), factor in -2.0..2.0f32, add in any::<bool>(), seed in any::<u64>()
    ) {
        // Now and then over more than one piece of the inner dimension.
        let depth = if deep { depth + 250 } else { depth };
        let into = if add { Into::Add } else { Into::Replace };
        let (left, right, start) = (numbers(seed, rows * depth), numbers(seed ^ 1, depth * columns), numbers(seed ^ 2, rows * columns));
        same_everywhere(|| {
            let (a, a_flipped) = (Matrix::within(&left, [rows, depth], depth), Matrix::within(&left, [depth, rows], rows));
            let (b, b_flipped) = (Matrix::within(&right, [depth, columns], columns), Matrix::within(&right, [columns, depth], depth));
            let give = |write: &dyn Fn(MatrixMut<'_>)| {
                let mut out = start.clone();
                write(MatrixMut::new(&mut out, columns));
                out
            };
            vec![
                give(&|out| product(a, b, factor, out, into)),
                give(&|out| product_transposed(a, b_flipped, factor, out, into)),
                give(&|out| transposed_product(a_flipped, b, factor, out, into)),
                give(&|out| product_packed(a, &Packed::new(b, false), out, into)),
                give(&|out| product_packed(a, &Packed::new(b_flipped, true), out, into)),
            ]
        })?;
    }

    #[test]
    fn sums_are_the_same(length in 0..200usize, factor in -2.0..2.0f32, seed in any::<u64>()) {
        let (x, y) = (numbers(seed, length), numbers(seed ^ 1, length));
        same_everywhere(|| {
            let (mut added, mut scaled) = (y.clone(), y.clone());
            add(&mut added, &x);
            add_scaled(&mut scaled, factor, &x);
            vec![vec![wide_dot(&x, &y)], added, scaled]
        })?;
    }

    #[test]
    fn decoders_are_the_same(kind in kind(), seed in any::<u64>(), [first, second] in [1..12usize, 1..80usize]) {
        same_everywhere(|| of_decoder(&kind, seed, [first, second]))?;
    }
}

/// Decoders of all kinds that a shape tells apart, of odd sizes.
fn kind() -> impl Strategy<Value = Shape> {
    let sizes = (1..40usize, 1..20usize, 1..4usize, 1..4usize, 1..12usize, 1..30usize);
    let windows = prop::collection::vec(prop::option::of(1..20usize), 1..3);
    let ropes = prop::collection::vec(prop::option::of(0..2usize), 3);
    let switches = (prop::array::uniform8(any::<bool>()), prop::sample::select(vec![[true, false], [true, true], [false, true]]));
    let cap = || prop::option::of(0.5..5.0f32);
    (sizes, (windows, ropes), switches, [cap(), cap()], any::<bool>()).prop_map(|(sizes, layers, switches, caps, unused)| {
        let (vocabulary, width, kv_heads, group, half, inner) = sizes;
        let ((windows, ropes), (switches, [pre_norms, post_norms])) = (layers, switches);
        let [tied, gelu, qkv_bias, output_bias, mlp_bias, qk_norm, wide_qk_norm, offset] = switches;
        Shape {
            vocabulary: vocabulary + 2,
            width,
            heads: kv_heads * group,
            kv_heads,
            head: 2 * half,
            inner,
            windows,
            ropes,
            norm_epsilon: 1e-6,
            norm_offset: if offset { 1.0 } else { 0.0 },
            tied,
            activation: if gelu { Gate::GeluTanh } else { Gate::Silu },
            qkv_bias,
            output_bias,
            mlp_bias,
            qk_norm,
            wide_qk_norm,
            pre_norms,
            post_norms,
            embedding_scale: 1.5,
            attention_scale: 0.7,
            attention_cap: caps[0],
            logit_cap: caps[1],
            unused: if unused { [1].into() } else { [].into() },
        }
    })
}

/// Everything that a decoder gives: of whole rows forward and backward, and of a prefill and what follows.
fn of_decoder(shape: &Shape, seed: u64, lengths: [usize; 2]) -> Vec<Vec<f32>> {
    const POSITIONS: usize = 96;
    let mut drawn = seed;
    let collected: Result<Parameters<Vec<f32>>, ()> = Parameters::collect(shape, &mut |length| {
        drawn = drawn.wrapping_add(1);
        Ok(numbers(drawn, length))
    });
    let weights = collected.unwrap().into_list();
    let half = shape.head / 2;
    let tables = [3, 4, 12, 13].map(|table| numbers(seed ^ table, POSITIONS * half));
    let mut left = weights.iter().map(Vec::as_slice);
    let borrowed = Parameters::collect(shape, &mut |_| left.next().ok_or(())).unwrap();
    let rotaries = tables.chunks(2).map(|table| Rotary::new(&table[0], &table[1], half)).collect();
    let decoder = Passes::new(shape, borrowed, rotaries);

    let ids = |seed: u64, length: usize| -> Vec<u32> {
        let id = |i: usize| (seed.wrapping_add(i as u64 * 7919) % shape.vocabulary as u64) as u32;
        // Id 1 may be one that no token has.
        (0..length).map(id).map(|id| if id == 1 { 0 } else { id }).collect()
    };
    let tokens = lengths.map(|length| ids(seed ^ length as u64, length));
    let rows = PackedRows::new(tokens.iter().map(Vec::as_slice));
    let chosen: Vec<usize> = (0..lengths.iter().sum()).step_by(2).collect();
    let targets = ids(seed ^ 9, chosen.len());
    let mut given = Vec::new();
    for divergence in [None, Some(Divergence::Reverse), Some(Divergence::Forward)] {
        let (states, tape) = decoder.forward(rows.clone(), chosen.clone());
        let distribution = decoder.distribution(&states, 0.8);
        let reference = decoder.distribution(&numbers(seed ^ 5, states.len()), 0.8);
        let [d_logprob, d_divergence] = [6, 7].map(|salt| numbers(seed ^ salt, targets.len()));
        let values = divergence.map(|divergence| distribution.divergence(&reference, divergence));
        let diverging = divergence.zip(values.as_deref());
        let diverging = diverging.map(|(divergence, values)| Diverging {
            reference: &reference,
            divergence,
            values,
            gradient: &d_divergence,
        });
        given.push(distribution.of(&targets));
        let mut gradients = Parameters::zeros(shape);
        let flow = decoder.distribution_back(distribution, &states, &targets, &d_logprob, diverging, &mut gradients);
        decoder.backward(tape, &flow, &mut gradients);
        given.extend([states.to_vec(), flow.to_vec()].into_iter().chain(values).chain(gradients.into_list()));
    }
    let packed = decoder.pack();
    let decoder = decoder.with_packed(&packed);
    let (mut cache, states) = decoder.prefill(&[&tokens[0], &tokens[1]], 2, POSITIONS);
    given.push(decoder.logits(&states).to_vec());
    for (rows, new) in [(vec![0, 1, 2, 3], 3), (vec![1, 2], 1)] {
        let states = decoder.extend(&mut cache, &rows, &ids(seed ^ 11, rows.len() * new));
        given.extend([decoder.logits(&states).to_vec(), states.to_vec()]);
    }
    given
}
