//! File records.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::library::OtherRecords;

fn file(name: &str, primary: bool) -> AssetFile {
    AssetFile {
        asset: AssetId::new("source"),
        name: name.to_owned(),
        size: 5,
        mime_type: Some("video/mp4".to_owned()),
        primary,
        encrypted: false,
    }
}

fn set(asset: &str, files: Vec<AssetFile>) -> FileSet {
    FileSet::new(AssetId::new(asset), files)
}

fn created(count: usize) -> Vec<(u16, Value)> {
    (0..count).map(|n| (201, json!({"d": {"Id": format!("f{n}")}}))).collect()
}

#[tokio::test(start_paused = true)]
async fn many_sets_are_one_request_and_a_large_one_is_split() {
    let fake = Fake::new(|seen| {
        let sets: Vec<_> = changesets(&seen.body).iter().map(|set| created(set.len())).collect();
        batch_reply(&sets)
    });
    let big: Vec<_> = (0..150).map(|n| file(&format!("{n}.mp4"), n == 0)).collect();
    let sets = [set("a", vec![file("1.ism", true), file("1.mp4", false)]), set("b", big)];
    let results = service_of(&fake, "2.19").register_files(&sets).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(fake.calls(), ["POST $batch"]);
    let batch = fake.seen(false).pop().unwrap();
    let sent = changesets(&batch.body);
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [2, 100, 50]);
    assert_eq!(sent[0][0].1["Name"], "1.mp4");
    assert_eq!(
        sent[0][1],
        (
            "POST Files".to_owned(),
            json!({
                "Name": "1.ism", "ParentAssetId": "a", "MimeType": "video/mp4",
                "IsPrimary": true, "IsEncrypted": false, "ContentFileSize": "5",
            })
        )
    );
    assert!(batch.body.contains("\r\nPOST https://front.example/api/Files HTTP/1.1\r\nContent-ID: 152\r\n"));
    assert_eq!(batch.header("accept"), Some("multipart/mixed"));
}

#[tokio::test(start_paused = true)]
async fn records_that_exist_are_compared_and_only_the_difference_is_sent() {
    let fake = Fake::new(|seen| {
        if seen.method == "GET" {
            let row = |id: &str, name: &str, size: &str, primary: bool| json!({"Id": id, "ParentAssetId": "b", "Name": name, "ContentFileSize": size, "MimeType": "video/mp4", "IsPrimary": primary});
            return feed(&[row("f1", "old", "5", true), row("f2", "same", "5", false), row("f3", "new", "1", false)]);
        }
        let sets = changesets(&seen.body);
        if sets.iter().flatten().any(|(line, _)| line.starts_with("MERGE")) {
            return batch_reply(&[vec![(204, Value::Null); sets[0].len()]]);
        }
        batch_reply(&[created(1), vec![(409, error_body("File name already used"))]])
    });
    let exact = FileSet { others: OtherRecords::Delete, ..set("b", vec![file("same", false), file("new", true)]) };
    let sets = [set("a", vec![file("x", false)]), exact];
    let results = service_of(&fake, "2.19").register_files(&sets).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    let lines: Vec<_> = sent[0].iter().map(|(line, body)| format!("{line} {body}")).collect();
    assert_eq!(lines, ["DELETE Files('f1') null", r#"MERGE Files('f3') {"ContentFileSize":"5","IsPrimary":true}"#,]);
}

#[tokio::test(start_paused = true)]
async fn after_a_truncated_batch_answer_the_records_are_read() {
    let fake = Fake::new(|seen| match seen.method.as_str() {
        "GET" => feed(&[json!({
            "Id": "f1", "ParentAssetId": "b", "Name": "x", "ContentFileSize": "5", "MimeType": "video/mp4",
            "IsPrimary": false,
        })]),
        _ => batch_reply(&[created(1)]),
    });
    let sets = [set("a", vec![file("x", false)]), set("b", vec![file("x", false)])];
    let results = service_of(&fake, "2.19").register_files(&sets).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(fake.calls().iter().filter(|call| call.starts_with("POST")).count(), 1, "{:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn a_service_without_batches_gets_single_calls() {
    let fake = Fake::new(|seen| match (seen.method.as_str(), seen.target()) {
        (_, target) if target == "$batch" => refused(501, "Not implemented"),
        ("GET", target) if target.starts_with("CreateFileInfos") => Reply::Is(204, vec![], String::new()),
        ("GET", _) => feed(&[json!({
            "Id": "f1", "ParentAssetId": "a", "Name": "x", "ContentFileSize": "5", "MimeType": null, "IsPrimary": false,
        })]),
        ("PATCH", _) => Reply::Is(405, vec![], String::new()),
        _ => Reply::Is(204, vec![], String::new()),
    });
    let service = service_of(&fake, "2.19");
    let sets = [set("a", vec![file("x", true), file("y", false)])];
    for _ in 0..2 {
        let results = service.register_files(&sets).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
    let calls = fake.calls();
    assert_eq!(calls.iter().filter(|call| call.contains("$batch")).count(), 1, "the refusal is remembered");
    assert_eq!(calls[1], "GET CreateFileInfos?assetid='a'");
    assert_eq!(calls.iter().filter(|call| call.starts_with("PATCH")).count(), 1, "so is that of PATCH");
    let merge = fake.seen(false).pop().unwrap();
    assert_eq!((merge.method.as_str(), merge.header("x-http-method")), ("POST", Some("MERGE")));
    assert_eq!(merge.body, r#"{"IsPrimary":true,"MimeType":"video/mp4"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_refused_set_does_not_affect_the_others() {
    let fake = Fake::new(|seen| match (seen.method.as_str(), seen.target()) {
        ("POST", _) => batch_reply(&[vec![(400, error_body("Name is not valid"))], created(1)]),
        ("GET", target) if target.starts_with("CreateFileInfos") => Reply::Is(204, vec![], String::new()),
        _ => feed(&[]),
    });
    let sets = [set("a", vec![file("x", false)]), set("b", vec![file("x", false)])];
    let results = service_of(&fake, "2.19").register_files(&sets).await;
    let error = results[0].as_ref().unwrap_err().to_string();
    assert_eq!(error, "failed to register the files of asset a: HTTP 400: Name is not valid (tried 2 times)");
    assert!(results[1].is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_service_makes_records_with_names_that_clients_may_not_send() {
    let fake = Fake::new(|seen| match (seen.method.as_str(), seen.target()) {
        ("POST", _) if seen.body.contains("POST https") => batch_reply(&[vec![(400, error_body("Name is invalid"))]]),
        ("POST", _) => batch_reply(&[vec![(204, Value::Null)]]),
        ("GET", target) if target.starts_with("CreateFileInfos") => Reply::Is(204, vec![], String::new()),
        _ => feed(&[json!({"Id": "f1", "ParentAssetId": "a", "Name": "100 %", "ContentFileSize": "5"})]),
    });
    let results = service_of(&fake, "2.19").register_files(&[set("a", vec![file("100 %", true)])]).await;
    assert!(results[0].is_ok(), "{results:?}");
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    let expected = json!({"IsPrimary": true, "MimeType": "video/mp4"});
    assert_eq!(sent[0], [("MERGE Files('f1')".to_owned(), expected)]);
}

fn renamed(set: FileSet) -> FileSet {
    FileSet {
        change: Some(AssetChange { name: Some(Some("new".to_owned())), alternate_id: None, metadata: None }),
        ..set
    }
}

#[tokio::test(start_paused = true)]
async fn the_asset_is_changed_in_the_batch_of_its_records_or_without_records() {
    let fake = Fake::new(|seen| {
        let sets: Vec<_> = changesets(&seen.body).iter().map(|set| created(set.len())).collect();
        batch_reply(&sets)
    });
    let sets = [renamed(set("a", vec![file("x", false)])), renamed(set("b", vec![])), set("c", vec![])];
    let results = service_of(&fake, "2.19").register_files(&sets).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(fake.calls(), ["POST $batch"]);
    let sent = changesets(&fake.seen(false).pop().unwrap().body);
    let lines: Vec<Vec<&str>> = sent.iter().map(|set| set.iter().map(|(line, _)| line.as_str()).collect()).collect();
    assert_eq!(lines, [vec!["POST Files", "MERGE Assets('a')"], vec!["MERGE Assets('b')"]]);
    assert_eq!(sent[1][0].1, json!({"Name": "new"}));
}

#[tokio::test(start_paused = true)]
async fn the_asset_is_changed_without_batches_too() {
    let fake = Fake::new(|seen| match (seen.method.as_str(), seen.target()) {
        (_, target) if target == "$batch" => refused(501, "Not implemented"),
        _ => Reply::Is(204, vec![], String::new()),
    });
    service_of(&fake, "2.19").register_files(&[renamed(set("b", vec![]))]).await.remove(0).unwrap();
    assert_eq!(fake.calls()[1..], ["PATCH Assets('b')"]);
}

#[tokio::test(start_paused = true)]
async fn other_records_are_removed_even_if_every_creation_succeeds() {
    for others in [OtherRecords::Delete, OtherRecords::Keep] {
        let fake = Fake::new(|seen| {
            if seen.method == "GET" {
                let row = |id: &str, name: &str| json!({"Id": id, "ParentAssetId": "a", "Name": name, "ContentFileSize": "5", "MimeType": "video/mp4", "IsPrimary": false});
                return feed(&[row("f1", "x"), row("f2", "other"), row("f3", "kept")]);
            }
            batch_reply(&[created(1)])
        });
        let keep = vec!["kept".to_owned()];
        let wanted = FileSet { others, keep, ..set("a", vec![file("x", false)]) };
        service_of(&fake, "2.19").register_files(&[wanted]).await.remove(0).unwrap();
        let sent = changesets(&fake.seen(false).pop().unwrap().body);
        let line = if others == OtherRecords::Delete { "DELETE Files('f2')" } else { "POST Files" };
        assert_eq!((sent[0].len(), sent[0][0].0.as_str()), (1, line));
    }
}

#[tokio::test(start_paused = true)]
async fn an_assets_properties_are_changed_in_one_request_and_no_change_sends_none() {
    let fake = Fake::new(|_| Reply::Is(204, vec![], String::new()));
    let service = service_of(&fake, "2.19");
    let id = AssetId::new("a");
    service.update_asset(&id, &AssetChange::default()).await.unwrap();
    assert_eq!(fake.seen(false).len(), 0);
    let change = AssetChange { name: Some(Some("n".to_owned())), alternate_id: Some(None), metadata: None };
    service.update_asset(&id, &change).await.unwrap();
    assert_eq!(fake.calls(), ["PATCH Assets('a')"]);
    let sent: Value = serde_json::from_str(&fake.seen(false).pop().unwrap().body).unwrap();
    assert_eq!(sent, json!({"Name": "n", "AlternateId": null}));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_asset_whose_answer_was_lost_is_sent_again() {
    let lost = AtomicBool::new(true);
    let fake =
        Fake::new(
            move |_| {
                if lost.swap(false, Ordering::SeqCst) { Reply::Lost } else { Reply::Is(204, vec![], String::new()) }
            },
        );
    let change = AssetChange { name: Some(None), alternate_id: None, metadata: None };
    service_of(&fake, "2.19").update_asset(&AssetId::new("a"), &change).await.unwrap();
    assert_eq!(fake.calls().len(), 2);
}
