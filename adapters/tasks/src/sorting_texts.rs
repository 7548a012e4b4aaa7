//! Sorting as problems in words, for models that read text: `Sort: f d v o` and `d f o v`.
//!
//! A mistake is seen by looking at the answer again: an item that is missing, doubled, or smaller than the one before it. The preset `smollm2` of the binary
//! trains on such problems.

use std::collections::BTreeSet;

use palinode_core::rng::{RandomKey, Stream};
use serde::Serialize;

use crate::error::TaskError;

/// Most problems that are made at once.
const MOST: usize = 1 << 20;

/// What is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Items {
    /// The letters a to z.
    Letters,
    /// The numbers 10 to 99.
    Numbers,
}

impl Items {
    /// How many there are.
    fn all(self) -> u32 {
        match self {
            Self::Letters => 26,
            Self::Numbers => 90,
        }
    }

    /// Some of them as a text.
    fn text(self, places: &[u32]) -> String {
        let word = |&place: &u32| match self {
            Self::Letters => char::from(b'a' + place as u8).to_string(),
            Self::Numbers => (10 + place).to_string(),
        };
        places.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// A problem in words; as JSON, a row of the layout `plain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SortingText {
    /// What the model is asked.
    pub prompt: String,
    /// The only right answer.
    pub answer: String,
}

/// Sorting some different items, drawn in random order.
#[derive(Debug, Clone, Copy)]
pub struct SortingTexts {
    items: Items,
    count: u32,
}

impl SortingTexts {
    /// Sorting `count` different items.
    ///
    /// # Errors
    /// [`TaskError::Size`] when the count is not within 2..=16.
    pub fn new(items: Items, count: u32) -> Result<Self, TaskError> {
        if !(2..=16).contains(&count) {
            return Err(TaskError::Size { name: "items", expected: "within 2..=16", got: count.to_string() });
        }
        Ok(Self { items, count })
    }

    /// So many problems to train on, and so many that are held out: no two of all these ask for the same items, in whatever order.
    ///
    /// # Errors
    /// [`TaskError::Size`] when more than half of all choices of items would be needed, or more than 2²⁰ problems.
    pub fn split(&self, seed: u64, train: usize, held_out: usize) -> Result<[Vec<SortingText>; 2], TaskError> {
        let all = train.saturating_add(held_out);
        if all > MOST || all as u128 * 2 > self.choices() {
            let expected = "at most 2^20, and at most half of the ways to choose the items";
            return Err(TaskError::Size { name: "problems", expected, got: all.to_string() });
        }
        let mut seen = BTreeSet::new();
        let drawn = (0..).map(|index| self.draw(seed, index));
        let mut problems: Vec<SortingText> = drawn.filter(|problem| seen.insert(problem.answer.clone())).take(all).collect();
        let held_out = problems.split_off(train);
        Ok([problems, held_out])
    }

    /// The problem of this number.
    fn draw(&self, seed: u64, index: u32) -> SortingText {
        let mut places: Vec<u32> = (0..self.items.all()).collect();
        let key = RandomKey { problem: index, ..RandomKey::new(seed, Stream::Problems) };
        for place in 0..self.count {
            let other = place + RandomKey { token: place, ..key }.below(self.items.all() - place);
            places.swap(place as usize, other as usize);
        }
        places.truncate(self.count as usize);
        let prompt = format!("Sort: {}", self.items.text(&places));
        places.sort_unstable();
        SortingText { prompt, answer: self.items.text(&places) }
    }

    /// Ways to choose the items.
    fn choices(&self) -> u128 {
        (0..u128::from(self.count)).fold(1, |ways, chosen| ways * (u128::from(self.items.all()) - chosen) / (chosen + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_choice_of_items_comes_twice_and_the_answer_is_what_was_asked_in_order() {
        for (items, count) in [(Items::Letters, 8), (Items::Numbers, 6), (Items::Letters, 3)] {
            let texts = SortingTexts::new(items, count).unwrap();
            let [train, held_out] = texts.split(5, 900, 100).unwrap();
            assert_eq!((train.len(), held_out.len()), (900, 100));
            let mut answers = BTreeSet::new();
            for SortingText { prompt, answer } in train.iter().chain(&held_out) {
                let mut asked: Vec<&str> = prompt.strip_prefix("Sort: ").unwrap().split(' ').collect();
                asked.sort_unstable();
                assert_eq!(asked.join(" "), *answer);
                asked.dedup();
                assert_eq!(asked.len(), count as usize, "{prompt}");
                assert!(answers.insert(answer), "{answer} comes twice");
            }
            assert_eq!(texts.split(5, 900, 100).unwrap(), [train.clone(), held_out]);
            assert_ne!(texts.split(6, 900, 0).unwrap()[0], train);
            // A draw does not depend on how many are asked for.
            assert_eq!(texts.split(5, 10, 0).unwrap()[0], train[..10]);
        }
    }

    #[test]
    fn every_item_is_as_likely_at_every_place() {
        let [train, _] = SortingTexts::new(Items::Letters, 8).unwrap().split(0, 5200, 0).unwrap();
        let mut counts = [[0u32; 26]; 8];
        for problem in &train {
            for (place, letter) in problem.prompt["Sort: ".len()..].split(' ').enumerate() {
                counts[place][usize::from(letter.as_bytes()[0] - b'a')] += 1;
            }
        }
        // 200 are expected, with a standard deviation of 14.
        assert!(counts.iter().flatten().all(|count| (130..270).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_can_not_be_is_refused() {
        let size = |texts: Result<SortingTexts, TaskError>| texts.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(size(SortingTexts::new(Items::Letters, 1)).contains("items must be within 2..=16, got 1"));
        assert!(size(SortingTexts::new(Items::Numbers, 17)).contains("got 17"));
        // 26 letters make 325 pairs.
        let pairs = SortingTexts::new(Items::Letters, 2).unwrap();
        assert_eq!(pairs.choices(), 325);
        assert!(pairs.split(0, 162, 0).is_ok() && pairs.split(0, 162, 1).is_err() && pairs.split(0, usize::MAX, 1).is_err());
        assert_eq!(SortingTexts::new(Items::Letters, 8).unwrap().choices(), 1_562_275);
        assert!(SortingTexts::new(Items::Numbers, 16).unwrap().split(0, 1 << 20, 1).is_err());
    }
}
