//! The pairs as a table: RFC 4180, and nothing in it that a spreadsheet takes for a formula.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};
use mediamirror::engine::urls::UrlPair;

use crate::cli::plain;

/// The columns, in order. `mediamirror manual switching` documents them.
const COLUMNS: [&str; 7] = ["asset", "locator_id", "container", "expires", "source_url", "target_url", "cause"];

/// The table with a line of headings. Cells that have no value are empty.
pub(super) fn table(pairs: &[UrlPair]) -> String {
    let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let mut write = |row: [&str; 7]| table.write_record(row.map(|text| cell(text).into_owned()));
    write(COLUMNS).expect("memory takes everything");
    for pair in pairs {
        let expires = pair.expires.to_string();
        let row = [
            pair.asset.as_str(),
            pair.locator_id.as_str(),
            pair.container.as_ref().map_or("", |container| container.as_str()),
            &expires,
            &pair.source_url,
            pair.target_url.as_deref().unwrap_or_default(),
            pair.cause.map_or("", |cause| cause.code()),
        ];
        write(row).expect("memory takes everything");
    }
    let bytes = table.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("made of texts")
}

/// A cell on one line that a spreadsheet shows as it is: an apostrophe before what would begin a formula.
fn cell(text: &str) -> Cow<'_, str> {
    let line = plain::line(text);
    // Full-width forms count: some spreadsheets treat them alike.
    if line.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        Cow::Owned(format!("'{line}"))
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use csv::ReaderBuilder;
    use mediamirror::model::ContainerName;
    use mediamirror::verdict::Cause;
    use proptest::prelude::*;

    use super::super::hosts::tests::pair;
    use super::*;

    #[test]
    fn a_line_has_the_documented_columns() {
        let mut missing = pair("not, here", false, 1);
        missing.cause = Some(Cause::Protected);
        missing.container = Some(ContainerName::new("asset-1"));
        let table = table(&[missing]);
        let lines: Vec<&str> = table.split("\r\n").collect();
        assert_eq!(lines[0], "asset,locator_id,container,expires,source_url,target_url,cause");
        assert_eq!(
            lines[1],
            "\"not, here\",43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb,asset-1,1970-01-02T00:00:00Z,\
             https://a.example.com/43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb/film.ism/manifest,,protected"
        );
        assert_eq!(&lines[2..], [""]);
    }

    #[test]
    fn a_cell_that_begins_like_a_formula_begins_with_an_apostrophe() {
        for name in ["=HYPERLINK(\"http://x\",\"y\")", "+1", "-1", "@sum(a)", "＝1"] {
            assert_eq!(cell(name), format!("'{name}"));
        }
        assert_eq!(cell("\t=1"), "\\t=1", "a tab before it is shown, not written");
        assert_eq!(cell("a=1"), "a=1");
    }

    proptest! {
        #[test]
        fn every_name_is_one_cell_of_one_line_that_is_no_formula(name: String) {
            let table = table(&[pair(&name, true, 1)]);
            prop_assert_eq!(table.matches("\r\n").count(), 2);
            let mut reader = ReaderBuilder::new().from_reader(table.as_bytes());
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!((rows.len(), rows[0].len()), (1, COLUMNS.len()));
            prop_assert!(!rows[0][0].starts_with(['=', '+', '-', '@', '\t', '\r']));
            let shown = rows[0][0].strip_prefix('\'').unwrap_or(&rows[0][0]).to_owned();
            prop_assert!(plain::line(&name).ends_with(&shown));
        }
    }
}
