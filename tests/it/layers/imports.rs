//! Finds the modules of the crate that a source file uses: it splits `use` trees, and resolves `crate`, `self` and
//! `super`.
//!
//! A path that starts with another word is that of an external crate or of the file's own child modules. Both are
//! ignored.

/// The path of a module or an item from the root of the crate, such as `["emulator", "blob", "account"]`.
pub(super) type ItemPath = Vec<String>;

/// The code of a file without comments, without the content of literals, and without its test modules.
pub(super) struct Code {
    text: String,
    /// Modules that are compiled only for tests and have separate files.
    pub(super) test_modules: Vec<String>,
}

impl Code {
    pub(super) fn of(source: &str) -> Self {
        let (text, test_modules) = without_tests(&without_comments_and_literals(source));
        Self { text, test_modules }
    }

    /// Every path inside the crate in the code of `module`.
    pub(super) fn named_paths(&self, module: &[String]) -> Vec<ItemPath> {
        let (uses, rest) = split_uses(&self.text);
        let imported = uses.into_iter().flat_map(leaves);
        imported.chain(inline_paths(&rest)).filter_map(|path| resolve(module, &path)).collect()
    }
}

fn without_comments_and_literals(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = comment(rest).or_else(|| literal(rest)) {
            code.push(' ');
            rest = &rest[length..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// The length of the comment at the start of the text.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |end| end + 2))
}

/// The length of the string or character at the start of the text.
fn literal(text: &str) -> Option<usize> {
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.bytes().take_while(|byte| *byte == b'#').count();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = 1 + hashes + 1;
            return Some(text[body..].find(&close).map_or(text.len(), |end| body + end + close.len()));
        }
    }
    if let Some(body) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = body.find(|c: char| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        return Some(end.map_or(text.len(), |end| 1 + end + 1));
    }
    let character = text.strip_prefix('\'')?;
    let first = character.chars().next()?;
    if first == '\\' {
        return text.get(3..)?.find('\'').map(|end| 3 + end + 1);
    }
    // Otherwise it is a lifetime.
    character[first.len_utf8()..].starts_with('\'').then(|| 1 + first.len_utf8() + 1)
}

/// The code without the bodies of its test modules, and the names of those with separate files.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut names, mut rest) = (String::new(), Vec::new(), code);
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        let Some(head) = rest.trim_start().strip_prefix("mod ") else { continue };
        let name: String = head.chars().take_while(|c| is_word(*c)).collect();
        let after = head[name.len()..].trim_start();
        rest = match after.strip_prefix(';') {
            Some(after) => {
                names.push(name);
                after
            }
            None => &after[block(after)..],
        };
    }
    kept.push_str(rest);
    (kept, names)
}

/// The length of the text up to the end of its first block in braces.
fn block(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

/// The trees of the `use` declarations, and the code without them.
fn split_uses(code: &str) -> (Vec<&str>, String) {
    let (mut uses, mut rest_of_code, mut rest) = (Vec::new(), String::new(), code);
    while let Some(at) = rest.find("use ") {
        let declares = !rest[..at].ends_with(is_word);
        let start = at + "use ".len();
        let end = if declares { rest[start..].find(';').map_or(rest.len(), |end| start + end) } else { start };
        if declares {
            uses.push(&rest[start..end]);
        }
        rest_of_code.push_str(&rest[..at]);
        rest = &rest[end..];
    }
    rest_of_code.push_str(rest);
    (uses, rest_of_code)
}

/// The paths of a `use` tree: `a::{b, c::{self, d as e}}` has `a::b`, `a::c` and `a::c::d`.
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let Some((before, inside)) = tree.split_once('{') else { return vec![segments(tree)] };
    let inside = inside.rsplit_once('}').map_or(inside, |(inside, _)| inside);
    let stem = segments(before);
    let below = branches(inside).into_iter().filter(|branch| !branch.trim().is_empty()).flat_map(leaves);
    below.map(|leaf| if leaf == ["self"] { stem.clone() } else { [stem.clone(), leaf].concat() }).collect()
}

/// The parts between commas that are not in inner braces.
fn branches(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let separates = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(separates).collect()
}

fn segments(path: &str) -> Vec<String> {
    let words = path.split("::").filter_map(|segment| segment.split_whitespace().next());
    words.map(str::to_owned).collect()
}

/// Paths in the middle of the code that begin with `crate`, `self` or `super`, except those of a visibility.
fn inline_paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let start = rest[..at].rfind(|c| !is_word(c)).map_or(0, |before| before + 1);
        let after = rest[start..].find(|c: char| !is_word(c) && c != ':').map_or(rest.len(), |end| start + end);
        let visibility = rest[..start].trim_end().ends_with("(in");
        if !visibility && matches!(&rest[start..at], "crate" | "self" | "super") {
            paths.push(segments(&rest[start..after]));
        }
        rest = &rest[after.max(at + 2)..];
    }
    paths
}

fn resolve(module: &[String], path: &[String]) -> Option<ItemPath> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            Some([module.get(..module.len().checked_sub(ups)?)?, &path[ups..]].concat())
        }
        _ => None,
    }
}

/// Is there a path that starts with that crate? `String::` is not one of `ring`.
pub(super) fn names_crate(code: &str, name: &str) -> bool {
    let goes_on = |c: char| is_word(c) || c == ':';
    code.match_indices(&format!("{name}::")).any(|(at, _)| !code[..at].ends_with(goes_on))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(code: &str) -> Vec<String> {
        let module = ["emulator", "blob", "call"].map(str::to_owned);
        Code::of(code).named_paths(&module).iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn a_tree_of_several_lines_is_split() {
        let code = "pub(crate) use crate::emulator::{\n    clock::Clock,\n    stats::{self, Plane as P},\n};\n";
        assert_eq!(named(code), ["emulator::clock::Clock", "emulator::stats", "emulator::stats::Plane"]);
    }

    #[test]
    fn self_and_super_start_from_the_module_of_the_file() {
        assert_eq!(named("use super::account::BlobAccount;"), ["emulator::blob::account::BlobAccount"]);
        assert_eq!(named("use super::super::{world::World, *};"), ["emulator::world::World", "emulator::*"]);
        assert_eq!(named("use self::page::Page;"), ["emulator::blob::call::page::Page"]);
        assert_eq!(named("use {self::page, super::ask};"), ["emulator::blob::call::page", "emulator::blob::ask"]);
    }

    #[test]
    fn paths_in_the_code_are_found_in_addition_to_imports() {
        let code = "fn f(x: &super::ask::Ask<'_>) -> Vec<crate::emulator::Emulator> { super::super::world::go(x) }";
        assert_eq!(named(code), ["emulator::blob::ask::Ask", "emulator::Emulator", "emulator::world::go"]);
        assert_eq!(named("let reuse = 1; f(reuse ); Self::of(std::mem::take(x))"), [""; 0]);
    }

    #[test]
    fn external_crates_and_visibilities_are_not_modules() {
        assert_eq!(named("use std::sync::Arc;\nuse bytes::Bytes;"), [""; 0]);
        assert_eq!(named("pub(in crate::emulator) fn f() {}"), [""; 0]);
    }

    #[test]
    fn comments_literals_and_test_modules_do_not_count() {
        let code = r##"
            // use super::world::World;
            /* crate::emulator::world */
            const A: &str = "http://x \" use super::world;";
            const B: &str = r#"the "crate::emulator::world" again"#;
            const C: [char; 3] = ['"', '\'', '\u{7f}'];
            use super::ask;
            #[cfg(test)]
            mod testing;
            #[cfg(test)]
            mod tests { use super::*; fn f() { crate::emulator::world::f("}") } }
            use super::sas;
        "##;
        assert_eq!(named(code), ["emulator::blob::ask", "emulator::blob::sas"]);
        assert_eq!(Code::of(code).test_modules, ["testing"]);
    }
}
