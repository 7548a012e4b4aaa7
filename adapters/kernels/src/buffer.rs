//! Room for numbers, used again and again.
//!
//! A pass needs the same sizes every time. New memory would be cleared by the system, page by page, and once more by whoever asks for zeros, only to be
//! overwritten; that was a fifth of a training step. So a thread keeps what it needed before.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

/// Buffers that a thread keeps at most, whatever it once needed: each is looked at when one is asked for.
const MOST: usize = 1024;

thread_local! {
    static FREE: RefCell<Free> = const { RefCell::new(Free { rooms: Vec::new(), lent: 0, needed: 0 }) };
}

/// What a thread keeps: no more buffers than it once needed at the same time.
struct Free {
    /// What came back longest ago stands first.
    rooms: Vec<Vec<f32>>,
    /// Buffers of this thread that are in use.
    lent: usize,
    /// The most that were.
    needed: usize,
}

impl Free {
    /// Room for so many numbers, where there is some.
    fn lend(&mut self, length: usize) -> Option<Vec<f32>> {
        self.lent += 1;
        self.needed = self.needed.max(self.lent).min(MOST);
        // Not so much more than is asked for that others would have to do without.
        let fits = |room: &Vec<f32>| (length..=2 * length + 1024).contains(&room.len());
        let best = self.rooms.iter().enumerate().filter(|(_, room)| fits(room)).min_by_key(|(_, room)| room.len());
        let best = best.map(|(i, _)| i);
        best.map(|i| self.rooms.remove(i))
    }

    /// A buffer is no longer in use; its room may be kept by somebody else.
    fn take_back(&mut self, room: Option<Vec<f32>>) {
        // One that another thread was lent may come back here.
        self.lent = self.lent.saturating_sub(1);
        if let Some(room) = room {
            self.rooms.push(room);
        }
        if self.rooms.len() > self.needed {
            self.rooms.remove(0);
        }
    }
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
        if length == 0 {
            return Self::default();
        }
        let kept = FREE.with_borrow_mut(|free| free.lend(length));
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
        if self.length > 0 {
            let _ = FREE.try_with(|free| free.borrow_mut().take_back(None));
        }
        numbers
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::of(self)
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
        let _ = FREE.try_with(|free| free.borrow_mut().take_back(Some(room)));
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
    }

    #[test]
    fn a_thread_keeps_as_many_as_it_needed_at_once() {
        let kept = || FREE.with_borrow(|free| free.rooms.len());
        let many: Vec<Buffer> = (0..150).map(|_| Buffer::any(5000)).collect();
        let copy = many[0].clone();
        drop((many, copy));
        assert_eq!(kept(), 151);
        // Of other sizes, one after another: what was not used for longest goes.
        for length in (0..200).map(|i| 10_000 + i * 30_000) {
            drop(Buffer::any(length));
        }
        assert_eq!(kept(), 151);
        assert_eq!(Buffer::any(10_000 + 199 * 30_000).room.len(), 10_000 + 199 * 30_000);
        drop((0..2 * MOST).map(|_| Buffer::any(8)).collect::<Vec<_>>());
        assert_eq!(kept(), MOST);
        // What comes from another thread, or is kept by somebody else, is no need of this one.
        std::thread::spawn(|| {
            drop(std::thread::spawn(|| Buffer::any(100)).join().unwrap());
            assert_eq!(FREE.with_borrow(|free| (free.rooms.len(), free.lent, free.needed)), (0, 0, 0));
            assert_eq!(Buffer::any(100).into_vec().len(), 100);
            assert_eq!(FREE.with_borrow(|free| (free.rooms.len(), free.lent, free.needed)), (0, 0, 1));
        })
        .join()
        .unwrap();
    }
}
