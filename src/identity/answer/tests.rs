//! Reading token answers.

use super::*;

fn life(body: &Value, at: Timestamp) -> Option<(i64, i64)> {
    let token = read(&body.to_string(), at)?;
    let seconds = |to: Timestamp| to.duration_since(at).as_secs();
    Some((seconds(token.renew), seconds(token.expiry)))
}

#[test]
fn times_are_read_as_numbers_or_texts_from_all_fields() {
    let at = Timestamp::from_second(1_000_000).unwrap();
    let swt = "http%3a%2f%2fx=a&Audience=urn%3aW&ExpiresOn=1021600&Issuer=i&HMACSHA256=x%3d";
    for body in [
        serde_json::json!({"access_token": "t", "expires_in": "21600"}),
        serde_json::json!({"access_token": "t", "expires_in": 21600}),
        serde_json::json!({"access_token": "t", "expires_on": "1021600"}),
        serde_json::json!({"access_token": swt}),
    ] {
        assert_eq!(life(&body, at), Some((21_000, 21_600)), "{body}");
    }
}

#[test]
fn a_token_with_a_short_lifetime_is_renewed_after_four_fifths() {
    let at = Timestamp::from_second(0).unwrap();
    let body = serde_json::json!({"access_token": "t", "expires_in": 600});
    assert_eq!(life(&body, at), Some((480, 600)));
}

#[test]
fn a_simple_web_token_is_kept_verbatim() {
    let swt = "http%3a%2f%2fx=a&ExpiresOn=1&HMACSHA256=x%2b%3d";
    let body = serde_json::json!({"access_token": swt, "expires_in": "60"}).to_string();
    assert_eq!(read(&body, Timestamp::UNIX_EPOCH).unwrap().value.expose(), swt);
}

#[test]
fn an_answer_without_a_token_is_rejected() {
    for body in ["", "<html>", "{}", r#"{"access_token":""}"#] {
        assert!(read(body, Timestamp::UNIX_EPOCH).is_none(), "{body}");
    }
}

#[test]
fn the_expiry_of_a_json_web_token_is_read_from_it() {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"aud":"x","exp":1003600}"#);
    let body = serde_json::json!({"access_token": format!("e30.{claims}.sig")});
    assert_eq!(life(&body, Timestamp::from_second(1_000_000).unwrap()), Some((3_000, 3_600)));
}

#[test]
fn a_refusal_has_code_and_message() {
    for (body, expected) in [
        (
            r#"{"error":"invalid_client","error_description":"ACS50012: Authentication failed."}"#,
            "HTTP 401 invalid_client: ACS50012: Authentication failed.",
        ),
        (r#"{"statusCode":401,"message":"No such identity."}"#, "HTTP 401: No such identity."),
        ("<html><body><h1>Service Unavailable</h1></body></html>", "HTTP 401: Service Unavailable"),
        ("", "HTTP 401"),
    ] {
        assert_eq!(refusal(401, None, body).to_string(), expected);
    }
}
