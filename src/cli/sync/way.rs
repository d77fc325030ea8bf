//! The direction of a run: that of every night, or back to the source after a failover.

use std::sync::Arc;

use mediamirror::config::Policy;
use mediamirror::connect::Pair;
use mediamirror::engine::{Base, Options};
use mediamirror::ledger::Ledger;
use mediamirror::plan::Kind;

use super::{open_ledger, rebuilt};
use crate::cli::args::{MirrorArgs, globs};
use crate::cli::context::Context;
use crate::cli::failure::CommandFailure;
use crate::cli::session::Session;
use crate::cli::turned::Turned;

/// Both accounts in the roles of the run, and the ledger of its direction.
pub(super) struct Way {
    pub(super) pair: Arc<Pair>,
    pub(super) ledger: Ledger,
    pub(super) kind: Kind,
    base: Option<Arc<Base>>,
}

impl Way {
    /// Opens what the run needs.
    pub(super) async fn open(
        context: &Context,
        session: &Session,
        args: &MirrorArgs,
        options: &mut Options,
    ) -> Result<Self, CommandFailure> {
        let Some(prefer) = &args.back else {
            let ledger = if options.rebuild { rebuilt(context, session)? } else { open_ledger(session, options)? };
            return Ok(Self { pair: Arc::clone(&session.pair), ledger, kind: Kind::Sync, base: None });
        };
        let Turned { pair, base, ledger } = Turned::prepare(session, globs(prefer), options.dry_run).await?;
        options.base = Some(Arc::clone(&base));
        // The first run in this direction creates its state. The operator's decisions about names apply only to nightly
        // runs.
        options.rebuild = true;
        options.policy = Policy { guards: options.policy.guards, ..Policy::default() };
        Ok(Self { pair, ledger, kind: Kind::Reprotect, base: Some(base) })
    }

    /// Closes the ledger, and releases the lock of the active side.
    pub(super) async fn close(self) -> Result<(), CommandFailure> {
        let released = match &self.base {
            Some(base) => base.release().await,
            None => Ok(()),
        };
        self.ledger.close().await?;
        released.map_err(|error| CommandFailure::of(&error, true))
    }
}
