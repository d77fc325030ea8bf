//! The streaming endpoint's host, and its start and stop, which take time and are followed with `Operations`.

use super::answer::Answer;
use super::errors::ApiError;
use super::service::Service;
use super::transaction::Transaction;
use crate::emulator::media_account::schema::{ENDPOINTS, OPERATIONS};
use crate::emulator::media_account::store::{Journal, Row};
use crate::emulator::media_account::value::Value;

/// Sets the endpoint's host name when the streaming host's address is known.
pub(super) fn name_host(service: Service<'_>) {
    let mut state = service.state();
    let nameless =
        state.table(&ENDPOINTS).all().find(|e| *e.get("HostName") == Value::Null).map(|e| e.key().to_owned());
    if let Some(key) = nameless {
        let streaming = &service.region().urls.streaming;
        let host = streaming.split_once("://").map_or(streaming.as_str(), |(_, host)| host);
        state.update(&ENDPOINTS, &key, &mut Journal::default(), |e| e.set("HostName", Value::text(host)));
    }
}

/// Starts or stops an endpoint: 202 and an operation to follow.
pub(super) fn act(service: Service<'_>, tx: &mut Transaction, key: &str, action: &str) -> Result<Answer, ApiError> {
    let (from, through, to) = match action {
        "Start" => ("Stopped", "Starting", "Running"),
        "Stop" => ("Running", "Stopping", "Stopped"),
        "Scale" => ("Running", "Scaling", "Running"),
        other => return Err(ApiError::no_segment(other)),
    };
    let mut state = service.state();
    let endpoint = state.get(&ENDPOINTS, key).ok_or_else(|| ApiError::no_entity(ENDPOINTS.name))?;
    let is = endpoint.text("State").to_owned();
    if is != from && !(action == "Scale" && is == "Stopped") {
        return Err(ApiError::conflict(format!("The streaming endpoint cannot {action} in the {is} state.")));
    }
    let to = if is == "Stopped" && action == "Scale" { "Stopped" } else { to };
    let operation = OPERATIONS.new_id();
    state.update(&ENDPOINTS, key, &mut tx.journal, |e| e.set("State", Value::text(through)));
    let row = Row::new(&OPERATIONS)
        .with("Id", Value::text(&operation))
        .with("State", Value::text("InProgress"))
        .with("TargetEntityId", Value::text(key));
    state.insert(row, &mut tx.journal);
    service.region().media.endpoints.begin(key, &operation, to);
    Ok(Answer::empty().status(202).header("operation-id", operation))
}
