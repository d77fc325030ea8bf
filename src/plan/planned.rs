//! A plan in memory while it is applied: the identity and fingerprint of each item, about fifty bytes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;

use super::document::Kind;
use super::fingerprint::Fingerprint;
use super::item::{Action, Item, key};

/// The decision of a plan about a change that a run would make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Ruling {
    /// It has exactly that.
    Planned,
    /// It has something else for the same subject.
    Stale,
    /// It has nothing for the subject.
    NotPlanned,
}

/// A plan that a run applies.
#[derive(Debug)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub made: Timestamp,
    /// The kind of run.
    pub kind: Kind,
    items: HashMap<Fingerprint, Fingerprint>,
    /// The number of each ruling.
    said: [AtomicU64; 3],
}

/// How much of a plan was applied.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema, Serialize)]
pub struct Counts {
    /// The plan's id.
    pub id: String,
    /// Items of the plan.
    pub items: u64,
    /// Items that were started. The others failed before, or were no longer necessary.
    pub applied: u64,
    /// Items that were refused: something changed since the plan was made.
    pub stale: u64,
    /// Changes that were not made because they are not in the plan.
    pub not_planned: u64,
}

impl Planned {
    /// A plan of these items.
    pub fn new(id: &str, made: Timestamp, kind: Kind, items: impl IntoIterator<Item = Item>) -> Self {
        let mut planned = Self::empty(id.to_owned(), made, kind);
        for item in items {
            planned.add(&item);
        }
        planned
    }

    /// A plan without items.
    pub(super) fn empty(id: String, made: Timestamp, kind: Kind) -> Self {
        Self { id, made, kind, items: HashMap::new(), said: Default::default() }
    }

    /// Adds an item. Returns whether it is the first one with that identity.
    pub(super) fn add(&mut self, item: &Item) -> bool {
        self.items.insert(item.key(), item.fingerprint).is_none()
    }

    /// Decides whether the plan has that action on that subject, and counts the decision.
    pub fn rule(&self, action: Action, subject: &str, fingerprint: Fingerprint) -> Ruling {
        let ruling = match self.items.get(&key(action, subject)) {
            Some(planned) if *planned == fingerprint => Ruling::Planned,
            Some(_) => Ruling::Stale,
            None => Ruling::NotPlanned,
        };
        self.said[ruling as usize].fetch_add(1, Ordering::Relaxed);
        ruling
    }

    /// How much of it was applied so far.
    pub fn counts(&self) -> Counts {
        let [applied, stale, not_planned] = [Ruling::Planned, Ruling::Stale, Ruling::NotPlanned]
            .map(|ruling| self.said[ruling as usize].load(Ordering::Relaxed));
        Counts { id: self.id.clone(), items: self.items.len() as u64, applied, stale, not_planned }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetId;
    use crate::plan::Fingerprints;

    #[test]
    fn only_the_same_action_on_the_same_subject_with_the_same_fingerprint_is_planned() {
        let fingerprint = |part: &str| Fingerprints::default().with("blob", part).finish();
        let item = Item::new(Action::Mirror, &AssetId::new("a"), "film", Vec::new(), fingerprint("1"));
        let plan = Planned::new("p", Timestamp::UNIX_EPOCH, Kind::Sync, [item]);
        assert_eq!(plan.rule(Action::Mirror, "a", fingerprint("1")), Ruling::Planned);
        assert_eq!(plan.rule(Action::Mirror, "a", fingerprint("2")), Ruling::Stale);
        assert_eq!(plan.rule(Action::Mirror, "b", fingerprint("1")), Ruling::NotPlanned);
        assert_eq!(plan.rule(Action::Retire, "a", fingerprint("1")), Ruling::NotPlanned);
        let counts = Counts { id: "p".to_owned(), items: 1, applied: 1, stale: 1, not_planned: 2 };
        assert_eq!(plan.counts(), counts);
    }
}
