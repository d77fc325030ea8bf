//! The file of metrics: written to a temporary file and renamed, so that no reader sees a part of it. It also stores
//! the counters of earlier runs and the time of the last success.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use mediamirror::files;

use super::super::exit_code::ExitCode;
use super::super::failure::CommandFailure;
use super::super::printer;
use super::metrics::{Label, Labels, Metrics, Prefix};

/// The first line of every such file.
const HEADER: &str = "# Written by mediamirror at the end of each run";

/// The previous contents of the file.
#[derive(Debug, Default)]
pub(super) struct Previous(BTreeMap<String, Vec<(Labels, f64)>>);

/// Checks that the metrics of this command can be written to that file.
pub(super) fn check(path: &Path, prefix: Prefix) -> Result<(), CommandFailure> {
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let problem = format!("--metrics-textfile {shown}: {} is not a folder", folder.display());
        return Err(CommandFailure::new(ExitCode::Refused, problem, "create the folder, or name another file"));
    }
    let text = match files::read(path, files::LARGEST_TEXT) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CommandFailure::file("read the metrics of earlier runs in", path, &error)),
    };
    let refused = |problem: &str| {
        let problem = format!("--metrics-textfile {shown}: {problem}");
        Err(CommandFailure::new(ExitCode::Refused, problem, "name another file; each command needs its own"))
    };
    if !text.trim().is_empty() && !text.starts_with(HEADER) {
        return refused("the file holds something that mediamirror did not write");
    }
    let written = first_line(prefix);
    match Prefix::ALL.into_iter().find(|other| text.lines().next() == Some(&first_line(*other))) {
        Some(other) if first_line(other) != written => {
            refused(&format!("the file holds the metrics of `{}`", other.command()))
        }
        _ => Ok(()),
    }
}

fn first_line(prefix: Prefix) -> String {
    format!("{HEADER} of `{}`", prefix.command())
}

/// Reads the file; nothing if there is none. Unreadable lines are ignored.
pub(super) fn read(path: &Path) -> Previous {
    match files::read(path, files::LARGEST_TEXT) {
        Ok(text) => Previous::parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Previous::default(),
        Err(error) => {
            let lost = "its counters start again at 0";
            printer::note(&format!("warning: failed to read {}: {error}; {lost}", path.display()));
            Previous::default()
        }
    }
}

/// Writes the file. Everyone may read it, because the collector is another user.
pub(super) fn write(path: &Path, metrics: &Metrics, prefix: Prefix) -> io::Result<()> {
    files::write_public(path, &format!("{}\n{metrics}", first_line(prefix)))
}

impl Previous {
    pub(super) fn parse(text: &str) -> Self {
        let mut samples: BTreeMap<String, Vec<(Labels, f64)>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, labels, value)) = sample(line) {
                samples.entry(name).or_default().push((labels, value));
            }
        }
        Self(samples)
    }

    /// The value of a metric of the target's account.
    pub(super) fn value(&self, metrics: &Metrics, name: &str) -> Option<f64> {
        let (name, labels) = metrics.key(name);
        self.0.get(&name)?.iter().find(|(has, _)| *has == labels).map(|(_, value)| *value)
    }

    /// The target's account, if the file has the time of a run.
    pub(super) fn account(&self, prefix: Prefix) -> Option<String> {
        let (labels, _) = self.0.get(&prefix.name("last_run_timestamp_seconds"))?.first()?;
        labels.iter().find(|(label, _)| *label == Label::Account).map(|(_, account)| account.clone())
    }

    /// The counts of that name.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts far below 2^52, clamped")]
    pub(super) fn counts(&self, name: &str) -> impl Iterator<Item = (Labels, u64)> + use<'_> {
        let samples = self.0.get(name).into_iter().flatten();
        samples.map(|(labels, value)| (labels.clone(), value.max(0.0) as u64))
    }
}

/// Name, labels and value of a line such as `name{side="source"} 5`.
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let (key, value) = line.rsplit_once(' ')?;
    let (name, labels) = match key.split_once('{') {
        Some((name, labels)) => (name, self::labels(labels.strip_suffix('}')?)?),
        None => (key, Labels::new()),
    };
    Some((name.to_owned(), labels, value.parse().ok().filter(|value: &f64| value.is_finite())?))
}

/// Labels such as `side="source",account="a"`.
fn labels(mut text: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.push((Label::of_name(name)?, value));
        text = rest.strip_prefix(',').unwrap_or(rest);
    }
    labels.sort();
    Some(labels)
}

/// The value up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            c => value.push(c),
        }
    }
    None
}
