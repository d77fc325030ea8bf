//! Which blobs of a storage account belong to the library, as it is written in the file.

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::file::{ConfigFile, ServiceFile};
use super::problem::{Document, Problem, Problems};
use crate::blob::{Archived, Selection};

/// `[blobs]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SelectionFile {
    include: Option<Spanned<Vec<Spanned<String>>>>,
    exclude: Option<Spanned<Vec<Spanned<String>>>>,
    archived: ArchivedFile,
}

/// The values of `archived`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ArchivedFile {
    #[default]
    Report,
    Skip,
}

/// Checks which blobs are to be mirrored. What is wrong is left out.
pub(super) fn selection(file: &ConfigFile, document: &Document<'_>, problems: &mut Problems) -> Selection {
    let Some(written) = &file.general.blobs else { return Selection::default() };
    if file.source.as_ref().is_some_and(|source| !matches!(source.service, ServiceFile::Blobs)) {
        let problem = "`blobs`: only a library that is a storage account is mirrored in part";
        let remedy = "remove the table; `--include` and `--exclude` choose assets by name";
        problems.push(document.error_at_key(&written.span(), problem, remedy));
    }
    let SelectionFile { include, exclude, archived } = written.get_ref();
    let mut read = |key: &str, list: &Option<Spanned<Vec<Spanned<String>>>>| {
        list.as_ref().and_then(|list| problems.keep(globs(&format!("blobs.{key}"), list, "films/*.tmp", document)))
    };
    Selection {
        include: read("include", include),
        exclude: read("exclude", exclude),
        archived: match archived {
            ArchivedFile::Report => Archived::Report,
            ArchivedFile::Skip => Archived::Skip,
        },
    }
}

/// One set of the globs in a list.
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

    /// What is wrong with a `[blobs]` of that text, apart from the keys.
    fn problems(blobs: &str) -> Vec<(String, String)> {
        let text = format!("[blobs]\n{blobs}\n{SIDES}");
        let errors = Config::parse(&text, "mirror.toml".as_ref()).expect_err("PATH is no key");
        let all = errors.all().iter().filter(|error| !error.place.contains("key"));
        all.filter(|error| error.problem.starts_with("`blobs"))
            .map(|error| (error.problem.clone(), error.remedy.clone()))
            .collect()
    }

    #[test]
    fn what_is_wrong_with_the_selection_is_named_with_a_remedy() {
        assert_eq!(problems("include = [\"a/*\"]\nexclude = [\"*.tmp\"]\narchived = \"skip\""), []);
        for (blobs, problem, remedy) in [
            ("include = []", "`blobs.include`: an empty list matches nothing", "[\"films/*.tmp\"]"),
            ("exclude = [\"a[\"]", "`blobs.exclude`: not a glob", "`[[]` for a bracket"),
            ("archived = \"copy\"", "`blobs.archived`: unknown value `copy`", "report, skip"),
            ("includes = [\"a\"]", "`blobs.includes`: unknown key", "did you mean `include`?"),
        ] {
            let found = problems(blobs);
            assert_eq!(found.len(), 1, "{blobs}: {found:?}");
            assert!(found[0].0.contains(problem) && found[0].1.contains(remedy), "{blobs}: {found:?}");
        }
    }
}
