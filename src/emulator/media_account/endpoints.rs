//! What an account has from the start (storage accounts, media processors, the default streaming endpoint), and the
//! endpoint's changes of state, which take time.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::dates::Moment;
use super::guids::guid_from_text;
use super::schema::{ENDPOINTS, OPERATIONS, PROCESSORS, STORAGE};
use super::store::{Journal, Row, State};
use super::value::Value;
use crate::emulator::settings::RegionSettings;

/// How long a streaming endpoint takes to start or stop here; the real one took minutes.
const TURNAROUND: Duration = Duration::from_millis(500);

/// The creation time of the service's own entities.
const FOUNDED: &str = "2015-01-01T00:00:00Z";

/// (guid, name, version), as published. The standard encoder has two more invented versions, so that neither the order
/// of the list nor of the texts shows the newest one.
const MEDIA_PROCESSORS: [(&str, &str, &str); 7] = [
    ("7c0a4e1d-52b8-4f0e-9a3d-61f2b8c7d910", "Media Encoder Standard", "1.10"),
    ("ff4df607-d419-42f0-bc17-a481b1331e56", "Media Encoder Standard", "1.1"),
    ("0d5b92a6-8f3c-4c1b-b7e4-2a96c3f1e809", "Media Encoder Standard", "1.9"),
    ("1b1da727-93ae-4e46-a8a1-268828765609", "Azure Media Encoder", "4.6"),
    ("2e7aa8f3-4961-4e0c-b4db-0e0439e524f5", "Windows Azure Media Encoder", "3.7"),
    ("aec03716-7c5e-4f68-b592-f4850eba9f10", "Storage Decryption", "1.7"),
    ("233e57fc-36bb-4f6f-8f18-3b662747a9f8", "Azure Media Indexer", "1.3"),
];

/// The changes of state in progress.
#[derive(Debug, Default)]
pub(crate) struct Endpoints(Mutex<Vec<Change>>);

#[derive(Debug)]
struct Change {
    endpoint: String,
    operation: String,
    state: &'static str,
    due: Instant,
}

impl Endpoints {
    /// Adds the entities that every account has.
    pub(crate) fn furnish(settings: &RegionSettings, state: &mut State) -> Self {
        let mut journal = Journal::default();
        let founded = Moment::parse(FOUNDED).map_or(Value::Null, Value::Date);
        for (at, storage) in settings.storage.iter().enumerate() {
            let row =
                Row::new(&STORAGE).with("Name", Value::text(&storage.account)).with("IsDefault", Value::Bool(at == 0));
            state.insert(row, &mut journal);
        }
        for (guid, name, version) in MEDIA_PROCESSORS {
            let row = Row::new(&PROCESSORS)
                .with("Id", Value::text(PROCESSORS.id_of(guid)))
                .with("Description", Value::text(name))
                .with("Name", Value::text(name))
                .with("Sku", Value::text(""))
                .with("Vendor", Value::text("Microsoft"))
                .with("Version", Value::text(version));
            state.insert(row, &mut journal);
        }
        let id = ENDPOINTS.id_of(&guid_from_text(&format!("default endpoint of {}", settings.account)));
        let row = Row::new(&ENDPOINTS)
            .with("Id", Value::text(id))
            .with("Name", Value::text("default"))
            .with("Description", Value::text(""))
            .with("Created", founded.clone())
            .with("LastModified", founded)
            .with("State", Value::text("Running"))
            .with("CacheControl", Value::Json(std::sync::Arc::new(json!({ "MaxAge": null }))))
            .with("StreamingEndpointVersion", Value::text("2.0"));
        state.insert(row, &mut journal);
        Self::default()
    }

    /// Completes every change of state that is due.
    pub(crate) fn settle(&self, state: &mut State) {
        let mut changes = self.0.lock().expect("endpoint changes are never poisoned");
        let now = Instant::now();
        let mut journal = Journal::default();
        changes.retain(|change| {
            if change.due > now {
                return true;
            }
            // Without its operation, the change was rolled back.
            if state.update(&OPERATIONS, &change.operation, &mut journal, |o| o.set("State", Value::text("Succeeded")))
            {
                state.update(&ENDPOINTS, &change.endpoint, &mut journal, |e| e.set("State", Value::text(change.state)));
            }
            false
        });
    }

    /// Records that an endpoint reaches that state after its turnaround, and then completes that operation.
    pub(crate) fn begin(&self, endpoint: &str, operation: &str, state: &'static str) {
        let due = Instant::now() + TURNAROUND;
        let change = Change { endpoint: endpoint.to_owned(), operation: operation.to_owned(), state, due };
        self.0.lock().expect("endpoint changes are never poisoned").push(change);
    }

    /// Is the default endpoint running?
    pub(crate) fn running(state: &State) -> bool {
        state.find(&ENDPOINTS, "Name", "default").next().is_some_and(|e| e.text("State") == "Running")
    }
}
