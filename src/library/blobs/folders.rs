//! Folders as assets. The id of a folder is the container's name, a slash, and the folder's name.
//!
//! A folder has no properties, only blobs: it is ours if its container has our mark, its public access is that of the
//! container, and its contents are compared in every run. A folder that the source has deleted is not changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

use super::Blobs;
use crate::blob::{Container, PageSize};
use crate::error::{Error, Failure};
use crate::library::Pages;
use crate::model::{Asset, AssetId, ContainerName, Extent, Mark};
use crate::verdict::Cause;

/// The separator of container and folder, which is also at the end of a folder.
const SLASH: char = '/';

/// The containers that a run has created or recognised as ours.
pub(super) type Ready = Mutex<HashMap<ContainerName, Arc<OnceCell<Container>>>>;

/// The container and the folder (with a slash at its end) of an asset's id; `None` if it is the id of a container.
pub(super) fn parse(id: &str) -> Option<(ContainerName, String)> {
    let (container, folder) = id.split_once(SLASH)?;
    Some((ContainerName::new(container), format!("{folder}{SLASH}")))
}

/// A folder of a container.
fn folder_of(container: &Asset, folder: &str) -> Asset {
    let id = AssetId::new(below(container.id.as_str(), folder));
    Asset {
        name: Some(id.as_str().to_owned()),
        alternate_id: container.alternate_id.as_ref().map(|text| mark_of(text, folder)),
        metadata: BTreeMap::new(),
        id,
        ..container.clone()
    }
}

pub(super) fn is_deleted(error: &Error) -> bool {
    matches!(error.failure().and_then(Failure::code), Some("ContainerNotFound" | "ContainerBeingDeleted"))
}

fn below(container: &str, folder: &str) -> String {
    format!("{container}{SLASH}{}", folder.strip_suffix(SLASH).unwrap_or(folder))
}

/// The mark of a folder, from its container's. Folders are not retired; only containers are.
fn mark_of(text: &str, folder: &str) -> String {
    let Some(mark) = Mark::parse(text) else { return text.to_owned() };
    let of = |id: &AssetId| AssetId::new(below(id.as_str(), folder));
    let folder = Mark {
        source: of(&mark.source),
        own: mark.own.as_ref().map(of),
        retired: None,
        original: mark.original.as_deref().map(|original| mark_of(original, folder)),
        ..mark
    };
    folder.text()
}

impl Blobs {
    /// The assets of these containers. A container with folders as assets follows its folders, so that it is opened
    /// after them.
    pub(super) fn with_folders(&self, containers: Vec<Container>) -> Pages<'_, Asset> {
        let is_split = |container: &Container| self.split.contains(&container.name);
        let (split, whole): (Vec<Container>, Vec<Container>) = containers.into_iter().partition(is_split);
        let whole = whole.into_iter().map(|container| self.asset_of(container)).collect();
        let split = stream::iter(split).flat_map(|container| {
            let name = container.name.clone();
            // An incomplete mark on a public container was copied by another program.
            let is_copied = container.public.is_some();
            let asset = self.asset_of(container);
            let mut of_folders = asset.clone();
            if is_copied {
                of_folders.alternate_id =
                    of_folders.alternate_id.filter(|text| Mark::parse(text).is_none_or(|mark| mark.own.is_some()));
            }
            let folders = self.account.folders(&name).map_ok(move |folders| {
                folders.iter().map(|folder| folder_of(&of_folders, folder)).collect::<Vec<Asset>>()
            });
            // A container that is deleted during the listing has no folders; its deletion is detected later.
            let folders = folders.take_while(|page| std::future::ready(!page.as_ref().is_err_and(is_deleted)));
            folders.chain(stream::once(std::future::ready(Ok(vec![asset]))))
        });
        stream::once(std::future::ready(Ok(whole))).chain(split).boxed()
    }

    /// A folder, if there is a blob in it.
    pub(super) async fn folder(&self, (container, folder): (ContainerName, String)) -> Result<Option<Asset>, Error> {
        let Some(found) = self.account.container(&container).await? else { return Ok(None) };
        let mut pages = self.account.list_by(&container, &Extent::Folder(folder.clone()), PageSize::ONE);
        while let Some(page) = pages.try_next().await? {
            if page.blobs.len() as u64 + page.left_out.blobs() > 0 {
                return Ok(Some(folder_of(&self.asset_of(found), &folder)));
            }
        }
        Ok(None)
    }

    /// Makes sure that the container of a folder exists and is ours. The first blob creates the folder itself.
    pub(super) async fn create_folder(
        &self,
        (container, folder): (ContainerName, String),
        mark: &str,
    ) -> Result<Asset, Error> {
        let unreadable = || Error::found(container.as_str(), Cause::ForeignCopy, format!("container {container}"));
        let of_folder = Mark::parse(mark).ok_or_else(unreadable)?;
        // Both sides have the same names.
        let of_container = Mark::new(of_folder.account, AssetId::new(container.as_str()), None);
        self.made_ready(&container, &of_container.text()).await?;
        let id = AssetId::new(below(container.as_str(), &folder));
        Ok(Asset {
            name: Some(id.as_str().to_owned()),
            alternate_id: Some(mark.to_owned()),
            storage_account: Some(self.account.name().clone()),
            container: Some(container),
            ..Asset::known_by(&id, id.as_str())
        })
    }

    /// A container with folders as assets. The first of its assets in this process creates it with that mark.
    pub(super) async fn made_ready(&self, container: &ContainerName, mark: &str) -> Result<Container, Error> {
        let cell = Arc::clone(self.ready.lock().expect("no panic while held").entry(container.clone()).or_default());
        cell.get_or_try_init(|| self.create(container, mark)).await.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AccountName;

    #[test]
    fn an_id_is_a_container_or_a_folder_in_one() {
        assert_eq!(parse("films"), None);
        assert_eq!(parse("films/a"), Some((ContainerName::new("films"), "a/".to_owned())));
        for folder in ["a/", "/", "a b/", "a//"] {
            let id = below("films", folder);
            // In a listing with a delimiter, a folder ends at its first slash.
            let expected = if folder == "a//" { None } else { Some(folder.to_owned()) };
            assert_eq!(parse(&id).map(|(_, folder)| folder).filter(|_| expected.is_some()), expected, "{id}");
        }
    }

    #[test]
    fn a_folder_has_the_mark_of_its_container() {
        let account = AccountName::new("west");
        let mark = Mark::new(account, AssetId::new("films"), Some("theirs".to_owned()));
        let complete = Mark { own: Some(AssetId::new("films")), ..mark.clone() };
        let of = |mark: &Mark| Mark::parse(&mark_of(&mark.text(), "a;b/")).unwrap();
        assert_eq!(of(&mark).own, None);
        let folder = of(&complete);
        assert_eq!((folder.source.as_str(), folder.own.unwrap().as_str()), ("films/a;b", "films/a;b"));
        assert_eq!(folder.original.as_deref(), Some("theirs"));
        assert_eq!(mark_of("no mark", "a/"), "no mark");
    }
}
