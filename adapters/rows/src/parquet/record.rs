//! Records put together from columns.
//!
//! Source: Melnik et al., "Dremel: Interactive Analysis of Web-Scale Datasets", VLDB 2010, section 4.3.

use super::{
    super::{Fault, Value},
    column::Column,
    schema::{Node, Repeated, Shape},
};

/// A row of many values is held in memory, as is a long line of text.
const MAX_RECORD: usize = 16 << 20;

/// The next record of a row group's columns.
pub(super) fn record(fields: &[Node], columns: &mut [Column]) -> Result<Vec<(String, Value)>, Fault> {
    let mut assembly = Assembly { columns, room: MAX_RECORD };
    let record = assembly.fields(fields)?;
    // What is left of it shows that the columns disagree on how many items a list has.
    for column in fields.iter().flat_map(|field| field.leaves.clone()) {
        let column = &mut columns[column];
        if column.peek()?.is_some_and(|levels| levels.repetition > 0) {
            return Err(column.wrong("has more items than its siblings"));
        }
    }
    Ok(record)
}

struct Assembly<'a> {
    columns: &'a mut [Column],
    /// Bytes that the record may still take.
    room: usize,
}

impl Assembly<'_> {
    fn fields(&mut self, fields: &[Node]) -> Result<Vec<(String, Value)>, Fault> {
        let mut found = Vec::with_capacity(fields.len());
        for field in fields {
            self.pay(size_of::<String>() + field.name.len())?;
            found.push((field.name.clone(), self.value(field)?));
        }
        Ok(found)
    }

    fn value(&mut self, node: &Node) -> Result<Value, Fault> {
        self.pay(size_of::<Value>())?;
        if !matches!(node.shape, Shape::Leaf) && self.definition(node)? < node.defined {
            self.pass(node)?;
            return Ok(Value::Null);
        }
        Ok(match &node.shape {
            Shape::Leaf => {
                let value = self.columns[node.leaves.start].take()?;
                self.pay(value.as_text().map_or(0, |text| text.len()))?;
                value
            }
            Shape::Struct(fields) => Value::Object(self.fields(fields)?),
            Shape::List(list) => Value::List(self.items(node, list)?),
            Shape::Map(list) => Value::Object(self.items(node, list)?.into_iter().filter_map(pair).collect()),
        })
    }

    fn items(&mut self, node: &Node, list: &Repeated) -> Result<Vec<Value>, Fault> {
        let mut items = Vec::new();
        if self.definition(node)? < list.present {
            self.pass(node)?;
            return Ok(items);
        }
        loop {
            items.push(self.value(&list.item)?);
            let next = self.columns[node.leaves.start].peek()?;
            if next.is_none_or(|levels| levels.repetition < list.level) {
                return Ok(items);
            }
        }
    }

    /// The next definition level of the node's first column, which decides for all of them.
    fn definition(&mut self, node: &Node) -> Result<u32, Fault> {
        let column = &mut self.columns[node.leaves.start];
        let levels = column.peek()?;
        levels.map(|levels| levels.definition).ok_or_else(|| column.wrong("ends before the other columns"))
    }

    /// Takes one null from each of the node's columns.
    fn pass(&mut self, node: &Node) -> Result<(), Fault> {
        self.pay(node.leaves.len())?;
        self.columns[node.leaves.clone()].iter_mut().try_for_each(|column| column.take().map(drop))
    }

    fn pay(&mut self, bytes: usize) -> Result<(), Fault> {
        let room = self.room.checked_sub(bytes);
        self.room = room.ok_or_else(|| Fault::Whole(format!("longer than {MAX_RECORD} bytes")))?;
        Ok(())
    }
}

/// A key and its value; keys that are no scalars can't name anything.
fn pair(entry: Value) -> Option<(String, Value)> {
    let Value::Object(mut entry) = entry else { return None };
    let (_, value) = entry.pop()?;
    let (_, key) = entry.pop()?;
    Some((key.as_text()?.into_owned(), value))
}
