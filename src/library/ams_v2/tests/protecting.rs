//! Content keys and delivery policies.

use super::*;

/// The queries of a batch, decoded.
fn queries(body: &str) -> Vec<String> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("GET https://front.example/api/"));
    lines.map(|line| line.trim_end_matches(" HTTP/1.1").to_owned()).collect()
}

/// A batch answer of statuses and bodies.
fn query_reply(parts: &[(u16, Value)]) -> Reply {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (status, body) in parts {
        let _ = write!(
            text,
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 {status} X\r\n\
             Content-Type: application/json;odata=verbose\r\n\r\n{body}\r\n"
        );
    }
    text.push_str("--b--\r\n");
    Reply::Is(202, vec![("content-type", "multipart/mixed; boundary=b".to_owned())], text)
}

fn rows(rows: &[Value]) -> (u16, Value) {
    (200, json!({"d": {"results": rows}}))
}

fn key(kind: u32) -> Value {
    json!({"Id": format!("nb:kid:UUID:{kind}"), "ContentKeyType": kind})
}

fn policies() -> [Value; 2] {
    ["nb:adpid:UUID:1", "nb:adpid:UUID:2"].map(|id| json!({"Id": id}))
}

fn assets(ids: &[&str]) -> Vec<AssetId> {
    ids.iter().map(|id| AssetId::new(*id)).collect()
}

const BOTH: Protection = Protection::Protected { keys: 1, policies: 2 };

#[tokio::test(start_paused = true)]
async fn the_protection_of_many_assets_is_one_request() {
    let fake = Fake::new(|_| query_reply(&[rows(&[key(4), key(2)]), rows(&policies()), rows(&[key(2)]), rows(&[])]));
    let found = service_of(&fake, "2.19").protection_of(&assets(&["a", "b"])).await;
    let found: Vec<Protection> = found.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [BOTH, Protection::None]);
    assert_eq!(fake.calls(), ["POST $batch"]);
    let expected =
        ["a", "b"].map(|id| [format!("Assets('{id}')/ContentKeys"), format!("Assets('{id}')/DeliveryPolicies")]);
    assert_eq!(queries(&fake.seen(false).pop().unwrap().body), expected.concat());
}

#[tokio::test(start_paused = true)]
async fn an_item_that_a_batch_does_not_answer_is_requested_separately() {
    let fake = Fake::new(|seen| match seen.target().as_str() {
        "$batch" => query_reply(&[rows(&[]), (503, error_body("Server is busy."))]),
        target if target.starts_with("Assets('gone')") => refused(404, "Resource Asset not found"),
        target if target.contains("ContentKeys") => feed(&[key(1)]),
        _ => feed(&policies()),
    });
    let found = service_of(&fake, "2.19").protection_of(&assets(&["a", "b", "gone"])).await;
    assert_eq!((found[0].as_ref().unwrap(), found[1].as_ref().unwrap()), (&BOTH, &BOTH));
    let error = found[2].as_ref().unwrap_err().to_string();
    assert_eq!(error, "failed to read the protection of asset gone: HTTP 404: Resource Asset not found");
}

#[tokio::test(start_paused = true)]
async fn a_service_without_batches_of_queries_gets_single_queries() {
    let fake = Fake::new(|seen| match seen.target().as_str() {
        "$batch" => refused(400, "no queries"),
        _ => feed(&[]),
    });
    let service = service_of(&fake, "2.19");
    for _ in 0..2 {
        let found = service.protection_of(&assets(&["a", "b"])).await;
        assert!(found.into_iter().all(|found| found.unwrap() == Protection::None));
    }
    let batches = fake.calls().iter().filter(|call| call.contains("$batch")).count();
    assert_eq!((batches, fake.calls().len()), (1, 9), "the refusal is remembered");
    assert!(service.batches(), "changes may be batched all the same");
}

#[tokio::test(start_paused = true)]
async fn only_keys_are_requested_from_an_old_version() {
    let fake = Fake::new(|seen| match seen.target().as_str() {
        "$batch" => query_reply(&[rows(&[]), rows(&[key(0)]), rows(&[])]),
        _ => feed(&[]),
    });
    let service = service_of(&fake, "2.6");
    let found = service.protection_of(&assets(&["a", "b", "c"])).await;
    assert_eq!(found[1].as_ref().unwrap(), &Protection::Protected { keys: 1, policies: 0 });
    assert!(!service.has_protection().await.unwrap());
    assert!(fake.seen(false).iter().all(|seen| !seen.body.contains("DeliveryPolicies")));
    assert!(fake.calls().iter().all(|call| !call.contains("DeliveryPolicies")), "{:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn an_account_with_a_key_or_a_policy_has_protection() {
    for (has_key, has_policy) in [(false, false), (true, false), (false, true)] {
        let fake = Fake::new(move |seen| match seen.target() {
            target if target.starts_with("ContentKeys") => feed(&vec![json!({"Id": "k"}); usize::from(has_key)]),
            _ => feed(&vec![json!({"Id": "p"}); usize::from(has_policy)]),
        });
        assert_eq!(service_of(&fake, "2.19").has_protection().await.unwrap(), has_key || has_policy);
        // Every type except that of configurations, known or not.
        assert_eq!(fake.calls()[0], "GET ContentKeys?$filter=ContentKeyType ne 2&$top=1");
        if !has_key {
            assert_eq!(fake.calls()[1..], ["GET AssetDeliveryPolicies?$top=1"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_filtered_are_read_and_an_unreadable_account_is_an_error() {
    for (kind, expected) in [(2, false), (4, true), (99, true)] {
        let fake = Fake::new(move |seen| match seen.target() {
            target if target.contains("$filter") => refused(501, "no"),
            target if target.starts_with("ContentKeys") => feed(&[key(kind)]),
            _ => feed(&[]),
        });
        assert_eq!(service_of(&fake, "2.19").has_protection().await.unwrap(), expected, "{kind}");
    }
    let forbidden = Fake::new(|_| refused(403, "no"));
    service_of(&forbidden, "2.19").has_protection().await.unwrap_err();
}
