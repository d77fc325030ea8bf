//! The target's streaming endpoint: does it run, and does it answer viewers?

use schemars::JsonSchema;
use serde::Serialize;

use crate::connect;
use crate::error::Error;
use crate::play::{Depth, ask_host};

/// Does the endpoint run?
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointState {
    /// At least one runs.
    Running,
    /// None runs.
    Stopped,
    /// It runs, and does not answer viewers.
    Unreachable,
    /// The service has none: viewers read the blobs directly.
    NotNeeded,
}

/// The target's streaming endpoint.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Endpoint {
    /// Does it run?
    pub state: EndpointState,
    /// The hosts for viewers.
    pub hosts: Vec<String>,
    /// The error of a host that does not answer; empty if all answer, or if they were not probed.
    pub detail: String,
}

impl Endpoint {
    /// May anything play?
    pub(super) fn may_play(&self) -> bool {
        matches!(self.state, EndpointState::Running | EndpointState::NotNeeded)
    }
}

/// Reads which streaming endpoints run and, with a probe, sends a request to each of their hosts.
pub(super) async fn look(target: &connect::Endpoint, probe: Option<Depth>) -> Result<Endpoint, Error> {
    let (mut state, mut hosts) = (EndpointState::NotNeeded, Vec::new());
    if target.library.capabilities().streaming_hosts {
        let running = target.library.streaming_hosts().await?.into_iter().filter(|host| host.running);
        hosts = running.map(|host| host.url).collect();
        state = if hosts.is_empty() { EndpointState::Stopped } else { EndpointState::Running };
    }
    if let Some(url) = &target.streaming_url {
        hosts = vec![url.to_string()];
    } else if hosts.is_empty() && state == EndpointState::NotNeeded {
        hosts = target.storage_urls.iter().map(ToString::to_string).collect();
    }
    let mut endpoint = Endpoint { state, hosts, detail: String::new() };
    if probe.is_some() && endpoint.may_play() {
        endpoint.ask(target).await;
    }
    Ok(endpoint)
}

impl Endpoint {
    /// Sends a viewer's request to its hosts. One that answers is enough: locators name it.
    async fn ask(&mut self, target: &connect::Endpoint) {
        let mut answers = false;
        for host in &self.hosts {
            match ask_host(target, host).await {
                Ok(()) => answers = true,
                Err(why) => self.detail = format!("{host}: {why}"),
            }
        }
        if !answers {
            self.state = EndpointState::Unreachable;
        }
    }
}
