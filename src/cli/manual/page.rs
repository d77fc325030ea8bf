//! A page of the manual on a terminal of eighty columns: wrapped, tables in columns, headings in bold where colours are wanted.
//!
//! It knows the Markdown of the manual: headings, paragraphs, lists, tables and fenced code.

use std::fmt::Write as _;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use console::measure_text_width;
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::cli::wrap::COLUMNS;

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";
/// Before the lines of code.
const CODE: &str = "    ";
/// The widest first column of a table: longer words are broken there.
const WIDEST: usize = 30;

/// A part of a page.
#[derive(Debug, PartialEq, Eq)]
enum Block<'p> {
    Heading(&'p str),
    /// A paragraph, or an item of a list with the mark before it.
    Text(&'p str, String),
    Code(&'p str),
    Table(Vec<Vec<String>>),
    Space,
}

/// The page for a terminal.
pub(super) fn rendered(page: &str, bold: bool) -> String {
    let (on, off) = if bold { (BOLD, PLAIN) } else { ("", "") };
    blocks(page).into_iter().fold(String::new(), |mut text, block| {
        let _ = match block {
            Block::Heading(title) => writeln!(text, "{on}{title}{off}"),
            Block::Text(mark, words) => writeln!(text, "{}", filled(mark, &emphasised(&words, on, off))),
            Block::Code("") | Block::Space => writeln!(text),
            Block::Code(line) => writeln!(text, "{CODE}{line}"),
            Block::Table(rows) => writeln!(text, "{}", table(rows)),
        };
        text
    })
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut fence) = (Vec::new(), None);
    for line in page.lines() {
        let shown = line.trim_start();
        if shown.starts_with("```") {
            // What is in a list is as far from the margin as its fence.
            fence = fence.is_none().then_some(line.len() - shown.len());
        } else if let Some(indent) = fence {
            blocks.push(Block::Code(line.get(indent..).unwrap_or_default()));
        } else if shown.is_empty() {
            blocks.push(Block::Space);
        } else if let Some(title) = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')) {
            blocks.push(Block::Heading(title));
        } else if let Some(cells) = shown.strip_prefix('|') {
            let cells = cells.trim_end().trim_end_matches('|').split('|').map(|cell| cell.trim().replace("**", ""));
            add_row(&mut blocks, cells.collect());
        } else {
            add_words(&mut blocks, shown);
        }
    }
    blocks
}

/// Adds a row to the table that it belongs to. The line below the titles is none.
fn add_row(blocks: &mut Vec<Block<'_>>, cells: Vec<String>) {
    if cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':'))) {
        return;
    }
    match blocks.last_mut() {
        Some(Block::Table(rows)) => rows.push(cells),
        _ => blocks.push(Block::Table(vec![cells])),
    }
}

/// Adds a line to the paragraph or item that it belongs to, or begins one.
fn add_words<'p>(blocks: &mut Vec<Block<'p>>, line: &'p str) {
    let number = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = match line.as_bytes() {
        [b'-', b' ', ..] => 2,
        _ if number > 0 && line[number..].starts_with(". ") => number + 2,
        _ => 0,
    };
    match blocks.last_mut() {
        Some(Block::Text(_, words)) if mark == 0 => {
            words.push(' ');
            words.push_str(line);
        }
        _ => blocks.push(Block::Text(&line[..mark], line[mark..].to_owned())),
    }
}

/// Words between two asterisks on each side are bold.
fn emphasised(words: &str, on: &str, off: &str) -> String {
    let mut parts = words.split("**");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        text.push_str(if at % 2 == 0 { on } else { off });
        text.push_str(part);
    }
    text
}

fn filled(mark: &str, words: &str) -> String {
    let indent = " ".repeat(mark.len());
    let options = Options::new(COLUMNS)
        .initial_indent(mark)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(words, options)
}

fn table(rows: Vec<Vec<String>>) -> String {
    let first =
        rows.iter().filter_map(|row| row.first()).map(|cell| measure_text_width(cell)).max().unwrap_or_default();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(COLUMNS).unwrap_or(u16::MAX));
    let mut rows = rows.into_iter();
    table.set_header(rows.next().unwrap_or_default());
    table.add_rows(rows);
    if let Some(column) = table.column_mut(0) {
        // With a space on each side.
        let width = u16::try_from(first.min(WIDEST) + 2).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use mediamirror::manual::PAGES;

    use super::*;

    #[test]
    fn each_part_of_a_page_is_shown_in_its_way() {
        let page = "# Title\n\nSome **important**\nwords # here.\n\n- one\n  more\n- two\n1. three\n\n  ```toml\n  # comment\n    x\n  ```\n| A | B |\n| --- | --- |\n| `a` | b |\n";
        let expected =
            "Title\n\nSome important words # here.\n\n- one more\n- two\n1. three\n\n    # comment\n      x\n";
        let shown = rendered(page, false);
        let (text, table) = shown.split_at(expected.len());
        assert_eq!(text, expected);
        let cells: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(cells, [["A", "B"], ["`a`", "b"]]);
        let bold = rendered(page, true);
        assert!(bold.starts_with("\x1b[1mTitle\x1b[0m\n\nSome \x1b[1mimportant\x1b[0m words"), "{bold}");
    }

    #[test]
    fn no_line_of_a_page_is_wider_than_a_terminal_but_code() {
        for page in PAGES {
            let code = page.text.lines().map(str::trim).collect::<Vec<_>>();
            for line in rendered(page.text, false).lines() {
                let width = measure_text_width(line);
                assert!(width <= COLUMNS || code.contains(&line.trim()), "{}: {width} columns: {line}", page.topic);
            }
        }
    }

    #[test]
    fn every_word_of_a_page_is_shown() {
        let words = |text: &str| -> usize { text.chars().filter(|c| c.is_alphanumeric()).count() };
        for page in PAGES {
            let fences = page.text.lines().filter(|line| line.trim_start().starts_with("```"));
            let languages: usize = fences.map(words).sum();
            assert_eq!(words(&rendered(page.text, false)), words(page.text) - languages, "{}", page.topic);
        }
    }
}
