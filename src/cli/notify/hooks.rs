//! Runs the operator's commands at the end of a command, and posts its result to a webhook. A failure is a warning.

use std::sync::Arc;

use mediamirror::command;
use mediamirror::config::{Hooks, Webhook, hooks_of};
use mediamirror::redact::mask;
use mediamirror::{plain, transport, webhook};
use serde_json::Value;
use uuid::Uuid;

use super::super::context::Context;
use super::super::exit_code::ExitCode;
use super::super::printer;
use super::events::Message;
use super::summary::Summary;

/// The most entries of a list for a hook: receivers of webhooks limit the size.
const MOST_ENTRIES: usize = 1_000;
/// The lists of a result that can be long.
const LISTS: [&str; 3] = ["changes", "problems", "differences"];

/// Runs all hooks for this result. `findings`: the number of findings that are owed.
pub(super) async fn run(context: &Context, mut summary: Summary<'_>, findings: u64) {
    let configured = match context.known.config.get() {
        Some(config) => Some(config.hooks.clone()),
        None => hooks_of(&context.global.config),
    };
    let Some(hooks) = configured else { return };
    if let Some(result) = &mut summary.result {
        shorten(result);
    }
    let success = summary.exit_code == ExitCode::Success as u8;
    let variables = [
        ("MEDIAMIRROR_COMMAND", summary.command.to_owned()),
        ("MEDIAMIRROR_OUTCOME", summary.outcome.to_owned()),
        ("MEDIAMIRROR_RUN", summary.run.unwrap_or_default().to_owned()),
        ("MEDIAMIRROR_EXIT_CODE", summary.exit_code.to_string()),
        ("MEDIAMIRROR_FINDINGS", findings.to_string()),
    ];
    let body = Message::Summary(summary).line();
    let body: Arc<str> = plain::json(&mask(&body)).as_ref().into();
    let posted = async {
        if let Some(webhook) = &hooks.webhook {
            post(context, webhook, &body).await;
        }
    };
    let commands = async {
        for (name, command, is_due) in [
            ("on_success", &hooks.on_success, success),
            ("on_failure", &hooks.on_failure, !success),
            ("on_finding", &hooks.on_finding, findings > 0),
        ] {
            if let Some(command) = command.as_ref().filter(|_| is_due) {
                execute(name, command, &hooks, &variables, &body).await;
            }
        }
    };
    tokio::join!(posted, commands);
}

/// Runs one command.
async fn execute(
    name: &str,
    command: &[String],
    hooks: &Hooks,
    variables: &[(&'static str, String); 5],
    body: &Arc<str>,
) {
    let (command, variables, body, patience) = (command.to_vec(), variables.clone(), Arc::clone(body), hooks.patience);
    let run = tokio::task::spawn_blocking(move || command::feed(&command, &variables, &body, patience));
    match run.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => printer::note(&format!("warning: hooks.{name}: {error}")),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn post(context: &Context, hook: &Webhook, body: &str) {
    let roots = context.known.config.get().map(|config| config.roots.as_slice()).unwrap_or_default();
    let id = format!("msg_{}", Uuid::new_v4().simple());
    let failed = match transport::network_trusting(roots) {
        Ok(client) => webhook::post(client, hook, &id, body).await.err().map(|error| error.to_string()),
        Err(error) => Some(format!("failed to set up TLS: {error}")),
    };
    if let Some(why) = failed {
        printer::note(&format!("warning: hooks.webhook: {why}"));
    }
}

/// Truncates the long lists of a result, and adds the number of omitted entries.
fn shorten(result: &mut Value) {
    let Value::Object(fields) = result else { return };
    for name in LISTS {
        let Some(Value::Array(list)) = fields.get_mut(name) else { continue };
        let cut = list.len().saturating_sub(MOST_ENTRIES);
        list.truncate(MOST_ENTRIES);
        let left_out = format!("{name}_left_out");
        let before = fields.get(&left_out).and_then(Value::as_u64).unwrap_or_default();
        fields.insert(left_out, (before + cut as u64).into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_lists_are_truncated_with_the_number_of_omitted_entries() {
        let mut result = json!({ "changes": vec![1; 1_500], "changes_left_out": 7, "problems": [1, 2], "assets": 3 });
        shorten(&mut result);
        assert_eq!(result["changes"].as_array().map(Vec::len), Some(MOST_ENTRIES));
        assert_eq!((&result["changes_left_out"], &result["problems_left_out"]), (&json!(507), &json!(0)));
        assert_eq!((&result["problems"], &result["assets"]), (&json!([1, 2]), &json!(3)));
    }
}
