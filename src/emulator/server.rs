//! The sockets: one listener per service, all on 127.0.0.1, HTTP/1.1 with keep-alive.
//!
//! The listener alone determines the service, so requests need no routing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::severable::Severable;
use super::error::EmulatorError;
use super::fault_injection::{self, Cut};
use super::restarts::Orders;
use super::settings::Settings;
use super::world::{Route, World};

mod restart;
mod severable;

/// How long answers in progress may continue after a shutdown was requested. The longest are synchronous copies; their
/// clients see a broken connection, as from a service that restarts.
const GRACE: Duration = Duration::from_secs(2);

/// A listener that cannot accept (out of file descriptors) is tried again after this pause, not in a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listeners that are bound, and not yet answering.
#[derive(Debug)]
pub(super) struct Listeners(Vec<(Route, TcpListener)>);

impl Listeners {
    /// Binds one listener per service.
    pub(super) async fn bind(settings: &Settings) -> Result<Self, EmulatorError> {
        let mut listeners = Vec::new();
        for (route, port) in Route::all(settings) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .await
                .map_err(|source| EmulatorError::Listen { service: service_name(settings, route), port, source })?;
            listeners.push((route, listener));
        }
        Ok(Self(listeners))
    }

    /// `host:port` of each.
    pub(super) fn authorities(&self) -> Result<HashMap<Route, String>, EmulatorError> {
        let authority = |(route, listener): &(Route, TcpListener)| match listener.local_addr() {
            Ok(address) => Ok((*route, address.to_string())),
            Err(source) => Err(EmulatorError::Listen { service: format!("{route:?}"), port: 0, source }),
        };
        self.0.iter().map(authority).collect()
    }
}

fn service_name(settings: &Settings, route: Route) -> String {
    let (plane, region) = match route {
        Route::Admin => return "the admin service".to_owned(),
        Route::Token(region) => ("token service", region),
        Route::Front(region) => ("media front door", region),
        Route::Cluster(region) => ("media cluster", region),
        Route::Blob(region) => ("blob service", region),
        Route::Streaming(region) => ("streaming host", region),
    };
    format!("the {plane} of region {:?}", settings.regions[region].name)
}

/// Answers on all listeners until `stop`, then ends within [`GRACE`].
pub(super) fn run(listeners: Listeners, world: &Arc<World>, stop: CancellationToken) -> JoinHandle<()> {
    let connections = TaskTracker::new();
    for (route, listener) in listeners.0 {
        let service = Service { route, world: Arc::clone(world), stop: stop.clone(), connections: connections.clone() };
        tokio::spawn(service.run(listener, world.restarts.orders()));
    }
    tokio::spawn(async move {
        stop.cancelled().await;
        connections.close();
        // Connections that are still active after the grace period are closed when the runtime ends.
        let _ = tokio::time::timeout(GRACE, connections.wait()).await;
    })
}

/// The service of one listener.
struct Service {
    route: Route,
    world: Arc<World>,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Service {
    /// Serves until the end, with a pause whenever a restart is ordered.
    async fn run(self, mut listener: TcpListener, mut restarts: Orders) {
        loop {
            let life = CancellationToken::new();
            let away = tokio::select! {
                () = self.stop.cancelled() => return,
                // The client that requests the restart of the others still gets its answer.
                away = restarts.next(), if self.route != Route::Admin => away,
                never = self.accept(&listener, &life) => match never {},
            };
            life.cancel();
            listener = match restart::listen_again(listener, away).await {
                Ok(listener) => listener,
                Err(error) => {
                    return tracing::error!(%error, route = ?self.route, "cannot listen again after a restart");
                }
            };
        }
    }

    async fn accept(&self, listener: &TcpListener, life: &CancellationToken) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = connection(stream, self.route, Arc::clone(&self.world), self.stop.clone());
                    // A restart drops the connection in the middle of an answer, as a killed process does.
                    self.connections.spawn(life.clone().run_until_cancelled_owned(connection));
                }
                Err(error) => {
                    tracing::warn!(%error, route = ?self.route, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, route: Route, world: Arc<World>, stop: CancellationToken) {
    // Small answers are sent immediately: with Nagle's algorithm a request could wait 40 ms for a delayed ACK.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY refused");
    }
    let (stream, shears) = Severable::new(stream);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (world, shears) = (Arc::clone(&world), shears.clone());
        // Boxed: the services' state machines are large, and hyper moves the future.
        Box::pin(async move {
            let response = fault_injection::answer(&world, route, request.map(Body::new)).await;
            if let Some(cut) = response.extensions().get::<Cut>() {
                shears.cut(cut.after);
            }
            Ok::<_, Infallible>(response)
        })
    });
    // Without a timer, there is no time limit on an idle connection: the client's pool decides how long it is kept, so
    // no request is sent on a connection that was just closed.
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, ?route, "a connection ended badly");
    }
}
