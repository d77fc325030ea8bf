//! The program: everything it does is in [`cli`].

mod cli;

use std::process::ExitCode;

/// A quarter of a sync's time went into the system's allocator: a request is some hundred short-lived texts.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
