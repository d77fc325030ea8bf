//! Binds a plan to its configuration and ledger: starts and ends the file, and checks a plan before it is applied.

use std::path::Path;
use std::sync::Arc;

use mediamirror::clock;
use mediamirror::config::Prices;
use mediamirror::engine::Summary;
use mediamirror::error::Error;
use mediamirror::ledger::Ledger;
use mediamirror::model::AccountName;
use mediamirror::plan::{
    Binding, Header, Kind, Money, NotMirrored, Outlook, PlanError, PlanFile, Planned, Read, Scope,
};

use crate::cli::failure::CommandFailure;
use crate::cli::session::Session;

/// The binding of a plan for the configuration's accounts.
async fn binding(session: &Session, (kind, ledger): (Kind, &Ledger)) -> Result<Binding, CommandFailure> {
    let mut accounts = [&session.config.source, &session.config.target].map(|side| AccountName::new(&side.account));
    if kind == Kind::Reprotect {
        accounts.reverse();
    }
    let [source, target] = accounts;
    let (version, configuration) = (env!("CARGO_PKG_VERSION").to_owned(), session.config.fingerprint());
    Ok(Binding { version, source, target, configuration, ledger: ledger.at().await? })
}

/// Starts a plan of that kind.
pub(crate) async fn begin(
    session: &Session,
    (kind, ledger): (Kind, &Ledger),
    path: &Path,
    scope: Scope,
) -> Result<Arc<PlanFile>, CommandFailure> {
    let header = Header::new(kind, clock::now(), binding(session, (kind, ledger)).await?, scope);
    Ok(Arc::new(PlanFile::begin(path, &header).map_err(failed)?))
}

/// Ends a plan with the results of the dry run.
pub(crate) fn finish(file: &PlanFile, summary: &Summary, prices: Option<&Prices>) -> Result<(), CommandFailure> {
    let problems = summary.problems.iter().map(|problem| NotMirrored {
        asset: Some(problem.asset.clone()),
        name: Some(problem.name.clone()),
        code: problem.finding.cause.code().to_owned(),
        detail: problem.finding.detail.clone(),
        owed: problem.owed,
    });
    let findings = summary.findings.iter().map(|finding| NotMirrored {
        asset: None,
        name: None,
        code: finding.cause.code().to_owned(),
        detail: finding.detail.clone(),
        owed: finding.owed(),
    });
    let outlook = summary.forecast.map_or_else(Outlook::default, |forecast| Outlook {
        media_requests: forecast.requests.media,
        blob_requests: forecast.requests.blob,
        estimated_polls: forecast.estimated_polls,
        seconds: forecast.duration.as_secs_f64(),
        money: prices.map(|prices| Money {
            currency: prices.currency.clone(),
            amount: prices.of((forecast.charged.reads, forecast.charged.writes, forecast.bytes)),
        }),
    });
    file.finish(findings.chain(problems), summary.verdict, outlook).map_err(failed)
}

/// Reads the plan, and checks that it can be applied with that configuration and that ledger.
pub(crate) async fn bound(
    session: &Session,
    way: (Kind, &Ledger),
    path: &Path,
    read: Read,
) -> Result<Planned, CommandFailure> {
    let now = binding(session, way).await?;
    let checked = read.header.check(&now, clock::now());
    checked.map_err(|error| failed(error).about(&path.display().to_string()))?;
    Ok(read.planned)
}

pub(crate) fn failed(error: PlanError) -> CommandFailure {
    CommandFailure::of(&Error::Plan(error), false)
}
