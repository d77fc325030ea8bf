//! Operations of some media services that a mirror does not need: encoding, and access to single assets.

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::Library;
use crate::error::Error;
use crate::model::{Asset, AssetId, JobId, JobState, LocatorId};
use crate::redact::SafeUrl;

/// A job to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its name, which no other job has.
    pub name: String,
    /// The asset that is encoded.
    pub input: AssetId,
    /// Id of the processor that encodes it.
    pub processor: String,
    /// The preset's name, or a preset in JSON or XML.
    pub preset: String,
    /// Name of the asset that is made.
    pub output_name: String,
    /// Encrypt the preset, so that nobody can read it in a list of tasks?
    pub protected: bool,
}

/// A job as the service reports it.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Job {
    /// The service's id.
    pub id: JobId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: JobState,
    /// When it was submitted.
    pub created: Option<Timestamp>,
    /// When its processing began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How long it ran, according to the service.
    pub running_ms: u64,
}

/// A task of a job.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct JobTask {
    /// The service's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state, with the names of a job's states.
    pub state: JobState,
    /// How much of it is done, 0 to 100.
    pub progress: f64,
    /// The preset; `None` if it is encrypted.
    pub preset: Option<String>,
    /// Id of the content key of an encrypted preset.
    pub key: Option<String>,
    /// Id of the processor.
    pub processor: String,
    /// Why it failed.
    pub errors: Vec<TaskError>,
    /// Its events.
    pub history: Vec<TaskEvent>,
    /// How long it ran, according to the service.
    pub running_ms: u64,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct TaskError {
    /// The service's code.
    pub code: String,
    /// The service's words.
    pub message: String,
}

/// An event of a task.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct TaskEvent {
    /// The service's code.
    pub code: String,
    /// The service's words.
    pub message: String,
    /// When.
    pub at: Option<Timestamp>,
}

/// A version of an encoder.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Processor {
    /// The service's id.
    pub id: String,
    /// Its name, such as `Media Encoder Standard`.
    pub name: String,
    /// Its version, such as `1.1`.
    pub version: String,
    /// Its vendor.
    pub vendor: String,
    /// Its description.
    pub description: String,
}

/// An access policy: the permissions of the locators that use it, and their duration.
#[derive(Debug, Clone, PartialEq, schemars::JsonSchema, serde::Serialize)]
pub struct AccessPolicy {
    /// The service's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// How long its locators are valid.
    pub minutes: f64,
    /// Flags: 1 read, 2 write, 4 delete, 8 list.
    pub permissions: u64,
}

impl AccessPolicy {
    /// The prefix of the names of policies that mediamirror shares between locators.
    pub(crate) const SHARED: &'static str = "mediamirror ";

    /// Is it one of those?
    pub fn shared(&self) -> bool {
        self.name.starts_with(Self::SHARED)
    }
}

/// A media account in which single assets are made, encoded and published.
#[async_trait]
pub trait Authoring: Library {
    /// Does this have the form of an asset's id, and not of a name?
    fn is_asset_id(&self, text: &str) -> bool;

    /// The assets with exactly that name.
    async fn assets_named(&self, name: &str) -> Result<Vec<Asset>, Error>;

    /// Makes one file of an asset its primary, and no other.
    async fn set_primary(&self, asset: &AssetId, name: &str) -> Result<(), Error>;

    /// Makes a SAS locator with that id that permits reading; returns the container's URL with its signature.
    async fn create_read_sas(
        &self,
        asset: &AssetId,
        id: &LocatorId,
        start: Timestamp,
        minutes: u32,
    ) -> Result<SafeUrl, Error>;

    /// All access policies.
    async fn access_policies(&self) -> Result<Vec<AccessPolicy>, Error>;

    /// The ids of the policies that locators use, one for each locator.
    async fn policies_of_locators(&self) -> Result<Vec<String>, Error>;

    /// Removes an access policy. It is a success if it does not exist.
    async fn delete_access_policy(&self, id: &str) -> Result<(), Error>;

    /// All processors, by name, the newest of each first.
    async fn processors(&self) -> Result<Vec<Processor>, Error>;

    /// The newest processor of a name.
    ///
    /// # Errors
    /// There is none with that name; the error lists the existing ones.
    async fn newest_processor(&self, name: &str) -> Result<Processor, Error>;

    /// Submits a job of one task.
    async fn create_job(&self, wanted: &NewJob) -> Result<Job, Error>;

    /// All jobs, the newest first.
    async fn jobs(&self) -> Result<Vec<Job>, Error>;

    /// One job, or `None` if there is none with that id.
    async fn job(&self, id: &JobId) -> Result<Option<Job>, Error>;

    /// The tasks of a job.
    async fn tasks_of(&self, id: &JobId) -> Result<Vec<JobTask>, Error>;

    /// The output assets of a job. They exist from its submission; those of a failed job may be deleted.
    async fn outputs_of(&self, id: &JobId) -> Result<Vec<Asset>, Error>;

    /// Requests the cancellation of a job. It is a success if it is already canceling or canceled.
    ///
    /// # Errors
    /// It has ended in another way.
    async fn cancel_job(&self, id: &JobId) -> Result<(), Error>;

    /// Removes an ended job with its tasks and the keys of their encrypted presets. Its output is kept. It is a success
    /// if it does not exist.
    async fn delete_job(&self, id: &JobId) -> Result<(), Error>;
}
