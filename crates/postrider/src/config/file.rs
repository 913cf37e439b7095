//! From the text of a configuration file to a tree that knows where everything stands. The only
//! file that knows YAML.
//!
//! It is built from the parser's events, not from a typed deserializer, for two reasons. Every
//! scalar keeps its text: `no`, `1e3` and `0123` are a name or a password when a name or a password
//! is asked for, and only the key decides what they are. And every node keeps its place, so that
//! one reading reports all that is wrong.
//!
//! Nothing here quotes the text of a file: a line of it may be a password.

use super::error::{Place, Problem};
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Levels of nesting. A configuration has five; the walk over a tree is recursive, so it has an end.
const MAX_DEPTH: usize = 32;

/// Nodes of a tree, aliases expanded: ten thousand accounts fit, a bomb of aliases does not.
const MAX_NODES: usize = 500_000;

/// A value and where it stands. It may hold a password, so it has no `Debug`.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Clone)]
pub(super) enum Value {
    /// Nothing after the colon.
    Empty,
    /// A scalar, quoted or not, as its text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file, doubles included.
    Map(Vec<Entry>),
}

/// One key of a mapping and what it says.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) at: Place,
    pub(super) key: String,
    pub(super) node: Node,
}

/// Reads one YAML document. An empty one is [`Value::Empty`].
pub(super) fn parse(text: &str) -> Result<Node, (Place, Problem)> {
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| syntax(&error))?;
        let at = place(&span);
        let event = match event {
            // The parser puts a `~` where nothing stands; one that was written takes up room.
            Event::Scalar(_, ScalarStyle::Plain, anchor, tag) if is_nothing(&span) => {
                Event::Scalar(Cow::Borrowed(""), ScalarStyle::Plain, anchor, tag)
            }
            event => event,
        };
        builder.take(event, at).map_err(|problem| (at, problem))?;
    }
    Ok(builder.root.unwrap_or(Node {
        at: Place { line: 1, column: 1 },
        value: Value::Empty,
    }))
}

fn is_nothing(span: &Span) -> bool {
    span.start.index() == span.end.index()
}

/// Lines and columns as editors count them.
fn place(span: &Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn syntax(error: &ScanError) -> (Place, Problem) {
    use granit_parser::ErrorKind;
    let at = Place {
        line: error.marker().line(),
        column: error.marker().col() + 1,
    };
    // The character may be the first one of a password, so it is not shown.
    let what = match error.kind() {
        ErrorKind::UnexpectedCharacter { .. } => {
            "a value cannot begin with this character unless it stands in quotes".to_owned()
        }
        ErrorKind::UnknownAnchor => {
            "an unquoted value that begins with `*` is an alias, and there is no such anchor"
                .to_owned()
        }
        kind => kind.to_string(),
    };
    (at, Problem::Syntax { what })
}

/// A collection whose end has not come yet.
struct Open {
    at: Place,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map(Vec<Entry>, Option<(Place, String)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    anchors: HashMap<usize, Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let what = "one file holds one YAML document".to_owned();
                    return Err(Problem::Syntax { what });
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.as_ref())?;
                let plain = style == ScalarStyle::Plain;
                let value = if plain && text.is_empty() {
                    Value::Empty
                } else {
                    Value::Text(text.into_owned())
                };
                self.place(Node { at, value }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.as_ref())?;
                self.open(at, anchor, Items::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.as_ref())?;
                self.open(at, anchor, Items::Map(Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                // An alias inside its own anchor has nothing to repeat yet.
                let node = node.ok_or_else(|| Problem::Syntax {
                    what: "an alias that contains itself".to_owned(),
                })?;
                self.nodes += size(&node);
                self.place(node, 0)?;
            }
            // Stream ends, document ends and comments say nothing about the values.
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, at: Place, anchor: usize, items: Items) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            let what = format!("more than {MAX_DEPTH} levels");
            return Err(Problem::Syntax { what });
        }
        self.open.push(Open { at, anchor, items });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(Open { at, anchor, items }) = self.open.pop() else {
            return Ok(());
        };
        let value = match items {
            Items::List(nodes) => Value::List(nodes),
            Items::Map(entries, _) => Value::Map(entries),
        };
        self.place(Node { at, value }, anchor)
    }

    /// Puts a finished node where it belongs: as an item, as a key, as a value, or as the root.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let what = format!("more than {MAX_NODES} values");
            return Err(Problem::Syntax { what });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(nodes)) => nodes.push(node),
            Some(Items::Map(entries, waiting)) => match waiting.take() {
                Some((at, key)) => entries.push(Entry { at, key, node }),
                None => match node.value {
                    Value::Text(key) => *waiting = Some((node.at, key)),
                    Value::Empty => *waiting = Some((node.at, String::new())),
                    Value::List(_) | Value::Map(_) => {
                        let what = "a key is a word, not a list or a mapping".to_owned();
                        return Err(Problem::Syntax { what });
                    }
                },
            },
        }
        Ok(())
    }
}

/// How many nodes a copy of `node` adds.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Empty | Value::Text(_) => 1,
        Value::List(nodes) => 1 + nodes.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.node)).sum::<usize>(),
    }
}

/// `!!str` and its like say what the key says anyway; a tag of any other kind is usually a value
/// that begins with `!` and wants quotes. It is not shown: it may be a password.
fn refuse_tag(tag: Option<&Cow<'_, Tag>>) -> Result<(), Problem> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => Err(Problem::Syntax {
            what: "a value that begins with `!` is a tag unless it stands in quotes".to_owned(),
        }),
        Some(_) | None => Ok(()),
    }
}
