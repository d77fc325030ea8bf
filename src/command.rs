//! Runs a command, for what it prints (a secret, or a token) or with something to read. Its time and the length of its output are
//! limited.

use std::io::{Read, Write as _, stderr};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The longest output that is taken, in bytes; a token has some thousand.
const LARGEST: u64 = 64 << 10;
/// How long a command may take; one that asks a key vault takes seconds.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How often, and after what time each, a command is looked at that has printed everything.
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
    /// It ended without success, or was ended.
    #[error("{program} {reason}{}", in_its_words(said))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        reason: String,
        /// What it said on standard error, where that was asked for. It may hold anything.
        said: String,
    },
}

fn in_its_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// What a command prints. What it says on standard error goes where ours goes.
///
/// # Errors
/// It cannot be run, fails, prints too much or what is no text, or takes too long.
///
/// # Panics
/// The command is empty.
pub fn output(command: &[String], patience: Duration) -> Result<String, CommandError> {
    run(command, patience, Stdio::inherit())
}

/// The same for a command that speaks while others use the screen: what it says on standard error is a part of the error.
///
/// # Errors
/// As above.
///
/// # Panics
/// The command is empty.
pub fn quiet_output(command: &[String], patience: Duration) -> Result<String, CommandError> {
    run(command, patience, Stdio::piped())
}

/// Runs a command that reads a text, with these variables. What it prints goes to standard error.
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
    // A command need not read it, and one that ends before is no error of ours.
    std::thread::spawn(move || input.write_all(text.as_bytes()));
    let reason = match wait_until(&mut child, Instant::now() + patience) {
        Ok(Some(status)) if status.success() => return Ok(()),
        Ok(Some(status)) => format!("ended with {status}"),
        Ok(None) => format!("did not end within {patience:?}"),
        Err(error) => format!("cannot be waited for: {error}"),
    };
    Err(CommandError::Failed { program: program.clone(), reason, said: String::new() })
}

/// How a command ended; `None`: it took too long, and was ended.
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
        // It is of no use any more.
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
        // What it said is there already, unless a child of the command keeps standard error open.
        let said = said.and_then(|said| said.recv_timeout(LOOK * LOOKS).ok()?.ok()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        CommandError::Failed { program: program.clone(), reason, said }
    })
}

/// Reads to the end, or a little further than is taken.
fn read(stream: impl Read + Send + 'static) -> Receiver<std::io::Result<Vec<u8>>> {
    let (send, received) = channel();
    // It may wait for ever where a child of the command keeps the output open, and ends with this program.
    std::thread::spawn(move || {
        let mut printed = Vec::new();
        let read = stream.take(LARGEST + 1).read_to_end(&mut printed);
        let _ = send.send(read.map(|_| printed));
    });
    received
}

/// What a command prints to its end, or why that is not known.
fn printed(output: &Receiver<std::io::Result<Vec<u8>>>, until: Instant, patience: Duration) -> Result<Vec<u8>, String> {
    match output.recv_timeout(until.saturating_duration_since(Instant::now())) {
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
        output(&command, Duration::from_millis(300)).map_err(|error| error.to_string())
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

    #[test]
    fn a_command_that_is_fed_reads_the_text_and_has_a_limit_of_time() {
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
    fn what_a_quiet_command_says_is_a_part_of_the_error() {
        let command = ["sh", "-c", "echo run az login >&2; exit 1"].map(str::to_owned);
        let error = quiet_output(&command, PATIENCE).unwrap_err().to_string();
        assert_eq!(error, "sh ended with exit status: 1: run az login");
        let missing = quiet_output(&["mediamirror-no-such-program".to_owned()], PATIENCE).unwrap_err();
        assert!(missing.to_string().starts_with("failed to run mediamirror-no-such-program"), "{missing}");
    }
}
