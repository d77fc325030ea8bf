//! `manual`: prints a page of the manual, or the list of its topics.

use std::fmt::Write as _;
use std::io;

use mediamirror::manual::{self, PAGES, Page, UnknownTopic};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::ManualArgs;
use super::args::global::Output;
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;
use super::printer::Printer;
use super::wants_color;

/// A line of the list.
#[derive(Debug, JsonSchema, Serialize)]
struct Topic {
    /// The word that names the page.
    topic: &'static str,
    /// What the page is about, in one line.
    summary: &'static str,
}

/// What it prints as JSON.
pub(crate) const FORMAT: Format = Format::either::<Page, Vec<Topic>>("manual", "a page, or the list of all topics");

/// Runs the command.
pub(crate) fn run(context: &Context, args: &ManualArgs) -> Result<ExitCode, CommandFailure> {
    let Some(topic) = &args.topic else {
        let topics: Vec<Topic> = PAGES.iter().map(|page| Topic { topic: page.topic, summary: page.summary }).collect();
        context.printer.result(&topics, || list(&topics))?;
        return Ok(ExitCode::Success);
    };
    let page = manual::page(topic).map_err(|unknown| {
        let remedy = remedy(&unknown);
        CommandFailure::new(ExitCode::Usage, unknown.to_string(), remedy)
    })?;
    if context.global.output == Output::Text && wants_color(context.global.color, &io::stdout()) {
        Printer::data(&styled(page.text))?;
    } else {
        context.printer.result(page, || page.text.to_owned())?;
    }
    Ok(ExitCode::Success)
}

/// All topics, one a line.
fn list(topics: &[Topic]) -> String {
    let width = topics.iter().map(|topic| topic.topic.len()).max().unwrap_or_default();
    topics.iter().fold(String::new(), |mut text, Topic { topic, summary }| {
        let _ = writeln!(text, "{topic:width$}  {summary}");
        text
    })
}

fn remedy(unknown: &UnknownTopic) -> String {
    let topics: Vec<&str> = PAGES.iter().map(|page| page.topic).collect();
    let meant = unknown.nearest.map_or_else(String::new, |topic| format!("did you mean `{topic}`? "));
    format!("{meant}the topics are {}", topics.join(", "))
}

/// The page with bold headings, for a terminal. A line with `#` in a code block is no heading.
fn styled(page: &str) -> String {
    let mut in_code = false;
    page.lines().fold(String::new(), |mut text, line| {
        in_code ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        let _ = match title.strip_prefix(' ') {
            Some(title) if !in_code && line.starts_with('#') => writeln!(text, "\x1b[1m{title}\x1b[0m"),
            _ => writeln!(text, "{line}"),
        };
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_bold_and_comments_in_code_are_not() {
        let page = "# Title\n\ntext # no heading\n  ```toml\n# comment\n  ```\n## Part\n";
        let expected = "\x1b[1mTitle\x1b[0m\n\ntext # no heading\n  ```toml\n# comment\n  ```\n\x1b[1mPart\x1b[0m\n";
        assert_eq!(styled(page), expected);
    }

    #[test]
    fn an_unknown_topic_is_answered_with_all_topics_and_the_nearest() {
        let unknown = manual::page("tunning").unwrap_err();
        let remedy = remedy(&unknown);
        assert!(remedy.starts_with("did you mean `tuning`? the topics are quick-start, configuration, "), "{remedy}");
    }
}
