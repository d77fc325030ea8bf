//! Edits and reads without a request.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::emulator::{AssetLook, NewLocator, Operator};

const GUID: &str = "33333333-3333-4333-8333-333333333333";

fn look(operator: &Operator<'_>, asset: &str) -> AssetLook {
    operator.assets().into_iter().find(|look| look.id == asset).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_operator_renames_marks_and_deletes_assets() {
    let bench = Bench::new().await;
    let operator = Operator::new(&bench.world, 0);
    let asset = operator.add_asset("film").await.unwrap();
    let container = look(&operator, &asset).container;
    tokio::time::advance(Duration::from_mins(1)).await;
    operator.rename_asset(&asset, Some("new name")).unwrap();
    operator.set_alternate_id(&asset, Some("mark")).unwrap();
    let seen = look(&operator, &asset);
    assert_eq!((seen.name.as_deref(), seen.alternate_id.as_deref()), (Some("new name"), Some("mark")));
    assert!(seen.last_modified > seen.created);
    assert_eq!(bench.get(&format!("Assets('{asset}')")).await.d()["Name"], json!("new name"));
    assert!(operator.set_alternate_id(&asset, Some(&"x".repeat(4001))).is_err());
    operator.rename_asset(&asset, None).unwrap();
    assert_eq!(look(&operator, &asset).name, None);
    operator.delete_asset(&asset).await.unwrap();
    assert!(operator.assets().is_empty());
    assert!(!bench.storage(0).container_exists(&container).await.unwrap());
    assert!(operator.rename_asset(&asset, Some("x")).unwrap_err().to_string().contains("Asset not found"));
}

#[tokio::test]
async fn an_operator_publishes_moves_and_changes_locators() {
    let bench = Bench::new().await;
    let operator = Operator::new(&bench.world, 0);
    let (from, to) = (operator.add_asset("from").await.unwrap(), operator.add_asset("to").await.unwrap());
    let now = bench.world.clock.timestamp();
    let (soon, later) = (now + Duration::from_hours(1), now + Duration::from_hours(2));
    let new = NewLocator { guid: Some(GUID.to_owned()), ..NewLocator::until(soon) };
    let id = operator.add_locator(&from, &new).unwrap();
    assert_eq!(id, format!("nb:lid:UUID:{GUID}"));
    assert!(operator.add_locator(&to, &new).is_err(), "the id is taken");
    operator.move_locator(&id, &to).await.unwrap();
    assert!(look(&operator, &from).locators.is_empty());
    operator.set_locator_expiry(&id, later).unwrap();
    operator.set_locator_start(&id, Some(now)).unwrap();
    operator.set_locator_name(&id, Some("n")).unwrap();
    let seen = look(&operator, &to).locators.remove(0);
    assert_eq!((seen.guid.as_str(), seen.name.as_deref(), seen.streaming), (GUID, Some("n"), true));
    let millis = |at: Option<jiff::Timestamp>| at.unwrap().as_millisecond();
    assert_eq!((millis(seen.start), millis(seen.expiry)), (now.as_millisecond(), later.as_millisecond()));
    for _ in 0..4 {
        operator.add_locator(&to, &NewLocator::until(soon)).unwrap();
    }
    let moving = operator.add_locator(&from, &NewLocator::until(soon)).unwrap();
    assert!(operator.add_locator(&to, &NewLocator::until(soon)).is_err(), "five are the most");
    assert!(operator.move_locator(&moving, &to).await.is_err(), "five are the most");
    assert_eq!(look(&operator, &from).locators.len(), 1, "a move that is refused changes nothing");
    operator.remove_locator(&id).await.unwrap();
    assert_eq!(bench.get(&format!("Locators('{id}')")).await.status, 404);
}

#[tokio::test]
async fn an_operator_changes_file_records_and_protection() {
    let bench = Bench::new().await;
    let operator = Operator::new(&bench.world, 0);
    let asset = operator.add_asset("film").await.unwrap();
    let ids = ["a.ism", "b.mp4"].map(|name| operator.add_file(&asset, name, 7).unwrap());
    operator.set_primary(&asset, Some("b.mp4")).unwrap();
    operator.set_primary(&asset, Some("a.ism")).unwrap();
    operator.set_mime_type(&ids[1], Some("video/x")).unwrap();
    assert!(operator.set_primary(&asset, Some("c.mp4")).is_err());
    let files = look(&operator, &asset).files;
    assert_eq!(files.iter().map(|f| f.primary).collect::<Vec<_>>(), [true, false]);
    assert_eq!((files[1].mime_type.as_deref(), files[1].size), (Some("video/x"), 7));
    operator.remove_file(&ids[1]).unwrap();
    assert_eq!(look(&operator, &asset).files.len(), 1);
    assert!(operator.link_delivery_policy(&asset, 3, 7).is_err(), "its key is not linked");
    let key = operator.link_content_key(&asset, 4).unwrap();
    let policy = operator.link_delivery_policy(&asset, 3, 7).unwrap();
    let seen = look(&operator, &asset);
    assert_eq!((seen.content_keys, seen.delivery_policies), (vec![key.clone()], vec![policy.clone()]));
    assert_eq!(bench.get(&format!("Assets('{asset}')/ContentKeys")).await.d()["results"][0]["Id"], json!(key));
    assert_eq!(bench.get("AssetDeliveryPolicies/$count").await.text, "1", "a refused request changed nothing");
    operator.unlink_delivery_policy(&asset, &policy).unwrap();
    operator.unlink_content_key(&asset, &key).unwrap();
    assert!(look(&operator, &asset).content_keys.is_empty());
    operator.set_streaming(false).unwrap();
    assert!(!bench.world.regions[0].media.endpoint_running());
}
