//! `.packaging/Containerfile`, as far as it can be checked without a registry of images: the sources that it copies, the toolchain, and
//! that the image fits the `CronJob` of `init --units k8s`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Its instructions, one a line, without comments.
fn instructions() -> Vec<String> {
    let text = fs::read_to_string(root().join(".packaging/Containerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    joined.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What follows that word at the start of an instruction.
fn all(word: &str) -> Vec<String> {
    let instructions = instructions();
    instructions.iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ').map(str::to_owned)).collect()
}

/// What it copies from the checkout, with the place in the image.
fn copied() -> Vec<(String, String)> {
    let mut copied = Vec::new();
    for copy in all("COPY").iter().filter(|copy| !copy.starts_with("--from=")) {
        let (sources, place) = copy.rsplit_once(' ').unwrap();
        copied.extend(sources.split(' ').map(|source| (source.to_owned(), place.to_owned())));
    }
    copied
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
        plain
    })
}

/// Files outside `src` that the code of the program includes, relative to the checkout.
fn included() -> BTreeSet<PathBuf> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![root().join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // The unit tests are not part of the build.
            let test = path.strip_prefix(root()).unwrap().iter().any(|part| part == "tests" || part == "tests.rs");
            if test || path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let code = fs::read_to_string(&path).unwrap();
            let literals = code.split('"').filter(|literal| literal.starts_with("../"));
            let named = literals.map(|literal| plain(&folder.join(literal))).filter(|path| path.is_file());
            found.extend(
                named.map(|path| path.strip_prefix(root()).unwrap().to_owned()).filter(|path| !path.starts_with("src")),
            );
        }
    }
    found
}

#[test]
fn the_image_is_built_from_exactly_what_the_build_reads() {
    let copied = copied();
    for (source, place) in &copied {
        let path = root().join(source);
        assert!(
            path.exists() && source != ".",
            "{source}: the build gets only what it reads, never a secret in the checkout"
        );
        let expected = if path.is_dir() { format!("{source}/") } else { "./".to_owned() };
        assert_eq!(place, &expected, "{source} has the same place as in the checkout");
    }
    let included = included();
    assert!(included.contains(Path::new("CONTRIBUTING.md")) && included.len() > 3, "{included:?}");
    for file in &included {
        assert!(copied.iter().any(|(source, _)| file.starts_with(source)), "the build includes {}", file.display());
    }
    for (source, _) in
        copied.iter().filter(|(source, _)| !["Cargo.toml", "Cargo.lock", "src"].contains(&source.as_str()))
    {
        assert!(included.iter().any(|file| file.starts_with(source)), "the build does not read {source}");
    }
}

#[test]
fn the_image_is_built_with_the_toolchain_of_cargo_toml_for_its_own_system() {
    let bases = all("FROM");
    let [build, image] = &bases[..] else { panic!("{bases:?}") };
    let system = image.strip_prefix("debian:").and_then(|tag| tag.strip_suffix("-slim")).unwrap();
    assert_eq!(build, &format!("rust:{}-slim-{system} AS build", env!("CARGO_PKG_RUST_VERSION")));
}

#[test]
fn the_image_has_the_program_the_user_and_the_folder_that_the_cron_job_expects() {
    let name = env!("CARGO_PKG_NAME");
    let copies = all("COPY");
    let program: Vec<_> = copies.iter().filter_map(|copy| copy.strip_prefix("--from=build ")).collect();
    assert_eq!(program, [format!("/src/target/release/{name} /usr/local/bin/{name}")]);
    assert_eq!(
        (all("WORKDIR"), all("VOLUME")),
        (vec!["/src".into(), format!("/var/lib/{name}")], vec![format!("/var/lib/{name}")])
    );
    assert_eq!(all("ENTRYPOINT"), [format!("[\"{name}\"]")]);
    assert!(all("RUN").iter().any(|run| run == &format!("cargo build --release --locked --bin {name}")));
    let users = all("USER");
    let (user, group) = users.first().and_then(|user| user.split_once(':')).unwrap();
    assert_eq!(users.len(), 1);

    let cron_job = fs::read_to_string(root().join("src/cli/units/mediamirror.yaml")).unwrap();
    for line in [
        format!("- /usr/local/bin/{name}\n"),
        format!("mountPath: /var/lib/{name}\n"),
        format!("runAsUser: {user}\n"),
        format!("runAsGroup: {group}\n"),
    ] {
        assert!(cron_job.contains(&line), "{line}");
    }
}

#[test]
fn no_secret_is_part_of_the_image() {
    assert!(all("ARG").is_empty() && all("ENV").is_empty() && all("ADD").is_empty(), "{:?}", instructions());
}
