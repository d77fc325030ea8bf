//! The simplest client: prepared requests over kept connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use base64::Engine as _;
use futures::TryStreamExt;
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mediamirror::model::{AssetEncryption, NewAsset};
use sha2::Sha256;
use tokio::net::TcpStream;

use crate::setup::Mirror;

/// Connections, each with one request at a time.
const CONNECTIONS: usize = 64;

/// Sends that many Put Blob From URL requests of one source blob to many destinations; returns requests per second.
pub(crate) async fn put_blob_from_url(mirror: &Mirror, requests: u32) -> f64 {
    let pair = mirror.pair();
    let asset = pair.source.library.assets().try_concat().await.expect("the assets are listed").remove(0);
    let from = asset.container.expect("version 2.19 names the container");
    let blob = pair.source.storage[0].list(&from).try_concat().await.expect("the blobs are listed").remove(0);
    let source = pair.source.storage[0].copy_source(&from, &blob).await.expect("the source can be signed");
    let made = pair
        .target
        .library
        .create_asset(&NewAsset {
            name: None,
            alternate_id: "bench".to_owned(),
            encryption: AssetEncryption::None,
            storage_account: None,
        })
        .await
        .expect("the asset is created");
    let to = made.container.expect("version 2.19 names the container");
    let storage = &mirror.emulator.ready().regions[1].storage[0];
    let account = storage.blob.parse::<url::Url>().expect("the emulator prints URLs");
    let authority = format!("127.0.0.1:{}", account.port().expect("the emulator's ports are not the default one"));
    let target = format!("{}/{to}", account.path());
    let sas = writable_sas(&storage.account, &storage.key, to.as_str());
    let next = Arc::new(AtomicU32::new(0));
    let started = Instant::now();
    let workers = (0..CONNECTIONS).map(|_| {
        let (next, authority) = (Arc::clone(&next), authority.clone());
        let (source, target, sas) = (source.url.expose().to_string(), target.clone(), sas.clone());
        tokio::spawn(async move {
            let stream = TcpStream::connect(&authority).await.expect("the emulator listens");
            stream.set_nodelay(true).expect("a socket option");
            let (mut sender, connection) =
                http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.expect("HTTP/1.1 is spoken");
            let connection = tokio::spawn(connection);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    break;
                }
                let path = format!("{target}/blob-{number}?{sas}");
                let request = hyper::Request::put(path)
                    .header("host", &authority)
                    .header("content-length", "0")
                    .header("x-ms-version", "2025-07-05")
                    .header("x-ms-blob-type", "BlockBlob")
                    .header("x-ms-copy-source", &source)
                    .body(Empty::new())
                    .expect("the request is well-formed");
                let answer = sender.send_request(request).await.expect("the emulator answers");
                assert_eq!(answer.status(), 201);
                answer.into_body().collect().await.expect("the answer is whole");
            }
            connection.abort();
        })
    });
    for worker in futures::future::join_all(workers).await {
        worker.expect("no worker panics");
    }
    f64::from(requests) / started.elapsed().as_secs_f64()
}

/// A service SAS that lets its holder write blobs of the container (string to sign of version 2020-12-06).
fn writable_sas(account: &str, key: &str, container: &str) -> String {
    const VERSION: &str = "2020-12-06";
    let expiry = "2099-01-01T00:00:00Z";
    let to_sign = format!("w\n\n{expiry}\n/blob/{account}/{container}\n\n\n\n{VERSION}\nc\n\n\n\n\n\n\n");
    let key = base64::engine::general_purpose::STANDARD.decode(key).expect("the key is base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length is a key");
    mac.update(to_sign.as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let signature: String = url::form_urlencoded::byte_serialize(signature.as_bytes()).collect();
    format!("sp=w&se={expiry}&sr=c&sv={VERSION}&sig={signature}")
}
