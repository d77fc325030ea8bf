//! The error of a failed command: one message with the subject, the place and the remedy.

use std::fmt::{self, Write as _};
use std::path::Path;

use mediamirror::config::{ConfigError, ConfigErrors, Excerpt};
use mediamirror::error::{Error, Failure};
use mediamirror::ledger::LedgerError;
use mediamirror::redact::scrub;
use mediamirror::verdict::Cause;
use schemars::JsonSchema;
use serde::Serialize;

use super::excerpt;
use super::exit_code::ExitCode;
use super::format::Format;
use super::plain;
use super::wrap::wrapped;

/// Why a command failed, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandFailure {
    /// The exit code.
    pub(crate) code: ExitCode,
    /// What failed, and where.
    message: String,
    /// What to do about it.
    remedy: Option<String>,
    /// The code of its cause, if it has one.
    cause: Option<Cause>,
    /// The problems of the configuration, if these are the reason.
    problems: Vec<ConfigError>,
}

/// What a failed command prints on standard error.
pub(crate) const FORMAT: Format = Format::of::<AsJson<'static>>("error", "why a command failed, on standard error");

/// A failure as JSON.
#[derive(Debug, JsonSchema, Serialize)]
struct AsJson<'a> {
    /// The failure.
    error: Fields<'a>,
}

/// What is wrong, for programs.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Fields<'a> {
    /// The exit code.
    code: u8,
    /// The code of its cause, if it has one.
    cause: Option<Cause>,
    /// What failed, and where.
    message: &'a str,
    /// What to do about it.
    remedy: Option<&'a str>,
    /// All problems of the configuration, each with place, problem and remedy; empty for other errors.
    problems: &'a [ConfigError],
}

impl CommandFailure {
    /// A failure with its remedy.
    pub(crate) fn new(code: ExitCode, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: Some(remedy.into()), cause: None, problems: Vec::new() }
    }

    /// An unexpected failure.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self { code: ExitCode::Unexpected, message: message.into(), remedy: None, cause: None, problems: Vec::new() }
    }

    /// A failed attempt to read or write a file of the user.
    pub(crate) fn file(attempted: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(
            ExitCode::Refused,
            format!("failed to {attempted} {}: {error}", path.display()),
            "check the path and its permissions",
        )
    }

    /// An error of the library; `changed`: was anything written to the target before?
    pub(crate) fn of(error: &Error, changed: bool) -> Self {
        if let Error::Config(error) = error {
            return Self::of_config(std::slice::from_ref(error));
        }
        Self {
            code: ExitCode::of(error, changed),
            message: plain::line(&scrub(&error.to_string())).into_owned(),
            cause: error.cause(),
            remedy: error.remedy().or_else(|| error.failure().map(remedy_of)).map(str::to_owned),
            problems: Vec::new(),
        }
    }

    /// The same failure, with its subject before the message.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    /// The same failure with another remedy.
    pub(crate) fn instead(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The text for standard error; on a terminal, long lines are wrapped.
    pub(crate) fn render(&self, color: bool, is_terminal: bool) -> String {
        let (red, green, plain) = if color { ("\x1b[1;31m", "\x1b[1;32m", "\x1b[0m") } else { ("", "", "") };
        let line = |message: &str, remedy: Option<&str>, excerpt: Option<&Excerpt>| {
            let mut text = part(&format!("{red}error{plain}: "), message, is_terminal);
            if let Some(excerpt) = excerpt {
                let _ = write!(text, "\n{}", excerpt::shown(excerpt, color));
            }
            if let Some(remedy) = remedy {
                let _ = write!(text, "\n{}", part(&format!("{green}remedy{plain}: "), remedy, is_terminal));
            }
            text
        };
        match &self.problems[..] {
            [] | [_] => {
                let excerpt = self.problems.first().and_then(|one| one.excerpt.as_ref());
                line(&self.message, self.remedy.as_deref(), excerpt)
            }
            several => {
                let lines = several.iter().map(|one| line(&in_one_line(one), Some(&one.remedy), one.excerpt.as_ref()));
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// The same for programs, in one line of JSON.
    pub(crate) fn json(&self) -> String {
        let json = serde_json::to_string(&AsJson { error: self.fields() });
        plain::json(&json.expect("texts and numbers can be written as JSON")).into_owned()
    }

    /// The same as data.
    pub(crate) fn fields(&self) -> Fields<'_> {
        let Self { code, message, remedy, cause, problems } = self;
        Fields { code: *code as u8, cause: *cause, message, remedy: remedy.as_deref(), problems }
    }

    fn of_config(problems: &[ConfigError]) -> Self {
        let (message, remedy) = match problems {
            [only] => (in_one_line(only), only.remedy.clone()),
            several => (format!("the configuration has {} problems", several.len()), "correct each of them".to_owned()),
        };
        Self { problems: problems.to_vec(), ..Self::new(ExitCode::Refused, message, remedy) }
    }
}

/// Words with a label before them. Words of several lines keep them.
fn part(label: &str, words: &str, is_terminal: bool) -> String {
    let words = plain::lines(words);
    if !is_terminal {
        return format!("{label}{words}");
    }
    let starts = std::iter::once(label).chain(std::iter::repeat(""));
    let lines: String = starts.zip(words.lines()).map(|(start, line)| wrapped(start, line)).collect();
    lines.trim_end().to_owned()
}

fn in_one_line(problem: &ConfigError) -> String {
    format!("{}: {}", problem.place, problem.problem)
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for CommandFailure {
    fn from(error: ConfigError) -> Self {
        Self::of_config(&[error])
    }
}

impl From<ConfigErrors> for CommandFailure {
    fn from(errors: ConfigErrors) -> Self {
        Self::of_config(errors.all())
    }
}

impl From<LedgerError> for CommandFailure {
    fn from(error: LedgerError) -> Self {
        Self::of(&Error::Ledger(error), false)
    }
}

/// What to do about a failed request.
pub(crate) fn remedy_of(failure: &Failure) -> &'static str {
    match failure {
        // The error of rustls for a certificate of an unknown issuer.
        Failure::Connect(why) if why.contains("UnknownIssuer") => {
            "this system does not trust the authority that signed the service's certificate; if you trust it, set `ca_file` \
             at the top of the configuration to a PEM file with the authority's certificate"
        }
        // And its errors for an expired certificate, or one for another host.
        Failure::Connect(why) if why.contains("certificate expired") || why.contains("certificate not valid yet") => {
            "check this machine's clock; if it is right, the service needs a new certificate"
        }
        Failure::Connect(why) if why.contains("certificate not valid for name") => {
            "the certificate belongs to another host: check the host name in the configuration, and its DNS entry"
        }
        Failure::Connect(_) => "check the endpoint in the configuration, and that this machine can reach it",
        Failure::Credential(_) => {
            "check that account in the configuration: `account`, the address or tenant, `client_id`, and the secret, the \
             certificate or the token file of its sign-in"
        }
        Failure::ForeignHost(_) => {
            "if the host belongs to the service, add it to `redirect_hosts` of that account; if you use an App.config, first \
             make a configuration with `init --from-app-config`"
        }
        Failure::TooLarge(_) => {
            "check that the endpoint in the configuration is the service's own: its answer is too large for a service"
        }
        Failure::Unexpected(_) => {
            "check that the endpoint in the configuration is that of the API, not of a web page or a proxy"
        }
        Failure::Refused { status: 403, code: Some(code), .. } if code == "AuthorizationPermissionMismatch" => {
            "grant the permission that `doctor` names; a principal needs the role Storage Blob Data Reader on the source's \
             storage account, or Contributor on the target's (Owner for index tags), and a new role takes up to ten minutes; \
             a signature needs the permission itself"
        }
        Failure::Refused { status: 401 | 403, .. } => {
            "check that account's key, signature or role in the configuration, and this machine's clock"
        }
        Failure::Absent(_) | Failure::Refused { status: 404, .. } => {
            "check the endpoint and the account name in the configuration"
        }
        Failure::Refused { status: 429 | 503, .. } => "try again later, or with a lower --requests-per-second",
        Failure::Refused { status: 400 | 405..=407 | 409..=428, .. } => {
            "the service rejected the request; read its message"
        }
        Failure::Timeout(_) | Failure::Interrupted(_) | Failure::Refused { .. } => {
            "run the command again; it resumes where it stopped"
        }
    }
}

#[cfg(test)]
mod tests {
    use mediamirror::verdict::Finding;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_json_of_a_failure_has_the_code_of_its_cause_and_no_control_characters() {
        let finding = Finding::new(Cause::TwoCopies, "a\u{1b}[2J and b");
        let failure = CommandFailure::of(&Error::Found { subject: "film".to_owned(), finding }, true);
        let json = failure.json();
        assert!(!json.contains('\u{1b}') && !json.contains('\n'), "{json}");
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["error"]["code"], ExitCode::Partial as u8);
        assert_eq!(json["error"]["cause"], "two-copies");
        assert_eq!(json["error"]["remedy"], Cause::TwoCopies.remedy());
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("film: two-copies: "), "{message}");
    }

    #[test]
    fn a_failure_without_cause_and_remedy_has_null_for_both() {
        let json: Value = serde_json::from_str(&CommandFailure::unexpected("no").json()).unwrap();
        assert_eq!(
            json,
            json!({ "error": { "code": 1, "cause": null, "message": "no", "remedy": null, "problems": [] } })
        );
    }
}
