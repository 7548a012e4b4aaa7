//! Room for numbers, used again and again.
//!
//! A pass needs the same sizes every time. New memory would be cleared by the system, page by page, and once more by whoever asks for zeros, only to be
//! overwritten; that was a fifth of a training step. So a thread keeps what it needed before.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

/// Buffers that a thread keeps at most.
const KEPT: usize = 96;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers in room that goes back to its thread when they are no longer needed.
#[derive(Debug, Default)]
pub struct Buffer {
    /// At least as many as are used.
    room: Vec<f32>,
    length: usize,
}

impl Buffer {
    /// Numbers that stood there before, or zeros: for results that are written to without being read.
    pub(crate) fn any(length: usize) -> Self {
        let kept = FREE.with_borrow_mut(|free| {
            // Not so much more than is asked for that others would have to do without.
            let fits = |room: &Vec<f32>| (length..=2 * length + 1024).contains(&room.len());
            let best = free.iter().enumerate().filter(|(_, room)| fits(room)).min_by_key(|(_, room)| room.len());
            let best = best.map(|(i, _)| i);
            best.map(|i| free.swap_remove(i))
        });
        Self { room: kept.unwrap_or_else(|| vec![0.0; length]), length }
    }

    /// Zeros, to be added to.
    pub(crate) fn zeros(length: usize) -> Self {
        let mut zeros = Self::any(length);
        zeros.fill(0.0);
        zeros
    }

    /// A copy.
    pub(crate) fn of(numbers: &[f32]) -> Self {
        let mut copy = Self::any(numbers.len());
        copy.copy_from_slice(numbers);
        copy
    }

    /// The numbers, to be kept by somebody else.
    pub fn into_vec(mut self) -> Vec<f32> {
        let mut numbers = core::mem::take(&mut self.room);
        numbers.truncate(self.length);
        numbers
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.room[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.room[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let room = core::mem::take(&mut self.room);
        if room.is_empty() {
            return;
        }
        // At the end of a thread there is no place left to keep it at.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() == KEPT {
                free.swap_remove(0);
            }
            free.push(room);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again_and_zeros_are_zeros() {
        let mut first = Buffer::any(1000);
        first.fill(7.0);
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::any(900);
        assert_eq!((second.as_ptr(), second.len()), (place, 900));
        drop(second);
        let third = Buffer::zeros(950);
        assert_eq!(third.as_ptr(), place);
        assert!(third.iter().all(|&x| x == 0.0));
        // Large room is not given to who asks for little.
        drop(Buffer::any(1 << 20));
        assert!(Buffer::any(10).room.len() < 4096);
        assert_eq!(Buffer::of(&[1.0, 2.0]).into_vec(), [1.0, 2.0]);
        let kept = || FREE.with_borrow(Vec::len);
        let many: Vec<Buffer> = (0..2 * KEPT).map(|_| Buffer::any(5000)).collect();
        drop(many);
        assert_eq!(kept(), KEPT);
    }
}
