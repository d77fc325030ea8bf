//! Streaming locators.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::error::Disposition;
use crate::model::LocatorKind;

fn locator(guid: &str, asset: &str, start: Option<&str>, expiry: &str) -> Locator {
    Locator {
        id: LocatorId::new(guid),
        asset: AssetId::new(asset),
        kind: LocatorKind::Streaming,
        name: Some("n".to_owned()),
        start: start.map(|start| start.parse().unwrap()),
        expiry: expiry.parse().unwrap(),
        path: None,
        policy: None,
    }
}

fn row(guid: &str, asset: &str, start: Option<&str>, expiry: &str) -> Value {
    json!({
        "Id": format!("nb:lid:UUID:{guid}"), "AssetId": asset, "Type": 2, "Name": "n", "StartTime": start,
        "ExpirationDateTime": expiry, "Path": format!("http://acct.streaming.example/{guid}/"),
    })
}

fn made(guid: &str, asset: &str, start: Option<&str>, expiry: &str) -> (u16, Value) {
    (201, json!({"d": row(guid, asset, start, expiry)}))
}

/// Answers requests for policies; the handler answers all others.
fn with_policies(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Arc<Fake> {
    Fake::new(move |seen| match (seen.method.as_str(), seen.target()) {
        ("GET", target) if target.starts_with("AccessPolicies") => feed(&[
            json!({"Id": "nb:pid:UUID:43200", "Name": "mediamirror read 43200", "DurationInMinutes": 43200.0, "Permissions": 1}),
            json!({"Id": "nb:pid:UUID:bad", "Name": "mediamirror read 60", "DurationInMinutes": 61, "Permissions": 1}),
        ]),
        ("POST", target) if target == "AccessPolicies" => {
            let body: Value = serde_json::from_str(&seen.body).unwrap();
            json_reply(201, &json!({"d": {"Id": format!("nb:pid:UUID:{}", body["DurationInMinutes"])}}))
        }
        _ => handler(seen),
    })
}

const START: &str = "2026-01-01T00:00:00Z";
const HOUR: &str = "2026-01-01T01:00:00Z";
const ODD: &str = "2026-01-01T01:00:00.123Z";

#[tokio::test(start_paused = true)]
async fn locators_are_published_in_one_batch_with_shared_policies_and_exact_expiries() {
    let fake = with_policies(|_| {
        batch_reply(&[
            vec![made("g1", "a", Some(START), HOUR)],
            vec![made("g2", "b", Some(START), HOUR)],
            vec![made("g3", "c", None, "2026-02-01T00:00:00Z"), (204, Value::Null)],
            vec![made("g4", "d", Some(START), "2026-01-31T00:00:00Z"), (204, Value::Null)],
        ])
    });
    let wanted = [
        locator("g1", "a", Some(START), HOUR),
        locator("g2", "b", Some(START), HOUR),
        locator("g3", "c", None, HOUR),
        locator("g4", "d", Some(START), ODD),
    ];
    let results = service_of(&fake, "2.19").publish(&wanted).await;
    for (wanted, result) in wanted.iter().zip(results) {
        let path = Some(format!("http://acct.streaming.example/{}/", wanted.id));
        assert_eq!(result.unwrap(), Locator { path, ..wanted.clone() });
    }
    assert_eq!(
        fake.calls(),
        [
            "GET AccessPolicies?$skip=0&$top=1000&$filter=startswith(Name,'mediamirror read ')",
            "POST AccessPolicies",
            "POST $batch",
        ]
    );
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    assert_eq!(
        sent[0],
        [(
            "POST Locators".to_owned(),
            json!({
                "Id": "nb:lid:UUID:g1", "AssetId": "a", "AccessPolicyId": "nb:pid:UUID:60", "Type": 2,
                "StartTime": "2026-01-01T00:00:00Z", "Name": "n",
            })
        )]
    );
    assert_eq!(sent[2][0].1.get("StartTime"), None);
    assert_eq!(sent[2][0].1["AccessPolicyId"], "nb:pid:UUID:43200");
    assert_eq!(sent[2][1], ("MERGE $3".to_owned(), json!({"ExpirationDateTime": HOUR})));
    assert_eq!(sent[3][1], ("MERGE $5".to_owned(), json!({"ExpirationDateTime": ODD})));
}

#[tokio::test(start_paused = true)]
async fn missing_policies_are_counted_and_not_made() {
    let fake = with_policies(|_| refused(500, "not asked for"));
    let wanted = [
        locator("g1", "a", Some(START), HOUR),
        locator("g2", "b", Some(START), HOUR),
        locator("g3", "c", None, HOUR),
        locator("g4", "d", Some(START), "2026-01-01T02:00:00Z"),
    ];
    assert_eq!(service_of(&fake, "2.19").policies_to_make(&wanted).await.unwrap(), 2);
    assert_eq!(fake.calls().len(), 1, "one look: {:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_batch_locators_are_read_by_id_and_only_missing_ones_are_sent_again() {
    let batches = AtomicUsize::new(0);
    let fake = with_policies(move |seen| match seen.target() {
        target if target == "$batch" && batches.fetch_add(1, Ordering::SeqCst) == 0 => Reply::Lost,
        target if target == "$batch" => batch_reply(&[vec![made("g2", "b", Some(START), HOUR)]]),
        _ => feed(&[row("g1", "a", Some(START), HOUR)]),
    });
    let wanted = [locator("g1", "a", Some(START), HOUR), locator("g2", "b", Some(START), HOUR)];
    let results = service_of(&fake, "2.19").publish(&wanted).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(
        fake.calls()[3..],
        [
            "GET Locators?$skip=0&$top=1000&$filter=Id eq 'nb:lid:UUID:g1' or Id eq 'nb:lid:UUID:g2'".to_owned(),
            "POST $batch".to_owned(),
        ]
    );
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    assert_eq!((sent.len(), &sent[0][0].1["Id"]), (1, &json!("nb:lid:UUID:g2")));
}

/// The service's 409 for every locator, and the existing locator with each id.
fn occupied(there: Option<Value>, message: &'static str, status: u16, locators_of_asset: usize) -> Arc<Fake> {
    with_policies(move |seen| match (seen.method.as_str(), seen.target()) {
        (_, target) if target == "$batch" => batch_reply(&[vec![(status, error_body(message))]]),
        ("GET", target) if target.starts_with("Locators") => match &there {
            Some(row) => json_reply(200, &json!({"d": row})),
            None => refused(404, "Resource Locator not found"),
        },
        ("GET", target) if target.ends_with("/Locators") => {
            feed(&vec![json!({"Id": "nb:lid:UUID:x"}); locators_of_asset])
        }
        ("GET", _) => json_reply(200, &json!({"d": {"Id": "other", "Name": "holiday.mp4"}})),
        _ => Reply::Is(204, vec![], String::new()),
    })
}

async fn publish_one(fake: &Arc<Fake>) -> Result<Locator, Error> {
    service_of(fake, "2.19").publish(&[locator("g1", "a", Some(START), HOUR)]).await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn an_existing_locator_is_a_success_and_its_expiry_is_corrected() {
    let fake = occupied(Some(row("g1", "a", Some(START), ODD)), "Locator Id already used", 409, 0);
    publish_one(&fake).await.unwrap();
    let merge = fake.seen(false).pop().unwrap();
    assert_eq!(merge.body, format!(r#"{{"ExpirationDateTime":"{HOUR}"}}"#));
    assert_eq!(fake.calls().last().unwrap(), "PATCH Locators('nb:lid:UUID:g1')");
}

#[tokio::test(start_paused = true)]
async fn a_locator_of_another_asset_is_a_conflict_that_names_it() {
    let fake = occupied(Some(row("g1", "other", Some(START), HOUR)), "Locator Id already used", 409, 0);
    let error = publish_one(&fake).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Conflict);
    assert!(error.to_string().contains("\"holiday.mp4\" (other)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_id_of_another_account_is_reported_as_a_conflict() {
    let error = publish_one(&occupied(None, "Forbidden", 403, 0)).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Conflict);
    assert!(error.to_string().contains("belongs to another account of the same data centre"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_sixth_locator_is_refused_permanently_with_the_reason() {
    let error = publish_one(&occupied(None, "Azure Storage enforces the limit", 409, 5)).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Permanent);
    assert!(error.to_string().contains("has 5 locators already"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn only_the_busy_parts_of_a_batch_are_retried() {
    let batches = AtomicUsize::new(0);
    let fake = with_policies(move |seen| match seen.target() {
        target if target == "$batch" => match batches.fetch_add(1, Ordering::SeqCst) {
            0 => batch_reply(&[vec![(503, error_body("Server is busy."))]]),
            _ => batch_reply(&[vec![made("g1", "a", Some(START), HOUR)]]),
        },
        _ => refused(404, "Resource Locator not found"),
    });
    publish_one(&fake).await.unwrap();
    assert_eq!(fake.calls().iter().filter(|call| call.contains("$batch")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_batches_a_lost_creation_is_verified_by_its_id() {
    let fake = with_policies(|seen| match (seen.method.as_str(), seen.target()) {
        (_, target) if target == "$batch" => refused(404, "Resource not found for the segment '$batch'."),
        ("POST", _) => Reply::Lost,
        _ => json_reply(200, &json!({"d": row("g1", "a", Some(START), HOUR)})),
    });
    publish_one(&fake).await.unwrap();
    assert_eq!(fake.calls()[3..], ["POST Locators".to_owned(), "GET Locators('nb:lid:UUID:g1')".to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn no_names_are_sent_to_an_old_service() {
    let fake = with_policies(|_| batch_reply(&[vec![made("g1", "a", Some(START), HOUR)]]));
    service_of(&fake, "2.1").publish(&[locator("g1", "a", Some(START), HOUR)]).await.remove(0).unwrap();
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    assert_eq!(sent[0][0].1.get("Name"), None);
}

#[tokio::test(start_paused = true)]
async fn locators_are_read_again_together_or_one_by_one_without_the_filter() {
    let ids: Vec<LocatorId> = ["g1", "g2", "g3"].map(LocatorId::new).into();
    let fake = Fake::new(|_| feed(&[row("g3", "c", None, HOUR), row("g1", "a", None, HOUR)]));
    let found = service_of(&fake, "2.19").locators_of(&ids).await.unwrap();
    let assets: Vec<_> = found.iter().map(|found| found.as_ref().map(|there| there.asset.as_str())).collect();
    assert_eq!(assets, [Some("a"), None, Some("c")]);
    assert_eq!(
        fake.calls(),
        ["GET Locators?$skip=0&$top=1000&$filter=Id eq 'nb:lid:UUID:g1' or Id eq 'nb:lid:UUID:g2' or \
             Id eq 'nb:lid:UUID:g3'"]
    );
    let fake = Fake::new(|seen| match seen.target() {
        target if target.contains("$filter") => refused(400, "The expression is too complex"),
        target if target.contains("g2") => json_reply(200, &json!({"d": row("g2", "b", None, HOUR)})),
        _ => refused(404, "Resource Locator not found"),
    });
    let found = service_of(&fake, "2.19").locators_of(&ids).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
}

fn ids(guids: &[&str]) -> Vec<LocatorId> {
    guids.iter().map(|guid| LocatorId::new(*guid)).collect()
}

#[tokio::test(start_paused = true)]
async fn locators_are_removed_in_one_batch_and_a_missing_one_is_a_success() {
    let fake = Fake::new(|_| {
        batch_reply(&[
            vec![(204, Value::Null)],
            vec![(404, error_body("Resource Locator not found"))],
            vec![(400, error_body("no"))],
        ])
    });
    let results = service_of(&fake, "2.19").remove_locators(&ids(&["g1", "g2", "g3"])).await;
    assert!(results[0].is_ok() && results[1].is_ok(), "{results:?}");
    let error = results[2].as_ref().unwrap_err().to_string();
    assert_eq!(error, "failed to delete locator g3: HTTP 400: no");
    assert_eq!(fake.calls(), ["POST $batch"]);
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(sent[0][0].0, "DELETE Locators('nb%3Alid%3AUUID%3Ag1')");
}

#[tokio::test(start_paused = true)]
async fn a_removal_with_a_truncated_answer_is_sent_again() {
    let batches = AtomicUsize::new(0);
    let fake = Fake::new(move |_| match batches.fetch_add(1, Ordering::SeqCst) {
        0 => batch_reply(&[vec![(204, Value::Null)]]),
        _ => batch_reply(&[vec![(404, error_body("Resource Locator not found"))]]),
    });
    let results = service_of(&fake, "2.19").remove_locators(&ids(&["g1", "g2"])).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    assert_eq!(sent, [[("DELETE Locators('nb%3Alid%3AUUID%3Ag2')".to_owned(), Value::Null)]]);
}

#[tokio::test(start_paused = true)]
async fn locators_are_removed_one_by_one_without_batches() {
    let fake = Fake::new(|seen| match seen.target().as_str() {
        "$batch" => refused(501, "Not implemented"),
        target if target.contains("g2") => refused(404, "Resource Locator not found"),
        _ => Reply::Is(204, vec![], String::new()),
    });
    let service = service_of(&fake, "2.19");
    let results = service.remove_locators(&ids(&["g1", "g2"])).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let deletions = fake.calls().iter().filter(|call| call.starts_with("DELETE Locators")).count();
    assert_eq!((fake.calls().len(), deletions), (3, 2));
    service.delete_locator(&LocatorId::new("g2")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn our_policies_are_recognised_by_name_and_our_locators_by_their_policy() {
    let fake = with_policies(|_| {
        let mut row = row("g1", "a", None, HOUR);
        row["AccessPolicyId"] = json!("nb:pid:UUID:bad");
        json_reply(200, &json!({"d": row}))
    });
    let service = service_of(&fake, "2.19");
    let ours = service.our_policies().await.unwrap();
    let expected = ["nb:pid:UUID:43200", "nb:pid:UUID:bad"].map(str::to_owned);
    assert_eq!(ours, expected.into_iter().collect());
    let locator = service.locator(&LocatorId::new("g1")).await.unwrap().unwrap();
    assert!(ours.contains(&locator.policy.unwrap()));
}
