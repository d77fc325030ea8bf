//! `manual`: prints a page of the manual, or the list of its topics.

mod page;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

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
    let bold = wants_color(context.global.color, &io::stdout());
    if context.global.output == Output::Text && (bold || io::stdout().is_terminal()) {
        Printer::data(&page::rendered(page.text, bold))?;
    } else {
        context.printer.result(page, || page.text.to_owned())?;
    }
    Ok(ExitCode::Success)
}

/// All topics, one per line.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_topic_is_answered_with_all_topics_and_the_nearest() {
        let unknown = manual::page("tunning").unwrap_err();
        let remedy = remedy(&unknown);
        assert!(remedy.starts_with("did you mean `tuning`? the topics are quick-start, configuration, "), "{remedy}");
    }
}
