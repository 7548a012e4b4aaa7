//! One block: attention and a gated feed-forward, each after a norm, before one, or both, and around a residual.

use crate::{
    attention::{Attention, Given},
    buffer::Buffer,
    gated,
    low_rank::{Drawn, Inner},
    norm::Norm,
    packed::{PackedBlock, PackedBlockAdapters},
    parameters::BlockParameters,
    projection::Linear,
    rotary::Rotary,
    rows::{add, cut, gather, paste, scatter},
    shape::Shape,
    stored::Stored,
    tokens::Row,
};

/// A block's numbers and what it needs to know.
pub(crate) struct Block<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) window: Option<usize>,
    /// What turns queries and keys, where something does.
    pub(crate) rotary: Option<Rotary<'a>>,
    pub(crate) weights: &'a BlockParameters<Stored<'a>>,
    /// The same matrices, packed for few rows at a time.
    pub(crate) packed: Option<&'a PackedBlock>,
    pub(crate) adapters: Option<&'a PackedBlockAdapters>,
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
    /// What adapters have between A and B.
    inner: BlockInner,
}

/// What the adapters beside each projection have between A and B.
struct BlockInner {
    query_key_value: Inner,
    output: Inner,
    gate_up: Inner,
    down: Inner,
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
    inner: Inner,
}

/// Where tokens stand: those of each row among all, each token's position within its row, and its place where dropout counts.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) rows: &'a [Row],
    pub(crate) positions: &'a [usize],
    pub(crate) drawn: Drawn<'a>,
}

impl<'a> Places<'a> {
    /// Where dropout counts behind the attention of a block that only some tokens leave: those alone.
    fn drawn_behind(&self, chosen: Option<&[usize]>) -> Drawn<'a> {
        if chosen.is_some() { Drawn(None) } else { self.drawn }
    }
}

impl Block<'_> {
    /// From `[M, width]` to the same, or to the chosen tokens of it, with what the way back needs.
    pub(crate) fn forward(&self, x: Buffer, places: Places<'_>, chosen: Option<&[usize]>) -> (Buffer, BlockTape) {
        self.pass(x, places, chosen, Asked::All)
    }

    /// What the way back needs, again, from the block's input.
    pub(crate) fn tape(&self, x: Buffer, places: Places<'_>, chosen: Option<&[usize]>) -> BlockTape {
        self.pass(x, places, chosen, Asked::Tape).1
    }

    fn pass(&self, x: Buffer, places: Places<'_>, chosen: Option<&[usize]>, asked: Asked) -> (Buffer, BlockTape) {
        let Projected { numbers: projected, scales, heads, inner: of_query_key_value } =
            self.project(&x, places.positions, places.drawn);
        let (attended, logarithms) = self.attention().forward(&projected, places.rows);
        let drawn = places.drawn_behind(chosen);
        let finished = match chosen {
            None => self.finish_as(Buffer::of(&x), &attended, drawn, asked),
            Some(chosen) => {
                let attended = gather(&attended, self.shape.attended(), chosen);
                self.finish_as(gather(&x, self.shape.width, chosen), &attended, drawn, asked)
            }
        };
        let Finished { out, after_attention, middle, middle_scales, gate_up, after_mlp, inner: [output, of_gate_up, down] } =
            finished;
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
            inner: BlockInner { query_key_value: of_query_key_value, output, gate_up: of_gate_up, down },
        };
        (out, tape)
    }

    /// The gradient of the block's input from that of its output, where something `below` needs it; adds to those of its parameters that are asked
    /// for.
    pub(crate) fn backward(
        &self,
        tape: BlockTape,
        d_out: Buffer,
        places: Places<'_>,
        chosen: Option<&[usize]>,
        gradients: &mut BlockParameters<Vec<f32>>,
        below: bool,
    ) -> Option<Buffer> {
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
        let output = self.output();
        let d_inner = output.inner_gradient(flow);
        let inner = (&tape.inner.output, &d_inner);
        gradients.output.add_outer(attended, flow, inner, attended_width);
        let mut d_attended = output.input_gradient(flow, inner);
        if let Some(chosen) = chosen {
            let tokens = places.positions.len();
            d_attended = scatter(&d_attended, attended_width, chosen, tokens);
            d_middle = scatter(&d_middle, width, chosen, tokens);
        }
        let given = Given { out: &tape.attended, logarithms: &tape.logarithms, d_out: &d_attended };
        let mut d_projected = self.attention().backward(&tape.projected, places.rows, given);
        self.rotate(&mut d_projected, places.positions, -1.0);
        self.head_norms_back(&tape, &mut d_projected, gradients);

        let norm = self.norm_of(self.weights.attention_norm);
        let normed = again(norm, &tape.x, &tape.scales);
        let query_key_value = self.query_key_value();
        let d_inner = query_key_value.inner_gradient(&d_projected);
        let inner = (&tape.inner.query_key_value, &d_inner);
        gradients.query_key_value.add_outer(normed.as_deref().unwrap_or(&tape.x), &d_projected, inner, width);
        if !below && gradients.attention_norm.as_ref().is_none_or(Vec::is_empty) {
            return None;
        }
        let d_normed = query_key_value.input_gradient(&d_projected, inner);
        before_norm_back(norm, &d_normed, (&tape.x, &tape.scales), &mut d_middle, &mut gradients.attention_norm);
        Some(d_middle)
    }

    /// Queries, keys and values of tokens at their positions.
    pub(crate) fn project(&self, x: &[f32], positions: &[usize], drawn: Drawn<'_>) -> Projected {
        let (normed, scales) = self.norm_of(self.weights.attention_norm).map(|norm| norm.forward(x)).unzip();
        let (mut numbers, inner) = self.query_key_value().forward(normed.as_deref().unwrap_or(x), drawn);
        let heads = self.head_norms(&mut numbers);
        self.rotate(&mut numbers, positions, 1.0);
        Projected { numbers, scales, heads, inner }
    }

    /// What follows attention: output projection, residual, feed-forward, residual.
    pub(crate) fn finish(&self, x: Buffer, attended: &[f32], drawn: Drawn<'_>) -> Finished {
        self.finish_as(x, attended, drawn, Asked::All)
    }

    fn finish_as(&self, x: Buffer, attended: &[f32], drawn: Drawn<'_>, asked: Asked) -> Finished {
        let after = self.norm_of(self.weights.after_attention_norm);
        let (middle, after_attention, of_output) = self.residual(x, &self.output(), attended, after, drawn);
        let (normed, middle_scales) = self.norm_of(self.weights.mlp_norm).map(|norm| norm.forward(&middle)).unzip();
        let (gate_up, of_gate_up) = self.gate_up().forward(normed.as_deref().unwrap_or(&middle), drawn);
        let inner = gated::forward(&gate_up, self.shape.inner, self.shape.activation);
        let after = self.norm_of(self.weights.after_mlp_norm);
        let (out, after_mlp, of_down) = match (asked, &after) {
            // The last product has a use for the way back only where a norm saw it.
            (Asked::Tape, None) => (Buffer::default(), None, self.down().between(&inner, drawn)),
            _ => self.residual(Buffer::of(&middle), &self.down(), &inner, after, drawn),
        };
        Finished { out, after_attention, middle, middle_scales, gate_up, after_mlp, inner: [of_output, of_gate_up, of_down] }
    }

    pub(crate) fn attention(&self) -> Attention<'_> {
        Attention { shape: self.shape, window: self.window }
    }

    fn query_key_value(&self) -> Linear<'_> {
        Linear {
            weights: &self.weights.query_key_value,
            inputs: self.shape.width,
            packed: self.packed.map(|packed| &packed.query_key_value),
            low_rank: self.adapters.map(|adapters| &adapters.query_key_value),
        }
    }

    fn output(&self) -> Linear<'_> {
        Linear {
            weights: &self.weights.output,
            inputs: self.shape.attended(),
            packed: self.packed.map(|packed| &packed.output),
            low_rank: self.adapters.map(|adapters| &adapters.output),
        }
    }

    fn gate_up(&self) -> Linear<'_> {
        Linear {
            weights: &self.weights.gate_up,
            inputs: self.shape.width,
            packed: self.packed.map(|packed| &packed.gate_up),
            low_rank: self.adapters.map(|adapters| &adapters.gate_up),
        }
    }

    fn down(&self) -> Linear<'_> {
        Linear {
            weights: &self.weights.down,
            inputs: self.shape.inner,
            packed: self.packed.map(|packed| &packed.down),
            low_rank: self.adapters.map(|adapters| &adapters.down),
        }
    }

    /// x + projection of y, by way of a norm where there is one; then also what the norm saw, and its factors; and what adapters have inside.
    fn residual(
        &self,
        mut x: Buffer,
        projection: &Linear<'_>,
        y: &[f32],
        norm: Option<Norm<'_>>,
        drawn: Drawn<'_>,
    ) -> (Buffer, Option<(Buffer, Buffer)>, Inner) {
        match norm {
            None => {
                let inner = projection.add_to(&mut x, y, drawn);
                (x, None, inner)
            }
            Some(norm) => {
                let (projected, inner) = projection.forward(y, drawn);
                let (normed, scales) = norm.forward(&projected);
                add(&mut x, &normed);
                (x, Some((projected, scales)), inner)
            }
        }
    }

    /// The gradient after the first residual from that of the output.
    fn feed_forward_back(&self, tape: &BlockTape, mut d_out: Buffer, gradients: &mut BlockParameters<Vec<f32>>) -> Buffer {
        let after = (self.weights.after_mlp_norm, &tape.after_mlp, &mut gradients.after_mlp_norm);
        let d_projection = self.after_norm_back(after, &d_out);
        let flow = d_projection.as_deref().unwrap_or(&d_out);
        let down = self.down();
        let d_inner = down.inner_gradient(flow);
        let of_down = (&tape.inner.down, &d_inner);
        let mut inner = down.input_gradient(flow, of_down);
        let mut gate_up = Buffer::of(&tape.gate_up);
        gated::backward(&mut gate_up, &mut inner, self.shape.inner, self.shape.activation);
        gradients.down.add_outer(&inner, flow, of_down, self.shape.inner);

        let norm = self.norm_of(self.weights.mlp_norm);
        let normed = again(norm, &tape.middle, &tape.middle_scales);
        let of_gate_up = self.gate_up();
        let d_inner = of_gate_up.inner_gradient(&gate_up);
        let inner = (&tape.inner.gate_up, &d_inner);
        gradients.gate_up.add_outer(normed.as_deref().unwrap_or(&tape.middle), &gate_up, inner, self.shape.width);
        let d_normed = of_gate_up.input_gradient(&gate_up, inner);
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

    fn norm_of<'w>(&self, weight: Option<Stored<'w>>) -> Option<Norm<'w>> {
        weight.map(|weight| Norm { weight: weight.plain(), epsilon: self.shape.norm_epsilon, offset: self.shape.norm_offset })
    }
}

/// What is asked of a pass through a block.
#[derive(Clone, Copy)]
enum Asked {
    All,
    /// Only what the way back needs: the output is left out.
    Tape,
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

type AfterNorm<'a> = (Option<Stored<'a>>, &'a Option<(Buffer, Buffer)>, &'a mut Option<Vec<f32>>);

/// What a block made of its tokens after attention.
pub(crate) struct Finished {
    pub(crate) out: Buffer,
    after_attention: Option<(Buffer, Buffer)>,
    middle: Buffer,
    middle_scales: Option<Buffer>,
    gate_up: Buffer,
    after_mlp: Option<(Buffer, Buffer)>,
    /// What the adapters of output, gate and up, and down have between A and B.
    inner: [Inner; 3],
}
