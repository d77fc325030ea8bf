//! Which blobs of a storage account belong to the library, in the file.

use std::collections::BTreeMap;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::BlobsConfig;
use super::problem::{Document, Problem, Problems};
use crate::model::{Archived, ContainerName, Selection};

/// `[blobs]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SelectionFile {
    include: Option<Spanned<Vec<Spanned<String>>>>,
    exclude: Option<Spanned<Vec<Spanned<String>>>>,
    archived: ArchivedFile,
    /// Container -> depth of the folders that are assets.
    assets_at: BTreeMap<Spanned<String>, Spanned<u64>>,
}

/// The values of `archived`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ArchivedFile {
    #[default]
    Report,
    Skip,
}

/// Checks the settings for a storage account as a library. Invalid ones are left out.
///
/// `is_media`: the library is a media account, which does not have this table.
pub(super) fn blobs(
    written: Option<&Spanned<SelectionFile>>,
    is_media: bool,
    document: &Document<'_>,
    problems: &mut Problems,
) -> BlobsConfig {
    let Some(written) = written else { return BlobsConfig::default() };
    if is_media {
        let problem = "only a library that is a storage account can be mirrored in part";
        let remedy = "remove the table; `--include` and `--exclude` choose assets by name";
        problems.push(document.error_at_key(&written.span(), problem, remedy));
    }
    let SelectionFile { include, exclude, archived, assets_at } = written.get_ref();
    let split = assets_at.iter().filter_map(|(name, depth)| problems.keep(split(name, depth, document))).collect();
    let mut read = |key: &str, list: &Option<Spanned<Vec<Spanned<String>>>>| {
        list.as_ref().and_then(|list| problems.keep(globs(&format!("blobs.{key}"), list, "films/*.tmp", document)))
    };
    let selection = Selection {
        include: read("include", include),
        exclude: read("exclude", exclude),
        archived: match archived {
            ArchivedFile::Report => Archived::Report,
            ArchivedFile::Skip => Archived::Skip,
        },
    };
    BlobsConfig { selection, split }
}

/// A container whose folders are assets.
fn split(name: &Spanned<String>, depth: &Spanned<u64>, document: &Document<'_>) -> Result<ContainerName, Problem> {
    let container = name.get_ref();
    if container.is_empty() || container.contains(['/', '*', '?']) {
        let (problem, remedy) = ("`blobs.assets_at`: not a container's name", "write one container, without a glob");
        return Err(document.error(&name.span(), problem, remedy));
    }
    if *depth.get_ref() != 1 {
        let problem = format!("`blobs.assets_at.{container}`: only the first folders of a container can be assets");
        return Err(document.error(&depth.span(), problem, "write 1, or remove the container"));
    }
    Ok(ContainerName::new(container))
}

/// Makes one set from a list of globs.
pub(super) fn globs(
    key: &str,
    list: &Spanned<Vec<Spanned<String>>>,
    example: &str,
    document: &Document<'_>,
) -> Result<GlobSet, Problem> {
    if list.get_ref().is_empty() {
        let remedy = format!("write globs, such as [\"{example}\"], or remove the list for all");
        return Err(document.error(&list.span(), format!("`{key}`: an empty list matches nothing"), &remedy));
    }
    let mut globs = GlobSetBuilder::new();
    for glob in list.get_ref() {
        globs.add(Glob::new(glob.get_ref()).map_err(|_| {
            let remedy = format!("write a name with `*` and `?`, such as `{example}`; write `[[]` for a bracket");
            document.error(&glob.span(), format!("`{key}`: not a glob"), &remedy)
        })?);
    }
    globs.build().map_err(|_| {
        let problem = format!("`{key}`: the globs are too large together");
        document.error(&list.span(), problem, "write fewer or shorter globs")
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const SIDES: &str = "[source]\nservice = \"blobs\"\n[[source.storage]]\naccount = \"west\"\nkey = { env = \"PATH\" }\n\
        [target]\nservice = \"blobs\"\n[[target.storage]]\naccount = \"east\"\nkey = { env = \"PATH\" }\n";

    /// The problems of a `[blobs]` with that text.
    fn problems(blobs: &str) -> Vec<(String, String)> {
        let text = format!("[blobs]\n{blobs}\n{SIDES}");
        let errors = Config::parse(&text, "mirror.toml".as_ref()).expect_err("PATH is no key");
        let all = errors.all().iter().filter(|error| !error.place.contains("key"));
        all.filter(|error| error.problem.starts_with("`blobs"))
            .map(|error| (error.problem.clone(), error.remedy.clone()))
            .collect()
    }

    #[test]
    fn problems_of_the_selection_are_named_with_a_remedy() {
        assert_eq!(
            problems("include = [\"a/*\"]\nexclude = [\"*.tmp\"]\narchived = \"skip\"\nassets_at = { films = 1 }"),
            []
        );
        for (blobs, problem, remedy) in [
            ("include = []", "`blobs.include`: an empty list matches nothing", "[\"films/*.tmp\"]"),
            ("exclude = [\"a[\"]", "`blobs.exclude`: not a glob", "`[[]` for a bracket"),
            ("archived = \"copy\"", "`blobs.archived`: unknown value `copy`", "report, skip"),
            ("assets_at = { films = 2 }", "`blobs.assets_at.films`: only the first folders", "write 1"),
            ("assets_at = { \"films/*\" = 1 }", "not a container's name", "without a glob"),
            ("includes = [\"a\"]", "`blobs.includes`: unknown key", "did you mean `include`?"),
        ] {
            let found = problems(blobs);
            assert_eq!(found.len(), 1, "{blobs}: {found:?}");
            assert!(found[0].0.contains(problem) && found[0].1.contains(remedy), "{blobs}: {found:?}");
        }
    }
}
