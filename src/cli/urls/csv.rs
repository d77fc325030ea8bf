//! The pairs as a table.

use mediamirror::engine::urls::UrlPair;

use crate::cli::csv::Table;

/// The columns, in order. `mediamirror manual switching` documents them.
const COLUMNS: [&str; 7] = ["asset", "locator_id", "container", "expires", "source_url", "target_url", "cause"];

/// The table with a line of headings. Cells without a value are empty.
pub(super) fn table(pairs: &[UrlPair]) -> String {
    let mut table = Table::with(COLUMNS);
    for pair in pairs {
        let expires = pair.expires.to_string();
        table.add([
            pair.asset.as_str(),
            pair.locator_id.as_str(),
            pair.container.as_ref().map_or("", |container| container.as_str()),
            &expires,
            &pair.source_url,
            pair.target_url.as_deref().unwrap_or_default(),
            pair.cause.map_or("", |cause| cause.code()),
        ]);
    }
    table.take()
}

#[cfg(test)]
mod tests {
    use csv::ReaderBuilder;
    use mediamirror::model::ContainerName;
    use mediamirror::plain;
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

    proptest! {
        #[test]
        fn every_name_is_one_cell_on_one_line_and_not_a_formula(name: String) {
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
