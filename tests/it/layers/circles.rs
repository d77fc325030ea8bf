//! Cycles of imports: two such files can only be understood and changed together. Imports from a file's own children do
//! not count: the file is their interface, and they may use its types.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Code, ItemPath};
use super::rooms::test_modules;

/// The cycles of all files, each in the order of names. Files only for tests are ignored.
pub(super) fn find(sources: &[(ItemPath, Code)]) -> Vec<Vec<String>> {
    let tests = test_modules(sources);
    let counted = |module: &ItemPath| !tests.iter().any(|test| module.starts_with(test));
    let known: BTreeSet<&ItemPath> = sources.iter().map(|(module, _)| module).collect();
    let mut uses: BTreeMap<&ItemPath, BTreeSet<&ItemPath>> = BTreeMap::new();
    for (module, code) in sources.iter().filter(|(module, _)| counted(module)) {
        let named = code.named_paths(module);
        let files = named.iter().filter_map(|path| file_of(path, &known)).filter(|file| !file.starts_with(module));
        uses.insert(module, files.filter(|file| counted(file)).collect());
    }
    let reach: BTreeMap<&ItemPath, BTreeSet<&ItemPath>> =
        uses.keys().map(|module| (*module, reachable(module, &uses))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (module, reached) in &reach {
        let mutual = |other: &&&ItemPath| reach.get(**other).is_some_and(|back| back.contains(module));
        let circle: Vec<String> = reached.iter().filter(mutual).map(|other| other.join("::")).collect();
        if reached.contains(module) && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// The file that has an item: the longest prefix of its path that is a module with a file.
fn file_of<'s>(path: &[String], known: &BTreeSet<&'s ItemPath>) -> Option<&'s ItemPath> {
    (1..=path.len()).rev().find_map(|length| known.get(&path[..length].to_vec()).copied())
}

/// Everything that a file uses, directly or through others.
fn reachable<'s>(
    module: &'s ItemPath,
    uses: &BTreeMap<&'s ItemPath, BTreeSet<&'s ItemPath>>,
) -> BTreeSet<&'s ItemPath> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![module]);
    while let Some(next) = open.pop() {
        for used in uses.get(next).into_iter().flatten() {
            if reached.insert(*used) {
                open.push(used);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let module = |name: &str| name.split("::").map(str::to_owned).collect();
        find(&files.iter().map(|(name, code)| (module(name), Code::of(code))).collect::<Vec<_>>())
    }

    #[test]
    fn a_cycle_of_three_files_is_found_once() {
        let files = [
            ("a", "use crate::b::f;"),
            ("b", "use crate::c;"),
            ("c", "fn g() { crate::a::h() }"),
            ("d", "use crate::a;"),
        ];
        assert_eq!(found(&files), [["a", "b", "c"]]);
    }

    #[test]
    fn a_child_and_its_parent_are_not_a_cycle_but_can_be_part_of_one() {
        let child = ("a::b", "use super::Thing; use crate::c;");
        assert_eq!(found(&[("a", "mod b; use crate::a::b::f; pub struct Thing;"), child]), [[""; 0]; 0]);
        assert_eq!(found(&[("a", "mod b; use crate::c;"), child, ("c", "use crate::a::b::f;")]), [["a", "a::b", "c"]]);
    }

    #[test]
    fn tests_may_import_from_everywhere() {
        assert_eq!(
            found(&[
                ("a", "use crate::b; #[cfg(test)] mod tests;"),
                ("a::tests", "use crate::b;"),
                ("b", "#[cfg(test)] mod t { use crate::a; }")
            ]),
            [[""; 0]; 0]
        );
    }
}
