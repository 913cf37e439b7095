//! Rows and cells of a CSV file (RFC 4180), each with its place.

use super::columns::Columns;
use super::error::Place;
use csv::{ByteRecord, ReaderBuilder};

/// A file, row by row.
pub(super) struct Table<'t> {
    text: &'t [u8],
    reader: csv::Reader<&'t [u8]>,
    record: ByteRecord,
    /// How far the lines are counted.
    counted: usize,
    line: usize,
}

/// One row. It may hold a password, so it has no `Debug`.
pub(super) struct Row {
    pub(super) at: Place,
    /// The line on which it ends.
    last_line: usize,
    /// `None` for a cell that is not UTF-8.
    cells: Vec<(Place, Option<String>)>,
}

impl<'t> Table<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        let mut how = ReaderBuilder::new();
        // Rows of other lengths are told of by us.
        how.has_headers(false).flexible(true);
        Self {
            text,
            reader: how.from_reader(text),
            record: ByteRecord::new(),
            counted: 0,
            line: 1,
        }
    }

    /// The next row that is not empty.
    pub(super) fn next(&mut self) -> Option<Row> {
        // Reading from memory does not fail, and rows of any length are read.
        let is_there = self.reader.read_byte_record(&mut self.record).ok()?;
        is_there.then_some(())?;
        let from = self.record.position().map_or(0, csv::Position::byte);
        let mut from = usize::try_from(from).ok()?;
        // Empty lines are skipped, and counted to the row behind them.
        while let Some(b'\r' | b'\n') = self.text.get(from) {
            from += 1;
        }
        let passed = self.text.get(self.counted..from).unwrap_or_default();
        self.line += lines(passed);
        self.counted = from;
        let at = Place {
            line: self.line,
            column: 1,
        };
        let (places, last_line) = places(self.text.get(from..).unwrap_or_default(), at);
        let text = |cell: &[u8]| std::str::from_utf8(cell).ok().map(str::to_owned);
        let cells = self.record.iter().map(text);
        let places = places.into_iter().chain(std::iter::repeat(at));
        Some(Row {
            at,
            last_line,
            cells: places.zip(cells).collect(),
        })
    }
}

fn lines(text: &[u8]) -> usize {
    text.iter().filter(|octet| **octet == b'\n').count()
}

/// Where the cells of the row begin that the text begins with, and the line on which it ends.
fn places(text: &[u8], from: Place) -> (Vec<Place>, usize) {
    let mut places = vec![from];
    let mut here = from;
    // Within quotes, a doubled one seems to end them and to begin them again, which comes to the same.
    let (mut is_begin, mut in_quoted_cell, mut is_open) = (true, false, false);
    for octet in text {
        // Characters, not octets: the later ones of a character count nothing.
        here.column += usize::from(octet & 0xc0 != 0x80);
        if is_begin {
            is_begin = false;
            in_quoted_cell = *octet == b'"';
        }
        match octet {
            b'"' if in_quoted_cell => is_open = !is_open,
            b'\n' if is_open => {
                here.line += 1;
                here.column = 1;
            }
            b'\r' | b'\n' if !is_open => break,
            b',' if !is_open => {
                places.push(here);
                is_begin = true;
            }
            _ => {}
        }
    }
    (places, here.line)
}

impl Row {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// A cell and its place; nothing where the row has none or it is not UTF-8.
    pub(super) fn cell(&self, number: usize) -> Option<(Place, &str)> {
        let (at, text) = self.cells.get(number)?;
        Some((*at, text.as_deref()?))
    }

    /// What is wrong with it as a row.
    pub(super) fn misshapen(&self, columns: &Columns) -> Option<String> {
        let (first, last) = (self.at.line, self.last_line);
        if last > first {
            return Some(format!(
                "the row goes on to line {last}: a quotation mark is not closed, or a cell has a line end in it"
            ));
        }
        if self.cells.iter().any(|(_, text)| text.is_none()) {
            return Some("the row is not UTF-8".to_owned());
        }
        let (cells, wanted) = (self.len(), columns.count);
        (cells != wanted).then(|| {
            format!("the row has {cells} cells and the first row has {wanted}: a cell with a comma in it stands in \"quotes\"")
        })
    }
}
