//! The simplest client that can do the work: signed requests over kept connections, and nothing else.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use reqwest::{Client, Method, Url};
use serde_json::Value;
use sha2::Sha256;

use crate::process;

/// Requests at once.
const AT_ONCE: u64 = 1_024;
const VERSION: &str = "2025-07-05";

/// The resources that it used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bare {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// The kind of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Put Blob From URL into one container.
    Copy,
    /// List Blobs of the first container.
    List,
}

/// A storage account, by its key.
struct Account {
    name: String,
    key: Vec<u8>,
    url: String,
}

impl Account {
    fn of(ready: &Value, region: usize) -> Self {
        let storage = &ready["regions"][region]["storage"][0];
        let text = |field: &str| storage[field].as_str().expect("the emulator names it").to_owned();
        Self { name: text("account"), key: STANDARD.decode(text("key")).expect("base64"), url: text("blob") }
    }

    /// The signature of a request (Shared Key) with those headers, in order of name, and those parameters.
    fn sign(&self, method: &Method, url: &Url, headers: &[(&str, &str)]) -> String {
        let mut to_sign = format!("{method}{}", "\n".repeat(12));
        for (name, value) in headers {
            let _ = writeln!(to_sign, "{name}:{value}");
        }
        let _ = write!(to_sign, "/{}{}", self.name, url.path());
        let mut parameters: Vec<_> = url.query_pairs().collect();
        parameters.sort();
        for (name, value) in parameters {
            let _ = write!(to_sign, "\n{name}:{value}");
        }
        STANDARD.encode(self.mac(&to_sign))
    }

    fn mac(&self, text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    /// The URL of a container that is readable without a key.
    fn readable(&self, container: &str) -> String {
        let (expiry, sas) = ("2099-01-01T00:00:00Z", "2020-12-06");
        let to_sign = format!("r\n\n{expiry}\n/blob/{}/{container}\n\n\n\n{sas}\nc\n\n\n\n\n\n\n", self.name);
        let signature: String =
            url::form_urlencoded::byte_serialize(STANDARD.encode(self.mac(&to_sign)).as_bytes()).collect();
        format!("sp=r&se={expiry}&sr=c&sv={sas}&sig={signature}")
    }
}

/// Sends `requests` requests.
pub(crate) fn run(ready: &Value, kind: Kind, requests: u64) -> Bare {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    // If an earlier case ran, a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let client = Client::builder().pool_max_idle_per_host(usize::MAX).http1_only().build().expect("a client");
        let (source, target) = (Account::of(ready, 0), Arc::new(Account::of(ready, 1)));
        let from = first_container(&client, &source).await;
        let blob = first_blob(&client, &source, &from).await;
        let copied = format!("{}/{from}/{blob}?{}", source.url, source.readable(&from));
        let to = first_container(&client, &target).await;
        let next = Arc::new(AtomicU64::new(0));
        let me = Path::new("/proc/self");
        let (started, cpu) = (Instant::now(), process::cpu(me).1);
        let tasks = (0..AT_ONCE.min(requests)).map(|_| {
            let (client, target, next) = (client.clone(), Arc::clone(&target), Arc::clone(&next));
            let (copied, to) = (copied.clone(), to.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        break;
                    }
                    match kind {
                        Kind::Copy => {
                            let url = format!("{}/{to}/bare-{number}", target.url);
                            let more = [("x-ms-blob-type", "BlockBlob"), ("x-ms-copy-source", copied.as_str())];
                            send(&client, &target, (Method::PUT, &url), &more).await;
                        }
                        Kind::List => {
                            let url = format!("{}/{to}?restype=container&comp=list", target.url);
                            send(&client, &target, (Method::GET, &url), &[]).await;
                        }
                    }
                }
            })
        });
        for task in futures::future::join_all(tasks).await {
            task.expect("no task panics");
        }
        Bare { wall: started.elapsed(), cpu: process::cpu(me).1.saturating_sub(cpu) }
    })
}

/// A signed request, whose answer is read to its end.
async fn send(client: &Client, account: &Account, (method, url): (Method, &str), more: &[(&str, &str)]) -> String {
    let url: Url = url.parse().expect("a URL");
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut headers = more.to_vec();
    headers.extend([("x-ms-date", date.as_str()), ("x-ms-version", VERSION)]);
    let authorization = format!("SharedKey {}:{}", account.name, account.sign(&method, &url, &headers));
    let mut request = client.request(method.clone(), url).header("authorization", authorization);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if method == Method::PUT {
        request = request.header("content-length", "0");
    }
    let answer = request.send().await.expect("the emulator answers");
    let status = answer.status();
    let body = answer.text().await.expect("the answer is whole");
    assert!(status.is_success(), "{status}: {body}");
    body
}

async fn first_container(client: &Client, account: &Account) -> String {
    let url = format!("{}?comp=list&prefix=asset-", account.url);
    name_in(&send(client, account, (Method::GET, &url), &[]).await)
}

async fn first_blob(client: &Client, account: &Account, container: &str) -> String {
    let url = format!("{}/{container}?restype=container&comp=list", account.url);
    name_in(&send(client, account, (Method::GET, &url), &[]).await)
}

/// The first name in a listing.
fn name_in(listing: &str) -> String {
    let name = listing.split("<Name>").nth(1).and_then(|rest| rest.split("</Name>").next());
    name.expect("the listing has a name").to_owned()
}
