//! Virtual time that does not pass while a ledger writes, so that a busy machine does not change tests.
//!
//! A paused clock of tokio jumps to the next timer when all tasks wait. A ledger writes in its own threads, for which
//! tasks wait, too, so that tests with a normal paused clock would reach time limits. Tests use this module instead of
//! tokio: `#[tokio::test(start_paused = true, crate = "crate::virtual_time")]`.

use std::cell::RefCell;
use std::future::Future;

use mediamirror::ledger::Ledger;
pub(crate) use tokio::pin;

thread_local! {
    /// The ledgers in use on this thread.
    static LEDGERS: RefCell<Vec<Ledger>> = const { RefCell::new(Vec::new()) };
}

/// The part of tokio that its test attribute uses.
pub(crate) mod runtime {
    use std::io;

    /// Builds a runtime whose clock waits for the ledgers.
    #[derive(Debug)]
    pub(crate) struct Builder(tokio::runtime::Builder);

    impl Builder {
        pub(crate) fn new_current_thread() -> Self {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.on_thread_park(super::wait_for_ledgers);
            Self(builder)
        }

        pub(crate) fn enable_all(&mut self) -> &mut Self {
            self.0.enable_all();
            self
        }

        pub(crate) fn start_paused(&mut self, paused: bool) -> &mut Self {
            self.0.start_paused(paused);
            self
        }

        pub(crate) fn build(&mut self) -> io::Result<tokio::runtime::Runtime> {
            self.0.build()
        }
    }
}

/// Waits until all requests to the ledgers are done, before the runtime sleeps.
fn wait_for_ledgers() {
    LEDGERS.with_borrow(|ledgers| {
        for ledger in ledgers {
            let _ = futures::executor::block_on(ledger.settled());
        }
    });
}

/// Runs a future to its end in virtual time.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    forget();
    let _forgets = Forget;
    runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

/// Makes sure that no time passes on this thread while that ledger writes.
pub(crate) fn follow(ledger: &Ledger) {
    LEDGERS.with_borrow_mut(|ledgers| ledgers.push(ledger.clone()));
}

/// Releases all ledgers, so that their files can be opened again.
pub(crate) fn forget() {
    LEDGERS.take();
}

/// Releases them even if a check panics, because the next seed runs on the same thread.
struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        forget();
    }
}

/// Every file below a folder.
fn files_of(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
}

#[test]
fn no_test_lets_virtual_time_pass_while_a_ledger_writes() {
    let plain = concat!("start_paused = ", "true)]");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut files = files_of(&folder);
    files.retain(|file| std::fs::read_to_string(file).unwrap().contains(plain));
    assert_eq!(files, [""; 0].map(std::path::PathBuf::from), "name crate = \"crate::virtual_time\" there");
}
