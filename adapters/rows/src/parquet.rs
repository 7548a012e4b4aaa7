//! Apache Parquet, a row at a time.
//!
//! `footer` finds the columns and `schema` what they mean; `page` reads and decompresses a page of each column at a time; `encoding` yields
//! its values, with `bits` and `delta`; `record` puts them together. Every size that a file gives is checked before it is believed.
//!
//! The crate `parquet` (60.1) is not used here, only to test against: a crafted footer makes it allocate what `num_children` claims or recurse
//! without end, and both end the process, not the reading.
//!
//! Source: <https://parquet.apache.org/docs/file-format/>.

use std::{collections::HashSet, fs::File, sync::Arc};

use super::{Fault, Row, RowPlace};

mod bits;
mod codec;
mod column;
mod delta;
mod encoding;
mod footer;
mod page;
mod record;
mod scalar;
mod schema;
mod thrift;

use column::Column;
use footer::{Footer, Group};
use page::{Budget, Pages};
use schema::{Node, Schema};

/// What a file starts and ends with.
pub(super) const MAGIC: &[u8; 4] = b"PAR1";

/// What was read, or the reason why not.
type Parse<T> = Result<T, String>;

/// The rows of a Parquet file.
#[derive(Debug)]
pub(super) struct Reader {
    file: Arc<File>,
    schema: Schema,
    groups: std::vec::IntoIter<Group>,
    budget: Budget,
    /// The columns of the current group.
    columns: Vec<Column>,
    /// Rows of it that are not read yet.
    left: usize,
    row: usize,
}

impl Reader {
    /// Reads the columns on the paths of `needed` and `further`, or all where nothing is needed, or one that leads nowhere.
    pub(super) fn new(mut file: File, needed: &[&str], further: &[&str]) -> Result<Self, Fault> {
        let Footer { elements, groups } = Footer::read(&mut file)?;
        let mut schema = Schema::new(elements).map_err(Fault::Whole)?;
        if groups.iter().any(|group| group.chunks.len() != schema.leaves.len()) {
            return Err(Fault::Whole("its row groups have other columns than its schema".into()));
        }
        let on =
            |path: &str, node: &Node| path.strip_prefix(&node.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if !needed.is_empty() && needed.iter().all(|path| schema.fields.iter().any(|node| on(path, node))) {
            schema.fields.retain(|node| needed.iter().chain(further).any(|path| on(path, node)));
        }
        check(&schema, &groups).map_err(Fault::Whole)?;
        let (file, groups) = (Arc::new(file), groups.into_iter());
        Ok(Self { file, schema, groups, budget: Budget::default(), columns: Vec::new(), left: 0, row: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, Fault> {
        while self.left == 0 {
            self.finish()?;
            let Some(group) = self.groups.next() else { return Ok(None) };
            self.start(group);
        }
        self.row += 1;
        let place = RowPlace::Row(self.row);
        let at = |fault| if let Fault::Whole(reason) = fault { Fault::At(place, reason) } else { fault };
        let fields = record::record(&self.schema.fields, &mut self.columns).map_err(at)?;
        self.left -= 1;
        Ok(Some(Row::new(place, fields)))
    }

    fn start(&mut self, group: Group) {
        let pages = |chunk| Pages::new(self.file.clone(), chunk, self.budget.clone());
        let chunks = group.chunks.into_iter().map(pages);
        self.columns = self.schema.leaves.iter().cloned().zip(chunks).map(|(leaf, pages)| Column::new(leaf, pages)).collect();
        self.left = group.rows;
    }

    /// Checks that nothing is left of the current group.
    fn finish(&mut self) -> Result<(), Fault> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        let read: Vec<usize> = self.schema.fields.iter().flat_map(|node| node.leaves.clone()).collect();
        for (_, mut column) in columns.into_iter().enumerate().filter(|(i, _)| read.contains(i)) {
            // Some writers leave bytes after the last page that are none; nobody needs them.
            if let Ok(Some(_)) = column.peek() {
                return Err(column.wrong("has more rows than its row group"));
            }
        }
        Ok(())
    }

    /// Bytes that its pages hold.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.budget.held()
    }
}

/// Checks that the columns that are read have names of their own and are compressed with what is read.
fn check(schema: &Schema, groups: &[Group]) -> Parse<()> {
    let mut names = HashSet::new();
    if let Some(node) = schema.fields.iter().find(|node| !names.insert(node.name.as_str())) {
        return Err(format!("two columns are called {:?}", node.name));
    }
    let leaves: Vec<usize> = schema.fields.iter().flat_map(|node| node.leaves.clone()).collect();
    for (group, &leaf) in groups.iter().flat_map(|group| leaves.iter().map(move |leaf| (group, leaf))) {
        group.chunks[leaf].codec.check().map_err(|reason| format!("column {:?} is {reason}", schema.leaves[leaf].path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
