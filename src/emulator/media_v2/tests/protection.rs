//! Content keys and delivery policies.

use serde_json::json;

use super::*;

const KID: &str = "nb:kid:UUID:11111111-1111-4111-8111-111111111111";

fn key_of(id: &str, kind: i32) -> Json {
    json!({ "Id": id, "ContentKeyType": kind, "EncryptedContentKey": "x", "ProtectionKeyId": "y", "Name": format!("k{kind}") })
}

/// An envelope policy for HLS, as in the documents.
fn envelope() -> Json {
    json!({ "Name": "p", "AssetDeliveryProtocol": 4, "AssetDeliveryPolicyType": 3,
        "AssetDeliveryConfiguration": r#"[{"Key":2,"Value":"https:\/\/a.keydelivery.mediaservices.windows.net\/"}]"# })
}

async fn link(bench: &Bench, asset: &str, nav: &str, set: &str, id: &str) -> Got {
    let uri = format!("http://cluster.west/api/{set}('{}')", id.replace(':', "%3A"));
    bench.post(&format!("Assets('{asset}')/$links/{nav}"), json!({ "uri": uri })).await
}

#[tokio::test]
async fn a_delivery_policy_is_made_listed_changed_and_deleted() {
    let mut bench = Bench::new().await;
    bench.light = true;
    let body = json!({ "Name": "Clear Policy", "AssetDeliveryProtocol": 7, "AssetDeliveryPolicyType": 2,
        "AssetDeliveryConfiguration": null });
    let got = bench.post("AssetDeliveryPolicies", body).await;
    assert_eq!(got.status, 201, "{}", got.text);
    let made = got.json();
    let id = made["Id"].as_str().unwrap();
    assert!(id.starts_with("nb:adpid:UUID:"), "{id}");
    assert_eq!(made["odata.metadata"], json!("http://cluster.west/api/$metadata#AssetDeliveryPolicies/@Element"));
    assert_eq!((&made["AssetDeliveryProtocol"], &made["AssetDeliveryPolicyType"]), (&json!(7), &json!(2)));
    bench.post("AssetDeliveryPolicies", envelope()).await;
    let path = format!("AssetDeliveryPolicies('{id}')");
    let change = json!({ "Name": "new", "AssetDeliveryPolicyType": 1, "Created": "2001-01-01T00:00:00Z" });
    assert_eq!(bench.merge(&path, change).await.status, 204);
    let again = bench.get(&path).await.json();
    assert_eq!((&again["Name"], &again["AssetDeliveryPolicyType"]), (&json!("new"), &json!(1)));
    let listed = bench.get("AssetDeliveryPolicies?$filter=AssetDeliveryPolicyType eq 3&$top=5").await.json();
    assert_eq!(listed["value"][0]["AssetDeliveryConfiguration"], envelope()["AssetDeliveryConfiguration"]);
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
    assert_eq!(bench.delete(&path).await.status, 204);
    assert_eq!(bench.get(&path).await.status, 404);
    bench.version = "2.6";
    assert_eq!(bench.get("AssetDeliveryPolicies").await.status, 404, "delivery policies came with 2.7");
}

#[tokio::test]
async fn a_delivery_policy_with_meaningless_values_is_refused() {
    let bench = Bench::new().await;
    for (property, value) in [
        ("AssetDeliveryPolicyType", json!(0)),
        ("AssetDeliveryPolicyType", json!(6)),
        ("AssetDeliveryProtocol", json!(0)),
        ("AssetDeliveryProtocol", json!(64)),
        ("AssetDeliveryConfiguration", json!("not JSON")),
        ("AssetDeliveryConfiguration", json!(r#"{"Key":2}"#)),
    ] {
        let mut body = envelope();
        body[property] = value;
        let got = bench.post("AssetDeliveryPolicies", body).await;
        assert_eq!(got.status, 400, "{property}: {}", got.text);
        assert!(got.message().contains(property), "{}", got.message());
    }
    let id = bench.make(0, "AssetDeliveryPolicies", envelope()).await;
    let path = format!("AssetDeliveryPolicies('{id}')");
    assert_eq!(bench.merge(&path, json!({ "AssetDeliveryPolicyType": 9 })).await.status, 400);
    assert_eq!(bench.get(&path).await.d()["AssetDeliveryPolicyType"], json!(3));
}

#[tokio::test]
async fn an_encrypting_policy_can_be_linked_only_to_an_asset_with_its_key() {
    let bench = Bench::new().await;
    let asset = bench.asset().await;
    let policy = bench.make(0, "AssetDeliveryPolicies", envelope()).await;
    let got = link(&bench, &asset, "DeliveryPolicies", "AssetDeliveryPolicies", &policy).await;
    assert_eq!(got.status, 400);
    assert_eq!(
        got.message(),
        "Cannot set an AssetDeliveryPolicy specifying AssetDeliveryPolicyType.DynamicEnvelopeEncryption when no ContentKey \
         with ContentKeyType.EnvelopeEncryption is linked to it"
    );
    bench.make(0, "ContentKeys", key_of(KID, 4)).await;
    assert_eq!(link(&bench, &asset, "ContentKeys", "ContentKeys", KID).await.status, 204);
    assert_eq!(link(&bench, &asset, "DeliveryPolicies", "AssetDeliveryPolicies", &policy).await.status, 204);
    assert_eq!(link(&bench, &asset, "DeliveryPolicies", "AssetDeliveryPolicies", &policy).await.status, 409);
    let linked = bench.get(&format!("Assets('{asset}')/DeliveryPolicies")).await.d();
    assert_eq!(linked["results"][0]["Id"], json!(policy));
    let path = format!("AssetDeliveryPolicies('{policy}')");
    assert_eq!(bench.delete(&path).await.status, 409, "it is in use");
    assert_eq!(bench.delete(&format!("ContentKeys('{KID}')")).await.status, 409, "it is in use");
    let links = format!("Assets('{asset}')/$links/DeliveryPolicies('{policy}')");
    assert_eq!(bench.delete(&links).await.status, 204);
    assert_eq!(bench.delete(&links).await.status, 404);
    assert_eq!(bench.get(&format!("Assets('{asset}')/DeliveryPolicies")).await.d()["results"], json!([]));
    assert_eq!(bench.delete(&path).await.status, 204);
    let unknown = "nb:adpid:UUID:00000000-0000-4000-8000-000000000000";
    assert_eq!(link(&bench, &asset, "DeliveryPolicies", "AssetDeliveryPolicies", unknown).await.status, 404);
    assert_eq!(link(&bench, &asset, "DeliveryPolicies", "AssetDeliveryPolicies", "bad").await.status, 400);
}

#[tokio::test]
async fn content_keys_of_the_published_types_are_listed_page_by_page() {
    let bench = Bench::new().await;
    let id = |kind: i32| format!("nb:kid:UUID:11111111-1111-4111-8111-00000000000{kind}");
    for kind in [0, 1, 4, 6, 7, 8] {
        bench.make(0, "ContentKeys", key_of(&id(kind), kind)).await;
    }
    for kind in [3, 5, 9] {
        assert_eq!(bench.post("ContentKeys", key_of(&id(kind), kind)).await.status, 400, "{kind}");
    }
    let names = |got: &Got| -> Vec<String> {
        let results = got.d()["results"].as_array().unwrap().clone();
        results.iter().map(|key| key["Name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&bench.get("ContentKeys?$skip=1&$top=2").await), ["k1", "k4"]);
    assert_eq!(names(&bench.get("ContentKeys?$filter=ContentKeyType ge 6&$skip=1").await), ["k7", "k8"]);
    let asset = bench.asset().await;
    for kind in [4, 1] {
        assert_eq!(link(&bench, &asset, "ContentKeys", "ContentKeys", &id(kind)).await.status, 204);
    }
    let filter = format!("Assets('{asset}')/ContentKeys?$filter=ContentKeyType eq 1");
    assert_eq!(names(&bench.get(&filter).await), ["k1"]);
}

#[tokio::test]
async fn an_asset_is_deleted_with_its_unshared_keys_and_without_policies() {
    let bench = Bench::new().await;
    let (asset, other) = (bench.asset().await, bench.asset().await);
    let shared = "nb:kid:UUID:22222222-2222-4222-8222-222222222222";
    for key in [KID, shared] {
        bench.make(0, "ContentKeys", key_of(key, 4)).await;
        assert_eq!(link(&bench, &asset, "ContentKeys", "ContentKeys", key).await.status, 204);
    }
    assert_eq!(link(&bench, &other, "ContentKeys", "ContentKeys", shared).await.status, 204);
    let policy = bench.make(0, "AssetDeliveryPolicies", envelope()).await;
    assert_eq!(link(&bench, &asset, "DeliveryPolicies", "AssetDeliveryPolicies", &policy).await.status, 204);
    assert_eq!(bench.delete(&format!("Assets('{asset}')")).await.status, 204);
    let status = async |path: String| bench.get(&path).await.status;
    assert_eq!(status(format!("ContentKeys('{KID}')")).await, 404);
    assert_eq!(status(format!("ContentKeys('{shared}')")).await, 200);
    assert_eq!(status(format!("AssetDeliveryPolicies('{policy}')")).await, 200);
    assert_eq!(bench.delete(&format!("AssetDeliveryPolicies('{policy}')")).await.status, 204, "no longer in use");
}

#[tokio::test]
async fn related_entities_in_a_body_are_refused_rather_than_ignored() {
    let bench = Bench::new().await;
    bench.make(0, "ContentKeys", key_of(KID, 4)).await;
    let keys = json!([{ "__metadata": { "uri": format!("ContentKeys('{KID}')") } }]);
    let got = bench.post("Assets", json!({ "Name": "a", "ContentKeys": keys.clone() })).await;
    assert_eq!(got.status, 501);
    assert!(got.message().contains("related entities"), "{}", got.message());
    let asset = bench.asset().await;
    assert_eq!(bench.merge(&format!("Assets('{asset}')"), json!({ "ContentKeys": keys })).await.status, 501);
    let deferred = json!({ "Name": "b", "ContentKeys": { "__deferred": { "uri": "x" } } });
    assert_eq!(bench.merge(&format!("Assets('{asset}')"), deferred).await.status, 204);
}

#[tokio::test]
async fn an_authorization_policy_of_keys_is_linked_to_its_options_and_deleted_with_its_links() {
    let bench = Bench::new().await;
    bench.make(0, "ContentKeys", key_of(KID, 4)).await;
    let restriction = json!([{ "Name": "open", "KeyRestrictionType": 0, "Requirements": null }]);
    let option =
        json!({ "Name": "o", "KeyDeliveryType": 2, "KeyDeliveryConfiguration": "", "Restrictions": restriction });
    let option = bench.make(0, "ContentKeyAuthorizationPolicyOptions", option).await;
    let policy = bench.make(0, "ContentKeyAuthorizationPolicies", json!({ "Name": "p" })).await;
    assert!(option.starts_with("nb:ckpoid:UUID:") && policy.starts_with("nb:ckpid:UUID:"), "{option} {policy}");
    let uri = format!("http://cluster.west/api/ContentKeyAuthorizationPolicyOptions('{option}')");
    let links = format!("ContentKeyAuthorizationPolicies('{policy}')/$links/Options");
    assert_eq!(bench.post(&links, json!({ "uri": uri })).await.status, 204);
    let listed = bench.get(&format!("ContentKeyAuthorizationPolicies('{policy}')/Options")).await.d();
    assert_eq!(listed["results"][0]["Restrictions"]["results"], restriction);
    let key = format!("ContentKeys('{KID}')");
    assert_eq!(bench.merge(&key, json!({ "AuthorizationPolicyId": policy })).await.status, 204);
    let option = format!("ContentKeyAuthorizationPolicyOptions('{option}')");
    assert_eq!(bench.delete(&option).await.status, 409, "it is linked");
    assert_eq!(bench.delete(&format!("ContentKeyAuthorizationPolicies('{policy}')")).await.status, 204);
    assert_eq!(bench.delete(&option).await.status, 204);
}

#[tokio::test]
async fn a_content_key_has_a_delivery_url_for_each_documented_type() {
    let bench = Bench::new().await;
    bench.make(0, "ContentKeys", key_of(KID, 4)).await;
    let action = format!("ContentKeys('{KID}')/GetKeyDeliveryUrl");
    let host = "https://mediawest.keydelivery.mediaservices.windows.net/";
    for (kind, path) in [(json!(1), "PlayReady/"), (json!("2"), "?KID=11111111-1111-4111-8111-111111111111")] {
        let got = bench.post(&action, json!({ "keyDeliveryType": kind })).await;
        assert_eq!((got.status, &got.d()["GetKeyDeliveryUrl"]), (200, &json!(format!("{host}{path}"))));
    }
    assert_eq!(bench.post(&action, json!({ "keyDeliveryType": 9 })).await.status, 400);
    assert_eq!(bench.post(&format!("ContentKeys('{KID}')/Rebind"), json!({})).await.status, 404);
}
