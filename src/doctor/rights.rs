//! The rights written in a shared access signature, compared with those that a run needs. An account key has all of them.

use jiff::{SignedDuration, Timestamp};

use super::{Findings, Verdict};
use crate::blob::{BlobAccount, SharedAccess, TagAccess};
use crate::clock;
use crate::model::Side;

/// Less is told: a run of a large library, and copies that a service has queued, read the source for as long (guess).
const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// Resource types: containers to list them, objects to read and write them.
const RESOURCE_TYPES: &str = "co";

/// Permission letters a side needs, and those that it has use for. The one for index tags (t) is looked at by itself: without
/// it a run works, and does not know whether the tags are the same.
fn wanted(side: Side) -> (&'static str, &'static str) {
    match side {
        Side::Source => ("rl", "t"),
        // What may be written (w) may be created (c) as well.
        Side::Target => ("rwl", "ct"),
    }
}

/// Do the storage accounts of both sides show the index tags of their blobs? One warning for each that does not. A source
/// whose account has none leaves nothing to mirror.
pub(super) fn examine_tags(findings: &mut Findings<'_>) {
    let endpoint = findings.endpoint;
    for account in &endpoint.storage {
        let (found, remedy) = match (account.tag_access(), endpoint.side) {
            (TagAccess::Refused, _) => (
                "index tags may not be read here, so a run does not know whether they are the same (tags-unreadable)",
                "grant the permission to read tags (`t`) in the signatures of both sides, or accept this cause",
            ),
            (TagAccess::NotOffered, Side::Target) => (
                "it has no index tags, so an asset with tags is not mirrored as it is (not-supported)",
                "use a storage account without a hierarchical namespace, or accept this cause",
            ),
            (TagAccess::Readable, _) | (TagAccess::NotOffered, Side::Source) => continue,
        };
        findings.warn(account.name(), "tags", found, remedy);
    }
}

/// Reads the signature, if the account is reached with one.
pub(super) fn examine(findings: &mut Findings<'_>, account: &BlobAccount) {
    let Some(access) = account.shared_access() else {
        return;
    };
    let remedies =
        "make another signature for the account: Blob service, resource types Container and Object, permissions ";
    let remedy = format!("{remedies}{}", wanted(findings.endpoint.side).0);
    for (verdict, found) in judge(&access, findings.endpoint.side, clock::now()) {
        let remedy = (verdict != Verdict::Ok).then_some(remedy.as_str());
        findings.add(verdict, account.name(), "sas", found, remedy);
    }
}

/// What is wrong with a signature; one line that says so if nothing is.
fn judge(access: &SharedAccess, side: Side, now: Timestamp) -> Vec<(Verdict, String)> {
    let (needed, useful) = wanted(side);
    let mut found = Vec::new();
    let Some(types) = &access.resource_types else {
        let what = "it is for one container or blob (no srt), not for the account".to_owned();
        return vec![(Verdict::Fail, what)];
    };
    for (name, has, needed, useful) in [
        ("ss", access.services.as_str(), "b", ""),
        ("srt", types.as_str(), RESOURCE_TYPES, ""),
        ("sp", access.permissions.as_str(), needed, useful),
    ] {
        let lacks: String = needed.chars().filter(|&letter| !has.contains(letter)).collect();
        let spare: String =
            has.chars().filter(|&letter| !needed.contains(letter) && !useful.contains(letter)).collect();
        if !lacks.is_empty() {
            found.push((Verdict::Fail, format!("{name}={has} lacks {lacks}")));
        }
        if !spare.is_empty() {
            found.push((Verdict::Warn, format!("{name}={has} allows more than is needed: {spare}")));
        }
    }
    match access.expiry {
        None => found.push((Verdict::Warn, "it does not say when it ends (se)".to_owned())),
        Some(end) if end <= now => found.push((Verdict::Fail, format!("it ended at {end}"))),
        Some(end) if end.duration_since(now) < SHORT_LIFE => {
            found.push((Verdict::Warn, format!("it ends at {end}, perhaps before a run does")));
        }
        Some(_) => {}
    }
    if found.is_empty() {
        found.push((Verdict::Ok, format!("sp={}, what is needed", access.permissions)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(permissions: &str) -> SharedAccess {
        SharedAccess {
            permissions: permissions.to_owned(),
            resource_types: Some("co".to_owned()),
            services: "b".to_owned(),
            expiry: Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100)),
        }
    }

    fn judged(access: &SharedAccess, side: Side) -> Vec<(Verdict, String)> {
        judge(access, side, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_least_rights_are_enough_on_each_side() {
        assert_eq!(judged(&access("rl"), Side::Source), [(Verdict::Ok, "sp=rl, what is needed".to_owned())]);
        assert_eq!(judged(&access("rwlct"), Side::Target)[0].0, Verdict::Ok);
    }

    #[test]
    fn what_lacks_fails_and_what_is_too_much_is_told_by_its_letters() {
        assert_eq!(judged(&access("r"), Side::Source), [(Verdict::Fail, "sp=r lacks l".to_owned())]);
        let much = "sp=racwdl allows more than is needed: acwd".to_owned();
        assert_eq!(judged(&access("racwdl"), Side::Source), [(Verdict::Warn, much)]);
        let both = judged(&access("ld"), Side::Target);
        assert_eq!(both.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), [Verdict::Fail, Verdict::Warn]);
    }

    #[test]
    fn scope_and_end_are_looked_at() {
        let of = |change: fn(&mut SharedAccess)| {
            let mut access = access("rl");
            change(&mut access);
            judged(&access, Side::Source).remove(0)
        };
        assert_eq!(of(|access| access.resource_types = None).0, Verdict::Fail);
        assert!(of(|access| access.resource_types = Some("o".to_owned())).1.contains("srt=o lacks c"));
        assert!(of(|access| access.services = "bf".to_owned()).1.contains("more than is needed: f"));
        assert_eq!(of(|access| access.expiry = Some(Timestamp::UNIX_EPOCH)).0, Verdict::Fail);
        let soon = of(|access| access.expiry = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1)));
        assert_eq!(soon.0, Verdict::Warn);
    }
}
