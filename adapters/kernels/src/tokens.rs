//! Tokens of rows, one row after another; where that is asked for, what several rows begin with stands once.

use std::{collections::BTreeMap, ops::Range};

use crate::{block::Places, buffer::Buffer, low_rank::Drawn, rows::add};

/// A row takes over a beginning that is at least this part of it: less is computed again sooner than put before the rest.
const WORTH: usize = 16;

/// Tokens of rows, one row after another.
#[derive(Debug, Clone, Default)]
pub struct PackedRows {
    tokens: Vec<u32>,
    positions: Vec<usize>,
    rows: Vec<Row>,
    /// Where each token would stand among all if rows were padded to one length: there dropout counts.
    padded: Vec<usize>,
    /// That length.
    length: usize,
}

/// Where a row's tokens stand among all.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Those that it begins with as earlier rows do.
    shared: Vec<usize>,
    /// Those behind them.
    own: Range<usize>,
}

impl PackedRows {
    /// Rows, which need not be equally long, each by itself.
    pub fn new<'t>(rows: impl IntoIterator<Item = &'t [u32]>) -> Self {
        let mut all = Self::default();
        rows.into_iter().for_each(|row| all.push(Vec::new(), row));
        let longest = all.longest();
        all.padded_to(longest)
    }

    /// The same, where a row that begins as earlier ones do takes over what they made of that: of rows to one prompt the prompt is read once, and the gradient
    /// through it is the sum of theirs.
    ///
    /// What a decoder makes of a token depends on that token and those before it alone, so all that is found on the way there has the bits that it has in rows
    /// by themselves; gradients are sums in another order. What adapters drop of a token is drawn by the first row that has it.
    pub fn sharing<'t>(rows: impl IntoIterator<Item = &'t [u32]>) -> Self {
        let mut all = Self::default();
        // The token that follows another one, by its id.
        let mut following: BTreeMap<(Option<usize>, u32), usize> = BTreeMap::new();
        for row in rows {
            let mut shared: Vec<usize> = Vec::new();
            while let Some(&next) = row.get(shared.len()).and_then(|&id| following.get(&(shared.last().copied(), id))) {
                shared.push(next);
            }
            if shared.len() * WORTH < row.len() {
                shared.clear();
            }
            let (mut before, rest) = (shared.last().copied(), &row[shared.len()..]);
            for (&id, token) in rest.iter().zip(all.tokens.len()..) {
                following.insert((before, id), token);
                before = Some(token);
            }
            all.push(shared, rest);
        }
        let longest = all.longest();
        all.padded_to(longest)
    }

    /// The same rows, each by itself.
    pub fn apart(&self) -> Self {
        let ids: Vec<Vec<u32>> = self.rows.iter().map(|row| row.tokens().map(|token| self.tokens[token]).collect()).collect();
        Self::new(ids.iter().map(Vec::as_slice)).padded_to(self.length)
    }

    /// The same rows, of which adapters drop what they would in rows that are padded to this length.
    pub fn padded_to(mut self, length: usize) -> Self {
        let rows = self.rows.iter().enumerate();
        self.padded = rows.flat_map(|(i, row)| (row.shared.len()..row.length()).map(move |at| i * length + at)).collect();
        Self { length, ..self }
    }

    /// Tokens of the longest row.
    pub fn longest(&self) -> usize {
        self.rows.iter().map(Row::length).max().unwrap_or(0)
    }

    /// Tokens that are computed: one that several rows share counts once.
    pub fn computed(&self) -> usize {
        self.tokens.len()
    }

    /// Where the token at a position of a row stands among all.
    pub fn place(&self, row: usize, position: usize) -> usize {
        self.rows[row].token(position)
    }

    /// The ids of those that are computed.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn places(&self) -> Places<'_> {
        Places { rows: &self.rows, positions: &self.positions, drawn: Drawn(Some(&self.padded)) }
    }

    fn push(&mut self, shared: Vec<usize>, own: &[u32]) {
        let (first, at) = (self.tokens.len(), shared.len());
        self.tokens.extend_from_slice(own);
        self.positions.extend(at..at + own.len());
        self.rows.push(Row { shared, own: first..first + own.len() });
    }
}

impl Row {
    pub(crate) fn length(&self) -> usize {
        self.shared.len() + self.own.len()
    }

    /// How many tokens it begins with that earlier rows have.
    pub(crate) fn shared(&self) -> usize {
        self.shared.len()
    }

    /// Where the token at a position stands among all.
    pub(crate) fn token(&self, position: usize) -> usize {
        self.shared.get(position).copied().unwrap_or_else(|| self.own.start + position - self.shared.len())
    }

    /// Where all of them stand.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = usize> {
        self.shared.iter().copied().chain(self.own.clone())
    }

    /// Its numbers out of those of all tokens: where they lie, or put together in `room`.
    pub(crate) fn of<'x>(&self, x: &'x [f32], width: usize, room: &'x mut [f32]) -> &'x [f32] {
        if self.shared.is_empty() {
            return &x[self.own.start * width..self.own.end * width];
        }
        let room = &mut room[..self.length() * width];
        for (out, token) in room.chunks_exact_mut(width).zip(self.tokens()) {
            out.copy_from_slice(&x[token * width..(token + 1) * width]);
        }
        room
    }

    /// Hands its numbers to `work`, to be added to, out of those of all tokens: where they lie, or in zeros that are added to them afterwards.
    pub(crate) fn add_to(&self, x: &mut [f32], width: usize, room: &mut [f32], work: impl FnOnce(&mut [f32])) {
        if self.shared.is_empty() {
            return work(&mut x[self.own.start * width..self.own.end * width]);
        }
        let room = &mut room[..self.length() * width];
        room.fill(0.0);
        work(room);
        for (added, token) in room.chunks_exact(width).zip(self.tokens()) {
            add(&mut x[token * width..(token + 1) * width], added);
        }
    }

    /// Room for the numbers of any of some rows, where they have to be put together.
    pub(crate) fn room(rows: &[Self], width: usize) -> Buffer {
        let sharing = rows.iter().filter(|row| !row.shared.is_empty());
        Buffer::any(sharing.map(Self::length).max().unwrap_or(0) * width)
    }
}
