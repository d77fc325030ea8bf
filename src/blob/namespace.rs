//! Does an account have a hierarchical namespace?

use std::sync::atomic::{AtomicU8, Ordering};

/// How an account arranges its blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Namespace {
    /// Nothing is known: the credential does not permit the request.
    Unknown,
    /// Only by their names.
    Flat,
    /// In real directories.
    Hierarchical,
}

/// What is known about the namespace of an account.
#[derive(Debug, Default)]
pub(super) struct NamespaceKnown(AtomicU8);

impl NamespaceKnown {
    /// Records it.
    pub(super) fn note(&self, namespace: Namespace) {
        self.0.store(namespace as u8, Ordering::Relaxed);
    }

    /// What is known now.
    pub(super) fn get(&self) -> Namespace {
        let all = [Namespace::Flat, Namespace::Hierarchical];
        all.into_iter().find(|one| *one as u8 == self.0.load(Ordering::Relaxed)).unwrap_or(Namespace::Unknown)
    }
}
