//! Prepares a run from the active target back to the source.

use std::sync::Arc;

use globset::GlobSet;
use mediamirror::connect::{Pair, connect};
use mediamirror::engine::Base;
use mediamirror::engine::reprotect::Turn;
use mediamirror::ledger::Ledger;
use mediamirror::model::AccountName;

use super::failure::CommandFailure;
use super::session::Session;
use super::sync::read_ledger;

/// Both accounts in swapped roles, and what is known about them.
#[derive(Debug)]
pub(crate) struct Turned {
    /// The target as the source, and the source as the target.
    pub(crate) pair: Arc<Pair>,
    /// The state in which both sides were last equal.
    pub(crate) base: Arc<Base>,
    /// The ledger of this direction.
    pub(crate) ledger: Ledger,
}

impl Turned {
    /// Reads both sides. It locks the ledger and the target, unless the run is read-only.
    pub(crate) async fn prepare(
        session: &Session,
        prefer: Option<GlobSet>,
        dry_run: bool,
    ) -> Result<Self, CommandFailure> {
        let failed = |error| CommandFailure::of(&error, false);
        let config = session.config.clone().turned();
        let pair = connect(&config, Arc::clone(&session.network)).map_err(failed)?;
        let (source, target) = (AccountName::new(&config.source.account), AccountName::new(&config.target.account));
        let ledger = if dry_run {
            Ledger::open_read_only(&config.ledger, &source, &target)?.map_or_else(Ledger::in_memory, Ok)?
        } else {
            Ledger::open(&config.ledger, &source, &target)?
        };
        let turn = Turn { pair, nights: read_ledger(session)?, prefer, dry_run };
        let (pair, base) = turn.prepare(&ledger).await.map_err(failed)?;
        Ok(Self { pair, base, ledger })
    }
}
