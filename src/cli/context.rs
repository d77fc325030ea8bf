//! What every command is given.

use std::sync::{Arc, OnceLock};

use mediamirror::config::Config;
use mediamirror::connect::Pair;

use super::args::global::Global;
use super::notify::events::Events;
use super::printer::Printer;
use super::progress::Screen;

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    /// The flags every command understands.
    pub(crate) global: Global,
    /// Standard output.
    pub(crate) printer: Printer,
    /// Standard error, with its progress bars.
    pub(crate) screen: Screen,
    /// What the command has found out so far.
    pub(crate) known: Known,
    /// Standard output, if it reports events.
    pub(crate) events: OnceLock<Arc<Events>>,
}

/// What a command has found out so far, for what it reports when it ends with an error.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The configuration.
    pub(crate) config: OnceLock<Config>,
    /// Both accounts.
    pub(crate) pair: OnceLock<Arc<Pair>>,
}
