//! Checks of the account itself: the time on its clock, and whether it accepts our signatures.

use azure_core::http::Method;
use jiff::Timestamp;
use url::Url;

use super::account::{BlobAccount, CopySource};
use super::properties::{control_call, header, service_date};
use crate::error::{Error, Failure};
use crate::model::ContainerName;

/// A container that does not exist: the answer still has the time.
const NOWHERE: &str = "mediamirror-time-check";

impl BlobAccount {
    /// The service's clock, to the second. No credential is needed: a refusal has the time, too.
    pub async fn service_time(&self) -> Result<Timestamp, Error> {
        let mut url = self.container_url(&ContainerName::new(NOWHERE));
        url.query_pairs_mut().append_pair("restype", "container");
        let url = &url;
        let call = control_call("GetContainerProperties", "ask the time of", self.name.as_str());
        let time = self.read.as_anybody().run(call, |_| async move {
            let mut request = self.request(url.clone(), Method::Head);
            let answer = self.send(&mut request, &[200, 401, 403, 404, 409]).await?;
            service_date(answer.headers())
        });
        Ok(time.await?)
    }

    /// Checks that the service issues a user delegation key, if copies need one to read this account.
    pub async fn examine_delegation(&self) -> Result<(), Error> {
        self.mint.prepare().await
    }

    /// Reads the properties of a blob as copies do: only with the signed URL.
    pub async fn read_as_a_copy_does(&self, source: &CopySource<'_>) -> Result<(), Error> {
        let subject = source.subject();
        let url = &Url::parse(source.url.expose()).expect("a URL with a longer path and a query is one");
        let call = control_call("GetBlobProperties", "read with a signature", &subject);
        let found = self.read.run(call, |_| async move {
            let request = self.request(url.clone(), Method::Head);
            let answer = self.transport.execute_request(&request).await?.try_into_raw_response().await?;
            match u16::from(answer.status()) {
                200 => Ok(()),
                status => Err(Failure::Refused {
                    status,
                    code: header(answer.headers(), "x-ms-error-code"),
                    message: String::new(),
                    retry_after: None,
                    source_refusal: None,
                }),
            }
        });
        Ok(found.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, answer};
    use super::*;

    #[tokio::test]
    async fn a_refusal_has_the_time_and_a_web_page_without_date_is_an_error() {
        let refusal =
            answer(403, &[("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("x-ms-error-code", "AuthenticationFailed")]);
        let time = Fake::new([refusal]).account("acct").service_time().await.unwrap();
        assert_eq!(time, Timestamp::UNIX_EPOCH);
        assert!(Fake::new([answer(200, &[])]).account("acct").service_time().await.is_err());
    }
}
