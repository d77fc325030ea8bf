//! The features that this emulator does not implement, with their names in the manual.
//!
//! A request for one is refused, so that no client believes that it was honoured.

use super::ask::Ask;
use super::refusal::Refusal;

pub(super) const BLOCKS_FROM_URLS: &str = "appending blocks and writing pages from URLs";
pub(super) const ENCRYPTION: &str = "customer keys and encryption scopes in this operation";
pub(super) const SIGNED_ADDRESSES: &str = "IP addresses in signatures (sip)";
pub(super) const SNAPSHOTS: &str = "snapshots and versions";
const IMMUTABILITY: &str = "setting immutability policies and legal holds";
const SOFT_DELETE: &str = "soft delete";
const TAG_CONDITIONS: &str = "conditions on tags";

/// Request headers of missing features.
const HEADERS: [(&str, &str); 6] = [
    ("x-ms-if-tags", TAG_CONDITIONS),
    ("x-ms-source-if-tags", TAG_CONDITIONS),
    ("x-ms-immutability-policy-until-date", IMMUTABILITY),
    ("x-ms-legal-hold", IMMUTABILITY),
    ("x-ms-default-encryption-scope", "default encryption scopes"),
    ("x-ms-structured-body", "structured message bodies"),
];

/// Refuses a request that uses a missing feature.
pub(super) fn check(ask: &Ask<'_>) -> Result<(), Refusal> {
    let wanted = |name| ask.header(name).is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    if let Some((_, feature)) = HEADERS.iter().find(|(name, _)| wanted(name)) {
        return Err(Refusal::not_implemented(feature));
    }
    if ask.header("x-ms-delete-snapshots").is_some_and(|which| which.eq_ignore_ascii_case("only")) {
        return Err(Refusal::not_implemented(SNAPSHOTS));
    }
    if ask.query("deletetype").is_some() {
        return Err(Refusal::not_implemented(SOFT_DELETE));
    }
    Ok(())
}

/// The refusal of a missing operation, by its `comp`.
pub(super) fn operation(ask: &Ask<'_>, comp: &str) -> Refusal {
    Refusal::not_implemented(match comp {
        "incrementalcopy" => "incremental copies",
        "pagelist" => "lists of page ranges",
        "batch" => "batches",
        "blobs" => "finding blobs by tags",
        "immutabilitypolicies" | "legalhold" => IMMUTABILITY,
        "properties" | "stats" if ask.target.container.is_none() => "statistics of the service",
        "query" => "blob queries",
        "snapshot" => SNAPSHOTS,
        "undelete" => SOFT_DELETE,
        _ => "this operation",
    })
}

/// The refusal of parameters of a listing with a hierarchical namespace.
pub(super) fn in_hierarchical_listings() -> Refusal {
    Refusal::not_implemented("startFrom and uncommitted blobs with a hierarchical namespace")
}

/// The refusal of a value of `include`; `None` = no version of the service knows it.
pub(super) fn included(word: &str) -> Option<Refusal> {
    let feature = match word {
        "versions" | "deletedwithversions" => SNAPSHOTS,
        "immutabilitypolicy" | "legalhold" => IMMUTABILITY,
        "permissions" => "permissions and owners",
        "system" => "system containers",
        _ => return None,
    };
    Some(Refusal::not_implemented(feature))
}
