//! The settings of storage accounts and containers, which are compared only on request: stored access policies, CORS
//! rules, and the static website.

use crate::blob::{Acl, BlobAccount};
use crate::connect::Pair;
use crate::engine::run::{Run, is_of_rights};
use crate::error::Error;
use crate::model::{Asset, AssetId, ContainerName, Extent};
use crate::plan::{Action, Fingerprints, Item};
use crate::verdict::{Cause, Change, Finding};

/// Compares the stored access policies of an asset's container. A folder has those of its container. If they cannot be
/// read, one finding about the account is reported.
pub(crate) async fn policies(run: &Run, asset: &Asset) -> Result<Option<Acl>, Error> {
    let [source, target] = accounts(&run.pair);
    let known = source.shared_access().or(target.shared_access()).is_some();
    if known || matches!(run.pair.source.library.extent(&asset.id), Extent::Folder(_)) {
        return Ok(None);
    }
    let container = ContainerName::new(asset.id.as_str());
    match futures::try_join!(source.acl(&container), target.acl(&container)) {
        Ok((from, to)) => Ok((!from.has_policies_of(&to)).then_some(from)),
        // A missing permission is not a failure: everything that can be read is compared.
        Err(error) if is_of_rights(&error) => {
            run.find_once(Finding::new(Cause::SettingsUnchecked, error.to_string()));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Compares the settings of the accounts. Returns the changes that make the target's equal. Settings that cannot be
/// read become a finding.
pub(crate) async fn of_accounts(run: &Run) -> Result<Vec<Change>, Error> {
    let [source, target] = accounts(&run.pair);
    for account in [source, target].into_iter().filter(|account| account.shared_access().is_some()) {
        let why = "a shared access signature does not show stored access policies";
        run.find(Finding::new(Cause::SettingsUnchecked, format!("account {}: {why}", account.name())));
    }
    let (from, to) = match futures::try_join!(source.settings(), target.settings()) {
        Ok(both) => both,
        Err(error) if is_of_rights(&error) => {
            run.find(Finding::new(Cause::SettingsUnchecked, error.to_string()));
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let cors = (from.cors != to.cors).then_some(Change::Cors);
    let website = (from.website != to.website).then_some(Change::Website);
    Ok(cors.into_iter().chain(website).collect())
}

fn accounts(pair: &Pair) -> [&BlobAccount; 2] {
    [&pair.source, &pair.target].map(|side| side.storage[0].as_ref())
}

/// The settings of the target's account as an asset of that name.
pub(crate) fn target_account(pair: &Pair) -> Asset {
    let name = pair.target.storage[0].name().as_str();
    Asset::known_by(&AssetId::new(name), &format!("account {name}"))
}

/// Gives the container of a mirrored asset the stored access policies of its source.
pub(crate) async fn mirror_policies(run: &Run, asset: &Asset) -> Result<(), Error> {
    let Some(of_source) = policies(run, asset).await? else { return Ok(()) };
    let intent = Fingerprints::default().with("policies", format!("{of_source:?}")).finish();
    if let Some(finding) = run.unplanned(Action::Policies, asset.id.as_str(), intent) {
        return Err(Error::Found { subject: asset.label().to_owned(), finding });
    }
    if run.options.dry_run {
        run.plan(Item::new(Action::Policies, &asset.id, asset.label(), vec![Change::Policies], intent));
    } else {
        run.may_write()?;
        run.pair.target.storage[0].set_policies(&ContainerName::new(asset.id.as_str()), &of_source).await?;
    }
    run.changed(asset, vec![Change::Policies]);
    Ok(())
}

/// Gives the target's account the settings of the source's.
pub(crate) async fn mirror_accounts(run: &Run) -> Result<(), Error> {
    let changes = of_accounts(run).await?;
    if changes.is_empty() {
        return Ok(());
    }
    let [source, target] = accounts(&run.pair);
    let (wanted, account) = (source.settings().await?, target_account(&run.pair));
    let intent = Fingerprints::default().with("settings", format!("{wanted:?}")).finish();
    if let Some(finding) = run.unplanned(Action::AccountSettings, account.id.as_str(), intent) {
        run.find(finding.about(account.label()));
        return Ok(());
    }
    if run.options.dry_run {
        run.plan(Item::new(Action::AccountSettings, &account.id, account.label(), changes.clone(), intent));
    } else {
        run.may_write()?;
        target.set_settings(&wanted).await?;
    }
    run.changed(&account, changes);
    Ok(())
}
