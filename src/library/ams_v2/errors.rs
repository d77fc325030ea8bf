//! Turns unexpected answers into failures: OData errors in both JSON dialects and XML, and pages of HTML.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::error::Failure;
use crate::redact::{shorten, without_tags};
use crate::transport::parse_retry_after;

/// The failure for an answer with an error status.
pub(super) fn refusal(status: u16, retry_after: Option<&str>, body: &str) -> Failure {
    let (code, message) = words(body);
    if status == 404 && is_of_an_object(body, &message) {
        return Failure::Absent(shorten(&message));
    }
    Failure::Refused {
        status,
        code: code.map(|code| shorten(&code)).filter(|code| !code.is_empty()),
        message: shorten(&message),
        retry_after: retry_after.and_then(parse_retry_after),
        source_refusal: None,
    }
}

/// Is a 404 about the requested object? Then it is the service's own error document. According to the texts of the live
/// service, two of those are about something else: a segment of the URL, and a storage account.
fn is_of_an_object(body: &str, message: &str) -> bool {
    let of_the_service = match serde_json::from_str::<Value>(body) {
        Ok(document) => document.get("error").or_else(|| document.get("odata.error")).is_some_and(Value::is_object),
        Err(_) => xml_words(body).is_some(),
    };
    let about_something_else = ["Resource not found for the segment", "Cannot find the storage account"];
    of_the_service && !about_something_else.iter().any(|start| message.trim_start().starts_with(start))
}

/// The failure for a successful answer that cannot be read.
pub(super) fn not_json(host: &str, body: &str) -> Failure {
    if serde_json::from_str::<IgnoredAny>(body).is_ok() {
        let answer = shorten(body);
        return Failure::Unexpected(format!(
            "{host} answered \"{answer}\", which is not what the request asked for, or has too many entries"
        ));
    }
    Failure::Unexpected(format!(
        "{host} answered \"{}\" instead of JSON; is `endpoint` the API root?",
        shorten(&without_tags(body))
    ))
}

/// The failure for an unexpected redirect.
pub(super) fn redirected(status: u16, host: &str, location: Option<&str>) -> Failure {
    let to = location
        .and_then(|location| url::Url::parse(location).ok())
        .map_or_else(|| "nowhere".to_owned(), |url| crate::transport::authority(&url));
    Failure::Unexpected(format!("{host} redirects (HTTP {status}) to {to}; is `endpoint` the API root?"))
}

/// Code and message of an error body.
fn words(body: &str) -> (Option<String>, String) {
    if let Ok(document) = serde_json::from_str::<Value>(body) {
        return json_words(&document).unwrap_or_else(|| (None, body.to_owned()));
    }
    xml_words(body).unwrap_or_else(|| (None, without_tags(body)))
}

fn json_words(document: &Value) -> Option<(Option<String>, String)> {
    let error = document.get("error").or_else(|| document.get("odata.error"))?;
    let message = match error.get("message") {
        Some(Value::String(text)) => text.clone(),
        Some(message) => message.get("value").and_then(Value::as_str).unwrap_or_default().to_owned(),
        None => String::new(),
    };
    Some((error.get("code").and_then(Value::as_str).map(str::to_owned), message))
}

/// `<error><code/><message/></error>` in any namespace.
fn xml_words(body: &str) -> Option<(Option<String>, String)> {
    if !body.trim_start().starts_with('<') {
        return None;
    }
    let mut reader = Reader::from_str(body);
    let (mut code, mut message, mut inside, mut is_error) = (String::new(), String::new(), Vec::new(), false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                inside = start.local_name().as_ref().to_vec();
                is_error |= inside == b"error";
            }
            Event::End(_) => inside.clear(),
            Event::Text(text) => {
                let text = text.decode().ok()?;
                match inside.as_slice() {
                    b"code" => code.push_str(&text),
                    b"message" => message.push_str(&text),
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    is_error.then_some((Some(code), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::{Class, classify};

    fn text(failure: &Failure) -> String {
        failure.to_string()
    }

    #[test]
    fn the_message_is_found_in_all_formats() {
        for body in [
            r#"{"error":{"code":"","message":{"lang":"en-US","value":"Resource Asset not found"}}}"#,
            r#"{"odata.error":{"code":"","message":{"lang":"en-US","value":"Resource Asset not found"}}}"#,
            r#"{"error":{"message":"Resource Asset not found"}}"#,
            r#"<?xml version="1.0"?><m:error xmlns:m="u"><m:code/><m:message xml:lang="en-US">Resource Asset not found</m:message></m:error>"#,
            "<error xmlns='u'><code></code><message>Resource Asset not found</message></error>",
        ] {
            assert_eq!(text(&refusal(404, None, body)), "HTTP 404: Resource Asset not found", "{body}");
        }
    }

    #[test]
    fn only_an_error_document_about_the_object_shows_that_it_does_not_exist() {
        let document = |message: &str| format!(r#"{{"odata.error":{{"code":"","message":{{"value":"{message}"}}}}}}"#);
        assert!(refusal(404, None, &document("Resource Locator not found")).is_absent());
        for body in [
            "",
            "<html><body><h1>404 Not Found</h1></body></html>",
            r#"{"error":"not_found"}"#,
            r#"{"message":"Resource Locator not found"}"#,
            &document("Resource not found for the segment 'Locators'."),
            &document("Cannot find the storage account 'a'."),
        ] {
            let failure = refusal(404, None, body);
            assert_eq!((failure.is_absent(), failure.status()), (false, Some(404)), "{body}");
        }
        assert!(!refusal(410, None, &document("Resource Locator not found")).is_absent());
    }

    #[test]
    fn the_text_of_an_html_page_is_the_message() {
        let failure = refusal(503, Some("7"), "<html><body><h1>Service Unavailable</h1></body></html>");
        assert_eq!(text(&failure), "HTTP 503: Service Unavailable");
        assert_eq!(classify(&failure), Class::Throttled);
        assert!(text(&not_json("h:443", "<h2>Object moved</h2>")).contains("\"Object moved\""));
    }

    #[test]
    fn with_an_empty_body_only_the_status_is_reported() {
        assert_eq!(text(&refusal(500, None, "")), "HTTP 500");
    }
}
