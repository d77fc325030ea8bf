//! The rights written in a shared access signature, compared with those that a run needs. An account key has all of them.

use jiff::{SignedDuration, Timestamp};

use super::{Findings, Verdict, is_storage_account, roles};
use crate::blob::{BlobAccount, SharedAccess, TagAccess};
use crate::clock;
use crate::connect::Endpoint;
use crate::model::Side;

/// Less is told: a run of a large library, and copies that a service has queued, read the source for as long (guess).
const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What a signature must be good for.
struct Wanted {
    /// Resource types, as letters, and their names.
    types: (&'static str, &'static str),
    /// Permission letters that are needed.
    permissions: &'static str,
    /// Those that there is use for. The one for index tags (t) is looked at by itself: without it a run works, and does not
    /// know whether the tags are the same.
    useful: &'static str,
}

impl Wanted {
    fn by(endpoint: &Endpoint) -> Self {
        // Blobs are listed by their container and read as objects. Where containers are the assets, the service lists these.
        let lists_containers = is_storage_account(endpoint);
        let types =
            if lists_containers { ("sco", "Service, Container and Object") } else { ("co", "Container and Object") };
        match endpoint.side {
            Side::Source => Self { types, permissions: "rl", useful: "t" },
            // What may be written (w) may be created (c) as well.
            Side::Target => Self { types, permissions: "rwl", useful: "ct" },
        }
    }
}

/// Do the storage accounts of both sides show the index tags of their blobs? One warning for each that does not. A source
/// whose account has none leaves nothing to mirror.
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

/// What is wrong with a signature; one line that says so if nothing is.
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
    fn the_least_rights_are_enough_on_each_side() {
        assert_eq!(judged(&access("rl"), &SOURCE), [(Verdict::Ok, "sp=rl, what is needed".to_owned())]);
        assert_eq!(judged(&access("rwlct"), &TARGET)[0].0, Verdict::Ok);
    }

    #[test]
    fn what_lacks_fails_and_what_is_too_much_is_told_by_its_letters() {
        assert_eq!(judged(&access("r"), &SOURCE), [(Verdict::Fail, "sp=r lacks l".to_owned())]);
        let much = "sp=racwdl allows more than is needed: acwd".to_owned();
        assert_eq!(judged(&access("racwdl"), &SOURCE), [(Verdict::Warn, much)]);
        let both = judged(&access("ld"), &TARGET);
        assert_eq!(both.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), [Verdict::Fail, Verdict::Warn]);
    }

    #[test]
    fn scope_and_end_are_looked_at() {
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
