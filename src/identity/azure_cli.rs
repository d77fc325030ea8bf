//! Tokens of the Azure CLI, for people at a terminal.

use super::answer::read;
use super::token::Token;
use crate::clock;
use crate::command::{self, CommandError};
use crate::failure::Failure;
use crate::redact::shorten;

/// Requests a token from the CLI.
pub(super) async fn ask(tenant: Option<&str>, scope: &str) -> Result<Token, Failure> {
    let mut command = ["az", "account", "get-access-token", "-o", "json", "--scope", scope].map(str::to_owned).to_vec();
    if let Some(tenant) = tenant {
        command.extend(["--tenant".to_owned(), tenant.to_owned()]);
    }
    let asked_at = clock::now();
    let printed = tokio::task::spawn_blocking(move || command::quiet_output(&command, command::PATIENCE)).await;
    let printed = printed.map_err(|_| Failure::Credential("az could not be run".to_owned()))?;
    let printed = printed.map_err(|error| Failure::Credential(words(&error)))?;
    read(&printed, asked_at).ok_or_else(|| Failure::Credential("az did not print a token".to_owned()))
}

fn words(error: &CommandError) -> String {
    match error {
        CommandError::Start { .. } => format!("{error}; install the Azure CLI, or use another kind of sign-in"),
        CommandError::Failed { .. } => shorten(&error.to_string()),
    }
}
