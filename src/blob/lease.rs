//! Leases on a blob: they give one holder at a time the right to write it.
//!
//! The holder chooses the lease's id, so that a request whose answer was lost can be sent again. A lease changes neither
//! entity tag nor date of the blob.

use std::time::Duration;

use azure_core::http::{Method, Request};
use url::Url;

use super::account::BlobAccount;
use super::properties::{ABSENT, control_call, refused_with};
use crate::error::{Asked, CallError, Error, Failure};
use crate::model::{BlobRef, LeaseId};
use crate::retry::final_disposition;

/// A renewal without an answer after this time has failed. A lease of one minute that is renewed every 20 seconds then
/// has time for more attempts.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Codes with which a lease is refused because another client holds it.
const HELD: &[&str] =
    &["LeaseAlreadyPresent", "LeaseIsBreakingAndCannotBeAcquired", "LeaseIdMismatchWithLeaseOperation"];
/// The code for a blob without a lease.
const NOT_LEASED: &[&str] = &["LeaseNotPresentWithLeaseOperation"];

/// The result of acquiring a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// The lease is ours.
    Granted,
    /// Another client holds the lease.
    HeldByAnother,
    /// There is no such blob or container.
    Missing,
}

/// The result of renewing a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseRenewal {
    /// The lease is ours, for its whole duration again.
    Renewed,
    /// The lease is no longer ours, or the blob is gone.
    Lost,
}

/// The result of breaking a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseBreak {
    /// There is no lease.
    Ended,
    /// The blob was written since: another holder may have the lease.
    Changed,
}

impl BlobAccount {
    /// Acquires a lease of 15 to 60 seconds. If we already hold the lease with this id, its time starts again.
    pub async fn acquire_lease(&self, blob: &BlobRef, id: &LeaseId, seconds: u32) -> Result<LeaseAnswer, Error> {
        let headers = [("x-ms-lease-duration", seconds.to_string()), ("x-ms-proposed-lease-id", id.to_string())];
        match self.lease(blob, Action::Acquire, &headers).await? {
            Ok(()) => Ok(LeaseAnswer::Granted),
            Err(error) if refused_with(&error, HELD) => Ok(LeaseAnswer::HeldByAnother),
            Err(error) if refused_with(&error, ABSENT) => Ok(LeaseAnswer::Missing),
            Err(error) => Err(error.into()),
        }
    }

    /// Renews a lease: one attempt with a short timeout. It does not wait for the account's lane, because a lost lease
    /// stops the run. The caller repeats it.
    pub async fn renew_lease(&self, blob: &BlobRef, id: &LeaseId) -> Result<LeaseRenewal, Error> {
        let mut request =
            self.lease_request(&self.lease_url(blob)?, Action::Renew, &[("x-ms-lease-id", id.to_string())]);
        self.write.lane().count_request();
        let sent = async {
            self.write.ready().await.map_err(|error| error.failure)?;
            self.send(&mut request, Action::Renew.success()).await?;
            Ok(())
        };
        let timeout = |_| Err(Failure::Timeout(RENEWAL_TIMEOUT));
        let failure = match tokio::time::timeout(RENEWAL_TIMEOUT, sent).await.unwrap_or_else(timeout) {
            Ok(()) => return Ok(LeaseRenewal::Renewed),
            Err(failure) => failure,
        };
        let gone = failure.code().is_some_and(|code| ABSENT.contains(&code));
        if gone || matches!(failure.status(), Some(409 | 412)) {
            return Ok(LeaseRenewal::Lost);
        }
        let disposition = final_disposition(&failure);
        let (attempted, subject) = (Action::Renew.attempted(), blob.to_string());
        Err(CallError { attempted, subject, failure, attempts: 1, disposition, asked: Asked::Service }.into())
    }

    /// Releases a lease. It is a success if the lease is no longer ours.
    pub async fn release_lease(&self, blob: &BlobRef, id: &LeaseId) -> Result<(), Error> {
        match self.lease(blob, Action::Release, &[("x-ms-lease-id", id.to_string())]).await? {
            Err(error) if matches!(error.failure.status(), Some(409 | 412)) || refused_with(&error, ABSENT) => Ok(()),
            released => Ok(released?),
        }
    }

    /// Breaks a lease of any holder at once, if the blob still has the entity tag with which its holder was read (the
    /// service takes conditions on every action on a lease). It is a success if there is no lease or no blob.
    pub async fn break_lease(&self, blob: &BlobRef, etag: &str) -> Result<LeaseBreak, Error> {
        let headers = [("x-ms-lease-break-period", "0".to_owned()), ("if-match", etag.to_owned())];
        match self.lease(blob, Action::Break, &headers).await? {
            Ok(()) => Ok(LeaseBreak::Ended),
            Err(error) if refused_with(&error, NOT_LEASED) || refused_with(&error, ABSENT) => Ok(LeaseBreak::Ended),
            Err(error) if error.failure.status() == Some(412) => Ok(LeaseBreak::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends an action on the write lane.
    async fn lease(
        &self,
        blob: &BlobRef,
        action: Action,
        headers: &[(&'static str, String)],
    ) -> Result<Result<(), CallError>, Error> {
        let url = &self.lease_url(blob)?;
        let subject = blob.to_string();
        let call = control_call(action.operation(), action.attempted(), &subject);
        let answer = self.write.run(call, |_| async move {
            let mut request = self.lease_request(url, action, headers);
            self.send(&mut request, action.success()).await?;
            Ok(())
        });
        Ok(answer.await)
    }

    fn lease_url(&self, blob: &BlobRef) -> Result<Url, Error> {
        let mut url = self.blob_url(blob)?;
        url.query_pairs_mut().append_pair("comp", "lease");
        Ok(url)
    }

    fn lease_request(&self, url: &Url, action: Action, headers: &[(&'static str, String)]) -> Request {
        let mut request = self.request(url.clone(), Method::Put);
        request.insert_header("content-length", "0");
        request.insert_header("x-ms-lease-action", action.word());
        for (name, value) in headers {
            request.insert_header(*name, value.clone());
        }
        request
    }
}

/// What is done to a lease.
#[derive(Debug, Clone, Copy)]
enum Action {
    Acquire,
    Renew,
    Release,
    Break,
}

impl Action {
    /// The API's word.
    fn word(self) -> &'static str {
        match self {
            Self::Acquire => "acquire",
            Self::Renew => "renew",
            Self::Release => "release",
            Self::Break => "break",
        }
    }

    fn operation(self) -> &'static str {
        match self {
            Self::Acquire => "AcquireLease",
            Self::Renew => "RenewLease",
            Self::Release => "ReleaseLease",
            Self::Break => "BreakLease",
        }
    }

    fn attempted(self) -> &'static str {
        match self {
            Self::Acquire => "acquire the lease of blob",
            Self::Renew => "renew the lease of blob",
            Self::Release => "release the lease of blob",
            Self::Break => "break the lease of blob",
        }
    }

    fn success(self) -> &'static [u16] {
        match self {
            Self::Acquire => &[201],
            Self::Renew | Self::Release => &[200],
            Self::Break => &[202],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Answer, Fake, answer, refusal};
    use super::*;
    use crate::model::ContainerName;
    use crate::retry::RetryPolicy;

    fn lock() -> BlobRef {
        BlobRef { container: ContainerName::new("locks"), name: "run".to_owned() }
    }

    #[tokio::test]
    async fn a_lease_is_granted_with_the_id_that_was_proposed() {
        let (fake, id) = (Fake::new([answer(201, &[])]), LeaseId::random());
        let granted = fake.account("acct").acquire_lease(&lock(), &id, 60).await.unwrap();
        assert_eq!(granted, LeaseAnswer::Granted);
        let asked = &fake.asked()[0];
        assert_eq!((asked.method.as_str(), asked.url.query()), ("PUT", Some("comp=lease")));
        let sent =
            ["x-ms-lease-action", "x-ms-lease-duration", "x-ms-proposed-lease-id"].map(|name| asked.header(name));
        assert_eq!(sent, ["acquire", "60", id.to_string().as_str()]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_acquisition_whose_answer_was_lost_is_repeated_with_the_same_id() {
        let fake = Fake::new([refusal(500, "InternalError"), answer(201, &[])]);
        let granted = fake.account("acct").acquire_lease(&lock(), &LeaseId::random(), 60).await.unwrap();
        assert_eq!(granted, LeaseAnswer::Granted);
        let ids: Vec<String> =
            fake.asked().iter().map(|asked| asked.header("x-ms-proposed-lease-id").to_owned()).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    }

    #[tokio::test]
    async fn a_held_lease_and_a_missing_blob_are_answers_and_a_forbidden_one_is_an_error() {
        let acquire = async |refused: Answer| {
            Fake::new([refused]).account("acct").acquire_lease(&lock(), &LeaseId::random(), 60).await
        };
        for code in HELD {
            assert_eq!(acquire(refusal(409, code)).await.unwrap(), LeaseAnswer::HeldByAnother, "{code}");
        }
        for code in ABSENT {
            assert_eq!(acquire(refusal(404, code)).await.unwrap(), LeaseAnswer::Missing, "{code}");
        }
        for other in [refusal(403, "AuthorizationFailure"), refusal(409, "ContainerBeingDeleted"), answer(404, &[])] {
            acquire(other).await.unwrap_err();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_does_not_wait_for_a_lane_that_is_full_and_cooling_down() {
        let fake = Fake::new([answer(200, &[])]);
        let account = fake.account("acct");
        account.write.lane().slow_down(Some(RetryPolicy::default().retry_after_cap));
        let mut permits = Vec::new();
        while let Ok(permit) = tokio::time::timeout(Duration::from_hours(1), account.write.lane().acquire(0)).await {
            permits.push(permit);
        }
        let before = tokio::time::Instant::now();
        let renewed = account.renew_lease(&lock(), &LeaseId::random()).await.unwrap();
        assert_eq!((renewed, before.elapsed()), (LeaseRenewal::Renewed, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_without_an_answer_fails_soon_and_is_tried_once() {
        let fake = Fake::new([answer(200, &[]).after(Duration::from_mins(1))]);
        let before = tokio::time::Instant::now();
        let error = fake.account("acct").renew_lease(&lock(), &LeaseId::random()).await.unwrap_err();
        assert!(matches!(error.failure(), Some(Failure::Timeout(_))), "{error}");
        assert_eq!((fake.asked().len(), before.elapsed()), (1, RENEWAL_TIMEOUT));
        let fake = Fake::new([refusal(503, "ServerBusy")]);
        fake.account("acct").renew_lease(&lock(), &LeaseId::random()).await.unwrap_err();
        assert_eq!(fake.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_lease_that_another_program_took_or_broke_is_lost() {
        for lost in [
            refusal(409, "LeaseIdMismatchWithLeaseOperation"),
            refusal(409, "LeaseIsBrokenAndCannotBeRenewed"),
            refusal(412, "LeaseLost"),
            refusal(404, "BlobNotFound"),
        ] {
            let renewed = Fake::new([lost]).account("acct").renew_lease(&lock(), &LeaseId::random()).await.unwrap();
            assert_eq!(renewed, LeaseRenewal::Lost);
        }
    }

    #[tokio::test]
    async fn releasing_or_breaking_a_lease_that_does_not_exist_is_a_success() {
        let id = LeaseId::random();
        for gone in [answer(200, &[]), refusal(409, "LeaseIdMismatchWithLeaseOperation"), refusal(404, "BlobNotFound")]
        {
            let fake = Fake::new([gone]);
            fake.account("acct").release_lease(&lock(), &id).await.unwrap();
            assert_eq!(fake.asked()[0].header("x-ms-lease-id"), id.to_string());
        }
        for gone in [answer(202, &[]), refusal(409, NOT_LEASED[0]), refusal(404, "ContainerNotFound")] {
            let fake = Fake::new([gone]);
            let broken = fake.account("acct").break_lease(&lock(), "\"0x1\"").await.unwrap();
            assert_eq!(broken, LeaseBreak::Ended);
            let sent = ["x-ms-lease-break-period", "if-match"].map(|name| fake.asked()[0].header(name).to_owned());
            assert_eq!(sent, ["0", "\"0x1\""]);
        }
        let changed = Fake::new([refusal(412, "ConditionNotMet")]).account("acct");
        assert_eq!(changed.break_lease(&lock(), "\"0x1\"").await.unwrap(), LeaseBreak::Changed);
        let forbidden = || Fake::new([refusal(403, "AuthorizationFailure")]).account("acct");
        forbidden().release_lease(&lock(), &id).await.unwrap_err();
        forbidden().break_lease(&lock(), "\"0x1\"").await.unwrap_err();
    }
}
