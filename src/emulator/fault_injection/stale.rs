//! Stale reads: the state of a container (or media account) is saved before every write to it, and a stale read is
//! answered from this. It shows everything except the last write.

use std::sync::Arc;

use axum::http::Method;

use crate::emulator::blob::account::BlobAccount;
use crate::emulator::blob::{self, Surroundings};
use crate::emulator::directory::Principal;
use crate::emulator::faults::Asked;
use crate::emulator::http::{Request, Response};
use crate::emulator::snapshots::Place;
use crate::emulator::stats::{Plane, Stats};
use crate::emulator::world::{Route, World};

/// Saves the state of the container or media account of a write.
pub(super) fn remember(world: &World, route: Route, asked: &Asked, method: &Method) {
    let writes = !matches!(*method, Method::GET | Method::HEAD);
    if !writes || !world.snapshots.armed() {
        return;
    }
    if let Route::Cluster(region) = route {
        world.snapshots.keep_library(region, world.regions[region].media.snapshot());
    }
    if asked.plane != Plane::Blob {
        return;
    }
    let Some(place) = place(asked) else { return };
    let account = (0..world.regions.len()).find_map(|region| world.account(region, &place.0));
    if let Some(snapshot) = account.and_then(|account| account.with_only(&place.1)) {
        world.snapshots.keep_container(place, snapshot);
    }
}

/// Answers a read from the saved state; returns the request if there is none.
pub(super) async fn read(world: &World, region: usize, asked: &Asked, request: Request) -> Result<Response, Request> {
    let remembered = place(asked)
        .filter(|_| matches!(*request.method(), Method::GET | Method::HEAD))
        .and_then(|place| world.snapshots.container(&place));
    match remembered {
        None => Err(request),
        Some(account) => Ok(blob::serve(&Back { world, account }, region, request).await),
    }
}

/// Account and container of a blob request.
fn place(asked: &Asked) -> Option<Place> {
    let mut parts = asked.path.trim_start_matches('/').split('/').map(str::to_owned);
    Some((parts.next()?, parts.next().filter(|container| !container.is_empty())?))
}

/// The world with the saved state of one account.
struct Back<'w> {
    world: &'w World,
    account: Arc<BlobAccount>,
}

impl Surroundings for Back<'_> {
    fn account(&self, region: usize, name: &str) -> Option<&BlobAccount> {
        if name == self.account.name() { Some(&self.account) } else { self.world.account(region, name) }
    }

    fn account_at(&self, authority: &str, name: &str) -> Option<&BlobAccount> {
        self.world.account_at(authority, name)
    }

    fn principal(&self, token: &str) -> Option<Principal> {
        self.world.principal(token)
    }

    fn stats(&self) -> &Stats {
        &self.world.stats
    }
}
