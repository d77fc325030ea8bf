//! A plan as text and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use bytesize::ByteSize;
use mediamirror::plan::{self, Header, Item, Money, NotMirrored, Read, Totals, Trailer};
use mediamirror::report::counted;
use mediamirror::verdict::{Cause, Change};
use schemars::JsonSchema;
use serde::Serialize;

use super::bind::failed;
use crate::cli::args::global::Output;
use crate::cli::context::Context;
use crate::cli::failure::CommandFailure;
use crate::cli::plain;
use crate::cli::summary;
use crate::cli::wrap::{labelled, wrapped};

/// Lines of one kind that are shown as text without --all.
const FIRST: usize = 50;
/// Items that are shown as JSON without --all.
const FIRST_OF_JSON: usize = 10_000;

/// A plan as JSON.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Document<'a> {
    #[serde(flatten)]
    header: &'a Header,
    #[serde(flatten)]
    trailer: &'a Trailer,
    /// Its items; without --all, the first 10,000, and all that remove something.
    items: &'a [Item],
    /// The number of items that are left out.
    items_left_out: u64,
    /// What the run will not mirror.
    not_mirrored: &'a [NotMirrored],
    /// The number of entries of `not_mirrored` that are left out.
    not_mirrored_left_out: u64,
}

/// The part of a plan that is shown.
#[derive(Debug, Default)]
struct Shown {
    items: Vec<Item>,
    items_left_out: u64,
    not_mirrored: Vec<NotMirrored>,
    not_mirrored_left_out: u64,
}

/// Prints the plan in a file.
pub(super) fn show(context: &Context, path: &Path, all: bool) -> Result<(), CommandFailure> {
    let loaded = load(context, path, all)?;
    context.printer.result(&loaded.document(), || loaded.text())
}

/// The same for a plan that was just written: with --quiet, a `success` prints nothing.
pub(super) fn show_new(context: &Context, path: &Path, all: bool, success: bool) -> Result<(), CommandFailure> {
    let loaded = load(context, path, all)?;
    context.printer.report(success, &loaded.document(), || loaded.text())
}

/// Reads a plan, and keeps the part that is shown.
fn load(context: &Context, path: &Path, all: bool) -> Result<Loaded, CommandFailure> {
    let json = context.global.output == Output::Json;
    let limit = match (all, json) {
        (true, _) => usize::MAX,
        (false, true) => FIRST_OF_JSON,
        (false, false) => FIRST,
    };
    let (mut items, mut not_mirrored) = ((Vec::new(), 0), (Vec::new(), 0));
    let wanted = |item: &Item| all || json || deserves_a_look(item);
    let read = plan::read(
        path,
        |item| {
            let named = items.0.len() < limit || takes_away(&item);
            if wanted(&item) && named {
                items.0.push(item);
            } else if wanted(&item) {
                items.1 += 1;
            }
        },
        |one| {
            if not_mirrored.0.len() < limit {
                not_mirrored.0.push(one);
            } else {
                not_mirrored.1 += 1;
            }
        },
    );
    let Read { header, trailer, .. } = read.map_err(failed)?;
    let ((items, items_left_out), (not_mirrored, not_mirrored_left_out)) = (items, not_mirrored);
    let shown = Shown { items, items_left_out, not_mirrored, not_mirrored_left_out };
    Ok(Loaded { header, trailer, shown })
}

/// The part of a plan that is shown, and the rest as counts.
#[derive(Debug)]
struct Loaded {
    header: Header,
    trailer: Trailer,
    shown: Shown,
}

impl Loaded {
    fn document(&self) -> Document<'_> {
        let Self { header, trailer, shown } = self;
        Document {
            header,
            trailer,
            items: &shown.items,
            items_left_out: shown.items_left_out,
            not_mirrored: &shown.not_mirrored,
            not_mirrored_left_out: shown.not_mirrored_left_out,
        }
    }

    fn text(&self) -> String {
        text(&self.header, &self.trailer, &self.shown)
    }
}

/// Does the item remove something from the target? Such items are always named.
fn takes_away(item: &Item) -> bool {
    item.changes.iter().any(|change| matches!(change, Change::LocatorWithdrawn { .. } | Change::Retired))
}

/// Should a person review it before it is applied?
fn deserves_a_look(item: &Item) -> bool {
    let moved = |change: &Change| matches!(change, Change::LocatorMoved { .. });
    item.overwritten > 0 || takes_away(item) || item.changes.iter().any(moved)
}

fn text(header: &Header, trailer: &Trailer, shown: &Shown) -> String {
    let mut text = String::new();
    let mut lines: Vec<(char, &str, String)> =
        shown.items.iter().map(|item| (sign(item), item.name.as_str(), words(item))).collect();
    lines.sort();
    for (sign, name, words) in lines {
        text.push_str(&wrapped(&format!("{sign} {}  ", plain::line(name)), &plain::line(&words)));
    }
    more(&mut text, shown.items_left_out);
    for one in &shown.not_mirrored {
        let name = one.name.as_ref().map_or_else(String::new, |name| format!("{name}  "));
        text.push_str(&wrapped(&format!("! {}", plain::line(&name)), &plain::line(&why(one))));
    }
    more(&mut text, shown.not_mirrored_left_out);
    let binding = &header.binding;
    let made = format!("{} from {} to {}, made at {:.0}", header.id, binding.source, binding.target, header.made);
    text.push_str(&labelled("plan", &made));
    totals(&mut text, &trailer.totals);
    cost(&mut text, trailer);
    text
}

fn more(text: &mut String, left_out: u64) {
    if left_out > 0 {
        let _ = writeln!(text, "  … and {left_out} more; `--all` prints all of them");
    }
}

fn sign(item: &Item) -> char {
    match () {
        () if item.changes.iter().any(|change| matches!(change, Change::New { .. })) => '+',
        () if !item.changes.is_empty() && takes_away(item) => '-',
        () => '~',
    }
}

/// An item as text.
fn words(item: &Item) -> String {
    let new = item.changes.iter().any(|change| matches!(change, Change::New { .. }));
    let mut words: Vec<String> = item
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::LocatorMade { .. } if new => None,
            Change::LocatorMoved { id, .. } => Some(format!("locator {id} moves here")),
            Change::Blobs { blobs } if item.overwritten > 0 => {
                Some(format!("{}, {} of them overwriting an old one", counted(*blobs, "blob"), item.overwritten))
            }
            other => Some(other.to_string()),
        })
        .collect();
    if words.is_empty() {
        words.push("nothing differs; the run compares and records it".to_owned());
    }
    words.join(", ")
}

fn why(one: &NotMirrored) -> String {
    let Some(cause) = Cause::of_code(&one.code) else { return format!("{}: {}", one.code, one.detail) };
    mediamirror::verdict::Finding::new(cause, one.detail.as_str()).line(true)
}

/// The totals of all items.
fn totals(text: &mut String, totals: &Totals) {
    if totals.items == 0 {
        text.push_str(&labelled("to do", "nothing"));
        return;
    }
    let counts = |parts: &[(u64, &str)]| {
        let some = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        some.collect::<Vec<_>>().join(", ")
    };
    let assets = counts(&[
        (totals.new, "new"),
        (totals.changed, "changed"),
        (totals.retired, "deleted in the source (their copies are kept)"),
    ]);
    if !assets.is_empty() {
        text.push_str(&labelled("assets", &assets));
    }
    if totals.copied > 0 {
        let over = counts(&[(totals.overwritten, "of them overwriting an old one")]);
        let over = if over.is_empty() { over } else { format!(", {over}") };
        let blobs = format!("{} to copy ({}){over}", totals.copied, ByteSize(totals.bytes));
        text.push_str(&labelled("blobs", &blobs));
    }
    let locators = counts(&[
        (totals.locators_made, "to make on existing copies"),
        (totals.locators_changed, "to change"),
        (totals.locators_moved, "to move"),
        (totals.locators_withdrawn, "to withdraw"),
    ]);
    if !locators.is_empty() {
        text.push_str(&labelled("locators", &locators));
    }
}

/// The cost of applying it, and the expected exit code.
fn cost(text: &mut String, trailer: &Trailer) {
    let Trailer { verdict, outlook, totals, .. } = trailer;
    let cost = format!(
        "{} media and {} blob requests, {}, about {:.1} s under the configured limits",
        outlook.media_requests,
        outlook.blob_requests,
        ByteSize(totals.bytes),
        outlook.seconds,
    );
    text.push_str(&labelled("cost", &cost));
    if outlook.estimated_polls > 0 {
        let polls = format!("about {} of the blob requests are polls of asynchronous copies", outlook.estimated_polls);
        text.push_str(&labelled("", &format!("{polls} (estimate)")));
    }
    if let Some(Money { currency, amount }) = &outlook.money {
        // Requests cost little: those for a small library cost less than 0.01.
        let amount = if *amount < 0.01 { "less than 0.01".to_owned() } else { format!("about {amount:.2}") };
        let money = format!("{amount} {}, by the prices in the configuration", plain::line(currency));
        text.push_str(&labelled("money", &money));
    }
    text.push_str(&labelled("result", summary::outcome(*verdict)));
}
