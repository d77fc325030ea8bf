//! The file that maps old locators to containers, for a library that media services once published and that its storage
//! account serves now.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{ReaderBuilder, Trim};
use uuid::Uuid;

use super::hosts::refused;
use crate::cli::failure::CommandFailure;

/// What to do about a file that cannot be used.
const REMEDY: &str = "write a CSV file with the columns `locator_id` and `container`, as `urls --format csv` does";

/// Locators and their containers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OldLocators(BTreeMap<Uuid, String>);

impl OldLocators {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or is not such a table.
    pub(super) fn read(path: &Path) -> Result<Self, CommandFailure> {
        let bytes = std::fs::read(path).map_err(|error| CommandFailure::file("read", path, &error))?;
        Self::parse(&bytes).map_err(|problem| refused(format!("{}: {problem}", path.display()), REMEDY))
    }

    /// Reads a table. Other columns and lines without a container are ignored.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
        let heads = reader.headers().map_err(|error| error.to_string())?.clone();
        let column = |name: &str| {
            let found = heads.iter().position(|head| head.eq_ignore_ascii_case(name));
            found.ok_or_else(|| format!("there is no column `{name}`"))
        };
        let (id, name) = (column("locator_id")?, column("container")?);
        let mut found = BTreeMap::new();
        for (row, number) in reader.records().zip(2..) {
            let row = row.map_err(|error| error.to_string())?;
            let (text, container) = (row.get(id).unwrap_or_default(), row.get(name).unwrap_or_default());
            let bare = text.rsplit(':').next().unwrap_or_default();
            let locator = Uuid::parse_str(bare).map_err(|_| format!("row {number}: {text:?} is not a locator id"))?;
            if container.is_empty() {
                continue;
            }
            if !is_container(container) {
                return Err(format!("row {number}: {container:?} is not a container name"));
            }
            let before = found.insert(locator, container.to_owned());
            if before.as_ref().is_some_and(|before| before != container) {
                return Err(format!("row {number}: locator {locator} has two containers"));
            }
        }
        if found.is_empty() { Err("no locator has a container".to_owned()) } else { Ok(Self(found)) }
    }

    /// All entries: the id as in URLs, and the container.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Uuid, &str)> {
        self.0.iter().map(|(locator, container)| (*locator, container.as_str()))
    }
}

/// The service's rule for names; a name has no special characters of nginx.
fn is_container(name: &str) -> bool {
    name.len() <= 63 && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

#[cfg(test)]
mod tests {
    use mediamirror::model::ContainerName;

    use super::super::hosts::tests::pair;
    use super::*;

    const ID: &str = "43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb";

    #[test]
    fn the_table_that_urls_writes_can_be_read() {
        let mut film = pair("=1+1", true, 1);
        film.container = Some(ContainerName::new("asset-1"));
        let table = super::super::csv::table(&[film, pair("without a container", true, 1)]);
        let found = OldLocators::parse(table.as_bytes()).unwrap();
        assert_eq!(
            found.iter().map(|(id, name)| (id.to_string(), name)).collect::<Vec<_>>(),
            [(ID.to_owned(), "asset-1")]
        );
    }

    #[test]
    fn ids_with_the_prefix_of_the_service_and_files_of_spreadsheets_are_read() {
        let table = format!("\u{feff}Container,Locator_Id\r\n films , nb:lid:UUID:{}\r\n", ID.to_uppercase());
        let found = OldLocators::parse(table.as_bytes()).unwrap();
        assert_eq!(
            found.iter().map(|(id, name)| (id.to_string(), name)).collect::<Vec<_>>(),
            [(ID.to_owned(), "films")]
        );
    }

    #[test]
    fn another_table_is_refused_with_the_place_of_the_error() {
        for (table, problem) in [
            ("a,b\n1,2\n".to_owned(), "column `locator_id`"),
            ("locator_id,container\nfilm,x\n".to_owned(), "row 2: \"film\" is not a locator id"),
            (format!("locator_id,container\n{ID},x\n{ID},y\n"), "row 3: "),
            (format!("locator_id,container\n{ID},\"x;}}\nreturn 200;\"\n"), "is not a container name"),
            (format!("locator_id,container\n{ID},$host\n"), "is not a container name"),
            (format!("locator_id,container\n{ID},\n"), "no locator has a container"),
            (format!("locator_id,container\n{ID}\n"), "fields"),
        ] {
            let error = OldLocators::parse(table.as_bytes()).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
