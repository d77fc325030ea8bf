//! Tables in CSV (RFC 4180), without cells that a spreadsheet treats as formulas.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};

use super::plain;

/// A table with a fixed number of columns.
#[derive(Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    writer: Writer<Vec<u8>>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table with a line of headings.
    pub(crate) fn with(headings: [&str; COLUMNS]) -> Self {
        let mut table = Self { writer: new_writer() };
        table.add(headings);
        table
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, row: [&str; COLUMNS]) {
        let row = row.map(|text| cell(text).into_owned());
        self.writer.write_record(row).expect("memory takes everything");
    }

    /// Takes the lines that were added since the last call.
    pub(crate) fn take(&mut self) -> String {
        let writer = std::mem::replace(&mut self.writer, new_writer());
        let bytes = writer.into_inner().expect("memory takes everything");
        String::from_utf8(bytes).expect("made of texts")
    }
}

fn new_writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

/// A cell on one line that a spreadsheet shows unchanged: an apostrophe prevents that it is treated as a formula.
fn cell(text: &str) -> Cow<'_, str> {
    let line = plain::line(text);
    // Also the full-width forms, which some spreadsheets treat in the same way.
    if line.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        Cow::Owned(format!("'{line}"))
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_looks_like_a_formula_starts_with_an_apostrophe() {
        for name in ["=HYPERLINK(\"http://x\",\"y\")", "+1", "-1", "@sum(a)", "＝1"] {
            assert_eq!(cell(name), format!("'{name}"));
        }
        assert_eq!(cell("\t=1"), "\\t=1", "a tab before it is shown, not written");
        assert_eq!(cell("a=1"), "a=1");
    }

    #[test]
    fn lines_are_taken_once() {
        let mut table = Table::with(["a", "b"]);
        assert_eq!(table.take(), "a,b\r\n");
        table.add(["1", "2, 3"]);
        assert_eq!((table.take(), table.take()), ("1,\"2, 3\"\r\n".to_owned(), String::new()));
    }
}
