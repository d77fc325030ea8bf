//! The context of every command.

use std::sync::{Arc, OnceLock};

use mediamirror::config::Config;
use mediamirror::connect::Pair;

use super::args::global::Global;
use super::notify::events::Events;
use super::printer::Printer;
use super::progress::Screen;

/// The context of every command.
#[derive(Debug)]
pub(crate) struct Context {
    /// The options of every command.
    pub(crate) global: Global,
    /// Standard output.
    pub(crate) printer: Printer,
    /// Standard error, with its progress bars.
    pub(crate) screen: Screen,
    /// What the command knows so far.
    pub(crate) known: Known,
    /// Reports events on standard output, if requested.
    pub(crate) events: OnceLock<Arc<Events>>,
}

/// What a command knows so far, for its report if it ends with an error.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The configuration.
    pub(crate) config: OnceLock<Config>,
    /// Both accounts.
    pub(crate) pair: OnceLock<Arc<Pair>>,
}
