//! Leases of blobs and containers, against the tables of the "Lease Blob" and "Lease Container" pages.

use std::time::Duration;

use crate::emulator::blob::testing::{Got, Ground};
use crate::emulator::settings::BlobLimits;

const BLOCK: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const C: &str = "cccccccc-0000-4000-8000-000000000003";

/// Headers of a request.
type Sent<'h> = &'h [(&'h str, &'h str)];

/// What is leased.
#[derive(Clone, Copy)]
enum On {
    Blob,
    Container,
}

impl On {
    fn url(self) -> &'static str {
        match self {
            Self::Blob => "/west/films/a?comp=lease",
            Self::Container => "/west/films?restype=container&comp=lease",
        }
    }
}

async fn lease(ground: &Ground, on: On, action: &str, headers: &[(&str, &str)]) -> Got {
    let headers = [&[("x-ms-lease-action", action)], headers].concat();
    ground.ask(0, &format!("PUT {}", on.url()), &headers, "").await
}

async fn acquire(ground: &Ground, on: On, id: &str, seconds: &str) -> Got {
    lease(ground, on, "acquire", &[("x-ms-proposed-lease-id", id), ("x-ms-lease-duration", seconds)]).await
}

async fn break_after(ground: &Ground, on: On, seconds: &str) -> Got {
    lease(ground, on, "break", &[("x-ms-lease-break-period", seconds)]).await
}

/// A container `films` with a blob `a`; one of the two has the lease A in that state, an expired one for five seconds.
async fn in_state(on: On, state: &str) -> std::sync::Arc<Ground> {
    let ground = Ground::new();
    ground.accounts[0].create_container("films").unwrap();
    ground.ask(0, "PUT /west/films/a", &[BLOCK], "x").await.expect(201);
    if state != "available" {
        acquire(&ground, on, A, "30").await.expect(201);
    }
    match state {
        "breaking" => drop(break_after(&ground, on, "20").await.expect(202)),
        "broken" => drop(break_after(&ground, on, "0").await.expect(202)),
        "expired" => tokio::time::advance(Duration::from_secs(35)).await,
        _ => {}
    }
    assert_eq!(shown(&ground, on).await.header("x-ms-lease-state"), state);
    ground
}

async fn shown(ground: &Ground, on: On) -> Got {
    let request = match on {
        On::Blob => "HEAD /west/films/a",
        On::Container => "HEAD /west/films?restype=container",
    };
    ground.ask(0, request, &[], "").await.expect(200)
}

/// Status and code of an answer, such as `409 LeaseAlreadyPresent`, or only the status.
fn outcome(got: &Got) -> String {
    format!("{} {}", got.status.as_u16(), got.code()).trim_end().to_owned()
}

const STATES: [&str; 5] = ["available", "leased", "breaking", "broken", "expired"];
const PRESENT: &str = "409 LeaseAlreadyPresent";
const MISMATCH: &str = "409 LeaseIdMismatchWithLeaseOperation";
const NOT_PRESENT: &str = "409 LeaseNotPresentWithLeaseOperation";
const BROKEN: &str = "409 LeaseIsBrokenAndCannotBeRenewed";
const BREAKING: &str = "409 LeaseIsBreakingAndCannotBeChanged";

/// An action with its headers, and its result in each of the states.
type Row = (&'static str, Sent<'static>, [&'static str; 5]);

const ACTIONS: [Row; 13] = [
    ("acquire", &[("x-ms-lease-duration", "15")], ["201", PRESENT, PRESENT, "201", "201"]),
    (
        "acquire",
        &[("x-ms-lease-duration", "15"), ("x-ms-proposed-lease-id", A)],
        ["201", "201", "409 LeaseIsBreakingAndCannotBeAcquired", "201", "201"],
    ),
    (
        "acquire",
        &[("x-ms-lease-duration", "-1"), ("x-ms-proposed-lease-id", B)],
        ["201", PRESENT, PRESENT, "201", "201"],
    ),
    ("renew", &[("x-ms-lease-id", A)], [MISMATCH, "200", BROKEN, BROKEN, "200"]),
    ("renew", &[("x-ms-lease-id", B)], [MISMATCH; 5]),
    (
        "change",
        &[("x-ms-lease-id", A), ("x-ms-proposed-lease-id", B)],
        [NOT_PRESENT, "200", BREAKING, NOT_PRESENT, NOT_PRESENT],
    ),
    (
        "change",
        &[("x-ms-lease-id", B), ("x-ms-proposed-lease-id", A)],
        [NOT_PRESENT, "200", MISMATCH, NOT_PRESENT, NOT_PRESENT],
    ),
    (
        "change",
        &[("x-ms-lease-id", C), ("x-ms-proposed-lease-id", B)],
        [NOT_PRESENT, MISMATCH, MISMATCH, NOT_PRESENT, NOT_PRESENT],
    ),
    ("release", &[("x-ms-lease-id", A)], [MISMATCH, "200", "200", "200", "200"]),
    ("release", &[("x-ms-lease-id", B)], [MISMATCH; 5]),
    ("break", &[], [NOT_PRESENT, "202", "202", "202", "202"]),
    ("break", &[("x-ms-lease-break-period", "0")], [NOT_PRESENT, "202", "202", "202", "202"]),
    ("break", &[("x-ms-lease-break-period", "60")], [NOT_PRESENT, "202", "202", "202", "202"]),
];

#[tokio::test(start_paused = true)]
async fn each_action_has_the_documented_outcome_in_each_state() {
    for on in [On::Blob, On::Container] {
        for (action, headers, outcomes) in ACTIONS {
            for (state, expected) in STATES.iter().zip(outcomes) {
                let ground = in_state(on, state).await;
                let got = lease(&ground, on, action, headers).await;
                assert_eq!(outcome(&got), expected, "{action} {headers:?} while {state}: {}", on.url());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_or_a_read_needs_the_lease_id_in_the_documented_states() {
    const ABSENT: &str = "412 LeaseNotPresentWithBlobOperation";
    const OTHER: &str = "412 LeaseIdMismatchWithBlobOperation";
    const MISSING: &str = "412 LeaseIdMissing";
    const LOST: &str = "412 LeaseLost";
    let writes: [(Option<&str>, [&str; 5]); 3] = [
        (None, ["201", MISSING, MISSING, "201", "201"]),
        (Some(A), [ABSENT, "201", "201", LOST, LOST]),
        (Some(B), [ABSENT, OTHER, OTHER, ABSENT, ABSENT]),
    ];
    let reads: [(Option<&str>, [&str; 5]); 3] = [
        (None, ["200"; 5]),
        (Some(A), [ABSENT, "200", "200", LOST, LOST]),
        (Some(B), [ABSENT, OTHER, OTHER, ABSENT, ABSENT]),
    ];
    for (request, block, table) in [("PUT /west/films/a", true, writes), ("GET /west/films/a", false, reads)] {
        for (id, outcomes) in table {
            for (state, expected) in STATES.iter().zip(outcomes) {
                let ground = in_state(On::Blob, state).await;
                let mut headers: Vec<_> = id.map(|id| ("x-ms-lease-id", id)).into_iter().collect();
                headers.extend(block.then_some(BLOCK));
                let got = ground.ask(0, request, &headers, "").await;
                assert_eq!(outcome(&got), expected, "{request} {id:?} while {state}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_write_of_a_leased_blob_needs_the_lease_id() {
    let tags = "<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags>";
    let list = "<BlockList><Latest>MDE=</Latest></BlockList>";
    let source = in_state(On::Blob, "available").await.source("films", "a");
    let asynchronous = ("x-ms-copy-source", source.as_str());
    let writes: [(&str, Sent<'_>, &str, u16); 10] = [
        ("PUT /west/films/a", &[BLOCK], "y", 201),
        ("PUT /west/films/a?comp=block&blockid=MDE%3D", &[], "y", 201),
        ("PUT /west/films/a?comp=blocklist", &[], list, 201),
        ("PUT /west/films/a?comp=metadata", &[("x-ms-meta-a", "1")], "", 200),
        ("PUT /west/films/a?comp=properties", &[], "", 200),
        ("PUT /west/films/a?comp=tags", &[], tags, 204),
        ("PUT /west/films/a?comp=tier", &[("x-ms-access-tier", "Cool")], "", 200),
        ("PUT /west/films/a", &[BLOCK, asynchronous], "", 201),
        ("PUT /west/films/a", &[asynchronous, ("x-ms-requires-sync", "true")], "", 202),
        ("DELETE /west/films/a", &[], "", 202),
    ];
    let ground = in_state(On::Blob, "leased").await;
    for (request, headers, body, status) in writes {
        ground.ask(0, request, headers, body).await.refused(412, "LeaseIdMissing");
        let with_id = [headers, &[("x-ms-lease-id", A)]].concat();
        ground.ask(0, request, &with_id, body).await.expect(status);
    }
    ground.ask(0, "GET /west/films/a", &[], "").await.refused(404, "BlobNotFound");
}

#[tokio::test(start_paused = true)]
async fn a_lease_does_not_change_entity_tag_or_time_and_is_shown_while_active() {
    for on in [On::Blob, On::Container] {
        let ground = in_state(on, "available").await;
        let before = shown(&ground, on).await;
        let seen = |got: &Got| {
            ["x-ms-lease-status", "x-ms-lease-state", "x-ms-lease-duration"].map(|name| got.header(name).to_owned())
        };
        assert_eq!(seen(&before), ["unlocked", "available", ""]);
        tokio::time::advance(Duration::from_secs(5)).await;
        let got = acquire(&ground, on, A, "-1").await.expect(201);
        assert_eq!((got.header("x-ms-lease-id"), got.header("etag")), (A, before.header("etag")));
        assert_eq!(seen(&shown(&ground, on).await), ["locked", "leased", "infinite"]);
        acquire(&ground, on, A, "15").await.expect(201);
        let now = shown(&ground, on).await;
        assert_eq!(seen(&now), ["locked", "leased", "fixed"]);
        assert_eq!(now.header("last-modified"), before.header("last-modified"));
        assert_eq!(now.header("etag"), before.header("etag"));
        let list = match on {
            On::Blob => "GET /west/films?restype=container&comp=list",
            On::Container => "GET /west?comp=list",
        };
        let row =
            "<LeaseStatus>locked</LeaseStatus><LeaseState>leased</LeaseState><LeaseDuration>fixed</LeaseDuration>";
        let listed = ground.ask(0, list, &[], "").await.expect(200);
        assert!(listed.text().contains(row), "{}", listed.text());
        tokio::time::advance(Duration::from_secs(16)).await;
        assert_eq!(seen(&shown(&ground, on).await), ["unlocked", "expired", ""]);
        let listed = ground.ask(0, list, &[], "").await.expect(200);
        assert!(listed.text().contains("<LeaseState>expired</LeaseState>"), "{}", listed.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_expires_by_elapsed_time_and_not_by_the_wall_clock() {
    let ground = in_state(On::Blob, "leased").await;
    ground.clock.skew(3600);
    assert_eq!(shown(&ground, On::Blob).await.header("x-ms-lease-state"), "leased");
    ground.clock.skew(0);
    tokio::time::advance(Duration::from_secs(29)).await;
    lease(&ground, On::Blob, "renew", &[("x-ms-lease-id", A)]).await.expect(200);
    tokio::time::advance(Duration::from_secs(29)).await;
    assert_eq!(shown(&ground, On::Blob).await.header("x-ms-lease-state"), "leased");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(shown(&ground, On::Blob).await.header("x-ms-lease-state"), "expired");
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_can_be_renewed_only_until_the_blob_is_written() {
    let ground = in_state(On::Blob, "expired").await;
    ground.ask(0, "PUT /west/films/a?comp=metadata", &[("x-ms-meta-a", "1")], "").await.expect(200);
    let renewed = lease(&ground, On::Blob, "renew", &[("x-ms-lease-id", A)]).await;
    renewed.refused(409, "LeaseIdMismatchWithLeaseOperation");
    assert_eq!(shown(&ground, On::Blob).await.header("x-ms-lease-state"), "available");
}

#[tokio::test(start_paused = true)]
async fn a_break_lasts_no_longer_than_the_lease_and_can_be_shortened() {
    let ground = in_state(On::Blob, "leased").await;
    let time = async |seconds: &str| {
        break_after(&ground, On::Blob, seconds).await.expect(202).header("x-ms-lease-time").to_owned()
    };
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(time("60").await, "20");
    assert_eq!(time("5").await, "5");
    assert_eq!(time("30").await, "5", "a break is never made longer");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(shown(&ground, On::Blob).await.header("x-ms-lease-state"), "broken");
    let ground = in_state(On::Blob, "leased").await;
    let rest = lease(&ground, On::Blob, "break", &[]).await.expect(202);
    assert_eq!(rest.header("x-ms-lease-time"), "30", "a fixed lease breaks when it would have ended");
    let ground = in_state(On::Blob, "available").await;
    acquire(&ground, On::Blob, A, "-1").await.expect(201);
    let at_once = lease(&ground, On::Blob, "break", &[]).await.expect(202);
    assert_eq!(at_once.header("x-ms-lease-time"), "0", "an infinite lease breaks at once");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_lease_request_is_refused_and_changes_nothing() {
    let ground = in_state(On::Blob, "available").await;
    let refused: [(&str, Sent<'_>, &str); 8] = [
        ("acquire", &[], "MissingRequiredHeader"),
        ("acquire", &[("x-ms-lease-duration", "14")], "InvalidHeaderValue"),
        ("acquire", &[("x-ms-lease-duration", "61")], "InvalidHeaderValue"),
        ("acquire", &[("x-ms-lease-duration", "15"), ("x-ms-proposed-lease-id", "zz")], "InvalidHeaderValue"),
        ("renew", &[], "MissingRequiredHeader"),
        ("change", &[("x-ms-lease-id", A)], "MissingRequiredHeader"),
        ("break", &[("x-ms-lease-break-period", "61")], "InvalidHeaderValue"),
        ("borrow", &[], "InvalidHeaderValue"),
    ];
    for (action, headers, code) in refused {
        lease(&ground, On::Blob, action, headers).await.refused(400, code);
    }
    ground.ask(0, "PUT /west/films/a?comp=lease", &[], "").await.refused(400, "MissingRequiredHeader");
    assert_eq!(shown(&ground, On::Blob).await.header("x-ms-lease-state"), "available");
    let forms = ["{aaaaaaaa-0000-4000-8000-000000000001}", "(aaaaaaaa-0000-4000-8000-000000000001)"];
    for form in forms {
        assert_eq!(acquire(&ground, On::Blob, form, "15").await.expect(201).header("x-ms-lease-id"), A);
    }
    ground
        .ask(0, "PUT /west/films/none?comp=lease", &[("x-ms-lease-action", "break")], "")
        .await
        .refused(404, "BlobNotFound");
}

#[tokio::test(start_paused = true)]
async fn conditions_on_a_lease_operation_are_honoured() {
    let ground = in_state(On::Blob, "available").await;
    let etag = shown(&ground, On::Blob).await.header("etag").to_owned();
    let term = ("x-ms-lease-duration", "15");
    let with = async |condition: (&str, &str)| lease(&ground, On::Blob, "acquire", &[term, condition]).await;
    with(("if-match", "\"0x1\"")).await.refused(412, "ConditionNotMet");
    with(("if-none-match", "*")).await.refused(412, "ConditionNotMet");
    with(("if-none-match", &etag)).await.refused(412, "ConditionNotMet");
    with(("if-match", &etag)).await.expect(201);
    let past = ("if-unmodified-since", "Sat, 13 Jul 2024 10:00:00 GMT");
    lease(&ground, On::Container, "acquire", &[term, past]).await.refused(412, "ConditionNotMet");
}

#[tokio::test(start_paused = true)]
async fn a_container_lease_only_prevents_the_deletion_of_the_container() {
    let ground = in_state(On::Container, "leased").await;
    let with = |id| [("x-ms-lease-id", id)];
    let delete = "DELETE /west/films?restype=container";
    ground.ask(0, "PUT /west/films/a", &[BLOCK], "y").await.expect(201);
    ground.ask(0, "PUT /west/films?restype=container&comp=metadata", &[], "").await.expect(200);
    let properties = "GET /west/films?restype=container";
    ground.ask(0, properties, &with(B), "").await.refused(412, "LeaseIdMismatchWithContainerOperation");
    ground.ask(0, properties, &with(A), "").await.expect(200);
    ground.ask(0, "GET /west/films/a", &with(A), "").await.refused(412, "LeaseNotPresentWithBlobOperation");
    ground.ask(0, delete, &[], "").await.refused(412, "LeaseIdMissing");
    ground.ask(0, delete, &with(B), "").await.refused(412, "LeaseIdMismatchWithContainerOperation");
    ground.ask(0, delete, &with(A), "").await.expect(202);
    let ground = in_state(On::Container, "available").await;
    ground.ask(0, delete, &with(A), "").await.refused(412, "LeaseNotPresentWithContainerOperation");
    acquire(&ground, On::Blob, A, "-1").await.expect(201);
    ground.ask(0, delete, &[], "").await.expect(202);
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_copy_to_a_leased_blob_needs_an_infinite_lease() {
    let ground = Ground::with([BlobLimits { async_copy_min_ms: 5000, ..BlobLimits::default() }; 2]);
    ground.accounts[0].create_container("films").unwrap();
    for name in ["a", "b"] {
        ground.ask(0, &format!("PUT /west/films/{name}"), &[BLOCK], "x").await.expect(201);
    }
    let source = ground.source("films", "b");
    let copy = [("x-ms-copy-source", source.as_str()), ("x-ms-lease-id", A)];
    acquire(&ground, On::Blob, A, "60").await.expect(201);
    ground.ask(0, "PUT /west/films/a", &copy[..1], "").await.refused(412, "LeaseIdMissing");
    ground.ask(0, "PUT /west/films/a", &copy, "").await.refused(412, "InfiniteLeaseDurationRequired");
    acquire(&ground, On::Blob, A, "-1").await.expect(201);
    let id = ground.ask(0, "PUT /west/films/a", &copy, "").await.expect(202).header("x-ms-copy-id").to_owned();
    lease(&ground, On::Blob, "break", &[]).await.refused(409, "PendingCopyOperation");
    let abort = format!("PUT /west/films/a?comp=copy&copyid={id}");
    let action = [("x-ms-copy-action", "abort"), ("x-ms-lease-id", A)];
    ground.ask(0, &abort, &action[..1], "").await.refused(412, "LeaseIdMissing");
    ground.ask(0, &abort, &action, "").await.expect(204);
    ground.ask(0, "PUT /west/films/a", &copy, "").await.expect(202);
    tokio::time::advance(Duration::from_secs(6)).await;
    let copied = shown(&ground, On::Blob).await;
    assert_eq!((copied.header("x-ms-copy-status"), copied.header("x-ms-lease-state")), ("success", "leased"));
}

#[tokio::test(start_paused = true)]
async fn a_write_signature_permits_all_lease_actions_and_a_delete_signature_only_break() {
    let ground = in_state(On::Blob, "available").await;
    let ask = async |permissions: &str, headers: &[(&str, &str)]| {
        let sas = ground.service_sas(0, "c", "films", permissions, 60);
        ground.open(0, &format!("PUT /west/films/a?comp=lease&{sas}"), headers).await
    };
    let acquire = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "15")];
    ask("d", &acquire).await.refused(403, "AuthorizationPermissionMismatch");
    ask("rl", &acquire).await.refused(403, "AuthorizationPermissionMismatch");
    ask("w", &acquire).await.expect(201);
    ask("d", &[("x-ms-lease-action", "break")]).await.expect(202);
    let sas = ground.service_sas(0, "c", "films", "rwdl", 60);
    let container = format!("PUT /west/films?restype=container&comp=lease&{sas}");
    ground.open(0, &container, &acquire).await.refused(403, "AuthorizationFailure");
}

#[tokio::test(start_paused = true)]
async fn a_lease_excludes_a_second_writer_of_a_small_blob() {
    let ground = Ground::new();
    ground.ask(0, "PUT /west/state?restype=container", &[], "").await.expect(201);
    ground.ask(0, "PUT /west/state?restype=container", &[], "").await.refused(409, "ContainerAlreadyExists");
    let lock = "PUT /west/state/lock";
    let fresh = [BLOCK, ("if-none-match", "*")];
    ground.ask(0, lock, &fresh, "one").await.expect(201);
    ground.ask(0, lock, &fresh, "two").await.refused(409, "BlobAlreadyExists");
    let term = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "60"), ("x-ms-proposed-lease-id", A)];
    ground.ask(0, &format!("{lock}?comp=lease"), &term, "").await.expect(201);
    let etag = ground.ask(0, "GET /west/state/lock", &[], "").await.expect(200).header("etag").to_owned();
    let held = [BLOCK, ("if-match", etag.as_str()), ("x-ms-lease-id", A)];
    ground.ask(0, lock, &held[..2], "three").await.refused(412, "LeaseIdMissing");
    ground.ask(0, lock, &held, "three").await.expect(201);
    ground.ask(0, lock, &held, "four").await.refused(412, "ConditionNotMet");
    let got = ground.ask(0, "GET /west/state/lock", &held[2..], "").await.expect(200);
    assert_eq!((got.text(), got.header("x-ms-lease-state")), ("three", "leased"));
    ground.ask(0, "DELETE /west/state/lock", &[], "").await.refused(412, "LeaseIdMissing");
    tokio::time::advance(Duration::from_mins(1)).await;
    ground.ask(0, "DELETE /west/state/lock", &[], "").await.expect(202);
}
