//! Text for a terminal of eighty columns.

use console::measure_text_width;
use textwrap::{Options, WordSeparator, WordSplitter};

/// Columns of a line, if words allow it.
pub(crate) const COLUMNS: usize = 80;
/// The indent of continuation lines.
pub(crate) const INDENT: &str = "    ";
/// As wide as the column of labels.
const LABEL: &str = "         ";
/// If a start leaves fewer columns than this, the text begins on the next line.
const LEAST_ROOM: usize = 20;

/// `start` and then the text, continued on further lines with an indent. Neither the start nor a word is broken.
pub(crate) fn wrapped(start: &str, text: &str) -> String {
    filled(start, text, INDENT)
}

/// The same in its own column, with a label to its left.
pub(crate) fn labelled(label: &str, text: &str) -> String {
    filled(&format!("{label:<width$}", width = LABEL.len()), text, LABEL)
}

fn filled(start: &str, text: &str, indent: &str) -> String {
    let is_long = measure_text_width(start) + LEAST_ROOM > COLUMNS;
    let (head, first) = if is_long { (format!("{}\n", start.trim_end()), INDENT) } else { (String::new(), start) };
    let options = Options::new(COLUMNS)
        .initial_indent(first)
        .subsequent_indent(indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    format!("{head}{}\n", textwrap::fill(text, options))
}
