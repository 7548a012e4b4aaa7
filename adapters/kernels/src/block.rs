//! One block: attention and a gated feed-forward, each after a norm, before one, or both, and around a residual.

use crate::{
    attention::Attention,
    buffer::Buffer,
    gated,
    matmul::Packed,
    norm::Norm,
    packed::PackedBlock,
    parameters::{BlockParameters, Projection},
    rotary::Rotary,
    rows::{add, cut, gather, paste, scatter},
    shape::Shape,
};

/// A block's numbers and what it needs to know.
pub(crate) struct Block<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) window: Option<usize>,
    /// What turns queries and keys, where something does.
    pub(crate) rotary: Option<Rotary<'a>>,
    pub(crate) weights: &'a BlockParameters<&'a [f32]>,
    /// The same matrices, packed for few rows at a time.
    pub(crate) packed: Option<&'a PackedBlock>,
}

/// What the way back needs to know of the way there: everything else is computed again.
pub(crate) struct BlockTape {
    /// The block's input.
    x: Buffer,
    /// The factors of the norm before attention, and before the feed-forward, where there are such norms.
    scales: Option<Buffer>,
    heads: Option<HeadNorms>,
    /// Queries, keys and values, turned.
    projected: Buffer,
    logarithms: Buffer,
    /// What the heads gave: of all tokens, for attention's way back.
    attended: Buffer,
    /// What the output projection gave, and its norm's factors.
    after_attention: Option<(Buffer, Buffer)>,
    /// Behind the first residual.
    middle: Buffer,
    middle_scales: Option<Buffer>,
    gate_up: Buffer,
    after_mlp: Option<(Buffer, Buffer)>,
}

impl BlockTape {
    pub(crate) fn projected(&self) -> &[f32] {
        &self.projected
    }
}

/// Queries and keys before their norms, and the norms' factors.
pub(crate) struct HeadNorms {
    query: (Buffer, Buffer),
    key: (Buffer, Buffer),
}

/// Queries, keys and values of some tokens, and what was found on the way.
pub(crate) struct Projected {
    pub(crate) numbers: Buffer,
    scales: Option<Buffer>,
    heads: Option<HeadNorms>,
}

/// Where tokens stand: `starts` of rows among all tokens, and each token's position within its row.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) starts: &'a [usize],
    pub(crate) positions: &'a [usize],
}

impl Block<'_> {
    /// From `[M, width]` to the same, or to the chosen tokens of it, with what the way back needs.
    pub(crate) fn forward(&self, x: Buffer, places: Places<'_>, chosen: Option<&[usize]>) -> (Buffer, BlockTape) {
        let Projected { numbers: projected, scales, heads } = self.project(&x, places.positions);
        let (attended, logarithms) = self.attention().forward(&projected, places.starts);
        let finished = match chosen {
            None => self.finish(Buffer::of(&x), &attended),
            Some(chosen) => self.finish(gather(&x, self.shape.width, chosen), &gather(&attended, self.shape.attended(), chosen)),
        };
        let Finished { out, after_attention, middle, middle_scales, gate_up, after_mlp } = finished;
        let tape = BlockTape {
            x,
            scales,
            heads,
            projected,
            logarithms,
            attended,
            after_attention,
            middle,
            middle_scales,
            gate_up,
            after_mlp,
        };
        (out, tape)
    }

    /// The gradient of the block's input from that of its output; adds to those of its parameters.
    pub(crate) fn backward(
        &self,
        tape: BlockTape,
        d_out: Buffer,
        places: Places<'_>,
        chosen: Option<&[usize]>,
        gradients: &mut BlockParameters<Vec<f32>>,
    ) -> Buffer {
        let (width, attended_width) = (self.shape.width, self.shape.attended());
        let mut d_middle = self.feed_forward_back(&tape, d_out, gradients);

        let attended = match chosen {
            None => None,
            Some(chosen) => Some(gather(&tape.attended, attended_width, chosen)),
        };
        let after = (self.weights.after_attention_norm, &tape.after_attention, &mut gradients.after_attention_norm);
        let d_projection = self.after_norm_back(after, &d_middle);
        let flow = d_projection.as_deref().unwrap_or(&d_middle);
        let attended = attended.as_deref().unwrap_or(&tape.attended);
        gradients.output.add_outer(attended, flow, attended_width);
        let mut d_attended = self.weights.output.input_gradient(flow, attended_width);
        if let Some(chosen) = chosen {
            let tokens = places.positions.len();
            d_attended = scatter(&d_attended, attended_width, chosen, tokens);
            d_middle = scatter(&d_middle, width, chosen, tokens);
        }
        let mut d_projected =
            self.attention().backward(&tape.projected, places.starts, &tape.attended, &tape.logarithms, &d_attended);
        self.rotate(&mut d_projected, places.positions, -1.0);
        self.head_norms_back(&tape, &mut d_projected, gradients);

        let norm = self.norm_of(self.weights.attention_norm);
        let normed = again(norm, &tape.x, &tape.scales);
        gradients.query_key_value.add_outer(normed.as_deref().unwrap_or(&tape.x), &d_projected, width);
        let d_normed = self.weights.query_key_value.input_gradient(&d_projected, width);
        before_norm_back(norm, &d_normed, (&tape.x, &tape.scales), &mut d_middle, &mut gradients.attention_norm);
        d_middle
    }

    /// Queries, keys and values of tokens at their positions.
    pub(crate) fn project(&self, x: &[f32], positions: &[usize]) -> Projected {
        let (normed, scales) = self.norm_of(self.weights.attention_norm).map(|norm| norm.forward(x)).unzip();
        let seen = normed.as_deref().unwrap_or(x);
        let mut numbers =
            self.weights.query_key_value.forward(seen, self.shape.width, self.packed.map(|packed| &packed.query_key_value));
        let heads = self.head_norms(&mut numbers);
        self.rotate(&mut numbers, positions, 1.0);
        Projected { numbers, scales, heads }
    }

    /// What follows attention: output projection, residual, feed-forward, residual.
    pub(crate) fn finish(&self, x: Buffer, attended: &[f32]) -> Finished {
        let (middle, after_attention) = self.residual(
            x,
            (&self.weights.output, self.packed.map(|packed| &packed.output)),
            attended,
            self.norm_of(self.weights.after_attention_norm),
        );
        let (normed, middle_scales) = self.norm_of(self.weights.mlp_norm).map(|norm| norm.forward(&middle)).unzip();
        let seen = normed.as_deref().unwrap_or(&middle);
        let gate_up = self.weights.gate_up.forward(seen, self.shape.width, self.packed.map(|packed| &packed.gate_up));
        let inner = gated::forward(&gate_up, self.shape.inner, self.shape.activation);
        let (out, after_mlp) = self.residual(
            Buffer::of(&middle),
            (&self.weights.down, self.packed.map(|packed| &packed.down)),
            &inner,
            self.norm_of(self.weights.after_mlp_norm),
        );
        Finished { out, after_attention, middle, middle_scales, gate_up, after_mlp }
    }

    pub(crate) fn attention(&self) -> Attention<'_> {
        Attention { shape: self.shape, window: self.window }
    }

    /// x + projection of y, by way of a norm where there is one; then also what the norm saw, and its factors.
    fn residual(
        &self,
        mut x: Buffer,
        (projection, packed): (&Projection<&[f32]>, Option<&Packed>),
        y: &[f32],
        norm: Option<Norm<'_>>,
    ) -> (Buffer, Option<(Buffer, Buffer)>) {
        let inputs = projection.weight.len() / self.shape.width;
        match norm {
            None => {
                projection.add_to(&mut x, y, inputs, packed);
                (x, None)
            }
            Some(norm) => {
                let projected = projection.forward(y, inputs, packed);
                let (normed, scales) = norm.forward(&projected);
                add(&mut x, &normed);
                (x, Some((projected, scales)))
            }
        }
    }

    /// The gradient after the first residual from that of the output.
    fn feed_forward_back(&self, tape: &BlockTape, mut d_out: Buffer, gradients: &mut BlockParameters<Vec<f32>>) -> Buffer {
        let after = (self.weights.after_mlp_norm, &tape.after_mlp, &mut gradients.after_mlp_norm);
        let d_projection = self.after_norm_back(after, &d_out);
        let flow = d_projection.as_deref().unwrap_or(&d_out);
        let mut inner = self.weights.down.input_gradient(flow, self.shape.inner);
        let mut gate_up = Buffer::of(&tape.gate_up);
        gated::backward(&mut gate_up, &mut inner, self.shape.inner, self.shape.activation);
        gradients.down.add_outer(&inner, flow, self.shape.inner);

        let norm = self.norm_of(self.weights.mlp_norm);
        let normed = again(norm, &tape.middle, &tape.middle_scales);
        gradients.gate_up.add_outer(normed.as_deref().unwrap_or(&tape.middle), &gate_up, self.shape.width);
        let d_normed = self.weights.gate_up.input_gradient(&gate_up, self.shape.width);
        before_norm_back(norm, &d_normed, (&tape.middle, &tape.middle_scales), &mut d_out, &mut gradients.mlp_norm);
        d_out
    }

    /// The gradient of what a norm after a projection saw, where the family has one: its weight, what it saw with its factors, its weight's gradient.
    fn after_norm_back(&self, (weight, seen, dw): AfterNorm<'_>, dy: &[f32]) -> Option<Buffer> {
        let ((x, scales), dw) = (seen.as_ref()?, dw.as_mut()?);
        let mut dx = Buffer::zeros(x.len());
        self.norm_of(weight)?.backward(dy, x, scales, &mut dx, dw);
        Some(dx)
    }

    fn rotate(&self, projected: &mut [f32], positions: &[usize], direction: f32) {
        let heads = self.shape.heads + self.shape.kv_heads;
        if let Some(rotary) = self.rotary {
            rotary.turn(projected, self.shape.projected(), heads, positions, direction);
        }
    }

    /// Norms of queries and keys, in place, where the family has them.
    fn head_norms(&self, projected: &mut [f32]) -> Option<HeadNorms> {
        let query = self.head_norm(projected, 0, self.shape.heads, self.norm_of(self.weights.query_norm)?);
        let key = self.head_norm(projected, self.shape.heads, self.shape.kv_heads, self.norm_of(self.weights.key_norm)?);
        Some(HeadNorms { query, key })
    }

    fn head_norm(&self, projected: &mut [f32], first: usize, heads: usize, norm: Norm<'_>) -> (Buffer, Buffer) {
        let stride = self.shape.projected();
        let columns = first * self.shape.head..(first + heads) * self.shape.head;
        let raw = cut(projected, stride, columns.clone());
        let (normed, scales) = norm.forward(&raw);
        paste(projected, stride, columns, &normed);
        (raw, scales)
    }

    fn head_norms_back(&self, tape: &BlockTape, d_projected: &mut [f32], gradients: &mut BlockParameters<Vec<f32>>) {
        let Some(kept) = &tape.heads else { return };
        let parts = [
            (&kept.query, self.weights.query_norm, &mut gradients.query_norm, 0, self.shape.heads),
            (&kept.key, self.weights.key_norm, &mut gradients.key_norm, self.shape.heads, self.shape.kv_heads),
        ];
        for ((raw, scales), weight, dw, first, heads) in parts {
            let (Some(norm), Some(dw)) = (self.norm_of(weight), dw) else { continue };
            let columns = first * self.shape.head..(first + heads) * self.shape.head;
            let dy = cut(d_projected, self.shape.projected(), columns.clone());
            let mut dx = Buffer::zeros(dy.len());
            norm.backward(&dy, raw, scales, &mut dx, dw);
            paste(d_projected, self.shape.projected(), columns, &dx);
        }
    }

    fn norm_of<'w>(&self, weight: Option<&'w [f32]>) -> Option<Norm<'w>> {
        weight.map(|weight| Norm { weight, epsilon: self.shape.norm_epsilon, offset: self.shape.norm_offset })
    }
}

/// What a norm before attention or feed-forward gave, again; nothing where there is none.
fn again(norm: Option<Norm<'_>>, x: &[f32], scales: &Option<Buffer>) -> Option<Buffer> {
    Some(norm?.again(x, scales.as_deref()?))
}

/// Adds to `dx` the gradient of what such a norm saw, from that of what it gave; or the latter itself where there is no norm.
fn before_norm_back(
    norm: Option<Norm<'_>>,
    dy: &[f32],
    (x, scales): (&[f32], &Option<Buffer>),
    dx: &mut [f32],
    dw: &mut Option<Vec<f32>>,
) {
    match (norm, scales, dw) {
        (Some(norm), Some(scales), Some(dw)) => norm.backward(dy, x, scales, dx, dw),
        _ => add(dx, dy),
    }
}

type AfterNorm<'a> = (Option<&'a [f32]>, &'a Option<(Buffer, Buffer)>, &'a mut Option<Vec<f32>>);

/// What a block made of its tokens after attention.
pub(crate) struct Finished {
    pub(crate) out: Buffer,
    after_attention: Option<(Buffer, Buffer)>,
    middle: Buffer,
    middle_scales: Option<Buffer>,
    gate_up: Buffer,
    after_mlp: Option<(Buffer, Buffer)>,
}
