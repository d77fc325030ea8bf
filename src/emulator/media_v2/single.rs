//! A call that is not part of a changeset: a read, or a change in its own transaction.

use std::sync::Arc;

use super::answer::Answer;
use super::background;
use super::call::Call;
use super::errors::ApiError;
use super::service::Service;
use super::transaction::Transaction;
use super::{jobs, read, write};
use crate::emulator::media_account::Past;
use crate::emulator::world::World;

/// Performs one call that is not part of a changeset.
pub(super) async fn execute(
    world: &Arc<World>,
    region: usize,
    call: &Call,
    past: Option<&Past>,
) -> Result<Answer, ApiError> {
    let service = Service { world, index: region };
    if !write::changes(call) {
        jobs::settle(service);
        return match past {
            Some(past) => read::get(service, &past.0, call),
            None => read::get(service, &service.state(), call),
        };
    }
    let _shared = service.region().media.changes.read().await;
    let mut tx = Transaction::default();
    match write::perform(service, &mut tx, call).await {
        Ok(answer) => {
            background::end(world, region, tx, call.pretended).await;
            Ok(answer)
        }
        Err(error) => {
            tx.roll_back(service).await;
            Err(error)
        }
    }
}
