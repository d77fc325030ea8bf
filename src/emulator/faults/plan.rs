//! A fault plan: rules that select requests and name their faults. It is read from TOML or made in Rust.

mod refuse;

use serde::Deserialize;

use crate::emulator::stats::Plane;

pub use refuse::{Echo, EchoForm, Refuse};

/// Rules for faults. The same plan and the same requests in the same order cause the same faults.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultPlan {
    /// The seed of all probabilities.
    pub seed: u64,
    /// The error of the emulator's wall clock, in seconds.
    pub clock_skew_s: i64,
    /// The first rule that applies to a request decides; all rules count it.
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

impl FaultPlan {
    /// A plan without rules.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// With one rule more.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets the error of the clock, in seconds.
    #[must_use]
    pub fn clock_skew(mut self, seconds: i64) -> Self {
        self.clock_skew_s = seconds;
        self
    }
}

/// Which requests get a fault, and which one. A rule counts the requests that match its account, plane, operation, name
/// and times. Of these, the ones that match all other conditions get the fault.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Media or storage account, a glob.
    #[serde(default = "anything")]
    pub account: String,
    /// One service only.
    #[serde(default)]
    pub plane: Option<Plane>,
    /// Operation as the statistics name it, a glob such as `Put*` or `{CopyBlob,ListBlobs}`.
    #[serde(default = "anything")]
    pub operation: String,
    /// Decoded path of the URL, a glob in which `*` also crosses slashes.
    #[serde(default = "anything")]
    pub name: String,
    /// The n-th request only, counted from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Every n-th request.
    #[serde(default)]
    pub every: Option<u64>,
    /// From the n-th request on.
    #[serde(default)]
    pub from: Option<u64>,
    /// Up to and including the n-th request.
    #[serde(default)]
    pub to: Option<u64>,
    /// A request gets the fault with this probability, 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// At most so often.
    #[serde(default)]
    pub times: Option<u64>,
    /// Starts this number of seconds after the plan was set.
    #[serde(default)]
    pub after_s: Option<f64>,
    /// Ends this number of seconds after the plan was set.
    #[serde(default)]
    pub until_s: Option<f64>,
    /// The fault.
    pub fault: Fault,
}

fn anything() -> String {
    "*".to_owned()
}

/// Declares a builder method for each matcher that holds an optional value.
macro_rules! matchers {
    ($($name:ident: $kind:ty, $doc:literal;)*) => {
        impl Rule {
            $(#[doc = $doc] #[must_use] pub fn $name(mut self, value: $kind) -> Self {
                self.$name = Some(value);
                self
            })*
        }
    };
}

matchers! {
    plane: Plane, "In one service only.";
    nth: u64, "The n-th request only.";
    every: u64, "Every n-th request.";
    from: u64, "From the n-th request on.";
    to: u64, "Up to the n-th request.";
    probability: f64, "With this probability.";
    times: u64, "At most so often.";
    after_s: f64, "Not before so many seconds.";
    until_s: f64, "Not after so many seconds.";
}

impl Rule {
    /// Applies that fault to every request.
    pub fn new(fault: Fault) -> Self {
        Self {
            account: anything(),
            plane: None,
            operation: anything(),
            name: anything(),
            nth: None,
            every: None,
            from: None,
            to: None,
            probability: None,
            times: None,
            after_s: None,
            until_s: None,
            fault,
        }
    }

    /// In accounts of that name only.
    #[must_use]
    pub fn account(mut self, glob: impl Into<String>) -> Self {
        self.account = glob.into();
        self
    }

    /// Operations of that name only.
    #[must_use]
    pub fn operation(mut self, glob: impl Into<String>) -> Self {
        self.operation = glob.into();
        self
    }

    /// Paths of that form only.
    #[must_use]
    pub fn name(mut self, glob: impl Into<String>) -> Self {
        self.name = glob.into();
        self
    }
}

/// What happens to a request that gets a fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// An error answer; nothing takes effect.
    Refuse(Refuse),
    /// An error answer that repeats the request's credential; nothing takes effect.
    Echo(Echo),
    /// The connection is reset.
    Reset(ResetAt),
    /// The request takes effect, and the connection is reset instead of an answer.
    LostAnswer,
    /// The connection ends after that number of bytes of the body.
    Truncate(u64),
    /// The body comes slowly.
    Slow(Slow),
    /// The request takes effect, and its answer comes so many milliseconds later.
    LateMs(u64),
    /// No answer ever comes.
    Hang(Hang),
    /// A redirect to another host; nothing takes effect.
    Redirect(Redirect),
    /// `Content-Length` is not the body's.
    ContentLength(WrongLength),
    /// The body of a successful answer is damaged.
    Mangle(Mangle),
    /// A read shows the state before the last write: of its container (blob service) or its account (media API).
    Stale,
    /// A write is acknowledged, but something else is stored. Requests that write nothing, and those that are refused,
    /// are answered as usual.
    Pretend(Pretence),
    /// The result of an asynchronous copy.
    Copy(CopyFate),
    /// What the emulator does to the source of a copy: before a synchronous one reads it, while an asynchronous one is
    /// pending.
    Source(SourceFate),
    /// Another program deletes the container of a request to the blob service just before the request arrives. The
    /// media service's records of it do not change.
    ContainerDeleted,
    /// The lifetime of the issued token, in seconds.
    TokenLifetimeS(u64),
    /// An encoding task fails halfway. Such a rule applies only to encoding tasks, once each, when they start: their
    /// operation is `EncodeTask`, their path `/<name of the job>/<preset>`.
    Encode(TaskFailure),
}

/// The `ErrorDetails` of a failed task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFailure {
    /// The code.
    pub code: String,
    /// The words.
    pub message: String,
}

impl TaskFailure {
    /// That code, those words.
    pub fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned() }
    }
}

/// When a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetAt {
    /// Before anything of the answer was sent; nothing took effect.
    Before,
    /// Within the head of the answer; it took effect.
    Headers,
    /// After the head, in the middle of the body; it took effect.
    Body,
}

/// The speed of a slow body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// The size of each part, in bytes.
    pub bytes: u64,
    /// The pause after each part, in milliseconds.
    pub every_ms: u64,
}

/// When the silence begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hang {
    /// Nothing takes effect.
    Before,
    /// It takes effect.
    After,
}

/// A redirect that a client must not follow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// 301, 302, 307 or 308.
    pub status: u16,
    /// Scheme and authority, such as `http://elsewhere.example`; path and query stay.
    pub to: String,
}

/// How the length is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrongLength {
    /// It announces more bytes than are sent.
    Longer,
    /// It announces fewer bytes than are sent; a client reads only those.
    Shorter,
}

/// How a body is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mangle {
    /// The text is truncated in its middle; the HTTP message is well-formed.
    Cut,
    /// A page of HTML instead, also of a 404.
    Html,
    /// XML: a DTD with entities that grow without bound. JSON: a number that is too large.
    Bomb,
    /// Nested ten thousand deep.
    Deep,
    /// More than 64 MiB.
    Huge,
    /// As `Content-Encoding: gzip`, whether or not the request accepts that.
    Gzip,
    /// An element or key occurs twice, with different values.
    DuplicateKeys,
    /// Text where numbers, objects where lists are expected.
    WrongTypes,
    /// The listing has no end: each page names the same next one (blobs), or is the first one again (media API).
    MarkerLoop,
    /// Every entry of the page occurs twice.
    Duplicates,
    /// The entries are in reverse order.
    Unsorted,
    /// There are no entries.
    Empty,
    /// The second half of the entries is missing.
    Half,
}

/// What is really stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pretence {
    /// Nothing, as if there was no write. Every operation of a `$batch` is acknowledged like this.
    Nothing,
    /// The first half of the blob or block. (The media API has no halves: nothing.)
    Truncated,
    /// Other bytes of the same length, without a checksum. (The media API: nothing.)
    Other,
}

/// The result of an asynchronous copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyFate {
    /// It never ends.
    Pending,
    /// The service gives up after the time it would have taken.
    Failed,
    /// Another program aborts it.
    Aborted,
}

/// What happens to the source of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceFate {
    /// The blob gets other content.
    Changed,
    /// The blob is deleted.
    Deleted,
    /// Its whole container is deleted.
    ContainerDeleted,
}
