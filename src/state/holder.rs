//! The holder of a lock: the content of the lock's blob, which is used in messages.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::machine::{host_name, is_gone, process_space};

/// A run that holds a target's lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// The machine it runs on; empty = not known.
    pub host: String,
    /// Its process id; 0 = not known.
    pub pid: u32,
    /// When it started to take the lock, by its own clock.
    pub since: Option<Timestamp>,
    /// The release of mediamirror.
    pub version: String,
    /// The scope of its process id ([`crate::machine::process_space`]); empty = not known.
    pub space: String,
}

impl Holder {
    /// This process, now.
    pub fn here() -> Self {
        Self {
            host: host_name(),
            pid: std::process::id(),
            since: Timestamp::from_second(clock::now().as_second()).ok(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            space: process_space(),
        }
    }

    /// Is its name known?
    pub(super) fn is_named(&self) -> bool {
        self.pid != 0
    }

    /// Is it dead for certain? Its process id means the same here as there, and no process has it.
    pub fn is_dead(&self) -> bool {
        self.is_named() && !self.space.is_empty() && self.space == process_space() && is_gone(self.pid)
    }

    /// Reads a lock's blob. If it is empty or has other content, the holder is unknown.
    pub(super) fn read(content: &[u8]) -> Self {
        serde_json::from_slice(content).unwrap_or_default()
    }

    /// The content of a lock's blob.
    pub(super) fn content(&self) -> Bytes {
        serde_json::to_vec(self).expect("plain fields are JSON").into()
    }

    /// The holder as text; its age is calculated at `now`.
    pub fn described_at(&self, now: Timestamp) -> String {
        use std::fmt::Write as _;
        if !self.is_named() {
            return "a run that has not written its name".to_owned();
        }
        let host = if self.host.is_empty() { "unknown machine" } else { &self.host };
        let mut text = format!("{host}, process {}", self.pid);
        if let Some(since) = self.since {
            let age = SignedDuration::from_secs(now.duration_since(since).as_secs());
            let _ = write!(text, ", since {since:.0} ({age:#})");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_unchanged_and_described_with_its_age() {
        let since = Some("2026-01-02T03:04:05Z".parse().unwrap());
        let holder = Holder { host: "ark".to_owned(), pid: 7, since, version: "1".to_owned(), space: String::new() };
        assert_eq!(Holder::read(&holder.content()), holder);
        let now = "2026-01-02T05:04:06.7Z".parse().unwrap();
        assert_eq!(holder.described_at(now), "ark, process 7, since 2026-01-02T03:04:05Z (2h 1s)");
    }

    #[test]
    fn a_holder_is_dead_only_if_its_process_id_has_the_same_scope() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let ended = Holder { pid: child.id(), ..Holder::here() };
        assert_eq!(ended.is_dead(), !process_space().is_empty());
        assert!(!Holder::here().is_dead());
        assert!(!Holder { space: "another boot pid:[1]".to_owned(), ..ended.clone() }.is_dead());
        assert!(!Holder { space: String::new(), ..ended }.is_dead());
    }

    #[test]
    fn a_holder_whose_blob_is_empty_or_something_else_is_unknown() {
        for content in ["", "{}", "null", "[1]", "{\"pid\":\"x\"}"] {
            let holder = Holder::read(content.as_bytes());
            assert_eq!(holder, Holder::default(), "{content}");
            assert_eq!(holder.described_at(Timestamp::UNIX_EPOCH), "a run that has not written its name");
        }
    }

    #[test]
    fn this_process_has_a_name_and_a_time_to_the_second() {
        let here = Holder::here();
        assert_eq!((here.pid, here.version.as_str()), (std::process::id(), env!("CARGO_PKG_VERSION")));
        assert_eq!(here.since.map(Timestamp::subsec_nanosecond), Some(0));
    }
}
