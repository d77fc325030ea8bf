//! What every command is given.

use super::args::global::Global;
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
}
