//! Raw requests, for features of a service that the blob client does not use.

use azure_core::http::headers::{HeaderName, Headers};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::*;

/// The newest version that every service under test knows.
const VERSION: &str = "2021-12-02";

/// One account of a service, asked with its key.
#[derive(Debug)]
pub(crate) struct Raw {
    network: Arc<dyn HttpClient>,
    access: Access,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Headers,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header's value; empty if there is none.
    pub(crate) fn header(&self, wanted: &str) -> &str {
        self.headers.iter().find(|(name, _)| name.as_str() == wanted).map_or("", |(_, value)| value.as_str())
    }

    /// Fails unless the status is that one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Fails unless it is that error.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) {
        let answer = self.expect(status);
        assert_eq!(answer.header("x-ms-error-code"), code, "{}", String::from_utf8_lossy(&answer.body));
    }
}

impl Raw {
    /// An account that this network reaches.
    pub(crate) fn new(network: &Arc<dyn HttpClient>, access: &Access) -> Self {
        Self { network: Arc::clone(network), access: access.clone() }
    }

    /// Sends `VERB container/blob?query`. The blob's name must not need encoding.
    pub(crate) async fn ask(&self, request: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let (method, target) = request.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let url: Url = format!("{}/{target}", self.access.endpoint.as_str().trim_end_matches('/')).parse().unwrap();
        let body = body.into();
        let mut all: BTreeMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.insert("x-ms-date".to_owned(), self.date().await);
        all.insert("x-ms-version".to_owned(), VERSION.to_owned());
        if method == Method::Put {
            all.insert("content-length".to_owned(), body.len().to_string());
        }
        let signature = self.access.sign(&self.to_sign(method, &url, &all));
        all.insert("authorization".to_owned(), format!("SharedKey {}:{signature}", self.access.name));
        let mut request = Request::new(url, method);
        for (name, value) in all {
            request.insert_header(HeaderName::from(name), value);
        }
        request.set_body(body);
        let answer = self.network.execute_request(&request).await.unwrap().try_into_raw_response().await.unwrap();
        let (status, headers, body) = answer.deconstruct();
        Answer { status: status.into(), headers, body: body.into() }
    }

    /// The service's time, because that of a test can be different.
    async fn date(&self) -> String {
        let request = Request::new(self.access.endpoint.clone(), Method::Get);
        let answer = self.network.execute_request(&request).await.unwrap();
        answer.headers().get_str(&HeaderName::from_static("date")).unwrap().to_owned()
    }

    /// The text that is signed, by the rules of Shared Key.
    fn to_sign(&self, method: Method, url: &Url, headers: &BTreeMap<String, String>) -> String {
        let standard = [
            "content-encoding",
            "content-language",
            "content-length",
            "content-md5",
            "content-type",
            "date",
            "if-modified-since",
            "if-match",
            "if-none-match",
            "if-unmodified-since",
            "range",
        ];
        let value = |name: &str| headers.get(name).filter(|value| !(name == "content-length" && *value == "0"));
        let standard = standard.map(|name| value(name).map_or("", String::as_str)).join("\n");
        let own: Vec<_> = headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-ms-"))
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let mut query: Vec<_> = url.query_pairs().map(|(name, value)| format!("\n{name}:{value}")).collect();
        query.sort();
        format!(
            "{}\n{standard}\n{}/{}{}{}",
            method.as_str(),
            own.concat(),
            self.access.name,
            url.path(),
            query.concat()
        )
    }
}

impl Access {
    /// The signature of a text with the account's key.
    fn sign(&self, text: &str) -> String {
        let key = BASE64.decode(&self.key).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(text.as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }
}
