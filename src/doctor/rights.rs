//! Compares the permissions of a shared access signature with those that a run needs. An account key has all of them.

use jiff::{SignedDuration, Timestamp};

use super::{Findings, Verdict, is_storage_account, roles};
use crate::blob::{BlobAccount, SharedAccess, TagAccess};
use crate::clock;
use crate::connect::Endpoint;
use crate::model::Side;

/// A shorter remaining time is reported: a run of a large library, and queued copies, can read the source for this long
/// (guess).
const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What a signature must permit.
struct Wanted {
    /// Resource types, as letters, and their names.
    types: (&'static str, &'static str),
    /// Required permission letters.
    permissions: &'static str,
    /// Useful permission letters. The one for index tags (t) is checked separately: a run works without it, but cannot
    /// compare tags.
    useful: &'static str,
}

impl Wanted {
    fn by(endpoint: &Endpoint) -> Self {
        // Blobs are listed by their container and read as objects. If containers are the assets, they are listed on the
        // level of the service.
        let lists_containers = is_storage_account(endpoint);
        let types =
            if lists_containers { ("sco", "Service, Container and Object") } else { ("co", "Container and Object") };
        match endpoint.side {
            Side::Source => Self { types, permissions: "rl", useful: "t" },
            // The permission to write (w) includes the permission to create (c).
            Side::Target => Self { types, permissions: "rwl", useful: "ct" },
        }
    }
}

/// Checks whether the storage accounts of both sides show the index tags of their blobs. There is one warning for each
/// one that does not. If a source account has no index tags, there is nothing to mirror.
pub(super) fn examine_tags(findings: &mut Findings<'_>) {
    let endpoint = findings.endpoint;
    for account in &endpoint.storage {
        examine_tags_of(findings, account);
    }
}

/// The same for one account.
pub(super) fn examine_tags_of(findings: &mut Findings<'_>, account: &BlobAccount) {
    let (found, remedy) = match (account.tag_access(), findings.endpoint.side) {
        (TagAccess::Refused, _) => (
            "index tags cannot be read here, so a run cannot compare them (tags-unreadable)",
            if account.signs_in() {
                roles::TAGS
            } else {
                "grant the permission to read tags (`t`) in the signatures of both sides, or accept this cause"
            },
        ),
        (TagAccess::NotOffered, Side::Target) => (
            "it has no index tags, so an asset with tags is not mirrored as it is (not-supported)",
            "use a storage account without a hierarchical namespace, or accept this cause",
        ),
        (TagAccess::Readable, _) | (TagAccess::NotOffered, Side::Source) => return,
    };
    findings.warn(account.name(), "tags", found, remedy);
}

/// Reads the signature, if the account is reached with one.
pub(super) fn examine(findings: &mut Findings<'_>, account: &BlobAccount) {
    let Some(access) = account.shared_access() else {
        return;
    };
    let wanted = Wanted::by(findings.endpoint);
    let remedy = format!(
        "make another signature for the account: Blob service, resource types {}, permissions {}",
        wanted.types.1, wanted.permissions
    );
    for (verdict, found) in judge(&access, &wanted, clock::now()) {
        let remedy = (verdict != Verdict::Ok).then_some(remedy.as_str());
        findings.add(verdict, account.name(), "sas", found, remedy);
    }
}

/// The problems of a signature; one line if there are none.
fn judge(access: &SharedAccess, wanted: &Wanted, now: Timestamp) -> Vec<(Verdict, String)> {
    let mut found = Vec::new();
    let Some(types) = &access.resource_types else {
        let what = "it is for one container or blob (no srt), not for the account".to_owned();
        return vec![(Verdict::Fail, what)];
    };
    for (name, has, needed, useful) in [
        ("ss", access.services.as_str(), "b", ""),
        ("srt", types.as_str(), wanted.types.0, ""),
        ("sp", access.permissions.as_str(), wanted.permissions, wanted.useful),
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
        None => found.push((Verdict::Warn, "it has no expiry (se)".to_owned())),
        Some(end) if end <= now => found.push((Verdict::Fail, format!("it expired at {end}"))),
        Some(end) if end.duration_since(now) < SHORT_LIFE => {
            found.push((Verdict::Warn, format!("it expires at {end}, perhaps before a run ends")));
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

    const SOURCE: Wanted = Wanted { types: ("co", ""), permissions: "rl", useful: "t" };
    const TARGET: Wanted = Wanted { types: ("co", ""), permissions: "rwl", useful: "ct" };

    fn judged(access: &SharedAccess, wanted: &Wanted) -> Vec<(Verdict, String)> {
        judge(access, wanted, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_documented_minimum_of_permissions_is_enough_on_each_side() {
        assert_eq!(judged(&access("rl"), &SOURCE), [(Verdict::Ok, "sp=rl, what is needed".to_owned())]);
        assert_eq!(judged(&access("rwlct"), &TARGET)[0].0, Verdict::Ok);
    }

    #[test]
    fn missing_permissions_fail_and_superfluous_ones_are_listed() {
        assert_eq!(judged(&access("r"), &SOURCE), [(Verdict::Fail, "sp=r lacks l".to_owned())]);
        let much = "sp=racwdl allows more than is needed: acwd".to_owned();
        assert_eq!(judged(&access("racwdl"), &SOURCE), [(Verdict::Warn, much)]);
        let both = judged(&access("ld"), &TARGET);
        assert_eq!(both.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), [Verdict::Fail, Verdict::Warn]);
    }

    #[test]
    fn scope_and_expiry_are_checked() {
        let of = |change: fn(&mut SharedAccess)| {
            let mut access = access("rl");
            change(&mut access);
            judged(&access, &SOURCE).remove(0)
        };
        assert_eq!(of(|access| access.resource_types = None).0, Verdict::Fail);
        assert!(of(|access| access.resource_types = Some("o".to_owned())).1.contains("srt=o lacks c"));
        assert!(of(|access| access.services = "bf".to_owned()).1.contains("more than is needed: f"));
        assert_eq!(of(|access| access.expiry = Some(Timestamp::UNIX_EPOCH)).0, Verdict::Fail);
        let soon = of(|access| access.expiry = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1)));
        assert_eq!(soon.0, Verdict::Warn);
    }
}
