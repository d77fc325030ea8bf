//! Get Account Information: what kind of account it is.

use azure_core::http::Method;

use super::account::BlobAccount;
use super::namespace::Namespace;
use super::properties::{control_call, header};
use crate::error::Error;

impl BlobAccount {
    /// How the account arranges its blobs. It is requested once.
    pub async fn namespace(&self) -> Result<Namespace, Error> {
        let known = self.namespace.get();
        if known != Namespace::Unknown {
            return Ok(known);
        }
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("restype", "account").append_pair("comp", "properties");
        let (url, name) = (&url, self.name.as_str());
        let call = control_call("GetAccountInformation", "ask for the kind of account", name);
        let asked = self.read.run(call, |_| async move {
            let mut request = self.request(url.clone(), Method::Get);
            let answer = self.send(&mut request, &[200]).await?;
            Ok(header(answer.headers(), "x-ms-is-hns-enabled"))
        });
        match asked.await {
            Ok(Some(enabled)) if enabled.eq_ignore_ascii_case("true") => self.namespace.note(Namespace::Hierarchical),
            Ok(_) => self.namespace.note(Namespace::Flat),
            // Not every permission and not every service includes this request.
            Err(error) if matches!(error.failure.status(), Some(400 | 403 | 501)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.namespace.get())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, answer, refusal};
    use super::*;

    #[tokio::test]
    async fn the_kind_of_account_is_requested_once() {
        for (enabled, expected) in [("true", Namespace::Hierarchical), ("false", Namespace::Flat)] {
            let fake = Fake::new([answer(200, &[("x-ms-is-hns-enabled", enabled)])]);
            let account = fake.account("acct");
            for _ in 0..2 {
                assert_eq!(account.namespace().await.unwrap(), expected);
            }
            assert_eq!(fake.asked().len(), 1);
            assert_eq!(fake.asked()[0].url.query(), Some("restype=account&comp=properties"));
        }
    }

    #[tokio::test]
    async fn without_the_permission_the_namespace_is_unknown() {
        let account = Fake::new([refusal(403, "AuthorizationPermissionMismatch")]).account("acct");
        assert_eq!(account.namespace().await.unwrap(), Namespace::Unknown);
    }
}
