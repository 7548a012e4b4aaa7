//! The schema as a tree, and what the values of its leaves mean.
//!
//! Sources: <https://parquet.apache.org/docs/file-format/nestedencoding/> and
//! <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md>.

use std::collections::HashSet;

use super::{
    Parse,
    encoding::MAX_VALUE,
    footer::{Element, Logical},
};

/// Records are put together by recursion, which must not exhaust the stack.
const MAX_DEPTH: usize = 32;
/// Each column holds a page in memory.
const MAX_COLUMNS: usize = 1024;

/// A schema's root, and the columns of its leaves.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) fields: Vec<Node>,
    pub(super) leaves: Vec<Leaf>,
}

/// A part of a record.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// From this definition level on, it is not null.
    pub(super) defined: u32,
    /// The columns below it.
    pub(super) leaves: std::ops::Range<usize>,
    pub(super) shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
    /// The value of the only column below it.
    Leaf,
    Struct(Vec<Node>),
    List(Box<Repeated>),
    /// A list of structs of a key and a value.
    Map(Box<Repeated>),
}

/// The items of a list.
#[derive(Debug)]
pub(super) struct Repeated {
    pub(super) item: Node,
    /// From this definition level on, there is an item.
    pub(super) present: u32,
    /// The repetition level of every item but the first.
    pub(super) level: u32,
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Its dotted path.
    pub(super) path: String,
    pub(super) physical: Physical,
    pub(super) meaning: Meaning,
    pub(super) max_definition: u32,
    pub(super) max_repetition: u32,
}

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    /// So many bytes each.
    Fixed(usize),
    /// A length and as many bytes each.
    Variable,
}

/// What stored bytes stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Boolean,
    Text,
    Integer {
        signed: bool,
    },
    Float,
    /// An integer divided by a power of ten; its bytes are big-endian in byte arrays.
    Decimal {
        scale: u32,
        big_endian: bool,
    },
    /// Days since 1970.
    Date,
    /// Parts of a second since midnight.
    Time(u32),
    /// Parts of a second since 1970, and whether they are in UTC.
    Timestamp(u32, bool),
    /// Nanoseconds of a Julian day, as older writers have timestamps.
    JulianTimestamp,
    Uuid,
    /// Something without a form in text.
    Opaque(&'static str),
}

impl Schema {
    /// The tree of a schema's parts in pre-order.
    pub(super) fn new(elements: Vec<Element>) -> Parse<Self> {
        let mut builder = Builder { elements: elements.into_iter(), leaves: Vec::new() };
        let root = builder.elements.next().ok_or("it has no schema")?;
        let fields = builder.children(root.children, Levels::default(), "")?;
        if builder.elements.next().is_some() || builder.leaves.is_empty() {
            return Err("its schema is not a tree with leaves".into());
        }
        Ok(Self { fields, leaves: builder.leaves })
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Levels {
    definition: u32,
    repetition: u32,
    depth: usize,
}

struct Builder {
    elements: std::vec::IntoIter<Element>,
    leaves: Vec<Leaf>,
}

impl Builder {
    fn children(&mut self, count: usize, levels: Levels, path: &str) -> Parse<Vec<Node>> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut names = HashSet::new();
        for _ in 0..count {
            let node = self.node(levels, path)?;
            // Of whole columns, only those that are read must be told apart.
            if !path.is_empty() && !names.insert(node.name.clone()) {
                return Err(format!("two columns are called {:?}", node.name));
            }
            nodes.push(node);
        }
        Ok(nodes)
    }

    /// The next part and all below it.
    fn node(&mut self, mut levels: Levels, path: &str) -> Parse<Node> {
        let element = self.elements.next().ok_or("its schema is cut off")?;
        levels.depth += 1;
        if levels.depth > MAX_DEPTH {
            return Err(format!("its schema is nested deeper than {MAX_DEPTH} levels"));
        }
        let path = if path.is_empty() { element.name.clone() } else { format!("{path}.{}", element.name) };
        let (start, name, outer) = (self.leaves.len(), element.name.clone(), levels);
        match element.repetition {
            Some(0) => {}
            Some(1) => levels.definition += 1,
            Some(2) => (levels.definition, levels.repetition) = (levels.definition + 1, levels.repetition + 1),
            _ => return Err(format!("{path:?} is neither required, optional nor repeated")),
        }
        let shape = self.shape(element, levels, &path)?;
        let node = |defined, shape| Node { name: name.clone(), defined, leaves: start..self.leaves.len(), shape };
        if levels.repetition == outer.repetition {
            return Ok(node(levels.definition, shape));
        }
        let item = node(levels.definition, shape);
        let list = Repeated { item, present: levels.definition, level: levels.repetition };
        Ok(node(outer.definition, Shape::List(Box::new(list))))
    }

    fn shape(&mut self, element: Element, levels: Levels, path: &str) -> Parse<Shape> {
        if element.children == 0 {
            let leaf = leaf(&element, levels, path)?;
            if self.leaves.len() == MAX_COLUMNS {
                return Err(format!("more than {MAX_COLUMNS} columns"));
            }
            self.leaves.push(leaf);
            return Ok(Shape::Leaf);
        }
        let logical = element.logical.map(|logical| logical.id);
        let is_list = logical == Some(3) || element.converted == Some(3);
        let is_map = logical == Some(2) || matches!(element.converted, Some(1 | 2));
        let mut children = self.children(element.children, levels, path)?;
        if (!is_list && !is_map) || children.len() != 1 {
            return Ok(Shape::Struct(children));
        }
        match children.remove(0) {
            Node { name, shape: Shape::List(list), .. } if is_list => {
                Ok(Shape::List(Box::new(bare(*list, &name, &element.name))))
            }
            Node { shape: Shape::List(list), .. } if is_pair(&list.item) => Ok(Shape::Map(list)),
            child => Ok(Shape::Struct(vec![child])),
        }
    }
}

/// A list without the group that writers put around each of its items. Older writers put none; the rules to tell are the format's.
fn bare(mut list: Repeated, name: &str, parent: &str) -> Repeated {
    if name == "array" || name.strip_suffix("_tuple") == Some(parent) {
        return list;
    }
    list.item = match list.item {
        Node { shape: Shape::Struct(mut fields), .. } if fields.len() == 1 => fields.remove(0),
        item => item,
    };
    list
}

fn is_pair(node: &Node) -> bool {
    matches!(&node.shape, Shape::Struct(fields) if fields.len() == 2)
}

fn leaf(element: &Element, levels: Levels, path: &str) -> Parse<Leaf> {
    let physical = match element.physical {
        Some(0) => Physical::Boolean,
        Some(1 | 4) => Physical::Fixed(4),
        Some(2 | 5) => Physical::Fixed(8),
        Some(3) => Physical::Fixed(12),
        Some(6) => Physical::Variable,
        Some(7) if (1..=MAX_VALUE).contains(&element.width) => Physical::Fixed(element.width),
        _ => return Err(format!("{path:?} has no known type")),
    };
    let (max_definition, max_repetition) = (levels.definition, levels.repetition);
    let meaning = meaning(element).map_err(|e| format!("{path:?} {e}"))?;
    Ok(Leaf { path: path.into(), physical, meaning, max_definition, max_repetition })
}

fn meaning(element: &Element) -> Parse<Meaning> {
    let annotation = element.logical.or_else(|| converted(element)).unwrap_or_default();
    let parts = match annotation.unit {
        1 => 1_000,
        2 => 1_000_000,
        _ => 1_000_000_000,
    };
    let scale = || match u32::try_from(annotation.scale) {
        Ok(scale) if scale <= 38 => Ok(scale),
        _ => Err(format!("is a decimal of scale {}", annotation.scale)),
    };
    Ok(match (element.physical.unwrap_or_default(), annotation.id) {
        (0, _) => Meaning::Boolean,
        (1 | 2, 5) => Meaning::Decimal { scale: scale()?, big_endian: false },
        (1, 6) => Meaning::Date,
        (1 | 2, 7) => Meaning::Time(parts),
        (2, 8) => Meaning::Timestamp(parts, annotation.utc),
        (1 | 2, id) => Meaning::Integer { signed: id != 10 || annotation.signed },
        (3, _) => Meaning::JulianTimestamp,
        (4 | 5, _) => Meaning::Float,
        (6 | 7, 5) => Meaning::Decimal { scale: scale()?, big_endian: true },
        (7, 14) if element.width == 16 => Meaning::Uuid,
        (6, 13) => Meaning::Opaque("BSON"),
        (6, _) => Meaning::Text,
        (_, 15) => Meaning::Opaque("half-precision numbers"),
        _ => Meaning::Opaque("bytes"),
    })
}

/// The newer annotation that says the same as the older one.
fn converted(element: &Element) -> Option<Logical> {
    let logical = |id, unit| Logical { id, scale: element.scale, unit, utc: true, signed: false };
    Some(match element.converted? {
        5 => logical(5, 0),
        6 => logical(6, 0),
        7 => logical(7, 1),
        8 => logical(7, 2),
        9 => logical(8, 1),
        10 => logical(8, 2),
        11..=14 => logical(10, 0),
        20 => logical(13, 0),
        _ => return None,
    })
}
