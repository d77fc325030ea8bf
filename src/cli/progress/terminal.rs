//! The terminal that the bars are drawn on.
//!
//! indicatif leaves the cursor at the right edge below the last bar. What the terminal itself writes there, such as the `^C` of
//! an interruption, wraps into the next line, and every bar that is drawn afterwards is one line too low: the first one stays
//! on the screen. Here the cursor goes back to the left edge, where `^C` is overwritten with the next drawing.

use std::io;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Drawings a second at most, indicatif's own default.
const DRAWINGS: u8 = 20;

/// Standard error, drawn on with the cursor at the left edge in between. It must not be used for lines that stay
/// (`MultiProgress::println`, `ProgressBar::finish`): what follows would overwrite the last of them.
#[derive(Debug)]
struct LeftEdge(Term);

/// Where the bars are drawn.
pub(super) fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(LeftEdge(Term::buffered_stderr())), DRAWINGS)
}

impl TermLike for LeftEdge {
    fn width(&self) -> u16 {
        TermLike::width(&self.0)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}
