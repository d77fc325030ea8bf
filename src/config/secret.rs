//! Where a secret comes from: a file only its owner can read, a variable, or a command. Never the configuration itself.

use std::fmt;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::problem::{Document, Problem, REMEDY};
use crate::files;
use crate::redact::Secret;

/// The largest secret, in bytes; a token has some thousand.
const LARGEST: u64 = 64 << 10;
/// How long a command may take; one that asks a key vault takes seconds.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often, and after what time each, a command is looked at that has printed everything.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(20);

/// What is written in the configuration in place of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SecretSource {
    /// The content of a file, relative to the configuration.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// What a command prints.
    Command(Vec<String>),
}

/// The three forms, for the deserialiser.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Forms {
    file: Option<PathBuf>,
    env: Option<String>,
    command: Option<Vec<String>>,
}

/// How a secret is to be written.
const FORMS: &str = "{ file = \"…\" }, { env = \"…\" } or { command = [\"…\"] }";

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(FORMS)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretSource, A::Error> {
        let forms = Forms::deserialize(de::value::MapAccessDeserializer::new(map))?;
        match (forms.file, forms.env, forms.command) {
            (Some(file), None, None) => Ok(SecretSource::File(file)),
            (None, Some(name), None) => Ok(SecretSource::Env(name)),
            (None, None, Some(command)) if !command.is_empty() => Ok(SecretSource::Command(command)),
            _ => Err(de::Error::custom(format!("a secret has exactly one place{REMEDY}write {FORMS}"))),
        }
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretSource, A::Error> {
        Err(in_the_open())
    }
}

/// The refusal of a secret written in the configuration. It does not repeat it.
fn in_the_open<E: de::Error>() -> E {
    de::Error::custom(format!(
        "a secret must not be written in the configuration itself{REMEDY}\
         put it into a file only you can read (chmod 600) and write {{ file = \"…\" }}, or use {{ env = \"…\" }} or \
         {{ command = [\"…\"] }}"
    ))
}

impl SecretSource {
    /// Fetches the secret. `key` is the key's full name, for messages.
    pub(super) fn fetch(&self, document: &Document<'_>, span: &Range<usize>, key: &str) -> Result<Secret, Problem> {
        let fail = |(problem, remedy): (String, String)| document.error(span, format!("`{key}`: {problem}"), remedy);
        let value = match self {
            Self::File(path) => read_file(&document.directory().join(path)),
            Self::Env(name) => std::env::var(name).map_err(|_| {
                (format!("the variable {name} is not set"), format!("export {name}, or name another source"))
            }),
            Self::Command(command) => run(command, PATIENCE),
        }
        .map_err(fail)?;
        let value = value.trim();
        if value.is_empty() {
            return Err(fail((format!("{self} is empty"), "put the secret there".to_owned())));
        }
        Ok(Secret::new(value))
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the variable {name}"),
            Self::Command(command) => write!(f, "the output of {}", command[0]),
        }
    }
}

/// The content of a secret file, if nobody else can read it.
fn read_file(path: &Path) -> Result<String, (String, String)> {
    let shown = path.display();
    files::read_secret(path, LARGEST).map_err(|error| {
        let remedy = format!("put the secret into {shown}, a file of your own, and run: chmod 600 {shown}");
        (format!("failed to read the secret file {shown}: {error}"), remedy)
    })
}

/// What a command prints. What it says on standard error goes where ours goes.
fn run(command: &[String], patience: Duration) -> Result<String, (String, String)> {
    let (program, arguments) = command.split_first().expect("an empty command is refused when it is read");
    let fail = |problem: String| (problem, format!("run {program} by hand and see what it says"));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| fail(format!("failed to run {program}: {error}")))?;
    let printed = listen(child.stdout.take().expect("it is piped"), patience);
    let ended = match printed {
        Ok(_) => wait(&mut child),
        // It is of no use any more.
        Err(_) => child.kill().and_then(|()| child.wait()),
    };
    let printed = printed.map_err(|why| fail(format!("{program} {why}")))?;
    let status = ended.map_err(|error| fail(format!("failed to wait for {program}: {error}")))?;
    if !status.success() {
        return Err(fail(format!("{program} ended with {status}")));
    }
    String::from_utf8(printed).map_err(|_| fail(format!("{program} did not print text")))
}

/// Reads what a command prints to its end, or says why it does not.
fn listen(output: ChildStdout, patience: Duration) -> Result<Vec<u8>, String> {
    let (send, received) = channel();
    // It may wait for ever where a child of the command keeps the output open, and ends with this program.
    std::thread::spawn(move || {
        let mut printed = Vec::new();
        let read = output.take(LARGEST + 1).read_to_end(&mut printed);
        let _ = send.send(read.map(|_| printed));
    });
    match received.recv_timeout(patience) {
        Ok(Ok(printed)) if printed.len() as u64 > LARGEST => Err(format!("printed more than {LARGEST} bytes")),
        Ok(Ok(printed)) => Ok(printed),
        Ok(Err(error)) => Err(format!("cannot be read: {error}")),
        Err(_) => Err(format!("did not end within {patience:?}")),
    }
}

/// Waits a moment for a command that has closed its output, and ends it after that.
fn wait(child: &mut Child) -> std::io::Result<ExitStatus> {
    for _ in 0..LOOKS {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(LOOK);
    }
    child.kill()?;
    child.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(script: &str) -> Result<String, String> {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&command, Duration::from_millis(300)).map_err(|(problem, _)| problem)
    }

    #[test]
    fn a_command_has_a_limit_of_time_and_of_size_and_its_output_is_the_secret() {
        assert_eq!(printed("printf abc"), Ok("abc".to_owned()));
        assert_eq!(printed("exec sleep 600"), Err("sh did not end within 300ms".to_owned()));
        assert_eq!(printed("sleep 5 & exit 0"), Err("sh did not end within 300ms".to_owned()));
        assert_eq!(printed("exec cat /dev/zero"), Err(format!("sh printed more than {LARGEST} bytes")));
        assert_eq!(printed("exit 3"), Err("sh ended with exit status: 3".to_owned()));
        assert_eq!(printed(r"printf '\377'"), Err("sh did not print text".to_owned()));
    }
}
