//! Every kernel on every instruction set that the machine has: the same bits.

use std::cell::Cell;

use half::{bf16, f16};
use palinode_core::{
    kl::Divergence,
    rng::{RandomKey, Stream},
};
use proptest::{prelude::*, strategy::ValueTree};

use super::*;
use crate::{
    decoder::{Lower, Passes},
    head::{Diverging, Scored},
    low_rank::{Adapter, Dropout},
    matmul::{
        Into, Matrix, MatrixMut, Packed, product, product_packed, product_stored, product_stored_transposed, product_transposed,
        transposed_product,
    },
    parameters::{BlockParameters, Parameters},
    rotary::Rotary,
    rows::add,
    shape::{Gate, Shape},
    simd::{add_scaled, wide_dot},
    stored::Stored,
    tokens::PackedRows,
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
        product_packed(Matrix::new(&a, 5), packed, 1.0, MatrixMut::new(&mut out, 41), Into::Replace);
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
                give(&|out| product_packed(a, &Packed::new(b, false), factor, out, into)),
                give(&|out| product_packed(a, &Packed::new(b_flipped, true), factor, out, into)),
            ]
        })?;
        let (brain, short): (Vec<bf16>, Vec<f16>) = right.iter().map(|&x| (bf16::from_f32(x), f16::from_f32(x))).unzip();
        let widened = [brain.iter().map(|x| x.to_f32()).collect::<Vec<_>>(), short.iter().map(|x| x.to_f32()).collect()];
        for (b, wide) in [Stored::Bf16(&brain), Stored::F16(&short)].into_iter().zip(&widened) {
            let [half, plain] = [b, Stored::F32(wide)].map(|b| {
                move |start: &[f32], left: &[f32]| {
                    let a = Matrix::within(left, [rows, depth], depth);
                    let give = |write: &dyn Fn(MatrixMut<'_>)| {
                        let mut out = start.to_vec();
                        write(MatrixMut::new(&mut out, columns));
                        out
                    };
                    vec![
                        give(&|out| product_stored(a, b, out, into)),
                        give(&|out| product_stored_transposed(a, b, out, into)),
                        give(&|out| product_packed(a, &Packed::stored(b, columns, false), factor, out, into)),
                        give(&|out| product_packed(a, &Packed::stored(b, depth, true), factor, out, into)),
                    ]
                }
            });
            if depth > 0 {
                same_everywhere(|| half(&start, &left))?;
                prop_assert_eq!(half(&start, &left), plain(&start, &left));
            }
        }
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
    (sizes, (windows, ropes), switches, [cap(), cap()], any::<bool>(), adapting()).prop_map(
        |(sizes, layers, switches, caps, unused, adapting)| {
            let (vocabulary, width, kv_heads, group, half, inner) = sizes;
            let ((windows, ropes), (switches, [pre_norms, post_norms])) = (layers, switches);
            let [tied, gelu, qkv_bias, output_bias, mlp_bias, qk_norm, wide_qk_norm, offset] = switches;
            let mut shape = Shape {
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
                adapters: Vec::new(),
            };
            shape.adapters = adapting.iter().map(|mask| adapters(&shape, *mask)).collect();
            shape
        },
    )
}

/// For some layers, which projections have adapters and whether these drop something.
fn adapting() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..3)
}

/// Adapters on the projections that a mask names.
fn adapters(shape: &Shape, mask: u8) -> [Vec<Adapter>; 4] {
    let (heads, keys, width, inner) = (shape.attended(), shape.kv_heads * shape.head, shape.width, shape.inner);
    let key = RandomKey { step: u32::from(mask), ..RandomKey::new(3, Stream::Dropout) };
    let dropout = (mask & 1 == 1).then_some(Dropout { share: 0.3, key });
    let mut bit = 0;
    [&[heads, keys, keys][..], &[width], &[inner, inner], &[width]].map(|columns| {
        let mut at = 0;
        let mut adapters = Vec::new();
        for &outputs in columns {
            bit += 1;
            if mask >> bit & 1 == 1 {
                adapters.push(Adapter { rank: 1 + bit, at, outputs, scale: 0.5 + bit as f32, dropout });
            }
            at += outputs;
        }
        adapters
    })
}

/// Positions that the tables hold.
const POSITIONS: usize = 96;

/// Numbers for a decoder, and its tables.
fn weights(shape: &Shape, seed: u64) -> (Vec<Vec<f32>>, [Vec<f32>; 4]) {
    let mut drawn = seed;
    let collected: Result<Parameters<Vec<f32>>, ()> = Parameters::collect(shape, &mut |length| {
        drawn = drawn.wrapping_add(1);
        Ok(numbers(drawn, length))
    });
    (collected.unwrap().into_list(), [3, 4, 12, 13].map(|table| numbers(seed ^ table, POSITIONS * shape.head / 2)))
}

fn passes<'a>(shape: &'a Shape, weights: &[Stored<'a>], tables: &'a [Vec<f32>; 4]) -> Passes<'a> {
    let mut left = weights.iter().copied();
    let borrowed = Parameters::collect(shape, &mut |_| left.next().ok_or(())).unwrap();
    let rotaries = tables.chunks(2).map(|table| Rotary::new(&table[0], &table[1], shape.head / 2)).collect();
    Passes::new(shape, borrowed, rotaries)
}

/// Everything that a decoder gives: of whole rows forward and backward, and of a prefill and what follows.
fn of_decoder(shape: &Shape, seed: u64, lengths: [usize; 2]) -> Vec<Vec<f32>> {
    let (weights, tables) = weights(shape, seed);
    let half: Vec<Vec<bf16>> = weights.iter().map(|numbers| numbers.iter().map(|&x| bf16::from_f32(x)).collect()).collect();
    let matrices = marked(shape, |block, mark| {
        for projection in [&mut block.query_key_value, &mut block.output, &mut block.gate_up, &mut block.down] {
            mark(&mut projection.weight);
        }
    });
    // Now and then with matrices in half precision.
    let stored = |i: usize| if seed.is_multiple_of(3) && matrices[i] { Stored::Bf16(&half[i]) } else { Stored::F32(&weights[i]) };
    let stored: Vec<Stored<'_>> = (0..weights.len()).map(stored).collect();
    let decoder = passes(shape, &stored, &tables).with_recomputation(seed.is_multiple_of(2));

    let ids = |seed: u64, length: usize| -> Vec<u32> {
        let id = |i: usize| (seed.wrapping_add(i as u64 * 7919) % shape.vocabulary as u64) as u32;
        // Id 1 may be one that no token has.
        (0..length).map(id).map(|id| if id == 1 { 0 } else { id }).collect()
    };
    let tokens = lengths.map(|length| ids(seed ^ length as u64, length));
    let rows = PackedRows::new(tokens.iter().map(Vec::as_slice));
    let chosen: Vec<usize> = (0..lengths.iter().sum()).step_by(2).collect();
    // Two tokens follow some states, none follows others.
    let (targets, followed): (Vec<u32>, Vec<usize>) =
        ids(seed ^ 9, chosen.len()).into_iter().zip((0..).map(|i| i - i % 2)).unzip();
    let targets = Scored { states: &followed, ids: &targets };
    let mut given = Vec::new();
    for divergence in [None, Some(Divergence::Reverse), Some(Divergence::Forward)] {
        let (states, tape) = decoder.forward(rows.clone(), chosen.clone());
        let distribution = decoder.distribution(&states, 0.8);
        let reference = decoder.distribution(&numbers(seed ^ 5, states.len()), 0.8);
        let [d_logprob, d_divergence] = [6, 7].map(|salt| numbers(seed ^ salt, chosen.len()));
        let values = divergence.map(|divergence| distribution.divergence(&reference, divergence));
        let diverging = divergence.zip(values.as_deref());
        let diverging = diverging.map(|(divergence, values)| Diverging {
            reference: &reference,
            divergence,
            values,
            gradient: &d_divergence,
        });
        given.push(distribution.of(targets));
        let mut gradients = Parameters::zeros(shape);
        let flow = decoder.distribution_back(distribution, &states, targets, &d_logprob, diverging, &mut gradients);
        decoder.backward(tape, &flow, &mut gradients);
        given.extend([states.to_vec(), flow.to_vec()].into_iter().chain(values).chain(gradients.into_list()));
    }
    let (packed, adapters) = (decoder.pack(), decoder.pack_adapters());
    let decoder = decoder.with_packed(&packed).with_packed_adapters(&adapters);
    let (mut cache, states) = decoder.prefill(&[&tokens[0], &tokens[1]], 2, POSITIONS);
    given.push(decoder.logits(&states).to_vec());
    for (rows, new) in [(vec![0, 1, 2, 3], 3), (vec![1, 2], 1)] {
        let states = decoder.extend(&mut cache, &rows, &ids(seed ^ 11, rows.len() * new));
        given.extend([decoder.logits(&states).to_vec(), states.to_vec()]);
    }
    given
}

/// What is kept on the way there, what is asked for, and what was packed or passed before change no bit of what remains.
#[test]
fn less_is_formed_and_nothing_is_changed() {
    const LAYERS: usize = 3;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 0..24u64 {
        let mut shape = kind().new_tree(&mut runner).unwrap().current();
        shape.windows = vec![None, Some(3), None];
        shape.ropes = vec![Some(0), None, Some(1)];
        shape.adapters = [0, 0b1010_1011, 0b0101_0110].map(|mask| adapters(&shape, mask)).to_vec();
        let (weights, tables) = weights(&shape, case);
        let stored: Vec<Stored<'_>> = weights.iter().map(|numbers| Stored::F32(numbers)).collect();
        let decoder = passes(&shape, &stored, &tables);
        let rows = PackedRows::new([[0, 0, 0, 0, 0].as_slice(), &[0; 3]]);
        let chosen = vec![1, 4, 6];
        let (states, tape) = decoder.forward(rows.clone(), chosen.clone());
        let flow = numbers(case, states.len());
        let mut all = Parameters::zeros(&shape);
        decoder.backward(tape, &flow, &mut all);
        let all = all.into_list();
        // Adapters alone, of the upper two layers; and one more norm of the lowest.
        let factors = marked(&shape, |block, mark| {
            for projection in [&mut block.query_key_value, &mut block.output, &mut block.gate_up, &mut block.down] {
                projection.adapters.iter_mut().flat_map(|low| [&mut low.a, &mut low.b]).for_each(mark);
            }
        });
        for lowest in [false, true] {
            let mut i = 0;
            let is_asked = |i: usize| factors[i] || lowest && i == 1;
            let asked = || {
                i += 1;
                is_asked(i - 1)
            };
            let mut some = Parameters::zeros_where(&shape, asked);
            assert_eq!(some.frozen_blocks(), usize::from(!lowest));
            let lower = decoder.lower(&rows, some.frozen_blocks());
            let (packed, adapters) = (decoder.pack(), decoder.pack_adapters());
            let again = decoder.clone().with_packed(&packed).with_packed_adapters(&adapters).with_recomputation(true);
            let (found, tape) = again.forward_above(lower, rows.clone(), chosen.clone());
            assert_eq!(found.to_vec(), states.to_vec());
            again.backward(tape, &flow, &mut some);
            let mut differ = 0;
            for (i, (some, all)) in some.into_list().into_iter().zip(&all).enumerate() {
                assert!(if is_asked(i) { some == *all } else { some.is_empty() }, "case {case}, parameter {i}");
                differ += usize::from(some.iter().any(|&x| x != 0.0));
            }
            assert!(differ >= 2 * LAYERS, "{differ}");
        }
    }
}

/// What rows begin with together is computed once: to the bit what each makes of it by itself, and the sum of what flows through it.
#[test]
fn rows_that_share_their_beginning_are_those_rows() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 0..32u64 {
        let mut shape = kind().new_tree(&mut runner).unwrap().current();
        shape.windows = [vec![None, Some(3), None], vec![Some(7)], vec![None; 2]][case as usize % 3].clone();
        shape.ropes = vec![Some(0), None, Some(1)];
        // In the upper blocks adapters drop something, now and then.
        let masks = [0b1010_1010, if case % 4 == 0 { 0b0101_0111 } else { 0b0101_0110 }];
        shape.adapters = masks.map(|mask| adapters(&shape, mask)).to_vec();
        let (mut weights, tables) = weights(&shape, case);
        // Small enough that no softmax is a choice of one, where rounding would grow from block to block.
        weights.iter_mut().flatten().for_each(|x| *x *= 0.25);
        let stored: Vec<Stored<'_>> = weights.iter().map(|numbers| Stored::F32(numbers)).collect();
        let decoder = passes(&shape, &stored, &tables).with_recomputation(case % 2 == 0);
        // A prompt's rows, of which one says what another does, one says nothing, and two go on together for a while; and one of another prompt.
        let id = |i: usize| ((case as usize + i * i) % shape.vocabulary) as u32;
        let prompt: Vec<u32> = (0..[5, 64, 70][case as usize % 3]).map(id).collect();
        let answers: [&[usize]; 6] = [&[1, 2, 3], &[1, 2, 4, 5], &[1, 2, 3], &[6], &[], &[7; 20]];
        let mut rows: Vec<Vec<u32>> =
            answers.map(|answer| [prompt.clone(), answer.iter().map(|&i| id(i)).collect()].concat()).into();
        rows.push((0..9).map(|i| id(i + 3)).collect());
        let places = |packed: &PackedRows| -> Vec<usize> {
            let of_row = |(row, tokens): (usize, &Vec<u32>)| [tokens.len() / 2, tokens.len() - 1].map(|at| packed.place(row, at));
            rows.iter().enumerate().flat_map(of_row).collect()
        };
        let [plain, sharing] =
            [PackedRows::new, PackedRows::sharing].map(|pack| pack(rows.iter().map(Vec::as_slice)).padded_to(96));
        assert!(sharing.computed() <= plain.computed() - 5 * prompt.len());
        let steady = decoder.steady_blocks().min(1);
        let give = |lower: Lower, rows: PackedRows| {
            let chosen = places(&rows);
            let (states, tape) = decoder.forward_above(lower, rows, chosen);
            let mut gradients = Parameters::zeros(&shape);
            decoder.backward(tape, &numbers(case, states.len()), &mut gradients);
            (states.to_vec(), gradients.into_list())
        };
        let blocks = if decoder.drops() { steady } else { 0 };
        let (states, gradients) = give(decoder.lower(&plain, blocks), plain);
        let lower = decoder.lower(&sharing, blocks);
        if decoder.drops() {
            assert_eq!(give(lower.apart(&sharing), sharing.apart()), (states, gradients), "case {case}");
            continue;
        }
        let (found, shared) = give(lower, sharing);
        assert_eq!(found, states, "case {case}");
        for (i, (found, expected)) in shared.iter().zip(&gradients).enumerate() {
            let bound = 1e-4 * expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= bound, "case {case}, parameter {i}: {worst} where {bound} is allowed");
        }
        prompts_are_read_as_by_themselves(&decoder, &rows, id(2));
    }
}

/// A cache that was begun with several prompts goes on as those that were begun with one each.
fn prompts_are_read_as_by_themselves(decoder: &Passes<'_>, prompts: &[Vec<u32>], next: u32) {
    let all: Vec<usize> = (0..prompts.len()).collect();
    let (mut cache, read) = decoder.prefill(&prompts.iter().map(Vec::as_slice).collect::<Vec<_>>(), 1, POSITIONS);
    let written = decoder.extend(&mut cache, &all, &vec![next; prompts.len()]);
    let found = read.chunks_exact(decoder.width()).zip(written.chunks_exact(decoder.width()));
    for (prompt, (read, written)) in prompts.iter().zip(found) {
        let (mut cache, alone) = decoder.prefill(&[prompt], 1, POSITIONS);
        assert_eq!((&alone[..], &decoder.extend(&mut cache, &[0], &[next])[..]), (read, written), "{prompt:?}");
    }
}

/// For each parameter of a decoder, whether it is one of those that `choose` marks in a block.
fn marked(shape: &Shape, choose: impl Fn(&mut BlockParameters<Vec<f32>>, &dyn Fn(&mut Vec<f32>))) -> Vec<bool> {
    let mut marks = Parameters::zeros_where(shape, || false);
    marks.blocks.iter_mut().for_each(|block| choose(block, &|parameter| *parameter = vec![1.0]));
    marks.into_list().iter().map(|mark| !mark.is_empty()).collect()
}
