//! Multipart bodies in both directions.

use super::*;
use serde_json::json;

const TYPE: &str = "multipart/mixed; boundary=batchresponse_1";

fn post() -> Operation {
    let target = Target::Path("Files".to_owned());
    Operation { method: "POST", target, body: Some(json!({"Name": "x"})), answer_used: true }
}

/// The example of the vendor's reference, shortened.
const ANSWER: &str = "--batchresponse_1\r\n\
Content-Type: multipart/mixed; boundary=\"changesetresponse_2\"\r\n\r\n\
--changesetresponse_2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
HTTP/1.1 201 Created\r\nContent-ID: 1\r\nContent-Type: application/json;odata=verbose\r\n\r\n{\"d\":{\"Id\":\"f1\"}}\r\n\
--changesetresponse_2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
HTTP/1.1 204 No Content\r\nContent-ID: 2\r\n\r\n\r\n\
--changesetresponse_2--\r\n\
--batchresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\n\r\n\
{\"error\":{\"code\":\"\",\"message\":{\"lang\":\"en-US\",\"value\":\"taken\"}}}\r\n\
--batchresponse_1--\r\n";

#[test]
fn an_answer_has_a_result_for_every_changeset() {
    for answer in [ANSWER.to_owned(), ANSWER.replace("\r\n", "\n")] {
        let outcomes = read(TYPE, &answer, &[vec![post(), post()], vec![post()]]).unwrap();
        let rows = outcomes[0].as_ref().unwrap();
        assert_eq!(rows[0].as_ref().unwrap().text("Id"), Some("f1"));
        assert!(rows[1].is_none());
        assert_eq!(outcomes[1].as_ref().unwrap_err().to_string(), "HTTP 409: taken");
    }
}

#[test]
fn a_truncated_answer_is_unknown_and_never_a_success() {
    let asked = [vec![post(), post()], vec![post()]];
    let second = ANSWER.rfind("--batchresponse_1\r\n").unwrap();
    for end in 0..ANSWER.len() {
        let Some(outcomes) = read(TYPE, &ANSWER[..end], &asked) else { continue };
        assert_eq!(outcomes.len(), 2);
        if end < second + "--batchresponse_1".len() {
            assert!(matches!(outcomes[0], Err(Failure::Interrupted(_))), "cut at {end}: {:?}", outcomes[0]);
        }
        assert!(outcomes[1].is_err());
    }
}

#[test]
fn fewer_answers_than_operations_are_not_a_success() {
    let outcomes = read(TYPE, ANSWER, &[vec![post(), post(), post()]]).unwrap();
    assert!(matches!(outcomes[0], Err(Failure::Interrupted(_))));
}

#[test]
fn a_body_that_is_not_a_batch_answer_is_rejected() {
    assert!(read("text/html", "<html>", &[vec![post()]]).is_none());
    assert!(read(TYPE, "<html>", &[vec![post()]]).is_none());
}

#[test]
fn references_stay_inside_their_changeset() {
    let root = Url::parse("https://h/api/").unwrap();
    let (target, body) = (Target::Made(0), Some(json!({"a": 1})));
    let merge = Operation { method: "MERGE", target, body, answer_used: false };
    let (content_type, text) = write(&root, &[vec![post()], vec![post(), merge]]);
    assert!(text.starts_with(&format!("--{}\r\n", content_type.split_once('=').unwrap().1)));
    assert!(text.contains("POST https://h/api/Files HTTP/1.1\r\nContent-ID: 2\r\n"), "{text}");
    assert!(text.contains("MERGE $2 HTTP/1.1\r\nContent-ID: 3\r\n"), "{text}");
}
