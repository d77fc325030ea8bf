//! Fuzzing on stable Rust: tests every input of a committed corpus, then mutations of them for the requested time.
//!
//! Inputs that lead to an outcome not seen before join the corpus of the run, so that mutations build on each other;
//! the outcome that a check returns replaces coverage, which needs another compiler. A failing input is reduced and
//! written to `target/fuzz`, as is the current input if the process ends. This module is only for tests.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRunner};

/// How many seconds each target mutates its corpus; without it, only the corpus is checked.
const SECONDS: &str = "MEDIAMIRROR_FUZZ_SECONDS";
/// The seed of the run to repeat.
const SEED: &str = "MEDIAMIRROR_FUZZ_SEED";
/// Represents a secret in inputs.
pub(crate) const CANARY: &str = "CANARYcanary0123456789";
/// No input takes this long, even in a debug build on a busy machine, unless it causes an endless loop.
const PATIENCE: Duration = Duration::from_secs(10);
/// Larger inputs find the same problems more slowly. Costs that grow faster than the input are visible at this size.
const LONGEST: usize = 64 << 10;
/// Inputs kept in a run.
const KEPT: usize = 2000;
/// The maximum number of steps to reduce a failing input.
const SHRINKING: usize = 2000;

/// A change of an input. Positions are relative, so that it can be applied to any input.
#[derive(Debug, Clone)]
enum Edit {
    /// Replaces one byte.
    Byte(Index, u8),
    /// Flips one bit.
    Bit(Index, u8),
    /// Removes a range.
    Remove(Index, usize),
    /// Repeats a range a number of times.
    Repeat(Index, usize, usize),
    /// Moves a range.
    Move(Index, usize, Index),
    /// Inserts a word of the dictionary.
    Word(Index, Index),
    /// Replaces a number.
    Number(Index, i64),
    /// Inserts any character.
    Insert(Index, char),
    /// Replaces the rest with the rest of another input of the corpus.
    Splice(Index, Index, Index),
    /// Truncates the input.
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let number = prop_oneof![Just(0), Just(-1), Just(i64::MAX), Just(i64::MIN), -300_i64..70_000, any::<i64>()];
    prop_oneof![
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        1 => (at(), 0_u8..8).prop_map(|(at, bit)| Edit::Bit(at, bit)),
        3 => (at(), 1_usize..60).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (at(), 1_usize..80, 1_usize..40).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        3 => (at(), 1_usize..60, at()).prop_map(|(at, length, to)| Edit::Move(at, length, to)),
        5 => (at(), at()).prop_map(|(at, word)| Edit::Word(at, word)),
        2 => (at(), number).prop_map(|(at, number)| Edit::Number(at, number)),
        1 => (at(), any::<char>()).prop_map(|(at, c)| Edit::Insert(at, c)),
        2 => (at(), at(), at()).prop_map(|(at, other, from)| Edit::Splice(at, other, from)),
        1 => at().prop_map(Edit::Cut),
    ]
}

/// Checks a target with its corpus, `tests/fuzz/corpus/<name>`, and mutations of it made with the words. `check` panics
/// if a guarantee is broken, and returns the outcome in a few words.
pub(crate) fn target(name: &str, words: &[&str], check: impl Fn(&[u8]) -> String) {
    let mut target = Target::new(name, words, check);
    for input in std::mem::take(&mut target.kept) {
        target.step(&input).unwrap_or_else(|panic| target.report(&input, &panic));
        target.kept.push(input);
    }
    let Some(seconds) = from_environment(SECONDS) else { return };
    let seed = from_environment(SEED).unwrap_or_else(|| fastrand::u64(..));
    let tried = target.mutate(seed, Duration::from_secs(seconds));
    target.running.put(None);
    target.note(&format!("{tried} inputs, {} outcomes, seed {seed}", target.seen.len()));
}

/// A number set for the whole run.
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

/// A target and what is known of it so far.
struct Target<'a, C> {
    name: &'a str,
    words: &'a [&'a str],
    check: C,
    kept: Vec<Vec<u8>>,
    seen: HashSet<String>,
    running: Running,
}

impl<'a, C: Fn(&[u8]) -> String> Target<'a, C> {
    fn new(name: &'a str, words: &'a [&'a str], check: C) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let kept: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(!kept.is_empty(), "{} is empty", folder.display());
        Self { name, words, check, kept, seen: HashSet::new(), running: Running::watched(name) }
    }

    /// Mutates until the time is over; returns the number of inputs.
    fn mutate(&mut self, seed: u64, time: Duration) -> u64 {
        let config =
            Config { rng_algorithm: RngAlgorithm::ChaCha, rng_seed: RngSeed::Fixed(seed), ..Config::default() };
        let mut runner = TestRunner::new(config);
        let plan = (any::<Index>(), proptest::collection::vec(edit(), 1..9));
        let (end, mut tried) = (Instant::now() + time, 0);
        while Instant::now() < end {
            let mut tree = plan.new_tree(&mut runner).expect("nothing is filtered");
            let (base, edits) = tree.current();
            let base = self.kept[base.index(self.kept.len())].clone();
            let input = self.edited(&base, &edits);
            tried += 1;
            match self.step(&input) {
                Ok(true) if self.kept.len() < KEPT => self.kept.push(input),
                Ok(_) => {}
                Err(panic) => self.shrink(&base, &mut tree, input, panic),
            }
        }
        tried
    }

    /// Checks one input; returns whether its outcome is new.
    fn step(&mut self, input: &[u8]) -> Result<bool, String> {
        self.running.put(Some(input));
        let outcome = quietly(|| (self.check)(input))?;
        Ok(self.seen.insert(outcome.chars().filter(|c| !c.is_ascii_digit()).take(200).collect()))
    }

    /// Searches for fewer and simpler edits that also fail, and ends the test.
    fn shrink(
        &mut self,
        base: &[u8],
        tree: &mut impl ValueTree<Value = (Index, Vec<Edit>)>,
        mut worst: Vec<u8>,
        mut panic: String,
    ) -> ! {
        let mut smaller = tree.simplify();
        for _ in 0..SHRINKING {
            if !smaller {
                break;
            }
            let input = self.edited(base, &tree.current().1);
            smaller = match self.step(&input) {
                Err(message) => {
                    (worst, panic) = (input, message);
                    tree.simplify()
                }
                Ok(_) => tree.complicate(),
            };
        }
        self.report(&worst, &panic)
    }

    fn report(&self, input: &[u8], panic: &str) -> ! {
        self.running.put(None);
        let file = findings().join(format!("{}.failed", self.name));
        fs::write(&file, input).unwrap();
        panic!("{}: {panic}\nthe input is in {}: {:?}", self.name, file.display(), String::from_utf8_lossy(input));
    }

    fn note(&self, text: &str) {
        eprintln!("fuzz {}: {text}", self.name);
    }

    fn edited(&self, base: &[u8], edits: &[Edit]) -> Vec<u8> {
        let mut input = base.to_vec();
        for edit in edits {
            self.apply(edit, &mut input);
            input.truncate(LONGEST);
        }
        input
    }

    fn apply(&self, edit: &Edit, input: &mut Vec<u8>) {
        let place = |at: &Index, input: &[u8]| at.index(input.len() + 1);
        let stretch = |at: &Index, length: usize, input: &[u8]| {
            let start = place(at, input);
            start..(start + length).min(input.len())
        };
        match edit {
            Edit::Byte(at, byte) if !input.is_empty() => {
                let at = at.index(input.len());
                input[at] = *byte;
            }
            Edit::Bit(at, bit) if !input.is_empty() => {
                let at = at.index(input.len());
                input[at] ^= 1 << bit;
            }
            Edit::Remove(at, length) => drop(input.drain(stretch(at, *length, input))),
            Edit::Repeat(at, length, times) => {
                let stretch = stretch(at, *length, input);
                let again = input[stretch.clone()].repeat(*times);
                input.splice(stretch.end..stretch.end, again);
            }
            Edit::Move(at, length, to) => {
                let moved: Vec<u8> = input.drain(stretch(at, *length, input)).collect();
                let to = place(to, input);
                input.splice(to..to, moved);
            }
            Edit::Word(at, word) if !self.words.is_empty() => {
                let at = place(at, input);
                input.splice(at..at, self.words[word.index(self.words.len())].bytes());
            }
            Edit::Number(at, number) => {
                let from = place(at, input);
                let Some(start) = input[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else { return };
                let end = input[start..].iter().position(|byte| !byte.is_ascii_digit());
                input.splice(start..end.map_or(input.len(), |end| start + end), number.to_string().bytes());
            }
            Edit::Insert(at, c) => {
                let at = place(at, input);
                input.splice(at..at, c.to_string().bytes());
            }
            Edit::Byte(..) | Edit::Bit(..) | Edit::Word(..) => {}
            Edit::Splice(at, other, from) => {
                let other = &self.kept.get(other.index(self.kept.len().max(1))).map_or(&[][..], Vec::as_slice);
                input.truncate(place(at, input));
                input.extend_from_slice(&other[place(from, other)..]);
            }
            Edit::Cut(at) => input.truncate(place(at, input)),
        }
    }
}

/// The folder for failing inputs.
fn findings() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    fs::create_dir_all(&folder).unwrap();
    folder
}

thread_local! {
    /// Is this thread inside a check, whose panics are reported in one message at the end?
    static CHECKING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a check; returns the message of its panic, if it panics.
fn quietly(check: impl FnOnce() -> String) -> Result<String, String> {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !CHECKING.get() {
                others(info);
            }
        }));
    });
    CHECKING.set(true);
    let result = catch_unwind(AssertUnwindSafe(check));
    CHECKING.set(false);
    result.map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        words.or_else(|| panic.downcast_ref::<&str>().map(|&words| words.to_owned())).unwrap_or_default()
    })
}

/// The current input and its start, for the watchdog.
type AtWork = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// Ends the process when one input takes too long.
struct Running(AtWork);

impl Running {
    fn watched(name: &str) -> Self {
        let at_work = AtWork::default();
        let (watched, name) = (Arc::downgrade(&at_work), name.to_owned());
        std::thread::spawn(move || {
            while let Some(at_work) = watched.upgrade() {
                let late = at_work.lock().unwrap().clone().filter(|(since, _)| since.elapsed() > PATIENCE);
                if let Some((_, input)) = late {
                    fs::write(findings().join(format!("{name}.hangs")), input).unwrap();
                    std::process::abort();
                }
                drop(at_work);
                std::thread::sleep(PATIENCE / 10);
            }
        });
        Self(at_work)
    }

    fn put(&self, input: Option<&[u8]>) {
        *self.0.lock().unwrap() = input.map(|input| (Instant::now(), input.to_vec()));
    }
}

/// Are all canaries of the input in positions that can be recognised as secrets?
pub(crate) fn marked(input: &str) -> bool {
    input.matches(CANARY).count() == input.matches(&format!("sig={CANARY}")).count()
}

/// Fails if the text contains the canary.
#[track_caller]
pub(crate) fn keeps_secret(text: &str) {
    assert!(!text.contains(CANARY), "the text contains the secret: {text}");
}
