//! The terminal that the bars are drawn on.
//!
//! indicatif leaves the cursor at the right edge below the last bar. What the terminal itself writes there, such as the `^C` of
//! an interruption, wraps into the next line, and every bar that is drawn afterwards is one line too low: the first one stays
//! on the screen. Here the cursor goes back to the left edge after each drawing and before the next one, so that `^C` is
//! overwritten whenever the terminal wrote it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// The most drawings per second, indicatif's own default.
const DRAWINGS: u8 = 20;

/// Standard error, with the cursor at the left edge between drawings. It must not be used for permanent lines
/// (`MultiProgress::println`, `ProgressBar::finish`): the next drawing would overwrite the last one.
#[derive(Debug)]
struct LeftEdge {
    terminal: Term,
    /// Has the drawing started?
    began: AtomicBool,
}

/// Where the bars are drawn.
pub(super) fn target() -> ProgressDrawTarget {
    let terminal = LeftEdge { terminal: Term::buffered_stderr(), began: AtomicBool::new(false) };
    ProgressDrawTarget::term_like_with_hz(Box::new(terminal), DRAWINGS)
}

impl LeftEdge {
    /// The terminal, with its cursor at the left edge if this is the first step of a drawing.
    fn drawing(&self) -> io::Result<&Term> {
        if !self.began.swap(true, Ordering::Relaxed) {
            self.terminal.write_str("\r")?;
        }
        Ok(&self.terminal)
    }
}

impl TermLike for LeftEdge {
    fn width(&self) -> u16 {
        TermLike::width(&self.terminal)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.terminal)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.drawing()?.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.drawing()?.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.drawing()?.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.drawing()?.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.drawing()?.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.drawing()?.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.drawing()?.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.terminal.write_str("\r")?;
        self.began.store(false, Ordering::Relaxed);
        self.terminal.flush()
    }
}
