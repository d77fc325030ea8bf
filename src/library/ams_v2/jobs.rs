//! Encoding jobs of one task each: submission, state and result.
//!
//! A job is searched by its name before it is submitted again, so names must be unique.

use quick_xml::escape::escape;
use serde_json::{Value, json};

use super::account::AmsV2;
use super::assets::unreadable;
use super::calls::{call, safe};
use super::create::create_once;
use super::entities;
use super::listing::{self, Query};
use super::odata::{self, Row};
use super::wire::Ask;
use crate::error::{CallError, Error, Failure};
use crate::library::authoring::{Job, JobTask, NewJob, TaskError, TaskEvent};
use crate::model::{Asset, JobId, JobState};
use crate::retry::Idempotency;

/// The state for the API's number. The numbers of tasks are those of jobs, with other names for the first three.
fn state(row: &Row) -> Result<JobState, Failure> {
    Ok(match row.whole("State") {
        Some(0) => JobState::Queued,
        Some(1) => JobState::Scheduled,
        Some(2) => JobState::Processing,
        Some(3) => JobState::Finished,
        Some(4) => JobState::Error,
        Some(5) => JobState::Canceled,
        Some(6) => JobState::Canceling,
        other => return Err(Failure::Unexpected(format!("a job or task in the unknown state {other:?}"))),
    })
}

fn text(row: &Row, name: &str) -> String {
    row.text(name).unwrap_or_default().to_owned()
}

/// A duration, which the service reports in milliseconds as a floating-point number.
fn running_ms(row: &Row) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let millis = row.number("RunningDuration").unwrap_or(0.0).round() as u64;
    millis
}

fn job(row: &Row) -> Result<Job, Failure> {
    Ok(Job {
        id: JobId::new(entities::id(row)?),
        name: text(row, "Name"),
        state: state(row)?,
        created: row.date("Created"),
        started: row.date("StartTime"),
        ended: row.date("EndTime"),
        running_ms: running_ms(row),
    })
}

fn task(row: &Row) -> Result<JobTask, Failure> {
    let errors = row.list("ErrorDetails");
    let history = row.list("HistoricalEvents");
    let key = row.words("EncryptionKeyId").map(str::to_owned);
    Ok(JobTask {
        id: entities::id(row)?.to_owned(),
        name: text(row, "Name"),
        state: state(row)?,
        progress: row.number("Progress").unwrap_or(0.0),
        preset: row.text("Configuration").filter(|_| key.is_none()).map(str::to_owned),
        key,
        processor: text(row, "MediaProcessorId"),
        errors: errors.iter().map(|e| TaskError { code: text(e, "Code"), message: text(e, "Message") }).collect(),
        history: history
            .iter()
            .map(|e| TaskEvent { code: text(e, "Code"), message: text(e, "Message"), at: e.date("TimeStamp") })
            .collect(),
        running_ms: running_ms(row),
    })
}

/// The body of a task that makes one asset from one asset.
fn task_body(output_name: &str) -> Result<String, Error> {
    let wrong = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    if output_name.contains(wrong) {
        let reason = "it has control characters, which a task cannot carry";
        return Err(Error::input(
            format!("output name {output_name:?}"),
            reason,
            "choose another one with --output-name",
        ));
    }
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><taskBody><inputAsset>JobInputAsset(0)</inputAsset>\
         <outputAsset assetCreationOptions=\"0\" assetName=\"{}\">JobOutputAsset(0)</outputAsset></taskBody>",
        escape(output_name)
    ))
}

impl AmsV2 {
    /// Submits a job of one task.
    pub(super) async fn create_job(&self, wanted: &NewJob) -> Result<Job, Error> {
        let mut task = json!({
            "Name": format!("{} (task)", wanted.name),
            "Configuration": wanted.preset,
            "MediaProcessorId": wanted.processor,
            "TaskBody": task_body(&wanted.output_name)?,
        });
        if !wanted.protected {
            return self.submit(wanted, &task).await;
        }
        let protected = self.protect(&wanted.preset).await?;
        protected.put_into(&mut task);
        let submitted = self.submit(wanted, &task).await;
        if let Err(Error::Call(error)) = &submitted
            && !error.failure.ambiguous()
        {
            self.unprotect(&protected).await;
        }
        submitted
    }

    async fn submit(&self, wanted: &NewJob, task: &Value) -> Result<Job, Error> {
        let ask = Ask::post("Jobs", self.job_entity(wanted, task).await?);
        let create = || async {
            let call = call("CreateJob", "submit job", &wanted.name, Idempotency::LookFirst);
            let row = self.wire().row(call, &ask).await?;
            job(&row).map_err(|failure| unreadable("submit job", &wanted.name, failure).into())
        };
        let look = || async { Ok(self.jobs_named(&wanted.name).await?.into_iter().next()) };
        create_once(self.wire().caller(), create, look).await
    }

    async fn job_entity(&self, wanted: &NewJob, task: &Value) -> Result<Value, CallError> {
        let input = self.wire().uri(&odata::entity("Assets", wanted.input.as_str())).await?;
        Ok(json!({
            "Name": wanted.name,
            "InputMediaAssets": [{ "__metadata": { "uri": input } }],
            "Tasks": [task],
        }))
    }

    async fn jobs_named(&self, name: &str) -> Result<Vec<Job>, Error> {
        let query = Query {
            operation: "ListJobs",
            attempted: "look for job",
            subject: name.to_owned(),
            path: "Jobs".to_owned(),
            filter: Some(format!("Name eq {}", odata::literal(name))),
        };
        Ok(listing::all(self.wire(), query, |row| job(row).map(Some)).await?)
    }

    /// All jobs, the newest first.
    pub(super) async fn jobs(&self) -> Result<Vec<Job>, Error> {
        let query = self.query("ListJobs", "list the jobs", "Jobs");
        let mut jobs = listing::all(self.wire(), query, |row| job(row).map(Some)).await?;
        jobs.sort_by_key(|job| std::cmp::Reverse(job.created));
        Ok(jobs)
    }

    /// One job, or `None` if there is none with that id.
    pub(super) async fn job(&self, id: &JobId) -> Result<Option<Job>, Error> {
        let ask = Ask::get(odata::entity("Jobs", id.as_str()));
        let row = self.wire().find(safe("GetJob", "read job", id.as_str()), &ask).await?;
        let read = |row: Row| job(&row).map_err(|failure| unreadable("read job", id.as_str(), failure));
        Ok(row.map(read).transpose()?)
    }

    /// The tasks of a job.
    pub(super) async fn tasks_of(&self, id: &JobId) -> Result<Vec<JobTask>, Error> {
        let query = query_of(id, "ListTasks", "list the tasks of job", "Tasks");
        Ok(listing::all(self.wire(), query, |row| task(row).map(Some)).await?)
    }

    /// The output assets of a job. They exist from its submission; those of a failed job may be deleted.
    pub(super) async fn outputs_of(&self, id: &JobId) -> Result<Vec<Asset>, Error> {
        let query = query_of(id, "ListAssets", "list the outputs of job", "OutputMediaAssets");
        Ok(listing::all(self.wire(), query, |row| entities::asset(row).map(Some)).await?)
    }

    /// Requests the cancellation of a job. It is a success if it is already canceling or canceled.
    ///
    /// # Errors
    /// It has ended in another way.
    pub(super) async fn cancel_job(&self, id: &JobId) -> Result<(), Error> {
        let ask = Ask::get(format!("CancelJob?jobid='{}'", odata::escape(id.as_str())));
        let Err(error) = self.wire().act(safe("CancelJob", "cancel job", id.as_str()), &ask).await else {
            return Ok(());
        };
        if error.failure.status() == Some(400)
            && let Some(job) = self.job(id).await?
        {
            if matches!(job.state, JobState::Canceling | JobState::Canceled) {
                return Ok(());
            }
            if job.state.is_final() {
                let reason = format!("it has already ended: {}", job.state);
                return Err(Error::input(id.as_str(), reason, "there is nothing to cancel"));
            }
        }
        Err(error.into())
    }
}

impl AmsV2 {
    /// Removes an ended job with its tasks and the keys of their encrypted presets. Its output is kept. It is a success
    /// if it does not exist.
    pub(super) async fn delete_job(&self, id: &JobId) -> Result<(), Error> {
        let gone = |error: &CallError| error.failure.is_absent();
        let keys: Vec<String> = match self.job(id).await? {
            Some(_) => self.tasks_of(id).await?.into_iter().filter_map(|task| task.key).collect(),
            None => return Ok(()),
        };
        let ask = Ask::delete(odata::entity("Jobs", id.as_str()));
        match self.wire().act(safe("DeleteJob", "delete job", id.as_str()), &ask).await {
            Err(error) if !gone(&error) => return Err(error.into()),
            _ => {}
        }
        for key in keys {
            self.delete_content_key(&key).await?;
        }
        Ok(())
    }
}

/// A query of a navigation of a job.
fn query_of(id: &JobId, operation: &'static str, attempted: &'static str, nav: &str) -> Query {
    let path = format!("{}/{nav}", odata::entity("Jobs", id.as_str()));
    Query { operation, attempted, subject: id.to_string(), path, filter: None }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Fake, Reply, error_body, json_reply, service_of};
    use super::*;
    use crate::model::AssetId;

    fn wanted() -> NewJob {
        NewJob {
            name: "it's a job".to_owned(),
            input: AssetId::new("nb:cid:UUID:1"),
            processor: "nb:mpid:UUID:2".to_owned(),
            preset: "H264 Multiple Bitrate 720p".to_owned(),
            output_name: "Tom & \"Jerry\" <1>".to_owned(),
            protected: false,
        }
    }

    fn entity(state: u8) -> Value {
        json!({"Id": "nb:jid:UUID:3", "Name": "it's a job", "State": state, "Created": "2015-05-18T02:15:19.287",
            "StartTime": null, "RunningDuration": 286_974.4})
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_has_the_whole_uri_of_its_input_and_an_escaped_name_of_its_output() {
        let fake = Fake::new(|_| json_reply(201, &json!({"d": entity(0)})));
        let job = service_of(&fake, "2.19").create_job(&wanted()).await.unwrap();
        assert_eq!((job.id.as_str(), job.state, job.running_ms), ("nb:jid:UUID:3", JobState::Queued, 286_974));
        let seen = fake.seen(false);
        let post = seen.iter().find(|seen| seen.target() == "Jobs").unwrap();
        let body: Value = serde_json::from_str(&post.body).unwrap();
        let uri = &body["InputMediaAssets"][0]["__metadata"]["uri"];
        assert_eq!(uri, "https://front.example/api/Assets('nb%3Acid%3AUUID%3A1')");
        let task = &body["Tasks"][0];
        assert_eq!(task["Configuration"], "H264 Multiple Bitrate 720p");
        let text = task["TaskBody"].as_str().unwrap();
        assert!(text.contains("assetName=\"Tom &amp; &quot;Jerry&quot; &lt;1&gt;\""), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_submission_whose_answer_is_lost_is_searched_and_not_repeated() {
        let fake = Fake::new(|seen| match seen.method.as_str() {
            "POST" => Reply::Lost,
            _ => json_reply(200, &json!({"d": {"results": [entity(2)]}})),
        });
        let job = service_of(&fake, "2.19").create_job(&wanted()).await.unwrap();
        assert_eq!(job.state, JobState::Processing);
        let seen = fake.seen(false);
        assert_eq!(seen.iter().filter(|s| s.method == "POST" && s.target() == "Jobs").count(), 1);
        assert!(seen.iter().any(|s| s.target().contains("$filter=Name eq 'it''s a job'")));
    }

    #[tokio::test(start_paused = true)]
    async fn error_details_are_read_in_both_dialects() {
        for details in [json!({"results": [{"Code": "E1", "Message": "no"}]}), json!([{"Code": "E1", "Message": "no"}])]
        {
            let row = json!({"Id": "t", "State": 4, "Progress": 50.0, "ErrorDetails": details,
                "EncryptionKeyId": "nb:kid:UUID:4", "Configuration": "c2VjcmV0"});
            let fake = Fake::new(move |_| json_reply(200, &json!({"d": {"results": [row.clone()]}})));
            let tasks = service_of(&fake, "2.19").tasks_of(&JobId::new("j")).await.unwrap();
            assert_eq!(tasks[0].errors, [TaskError { code: "E1".to_owned(), message: "no".to_owned() }]);
            assert_eq!((tasks[0].state, tasks[0].preset.as_deref()), (JobState::Error, None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn canceling_twice_is_no_error_but_canceling_an_ended_job_is() {
        for (state, fine) in [(6, true), (5, true), (3, false), (4, false)] {
            let fake = Fake::new(move |seen| {
                if seen.target().starts_with("CancelJob") {
                    return json_reply(400, &error_body("no"));
                }
                json_reply(200, &json!({"d": entity(state)}))
            });
            let canceled = service_of(&fake, "2.19").cancel_job(&JobId::new("nb:jid:UUID:3")).await;
            assert_eq!(canceled.is_ok(), fine, "state {state}: {canceled:?}");
        }
    }

    #[test]
    fn a_name_that_a_task_cannot_contain_is_refused() {
        assert!(task_body("a\u{1}b").is_err() && task_body("a\nb").is_err() && task_body("ä ☃").is_ok());
    }
}
