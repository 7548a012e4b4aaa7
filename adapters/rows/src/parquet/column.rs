//! The values of a column, one by one, with their levels.

use super::{
    super::{Fault, Value},
    page::{Page, Pages},
    scalar,
    schema::Leaf,
};

/// A value's levels: at which depth of the schema it is null, and at which one it repeats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Levels {
    pub(super) definition: u32,
    pub(super) repetition: u32,
}

/// A column of a row group.
#[derive(Debug)]
pub(super) struct Column {
    leaf: Leaf,
    pages: Pages,
    page: Option<Page>,
    /// The levels of the next value, once they are read.
    next: Option<Levels>,
    value: Vec<u8>,
}

impl Column {
    pub(super) fn new(leaf: Leaf, pages: Pages) -> Self {
        Self { leaf, pages, page: None, next: None, value: Vec::new() }
    }

    /// The levels of the next value.
    pub(super) fn peek(&mut self) -> Result<Option<Levels>, Fault> {
        if self.next.is_none() && self.load()? {
            let levels = self.read_levels();
            self.next = Some(levels.map_err(|reason| self.wrong(&reason))?);
        }
        Ok(self.next)
    }

    /// Takes the next value.
    pub(super) fn take(&mut self) -> Result<Value, Fault> {
        let Some(levels) = self.peek()? else { return Err(self.wrong("ends before the other columns")) };
        self.next = None;
        match &mut self.page {
            Some(page) if levels.definition == self.leaf.max_definition => {
                let read = page.values.next(&page.data, self.pages.dictionary(), &mut self.value);
                read.and_then(|()| scalar::value(&self.leaf, &self.value)).map_err(|reason| self.wrong(&reason))
            }
            _ => Ok(Value::Null),
        }
    }

    /// Whether there is a page with values left.
    fn load(&mut self) -> Result<bool, Fault> {
        while self.page.as_ref().is_none_or(|page| page.left == 0) {
            // The old page makes room for the new one first.
            self.page = None;
            self.value.clear();
            let page = self.pages.next(&self.leaf).map_err(|fault| match fault {
                Fault::Whole(reason) => self.wrong(&reason),
                other => other,
            })?;
            if page.is_none() {
                return Ok(false);
            }
            self.page = page;
        }
        Ok(true)
    }

    fn read_levels(&mut self) -> Result<Levels, String> {
        let (max_definition, max_repetition) = (self.leaf.max_definition, self.leaf.max_repetition);
        let Some(page) = &mut self.page else { return Err("ends".into()) };
        page.left -= 1;
        let repetition = page.repetitions.as_mut().map_or(Ok(0), |levels| levels.next(&page.data))?;
        let definition = page.definitions.as_mut().map_or(Ok(max_definition), |levels| levels.next(&page.data))?;
        if definition > max_definition || repetition > max_repetition {
            return Err("has a level that its schema lacks".into());
        }
        Ok(Levels { definition, repetition })
    }

    pub(super) fn wrong(&self, reason: &str) -> Fault {
        Fault::Whole(format!("column {:?}: {reason}", self.leaf.path))
    }
}
