//! Checks playback: requests every streaming URL in both regions, as a player does.

use std::fmt;

use azure_core::http::{HttpClient, Method, Request};
use bytes::Bytes;
use futures::StreamExt as _;
use mediamirror::engine::urls::UrlPair;
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

/// Simultaneous players; enough to keep two regions on loopback busy.
const AT_ONCE: usize = 16;

/// The answer of one region.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub(crate) enum Answer {
    /// A manifest, or the file that the URL names.
    Plays,
    /// An error status, with the first line of its text.
    Refused(u16, String),
    /// Nothing.
    Broken(String),
    /// There is no URL.
    Absent,
}

/// One URL and the answers of both regions.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub(crate) struct Playback {
    /// The pair.
    pub(crate) urls: UrlPair,
    /// The source's answer.
    pub(crate) source: Answer,
    /// The target's answer.
    pub(crate) target: Answer,
    /// Are both bodies the same, byte for byte?
    pub(crate) same: bool,
}

impl Playback {
    /// Does it play in both regions with the same content?
    pub(crate) fn plays(&self) -> bool {
        self.source == Answer::Plays && self.target == Answer::Plays && self.same
    }

    /// Why it does not play in the target.
    pub(crate) fn why(&self) -> String {
        let root = self.urls.source_url.ends_with('/');
        match (&self.source, &self.target) {
            (_, Answer::Absent) => "its locator is not mirrored, see above".to_owned(),
            (Answer::Refused(..), Answer::Refused(..)) if root && self.same_answer() => {
                "it has no .ism, so there is no manifest to fetch (as in A)".to_owned()
            }
            (Answer::Refused(..), target) if self.same_answer() => format!("{target} (as in A)"),
            (Answer::Plays, Answer::Plays) => "plays, but differently".to_owned(),
            (source, target) => format!("{target} (A: {source})"),
        }
    }

    /// Do both regions give the same answer? A refusal counts, too.
    pub(crate) fn same_answer(&self) -> bool {
        match (&self.source, &self.target) {
            (Answer::Plays, Answer::Plays) => self.same,
            (Answer::Refused(source, _), Answer::Refused(target, _)) => source == target,
            _ => false,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plays => f.write_str("plays"),
            Self::Refused(status, text) => write!(f, "{status} {text}"),
            Self::Broken(reason) => write!(f, "no answer: {reason}"),
            Self::Absent => f.write_str("no URL"),
        }
    }
}

/// Requests every URL of every pair; keeps the order.
pub(crate) async fn play_all(client: &dyn HttpClient, pairs: Vec<UrlPair>) -> Vec<Playback> {
    futures::stream::iter(pairs).map(|urls| play(client, urls)).buffered(AT_ONCE).collect().await
}

async fn play(client: &dyn HttpClient, urls: UrlPair) -> Playback {
    let target = async {
        match &urls.target_url {
            Some(url) => ask(client, url).await,
            None => (Answer::Absent, Bytes::new()),
        }
    };
    let ((source, source_body), (target, target_body)) = futures::join!(ask(client, &urls.source_url), target);
    Playback { urls, source, target, same: source_body == target_body }
}

/// Asks one URL.
async fn ask(client: &dyn HttpClient, url: &str) -> (Answer, Bytes) {
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return (Answer::Broken(error.to_string()), Bytes::new()),
    };
    let answer = async {
        let response = client.execute_request(&Request::new(url, Method::Get)).await?;
        let status = u16::from(response.status());
        let body = response.into_body().collect().await?;
        Ok::<_, azure_core::Error>((status, body))
    };
    match answer.await {
        Ok((200..=299, body)) => (Answer::Plays, body),
        Ok((status, body)) => {
            let text = String::from_utf8_lossy(&body);
            (Answer::Refused(status, text.lines().next().unwrap_or_default().chars().take(100).collect()), Bytes::new())
        }
        Err(error) => (Answer::Broken(error.to_string()), Bytes::new()),
    }
}

#[cfg(test)]
mod tests {
    use mediamirror::model::LocatorId;

    use super::*;

    fn playback(source: Answer, target: Answer, manifest: bool) -> Playback {
        let urls = UrlPair {
            asset: "a".to_owned(),
            locator_id: LocatorId::new("l"),
            container: None,
            expires: jiff::Timestamp::UNIX_EPOCH,
            source_url: format!("http://a/l/{}", if manifest { "x.ism/manifest" } else { "" }),
            target_url: None,
            cause: None,
        };
        Playback { urls, source, target, same: true }
    }

    fn refused() -> Answer {
        Answer::Refused(403, "not yet".to_owned())
    }

    #[test]
    fn the_reason_for_not_playing_includes_the_answer_of_the_source() {
        assert!(playback(Answer::Plays, Answer::Absent, true).why().contains("not mirrored"));
        assert_eq!(playback(refused(), refused(), true).why(), "403 not yet (as in A)");
        assert!(playback(refused(), refused(), false).why().contains("no .ism"));
        assert_eq!(playback(Answer::Plays, refused(), true).why(), "403 not yet (A: plays)");
    }

    #[test]
    fn different_content_does_not_count_as_playing() {
        let one = Playback { same: false, ..playback(Answer::Plays, Answer::Plays, true) };
        assert!(!one.plays() && !one.same_answer());
    }
}
