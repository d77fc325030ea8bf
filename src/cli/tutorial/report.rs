//! The report at the end of the tutorial.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::super::demo::playback::Playback;
use super::inventory::{Count, Inventory};
use super::steps::{Played, Step};

/// The whole report.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Report {
    /// The steps, in order.
    steps: Vec<Step>,
    /// Every manifest of the film.
    manifests: Vec<Manifest>,
    /// Do all manifests play in both regions with the same content?
    equal: bool,
    /// What both accounts had before.
    before: Vec<Count>,
    /// Were the assets kept on request?
    kept: bool,
    /// What exists now and did not exist before.
    left_behind: Vec<String>,
}

/// A manifest, fetched from both regions.
#[derive(Debug, JsonSchema, Serialize)]
struct Manifest {
    /// Its URL in the source region.
    source_url: String,
    /// Its URL in the target region.
    target_url: Option<String>,
    /// Does it play in both regions with the same content?
    equal: bool,
    /// Why it does not play.
    problem: Option<String>,
}

impl Report {
    /// A report of the playback, and of what is left in the account.
    pub(super) fn new(played: Played, before: &Inventory, left_behind: Vec<String>, kept: bool) -> Self {
        let manifest = |playback: Playback| Manifest {
            equal: playback.plays(),
            problem: (!playback.plays()).then(|| playback.why()),
            source_url: playback.urls.source_url,
            target_url: playback.urls.target_url,
        };
        let manifests: Vec<Manifest> = played.playbacks.into_iter().map(manifest).collect();
        let equal = !manifests.is_empty() && manifests.iter().all(|manifest| manifest.equal);
        Self { steps: played.steps, manifests, equal, before: before.counts(), kept, left_behind }
    }

    /// Does everything play, and is nothing left?
    pub(super) fn good(&self) -> bool {
        self.equal && self.left_behind.is_empty()
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|step| format!("{} {} s", step.step, step.seconds)).collect();
        let mut text = format!("{}\n\n", steps.join(", "));
        let equal = self.manifests.iter().filter(|manifest| manifest.equal).count();
        let _ = writeln!(text, "{equal} of {} manifests play in both regions, the same", self.manifests.len());
        for manifest in &self.manifests {
            let target = manifest.target_url.as_deref().unwrap_or("(not mirrored)");
            let _ = writeln!(text, "  A {}\n  B {target}", manifest.source_url);
            if let Some(problem) = &manifest.problem {
                let _ = writeln!(text, "    {problem}");
            }
        }
        text.push('\n');
        match (self.kept, self.left_behind.as_slice()) {
            (true, _) => text.push_str("Everything was kept; `mediamirror asset delete` removes it\n"),
            (false, []) => text.push_str(&self.nothing_left()),
            (false, left) => {
                let _ = writeln!(text, "Left behind:");
                for thing in left {
                    let _ = writeln!(text, "  {thing}");
                }
            }
        }
        text
    }

    fn nothing_left(&self) -> String {
        let mut text = "Nothing is left behind; both accounts have what they had before\n".to_owned();
        for Count { side, assets, locators, policies } in &self.before {
            let _ = writeln!(text, "  {side}: {assets} assets, {locators} locators, {policies} access policies");
        }
        text
    }
}
