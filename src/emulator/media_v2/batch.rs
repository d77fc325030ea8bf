//! `$batch`: a multipart list of single reads and of changesets, each of which is applied as a whole or not at all.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::answer::Answer;
use super::call::{self, Call, Verb};
use super::errors::ApiError;
use super::multipart::{self, Part};
use super::render::{Format, INFALLIBLE};
use super::service::Service;
use super::transaction::Transaction;
use super::{background, single, write};
use crate::emulator::world::World;

/// WCF Data Services' default for operations in a changeset.
const MOST_IN_CHANGESET: usize = 100;

/// An operation of a batch.
struct Operation {
    verb: Verb,
    method: String,
    target: String,
    headers: HeaderMap,
    content_id: Option<String>,
    body: Vec<u8>,
}

enum Step {
    Single(Operation),
    Changeset(Vec<Operation>),
}

/// Answers a batch: 202 with one answer per part, in order.
pub(super) async fn serve(
    world: &Arc<World>,
    region: usize,
    headers: &HeaderMap,
    call: &Call,
) -> Result<Answer, ApiError> {
    let service = Service { world, index: region };
    if service.settings().refuse_batch {
        return Err(ApiError::new(501, "Batch requests are not supported."));
    }
    let content_type = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let steps = steps(content_type, &call.body, service.settings().batch_limit)?;
    let boundary = format!("batchresponse_{}", uuid::Uuid::new_v4());
    let mut out = String::new();
    for step in steps {
        write!(out, "--{boundary}\r\n").expect(INFALLIBLE);
        match step {
            Step::Single(operation) => {
                let outcome = match call_of(&operation, call, &HashMap::new()) {
                    Ok(single) => single::execute(world, region, &single, None).await,
                    Err(error) => Err(error),
                };
                let answer = outcome.unwrap_or_else(|e| Answer::refusal(format_of(&operation, call), &e));
                multipart::write_answer(&mut out, &answer, operation.content_id.as_deref());
            }
            Step::Changeset(operations) => changeset(world, region, call, operations, &mut out).await,
        }
    }
    write!(out, "--{boundary}--\r\n").expect(INFALLIBLE);
    Ok(Answer {
        status: 202,
        body: out,
        content_type: Some(format!("multipart/mixed; boundary={boundary}")),
        version: "3.0;",
        headers: Vec::new(),
    })
}

fn steps(content_type: &str, body: &[u8], most: usize) -> Result<Vec<Step>, ApiError> {
    let mut steps = Vec::new();
    let mut count = 0;
    for part in multipart::parts(content_type, body)? {
        let kind = part.header("content-type").unwrap_or_default().to_owned();
        if kind.starts_with("multipart/mixed") {
            let mut operations = Vec::new();
            for inner in multipart::parts(&kind, &part.body)? {
                let operation = operation(&inner)?;
                if operation.verb == Verb::Get {
                    return Err(ApiError::bad("A changeset cannot contain a GET request."));
                }
                operations.push(operation);
            }
            if operations.len() > MOST_IN_CHANGESET {
                return Err(ApiError::bad(format!(
                    "The changeset contains too many operations. Only {MOST_IN_CHANGESET} are allowed."
                )));
            }
            count += operations.len();
            steps.push(Step::Changeset(operations));
        } else {
            let operation = operation(&part)?;
            if operation.verb != Verb::Get {
                return Err(ApiError::bad("Only GET requests are allowed outside of a changeset."));
            }
            count += 1;
            steps.push(Step::Single(operation));
        }
    }
    if count > most {
        return Err(ApiError::bad(format!("The batch contains too many operations. Only {most} are allowed.")));
    }
    Ok(steps)
}

/// Reads the HTTP request inside a part.
fn operation(part: &Part) -> Result<Operation, ApiError> {
    let malformed = || ApiError::bad("The batch contains a malformed operation.");
    if !part.header("content-type").is_some_and(|t| t.starts_with("application/http")) {
        return Err(malformed());
    }
    let (head, body) = multipart::cut_head(&part.body);
    let head = std::str::from_utf8(head).map_err(|_| malformed())?;
    let mut lines = head.lines();
    let mut words = lines.next().ok_or_else(malformed)?.split_whitespace();
    let method = words.next().ok_or_else(malformed)?.to_owned();
    let target = words.next().ok_or_else(malformed)?.to_owned();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| malformed())?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| malformed())?);
    }
    let verb = Verb::of(&method, &headers)?;
    let own = headers.get("content-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let content_id = own.or_else(|| part.header("content-id").map(str::to_owned));
    Ok(Operation { verb, method, target, headers, content_id, body: body.to_vec() })
}

/// The call an operation means; `$1` is the entity that the operation with that Content-ID created.
fn call_of(operation: &Operation, batch: &Call, made: &HashMap<String, String>) -> Result<Call, ApiError> {
    let target = match url::Url::parse(&operation.target) {
        Ok(url) if url.has_host() => url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
        _ => operation.target.clone(),
    };
    let target = refer(&target, made);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = call::options(query);
    let reply = match call::reply_format(&operation.headers) {
        Ok(_) if !operation.headers.contains_key("accept") && !operation.headers.contains_key("content-type") => {
            batch.reply
        }
        other => other?,
    };
    let version = match operation.headers.get("x-ms-version") {
        Some(_) => call::version(&operation.headers, &query)?,
        None => batch.version,
    };
    let mut body = operation.body.clone();
    if !made.is_empty()
        && let Ok(text) = std::str::from_utf8(&body)
        && text.contains("\"$")
    {
        let mut text = text.to_owned();
        for (id, uri) in made {
            text = text.replace(&format!("\"${id}\""), &format!("\"{uri}\""));
        }
        body = text.into_bytes();
    }
    Ok(Call {
        verb: operation.verb,
        path: call::segments(path)?,
        query,
        version,
        reply,
        body,
        pretended: batch.pretended,
    })
}

/// Replaces a segment `$1` (anywhere: clients also write it after the root) and everything before it.
fn refer(target: &str, made: &HashMap<String, String>) -> String {
    for (at, _) in target.match_indices('$') {
        let rest = &target[at + 1..];
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        if let Some(uri) = made.get(&rest[..end])
            && (at == 0 || target[..at].ends_with('/'))
        {
            let path = url::Url::parse(uri).map_or_else(|_| uri.clone(), |u| u.path().to_owned());
            return format!("{path}{}", &rest[end..]);
        }
    }
    target.to_owned()
}

fn format_of(operation: &Operation, batch: &Call) -> Format {
    call::reply_format(&operation.headers).unwrap_or(batch.reply)
}

/// Performs a changeset; if one operation is refused, its refusal is the only answer and nothing is changed.
async fn changeset(world: &Arc<World>, region: usize, batch: &Call, operations: Vec<Operation>, out: &mut String) {
    let service = Service { world, index: region };
    let _alone = service.region().media.changes.write().await;
    let mut tx = Transaction::default();
    let mut made = HashMap::new();
    let mut answers = Vec::new();
    for operation in &operations {
        let outcome = match call_of(operation, batch, &made) {
            Ok(call) => write::perform(service, &mut tx, &call).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(answer) => {
                let location = answer.headers.iter().find(|(name, _)| *name == "location");
                if let (Some(id), Some((_, uri))) = (&operation.content_id, location) {
                    made.insert(id.clone(), uri.clone());
                }
                answers.push(answer);
            }
            Err(error) => {
                tracing::debug!(method = operation.method, target = operation.target, "a changeset is taken back");
                tx.roll_back(service).await;
                let refusal = Answer::refusal(format_of(operation, batch), &error);
                multipart::write_answer(out, &refusal, operation.content_id.as_deref());
                return;
            }
        }
    }
    background::end(world, region, tx, batch.pretended).await;
    let boundary = format!("changesetresponse_{}", uuid::Uuid::new_v4());
    write!(out, "Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n").expect(INFALLIBLE);
    for (operation, answer) in operations.iter().zip(&answers) {
        write!(out, "--{boundary}\r\n").expect(INFALLIBLE);
        multipart::write_answer(out, answer, operation.content_id.as_deref());
    }
    write!(out, "--{boundary}--\r\n").expect(INFALLIBLE);
}
