//! The manual: one page a topic. `mediamirror manual TOPIC` prints a page; the pages are the modules below, too.

use schemars::JsonSchema;
use serde::Serialize;

use crate::spelling::nearest;

/// One page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Page {
    /// The word that names it, such as `exit-codes`.
    pub topic: &'static str,
    /// What it is about, in one line.
    pub summary: &'static str,
    /// The page, as Markdown.
    pub text: &'static str,
}

/// Makes a documented module and an entry of [`PAGES`] of each page.
macro_rules! pages {
    ($($module:ident $topic:literal $file:literal $summary:literal;)+) => {
        $(#[doc = include_str!($file)] pub mod $module {})+

        /// All pages, in the order in which a new operator needs them.
        pub const PAGES: &[Page] =
            &[$(Page { topic: $topic, summary: $summary, text: include_str!($file) },)+];
    };
}

pages! {
    quick_start "quick-start" "manual/quick-start.md" "Try it, then mirror your own library";
    configuration "configuration" "manual/configuration.md" "All keys of mirror.toml, and what you decide with them";
    sync "sync" "manual/sync.md" "What a run does; marks, ledger, state and lock";
    plan "plan" "manual/plan.md" "See what a run would do, then apply exactly that";
    verify "verify" "manual/verify.md" "Compare both libraries, and list the pairs of URLs";
    report "report" "manual/report.md" "Report a run as a page, as JSON or as CSV; what it cost";
    ready "ready" "manual/ready.md" "Which assets would play from the target now, source down or not";
    switching "switching" "manual/switching.md" "Move viewers from one host to the other: nginx, Azure, HLS";
    nightly "nightly" "manual/nightly.md" "Run it every night: systemd, Kubernetes, any scheduler";
    failover "failover" "manual/failover.md" "Make the target active, bring its changes back, switch back";
    guarantees "guarantees" "manual/guarantees.md" "What a run promises, and what it cannot do";
    exit_codes "exit-codes" "manual/exit-codes.md" "What each exit code means";
    troubleshooting "troubleshooting" "manual/troubleshooting.md" "Read a failure; all causes and their codes";
    json "json" "manual/json.md" "Results for scripts, field by field; quiet and verbose";
    monitoring "monitoring" "manual/monitoring.md" "Metrics, event lines, the log and hooks, for other programs";
    security "security" "manual/security.md" "Which permissions each account needs, and who can do what";
    tuning "tuning" "manual/tuning.md" "Limits of requests, bytes and copies; measurements";
    assets "assets" "manual/assets.md" "Upload, encode, publish, list and delete single assets";
    tutorial "tutorial" "manual/tutorial.md" "The failover-streaming tutorial, and its methods here";
    emulator "emulator" "manual/emulator.md" "Run both regions on this machine, with faults if you like";
    development "development" "../CONTRIBUTING.md" "Build, test, replay a seed, measure and contribute";
}

/// No page has that topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manual has no topic {topic:?}")]
pub struct UnknownTopic {
    /// What was asked for.
    pub topic: String,
    /// The topic that was probably meant.
    pub nearest: Option<&'static str>,
}

/// The page about a topic.
///
/// # Errors
/// The manual has no such page.
pub fn page(topic: &str) -> Result<&'static Page, UnknownTopic> {
    PAGES.iter().find(|page| page.topic == topic).ok_or_else(|| {
        let topics: Vec<&str> = PAGES.iter().map(|page| page.topic).collect();
        UnknownTopic { topic: topic.to_owned(), nearest: nearest(topic, &topics) }
    })
}

#[cfg(test)]
mod tests;
