//! Any text as an answer of the media API: a page, an entity, a `$batch` answer, an error. None is accepted in part,
//! and no error contains a signature.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::batch::{self, Changeset, Operation, Target};
use super::odata::{self, Row};
use super::{entities, errors, filters};
use crate::error::Failure;
use crate::fuzz::{CANARY, keeps_secret, marked, target};

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "\"d\":",
    "\"results\":",
    "\"value\":",
    "\"error\":",
    "\"code\":",
    "\"message\":",
    "\"Id\":",
    "\"Name\":",
    "\"Tracks\":",
    "\"PropertyConditions\":",
    "\"Operator\":",
    "\"PresentationTimeRange\":",
    "\"Options\":",
    "\"Type\":2",
    "\"Uri\":",
    "\"Path\":",
    "\"/Date(0)/\"",
    "/Date(-62135596800000)/",
    "9999-12-31T23:59:59.9999999",
    "-9999",
    "1e999",
    "-0",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "[[[[[[[[[[[[[[[[",
    "<m:error>",
    "<code>",
    "&amp;",
    "sig=",
    "\"",
    "<",
    "%",
    "nb:lid:UUID:",
    "https://h/a?",
    "\u{feff}",
    "ß",
];

const BATCH: &[&str] = &[
    "--batchresponse_1\r\n",
    "--batchresponse_1--\r\n",
    "--changesetresponse_2\r\n",
    "--changesetresponse_2--\r\n",
    "\r\n",
    "\n",
    "\r\n\r\n",
    "--",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 503 x",
    "HTTP/1.1 ",
    "HTTP/",
    "Retry-After: 9",
    "Content-Type: ",
    "Content-Type: multipart/mixed; boundary=",
    "multipart/mixed; boundary=\"--\"",
    "boundary=\"\"",
    "{\"d\":{\"Id\":\"f1\"}}",
    "{",
    "}",
    "null",
    ":",
    ";",
    "\"",
    "\u{feff}",
    "ß",
];

/// Checks the text of one failure: it has a limited length and no signature.
fn outcome_of(failure: &Failure, secret: bool) -> String {
    let text = format!("{failure} {failure:?}");
    if secret {
        keeps_secret(&text);
    }
    assert!(text.chars().count() < 2000, "an error as long as its answer: {text}");
    failure.to_string()
}

/// Reads an entity as every type.
fn read(row: &Row, secret: bool) -> String {
    let mut outcome = String::new();
    let mut add = |noun: &str, problem: Option<Failure>| {
        outcome.push_str(noun);
        outcome.push_str(&problem.map_or_else(String::new, |failure| outcome_of(&failure, secret)));
    };
    let asset = entities::asset(row);
    if let Ok(asset) = &asset {
        assert!(!asset.id.as_str().is_empty());
        if let Some(container) = &asset.container {
            assert!(!container.as_str().contains('/') && !matches!(container.as_str(), "" | "." | ".."));
        }
    }
    add("asset", asset.err());
    add("file", entities::file(row).err());
    let locator = entities::locator(row);
    if let Ok(Some(locator)) = &locator {
        if let Some(path) = &locator.path {
            assert!(path.ends_with('/'));
        }
        assert_eq!(entities::locator_id(&entities::wire_id(&locator.id)), locator.id);
    }
    add("locator", locator.err());
    outcome
}

#[test]
fn any_text_gives_a_page_an_entity_or_an_error() {
    target("odata", JSON, |input| {
        let text = String::from_utf8_lossy(input);
        let secret = marked(&text);
        let mut outcome = outcome_of(&errors::refusal(500, None, &text), secret);
        outcome += &outcome_of(&errors::not_json("h:443", &text), secret);
        for entry in filters::entries(&text).into_iter().flatten().take(3) {
            if let Err(failure) = entry.filter() {
                outcome += &outcome_of(&failure, secret);
            }
        }
        if let Some(rows) = odata::rows(&text) {
            assert!(rows.len() <= input.len());
            outcome = rows.iter().take(3).map(|row| read(row, secret)).collect();
        } else if let Some(row) = odata::row(&text) {
            outcome = read(&row, secret);
        }
        outcome
    });
}

#[test]
fn any_text_gives_a_date_that_can_be_written_or_none() {
    target(
        "date",
        &["/Date(", ")/", "T", "Z", "+00:00", "-0001-", ".9999999", "-", "99", "[", "]", "u-ca=", ":60"],
        |input| {
            let text = String::from_utf8_lossy(input);
            let Some(at) = odata::parse_date(&text) else { return "none".to_owned() };
            // The service stores ticks of 100 ns.
            let tick = at.as_nanosecond().rem_euclid(100);
            let kept = Timestamp::from_nanosecond(at.as_nanosecond() - tick).unwrap_or(at);
            // The service cannot have years before 0 and after 9999; they must only do no harm.
            let (early, late) = ("0001-01-01T00:00:00Z".parse().unwrap(), "9999-12-30T00:00:00Z".parse().unwrap());
            let written = odata::date(at);
            if (early..late).contains(&at) {
                assert_eq!(odata::parse_date(&written), Some(kept), "{written}");
            }
            format!("{} {}", at < Timestamp::UNIX_EPOCH, text.len())
        },
    );
}

fn post(name: &str) -> Operation {
    let target = Target::Path("Files".to_owned());
    Operation { method: "POST", target, body: Some(json!({ "Name": name })), answer_used: true }
}

#[test]
fn any_text_gives_a_batch_answer_with_a_result_for_every_changeset_or_none() {
    let asked: [Changeset; 3] = [vec![post("a"), post("b")], vec![post("c")], vec![]];
    target("batch", BATCH, |input| {
        let text = String::from_utf8_lossy(input);
        let (content_type, body) =
            text.split_once('\n').unwrap_or(("multipart/mixed; boundary=batchresponse_1", &text));
        let secret = marked(&text);
        let Some(outcomes) = batch::read(content_type, body, &asked) else { return "none".to_owned() };
        assert_eq!(outcomes.len(), asked.len());
        let words = outcomes.iter().zip(&asked).map(|(outcome, asked)| match outcome {
            Ok(rows) => {
                assert_eq!(rows.len(), asked.len(), "done, but not all of it");
                // Each success must be in the answer, once per operation.
                assert!(body.matches("HTTP/").count() >= rows.len());
                rows.iter().flatten().map(|row| read(row, secret)).collect()
            }
            Err(failure) => outcome_of(failure, secret),
        });
        words.collect::<Vec<String>>().join("; ")
    });
}

#[test]
fn a_batch_has_one_part_per_operation_for_any_content() {
    let root = url::Url::parse("https://h/api/").unwrap();
    target("batch", BATCH, |input| {
        let text = String::from_utf8_lossy(input);
        let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
        let (content_type, body) = batch::write(&root, &[vec![post(first), post(second)], vec![post(first)]]);
        let boundary = content_type.split_once('=').expect("it names its boundary").1;
        assert_eq!(body.matches(&format!("--{boundary}")).count(), 3, "two changesets and the end");
        assert_eq!(body.matches("\r\nContent-ID: ").count(), 3);
        let bodies: Vec<Value> =
            body.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(bodies, [json!({"Name": first}), json!({"Name": second}), json!({"Name": first})]);
        String::new()
    });
}

#[test]
fn the_canary_is_in_the_position_of_a_signature() {
    assert!(marked(&format!("https://h/?sig={CANARY}&sp=r")) && !marked(CANARY));
}
