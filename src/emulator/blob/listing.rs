//! List Blobs and List Containers: pages in name order; the cost of a page depends only on its own rows.

mod row;

use std::fmt::Write as _;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::call::Call;
use super::describe::Reply;
use super::kind::Kind;
use super::lease::At;
use super::missing_features;
use super::refusal::{NO_LIMITED_LISTING, Refusal};
use super::stored::{Blob, Contents};
use super::xml;
use crate::emulator::http::Response;
use crate::emulator::http::http_date;
use crate::emulator::settings::Protection;
pub(super) use row::tag_set;
use row::{Columns, Dates, lease, metadata, row};

/// The most rows of a page, and the default of `maxresults`.
const MAX_RESULTS: usize = 5000;

/// Rough size of a row, so that the buffer of a page need not grow.
const ROW_BYTES: usize = 700;

/// The parameters of a page.
struct Page<'c> {
    prefix: &'c str,
    delimiter: &'c str,
    from: String,
    most: usize,
}

impl<'c> Page<'c> {
    fn of(call: &'c Call<'_>) -> Result<Self, Refusal> {
        let get = |name| call.ask.query(name).unwrap_or_default();
        let most = match call.ask.target.query.number("maxresults")? {
            Some(0) => return Err(Refusal::query("maxresults")),
            Some(most) => most.min(MAX_RESULTS),
            None => MAX_RESULTS,
        };
        let prefix = get("prefix");
        let marked = read_marker(get("marker"))?;
        // It is documented for blobs; containers have no such parameter, and an unknown one is ignored.
        let start = if call.ask.target.container.is_some() { get("startFrom") } else { "" };
        let from = marked.max(prefix.to_owned()).max(start.to_owned());
        Ok(Self { prefix, delimiter: get("delimiter"), from, most })
    }
}

/// Opens the document and repeats the parameters of the request.
fn begin(call: &Call<'_>, container: Option<&str>) -> String {
    let mut text = String::with_capacity(1024);
    text.push_str("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"");
    xml::escape(call.account.url(), &mut text);
    text.push_str("/\"");
    if let Some(container) = container {
        text.push_str(" ContainerName=\"");
        xml::escape(container, &mut text);
        text.push('"');
    }
    text.push('>');
    for (tag, name) in
        [("Prefix", "prefix"), ("Marker", "marker"), ("MaxResults", "maxresults"), ("Delimiter", "delimiter")]
    {
        if let Some(value) = call.ask.query(name).filter(|value| !value.is_empty()) {
            xml::element(tag, value, &mut text);
        }
    }
    text
}

/// A marker is the name of the next row, encoded so that no client uses it as a name.
fn marker(next: &str) -> String {
    let coded = BASE64.encode(next);
    format!("2!{}!{coded}", coded.len())
}

fn read_marker(marker: &str) -> Result<String, Refusal> {
    if marker.is_empty() {
        return Ok(String::new());
    }
    let coded = marker.strip_prefix("2!").and_then(|rest| rest.split_once('!'));
    // A `+` left unencoded in the URL arrives as a space.
    let raw = coded.and_then(|(_, coded)| BASE64.decode(coded.replace(' ', "+")).ok());
    raw.and_then(|raw| String::from_utf8(raw).ok()).ok_or_else(|| Refusal::query("marker"))
}

fn finish(mut text: String, outer: &str, next: Option<&str>) -> Response {
    xml::close(outer, &mut text);
    match next {
        Some(next) => xml::element("NextMarker", &marker(next), &mut text),
        None => text.push_str("<NextMarker />"),
    }
    text.push_str("</EnumerationResults>");
    Reply::new(200).xml(text)
}

/// List Containers.
pub(super) fn list_containers(call: &Call<'_>) -> Result<Response, Refusal> {
    let page = Page::of(call)?;
    check_includes(call, OF_CONTAINERS)?;
    let with_metadata = includes(call, "metadata");
    let mut text = begin(call, None);
    xml::open("Containers", &mut text);
    let mut found = call.account.containers_from(&page.from, page.most + 1);
    found.retain(|container| container.name.starts_with(page.prefix));
    let next = found.get(page.most).map(|container| container.name.clone());
    for container in found.iter().take(page.most) {
        let Ok(contents) = container.lock() else { continue };
        xml::open("Container", &mut text);
        xml::element("Name", &container.name, &mut text);
        xml::open("Properties", &mut text);
        xml::element("Last-Modified", &http_date(contents.modified), &mut text);
        write!(text, "<Etag>\"0x{:X}\"</Etag>", contents.etag).expect("writing to a string never fails");
        lease(At::new(contents.lease, call.elapsed()), &mut text);
        if let Some(public) = contents.public {
            xml::element("PublicAccess", public.name(), &mut text);
        }
        let protection = call.account.protection(&container.name);
        for (tag, has) in [("HasImmutabilityPolicy", Protection::Immutability), ("HasLegalHold", Protection::LegalHold)]
        {
            xml::element(tag, if protection == Some(has) { "true" } else { "false" }, &mut text);
        }
        xml::close("Properties", &mut text);
        if with_metadata {
            metadata(contents.metadata.as_ref(), &mut text);
        }
        xml::close("Container", &mut text);
    }
    Ok(finish(text, "Containers", next.as_deref()))
}

/// What List Blobs can include. There are no deleted blobs and snapshots: no account here keeps deleted blobs, and
/// snapshots are not implemented.
const OF_BLOBS: &[&str] = &["copy", "metadata", "tags", "uncommittedblobs", "deleted", "snapshots"];
/// What List Containers can include. There are no deleted ones.
const OF_CONTAINERS: &[&str] = &["metadata", "deleted"];

/// Refuses an unknown `include`, so that no client believes that there is nothing to include.
fn check_includes(call: &Call<'_>, known: &[&str]) -> Result<(), Refusal> {
    let words = call.ask.query("include").unwrap_or_default().split(',').map(str::trim);
    for word in words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase) {
        if !known.contains(&word.as_str()) {
            return Err(missing_features::included(&word).unwrap_or_else(|| Refusal::query("include")));
        }
    }
    Ok(())
}

fn includes(call: &Call<'_>, what: &str) -> bool {
    call.ask.query("include").is_some_and(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(what)))
}

/// List Blobs.
pub(super) fn list_blobs(call: &Call<'_>) -> Result<Response, Refusal> {
    if call.ask.query("endBefore").is_some() {
        return Err(NO_LIMITED_LISTING);
    }
    let page = Page::of(call)?;
    check_includes(call, OF_BLOBS)?;
    if call.account.is_hierarchical() {
        check_hierarchical(call, &page)?;
    }
    let columns = Columns {
        copy: includes(call, "copy"),
        metadata: includes(call, "metadata"),
        tags: includes(call, "tags"),
        uncommitted: includes(call, "uncommittedblobs"),
        resource_types: call.account.is_hierarchical(),
        elapsed: call.elapsed(),
    };
    if columns.tags {
        call.check_tags()?;
    }
    let container = call.container()?;
    let mut text = begin(call, Some(&container.name));
    xml::open("Blobs", &mut text);
    let contents = container.lock_at(columns.elapsed)?;
    text.reserve(contents.blobs.len().min(page.most) * ROW_BYTES);
    let mut rows = Rows::new(&contents, &columns, &page);
    let mut dates = Dates::default();
    let mut left = page.most;
    let mut next = None;
    while let Some((name, blob)) = rows.peek().filter(|(name, _)| name.starts_with(page.prefix)) {
        if left == 0 {
            next = Some(name.to_owned());
            break;
        }
        left -= 1;
        if let Some(folder) = folder(name, blob, &page) {
            xml::open("BlobPrefix", &mut text);
            xml::name(&folder, &mut text);
            xml::close("BlobPrefix", &mut text);
            rows.skip_folder(&folder);
        } else {
            row(name, blob, &columns, &mut dates, &mut text);
            rows.advance();
        }
    }
    drop(contents);
    Ok(finish(text, "Blobs", next.as_deref()))
}

/// Refuses what is not implemented, or not possible, with a hierarchical namespace.
fn check_hierarchical(call: &Call<'_>, page: &Page<'_>) -> Result<(), Refusal> {
    if call.ask.query("startFrom").is_some() || includes(call, "uncommittedblobs") {
        return Err(missing_features::in_hierarchical_listings());
    }
    if matches!(page.delimiter, "" | "/") { Ok(()) } else { Err(Refusal::query("delimiter")) }
}

/// The part of a name up to and including the first delimiter after the prefix.
fn folder(name: &str, blob: Option<&Blob>, page: &Page<'_>) -> Option<String> {
    if page.delimiter.is_empty() {
        return None;
    }
    match name[page.prefix.len()..].find(page.delimiter) {
        Some(at) => Some(name[..page.prefix.len() + at + page.delimiter.len()].to_owned()),
        None => blob.filter(|blob| blob.kind() == Kind::Directory).map(|_| format!("{name}/")),
    }
}

type Committed<'c> = std::iter::Peekable<std::collections::btree_map::Range<'c, Box<str>, Blob>>;
type Staged<'c> = std::iter::Peekable<std::collections::btree_map::Range<'c, Box<str>, super::stored::Uncommitted>>;

/// Committed blobs and, if asked for, names that only have uncommitted blocks, in one order.
struct Rows<'c> {
    contents: &'c Contents,
    uncommitted: bool,
    committed: Committed<'c>,
    staged: Option<Staged<'c>>,
    /// The next path, in the order of a hierarchical account.
    path: Option<&'c str>,
}

impl<'c> Rows<'c> {
    fn new(contents: &'c Contents, columns: &Columns, page: &Page<'_>) -> Self {
        let committed = contents.blobs.range::<str, _>((Bound::Unbounded, Bound::Unbounded)).peekable();
        let mut rows = Self { contents, uncommitted: columns.uncommitted, committed, staged: None, path: None };
        if contents.hierarchical {
            let there = contents.blobs.get_key_value(&*page.from).map(|(name, _)| &**name);
            let first = if page.from == page.prefix { contents.first_in(page.prefix) } else { there };
            rows.path = first.or_else(|| contents.after(&page.from, false));
        } else {
            rows.skip_to(&page.from);
        }
        rows
    }

    /// Continues after everything in a folder.
    fn skip_folder(&mut self, folder: &str) {
        if self.contents.hierarchical {
            self.path = self.contents.after(folder.trim_end_matches('/'), false);
        } else {
            self.skip_to(&format!("{folder}{}", char::MAX));
        }
    }

    fn skip_to(&mut self, from: &str) {
        let bounds = (Bound::Included(from), Bound::Unbounded);
        self.committed = self.contents.blobs.range::<str, _>(bounds).peekable();
        self.staged = self.uncommitted.then(|| self.contents.uncommitted.range::<str, _>(bounds).peekable());
    }

    fn next_staged(&mut self) -> Option<&'c str> {
        let contents = self.contents;
        let staged = self.staged.as_mut()?;
        while staged.next_if(|(name, _)| contents.blobs.contains_key(*name)).is_some() {}
        staged.peek().map(|(name, _)| &***name)
    }

    fn peek(&mut self) -> Option<(&'c str, Option<&'c Blob>)> {
        if self.contents.hierarchical {
            return self.path.map(|path| (path, self.contents.blobs.get(path)));
        }
        let staged = self.next_staged();
        let committed = self.committed.peek().map(|(name, blob)| (&***name, Some(*blob)));
        match (committed, staged) {
            (Some((name, _)), Some(staged)) if staged < name => Some((staged, None)),
            (None, Some(staged)) => Some((staged, None)),
            (committed, _) => committed,
        }
    }

    fn advance(&mut self) {
        if self.contents.hierarchical {
            self.path = self.path.and_then(|path| self.contents.after(path, true));
            return;
        }
        match self.peek() {
            Some((_, Some(_))) => drop(self.committed.next()),
            Some((_, None)) => drop(self.staged.as_mut().and_then(Iterator::next)),
            None => {}
        }
    }
}
