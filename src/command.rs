//! Runs a command, to read its output (a secret or a token) or to pass text to it. Its time and the size of its output
//! are limited.

use std::io::{Read, Write as _, stderr};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The longest output that is accepted, in bytes; a token has a few thousand.
const LARGEST: u64 = 64 << 10;
/// How long a command may take; a request to a key vault takes seconds.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How often, and at what interval, a command is checked for its end after it has printed everything.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(20);

/// Why there is no output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("failed to run {program}: {reason}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        reason: String,
    },
    /// It failed, or it was killed.
    #[error("{program} {reason}{}", in_its_words(said))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        reason: String,
        /// Its standard error, if that was requested. It can contain any text.
        said: String,
    },
}

fn in_its_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// Returns the output of a command. It inherits our standard error.
///
/// # Errors
/// It cannot be run, fails, prints too much or no valid text, or takes too long.
///
/// # Panics
/// The command is empty.
pub fn output(command: &[String], patience: Duration) -> Result<String, CommandError> {
    run(command, patience, Stdio::inherit())
}

/// As [`output`], but standard error is not shown: it becomes a part of the error.
///
/// # Errors
/// As above.
///
/// # Panics
/// The command is empty.
pub fn quiet_output(command: &[String], patience: Duration) -> Result<String, CommandError> {
    run(command, patience, Stdio::piped())
}

/// Runs a command with these variables and passes a text to it. Its output goes to standard error.
///
/// # Errors
/// It cannot be run, fails, or takes too long.
///
/// # Panics
/// The command is empty.
pub fn feed(
    command: &[String],
    variables: &[(&'static str, String)],
    text: &str,
    patience: Duration,
) -> Result<(), CommandError> {
    let (program, arguments) = command.split_first().expect("a command has a program");
    let mut child = Command::new(program)
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        // Our own standard output is for data.
        .stdout(Stdio::from(stderr()))
        .spawn()
        .map_err(|error| CommandError::Start { program: program.clone(), reason: error.to_string() })?;
    let (mut input, text) = (child.stdin.take().expect("it is piped"), text.to_owned());
    // A command need not read it, so it is not an error if it ends before.
    std::thread::spawn(move || input.write_all(text.as_bytes()));
    let reason = match wait_until(&mut child, Instant::now() + patience) {
        Ok(Some(status)) if status.success() => return Ok(()),
        Ok(Some(status)) => format!("ended with {status}"),
        Ok(None) => format!("did not end within {patience:?}"),
        Err(error) => format!("cannot be waited for: {error}"),
    };
    Err(CommandError::Failed { program: program.clone(), reason, said: String::new() })
}

/// How a command ended; `None`: it took too long and was killed.
fn wait_until(child: &mut Child, until: Instant) -> std::io::Result<Option<ExitStatus>> {
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn run(command: &[String], patience: Duration, errors: Stdio) -> Result<String, CommandError> {
    let (program, arguments) = command.split_first().expect("a command has a program");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .map_err(|error| CommandError::Start { program: program.clone(), reason: error.to_string() })?;
    let until = Instant::now() + patience;
    let said = child.stderr.take().map(read);
    let printed = printed(&read(child.stdout.take().expect("it is piped")), until, patience);
    let ended = match printed {
        Ok(_) => wait(&mut child),
        // Its output cannot be used, so it is killed.
        Err(_) => child.kill().and_then(|()| child.wait()),
    };
    let printed = printed.and_then(|printed| {
        let status = ended.map_err(|error| format!("cannot be waited for: {error}"))?;
        if !status.success() {
            return Err(format!("ended with {status}"));
        }
        String::from_utf8(printed).map_err(|_| "did not print text".to_owned())
    });
    printed.map_err(|reason| {
        // Standard error has been read already, unless a child of the command keeps it open.
        let said = said.and_then(|said| said.recv_timeout(LOOK * LOOKS).ok()?.ok()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        CommandError::Failed { program: program.clone(), reason, said }
    })
}

/// Reads to the end, or until the output exceeds its limit.
fn read(stream: impl Read + Send + 'static) -> Receiver<std::io::Result<Vec<u8>>> {
    let (send, received) = channel();
    // If a child of the command keeps the output open, the thread waits until this program ends.
    std::thread::spawn(move || {
        let mut printed = Vec::new();
        let read = stream.take(LARGEST + 1).read_to_end(&mut printed);
        let _ = send.send(read.map(|_| printed));
    });
    received
}

/// The whole output of a command, or why it is not known.
fn printed(output: &Receiver<std::io::Result<Vec<u8>>>, until: Instant, patience: Duration) -> Result<Vec<u8>, String> {
    match output.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(Ok(printed)) if printed.len() as u64 > LARGEST => Err(format!("printed more than {LARGEST} bytes")),
        Ok(Ok(printed)) => Ok(printed),
        Ok(Err(error)) => Err(format!("cannot be read: {error}")),
        Err(_) => Err(format!("did not end within {patience:?}")),
    }
}

/// Waits a moment for a command that has closed its output, and kills it after that.
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
        output(&command, Duration::from_millis(300)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_output_of_a_command_is_the_secret_and_its_time_and_size_are_limited() {
        assert_eq!(printed("printf abc"), Ok("abc".to_owned()));
        assert_eq!(printed("exec sleep 600"), Err("sh did not end within 300ms".to_owned()));
        assert_eq!(printed("sleep 5 & exit 0"), Err("sh did not end within 300ms".to_owned()));
        assert_eq!(printed("exec cat /dev/zero"), Err(format!("sh printed more than {LARGEST} bytes")));
        assert_eq!(printed("exit 3"), Err("sh ended with exit status: 3".to_owned()));
        assert_eq!(printed(r"printf '\377'"), Err("sh did not print text".to_owned()));
    }

    #[test]
    fn a_command_reads_the_text_passed_to_it_and_its_time_is_limited() {
        let fed = |script: &str| {
            let command = ["sh", "-c", script].map(str::to_owned);
            let variables = [("WORD", "b".to_owned())];
            feed(&command, &variables, "a", Duration::from_millis(500)).map_err(|error| error.to_string())
        };
        assert_eq!(fed("read -r text; test \"$text$WORD\" = ab"), Ok(()));
        assert_eq!(fed("exit 0"), Ok(()), "it need not read");
        assert_eq!(fed("exit 7"), Err("sh ended with exit status: 7".to_owned()));
        assert_eq!(fed("exec sleep 600"), Err("sh did not end within 500ms".to_owned()));
    }

    #[test]
    fn the_standard_error_of_a_quiet_command_is_a_part_of_the_error() {
        let command = ["sh", "-c", "echo run az login >&2; exit 1"].map(str::to_owned);
        let error = quiet_output(&command, PATIENCE).unwrap_err().to_string();
        assert_eq!(error, "sh ended with exit status: 1: run az login");
        let missing = quiet_output(&["mediamirror-no-such-program".to_owned()], PATIENCE).unwrap_err();
        assert!(missing.to_string().starts_with("failed to run mediamirror-no-such-program"), "{missing}");
    }
}
