//! The Debian package, judged by dpkg, man and systemd. It is installed into a folder in place of the root: this needs no rights and
//! changes nothing else on the machine.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::tools;

/// What the package needs, as an installed system has it. Nothing else may be necessary.
const INSTALLED: [(&str, &str); 2] = [("libc6", "2.99"), ("ca-certificates", "20230311")];

/// Files besides the manual pages, with their modes.
const FILES: [(&str, &str); 10] = [
    ("-rwxr-xr-x", "usr/bin/mediamirror"),
    ("-rw-r--r--", "usr/share/bash-completion/completions/mediamirror"),
    ("-rw-r--r--", "usr/share/doc/mediamirror/README.md"),
    ("-rw-r--r--", "usr/share/doc/mediamirror/changelog.gz"),
    ("-rw-r--r--", "usr/share/doc/mediamirror/copyright"),
    ("-rw-r--r--", "usr/share/doc/mediamirror/examples/mediamirror.service"),
    ("-rw-r--r--", "usr/share/doc/mediamirror/examples/mediamirror.timer"),
    ("-rw-r--r--", "usr/share/doc/mediamirror/examples/mirror.toml"),
    ("-rw-r--r--", "usr/share/fish/vendor_completions.d/mediamirror.fish"),
    ("-rw-r--r--", "usr/share/zsh/vendor-completions/_mediamirror"),
];

/// What an operator makes. The ledger and the unit have the names of the examples.
const OF_THE_OPERATOR: [&str; 4] = [
    "etc/mediamirror/mirror.toml",
    "etc/mediamirror/source.media.key",
    "etc/systemd/system/mediamirror.service",
    "var/lib/mediamirror/mirror.ledger",
];

/// The package that the variable `MEDIAMIRROR_DEB` names, or one of the program that cargo built for the tests.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        if let Some(package) = std::env::var_os("MEDIAMIRROR_DEB") {
            return package.into();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".packaging/deb");
        let built =
            Command::new(script).args(["--fast", env!("CARGO_BIN_EXE_mediamirror")]).output().expect("bash runs");
        PathBuf::from(text(built).trim_end())
    })
}

/// What a command that must succeed printed.
#[track_caller]
fn text(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn dpkg_deb(arguments: &[&str]) -> String {
    let (action, rest) = arguments.split_first().expect("an action");
    text(Command::new("dpkg-deb").arg(action).arg(package()).args(rest).output().expect("dpkg-deb is there"))
}

/// A folder in place of the root, and another one for the log of dpkg.
struct Root(TempDir, TempDir);

impl Root {
    fn new() -> Self {
        let [root, log] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let admin = root.path().join("var/lib/dpkg");
        fs::create_dir_all(admin.join("updates")).expect("made");
        fs::create_dir_all(admin.join("info")).expect("made");
        let mut status = String::new();
        for (name, version) in INSTALLED {
            let _ = write!(
                status,
                "Package: {name}\nStatus: install ok installed\nMaintainer: none\nArchitecture: all\nMulti-Arch: foreign\n\
                 Version: {version}\nDescription: none\n\n"
            );
            fs::write(admin.join(format!("info/{name}.list")), "").expect("written");
        }
        fs::write(admin.join("status"), status).expect("written");
        Self(root, log)
    }

    /// With the package in it.
    fn with_package() -> Self {
        let root = Self::new();
        root.install();
        root
    }

    #[track_caller]
    fn dpkg(&self, arguments: &[&OsStr]) -> String {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        // It looks for ldconfig there.
        path.push(":/usr/sbin:/sbin");
        let mut dpkg = Command::new("dpkg");
        dpkg.arg("--root").arg(self.0.path()).arg("--log").arg(self.1.path().join("dpkg.log"));
        // A container's dpkg can leave out manual pages.
        dpkg.args(["--force-not-root", "--path-include=/usr/*"]).args(arguments).env("PATH", path);
        text(dpkg.output().expect("dpkg is there"))
    }

    #[track_caller]
    fn install(&self) {
        self.dpkg(&["--install".as_ref(), package().as_os_str()]);
        let status = self.dpkg(&["--status".as_ref(), "mediamirror".as_ref()]);
        assert!(status.contains("\nStatus: install ok installed\n"), "{status}");
        assert_eq!(self.dpkg(&["--verify".as_ref(), "mediamirror".as_ref()]), "", "each file of the package is there");
    }

    /// All files except dpkg's own.
    fn files(&self) -> BTreeSet<String> {
        let (mut found, mut folders) = (BTreeSet::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("readable") {
                let path = entry.expect("readable").path();
                let name = path.strip_prefix(self.0.path()).expect("below").to_str().expect("UTF-8").to_owned();
                if path.is_dir() && name != "var/lib/dpkg" {
                    folders.push(path);
                } else if !path.is_dir() {
                    found.insert(name);
                }
            }
        }
        found
    }

    /// The installed program, started where it can leave nothing in the root.
    fn program(&self, arguments: &[&str]) -> String {
        let mut program = Command::new(self.0.path().join("usr/bin/mediamirror"));
        program.args(arguments).current_dir(self.1.path()).env_remove("MEDIAMIRROR_CONFIG");
        text(program.output().expect("it runs"))
    }

    /// The manual pages, by their names without `.gz`.
    fn pages(&self) -> BTreeSet<String> {
        let names = self.files().into_iter();
        names
            .filter_map(|name| Some(name.strip_prefix("usr/share/man/man1/")?.strip_suffix(".gz")?.to_owned()))
            .collect()
    }
}

#[test]
#[ignore = "needs dpkg: tests/run --all"]
fn the_package_has_the_program_its_pages_completions_and_examples() {
    let listing = dpkg_deb(&["--contents"]);
    let mut files = BTreeSet::new();
    for line in listing.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [mode, owner, .., path] = columns[..] else { panic!("{line}") };
        let folder = mode.starts_with('d');
        assert!(matches!(owner, "root/root" | "0/0") && (!folder || mode == "drwxr-xr-x"), "{line}");
        let page = path.strip_prefix("./usr/share/man/man1/mediamirror").is_some_and(|rest| rest.ends_with(".1.gz"));
        if page {
            assert_eq!(mode, "-rw-r--r--", "{line}");
        } else if !folder {
            files.insert((mode, path.trim_start_matches("./")));
        }
    }
    assert_eq!(files, BTreeSet::from(FILES));

    let root = Root::with_package();
    let pages: serde_json::Value =
        serde_json::from_str(&root.program(&["man", "-o", "json", "--out", "pages"])).expect("JSON");
    let pages = pages["pages"].as_array().expect("a list").iter();
    assert_eq!(root.pages(), pages.map(|page| page.as_str().expect("a name").to_owned()).collect());
}

#[test]
#[ignore = "needs dpkg: tests/run --all"]
fn the_package_describes_itself_and_runs_no_script() {
    let field = |name: &str| dpkg_deb(&["--field", name]).trim_end().to_owned();
    assert_eq!(field("Package"), "mediamirror");
    let version = field("Version");
    assert_eq!(version.rsplit_once('-').map(|(upstream, _)| upstream), Some(env!("CARGO_PKG_VERSION")), "{version}");
    let depends = field("Depends");
    let mut depends: Vec<_> = depends.split(", ").map(|one| one.split(' ').next().unwrap_or_default()).collect();
    depends.sort_unstable();
    assert_eq!(depends, ["ca-certificates", "libc6"]);
    let description = field("Description");
    let synopsis = description.lines().next().unwrap_or_default();
    assert_eq!(synopsis, env!("CARGO_PKG_DESCRIPTION"), "the first line has the whole synopsis");

    let place = tempfile::tempdir().expect("a folder");
    dpkg_deb(&["--control", place.path().to_str().expect("UTF-8")]);
    let entries = fs::read_dir(place.path()).expect("readable");
    let names: BTreeSet<_> = entries.map(|entry| entry.expect("readable").file_name()).collect();
    assert_eq!(names, BTreeSet::from(["control".into()]));
}

#[test]
#[ignore = "needs dpkg: tests/run --all"]
fn an_installed_package_runs_and_leaves_nothing_when_it_is_removed() {
    let root = Root::with_package();
    assert_eq!(root.program(&["--version"]), concat!("mediamirror ", env!("CARGO_PKG_VERSION"), "\n"));
    let demo = root.program(&["demo", "--assets", "12", "--blobs", "2"]);
    assert!(demo.starts_with("Mirrored region A to region B in ") && demo.contains("byte for byte the same"), "{demo}");
    assert!(root.program(&["manual", "quick-start"]).starts_with("# Quick start\n"));

    root.dpkg(&["--remove".as_ref(), "mediamirror".as_ref()]);
    assert_eq!(root.files(), BTreeSet::new());
    assert!(!root.0.path().join("usr").exists(), "folders are removed as well");
    let known = root.dpkg(&["--get-selections".as_ref()]);
    assert!(!known.contains("mediamirror"), "no configuration is left to be purged: {known}");
}

#[test]
#[ignore = "needs dpkg: tests/run --all"]
fn a_configuration_a_ledger_and_units_survive_upgrade_remove_and_purge() {
    for action in ["--remove", "--purge"] {
        let root = Root::with_package();
        for name in OF_THE_OPERATOR {
            let path = root.0.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, name).expect("written");
        }
        root.install();
        assert!(root.program(&["--version"]).starts_with("mediamirror "));
        root.dpkg(&[action.as_ref(), "mediamirror".as_ref()]);
        assert_eq!(root.files(), OF_THE_OPERATOR.map(str::to_owned).into(), "{action}");
        for name in OF_THE_OPERATOR {
            assert_eq!(fs::read_to_string(root.0.path().join(name)).expect("it is there"), name, "{action}");
        }
    }
}

#[test]
#[ignore = "needs dpkg and man: tests/run --all"]
fn man_shows_every_page_without_a_warning() {
    let root = Root::with_package();
    let pages = root.pages();
    assert!(pages.contains("mediamirror.1") && pages.contains("mediamirror-sync.1"), "{pages:?}");
    for page in pages {
        let path = root.0.path().join("usr/share/man/man1").join(format!("{page}.gz"));
        let mut man = Command::new("man");
        man.arg("--warnings").arg("--local-file").arg(path).env("LC_ALL", "C.UTF-8").env("MANWIDTH", "80");
        let output = man.output().expect("man is there");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{page}");
        let shown = text(output);
        assert!(shown.contains("NAME\n") && shown.contains("SYNOPSIS\n"), "{page}: {shown}");
    }
}

#[test]
#[ignore = "needs dpkg and systemd: tests/run --all"]
fn systemd_finds_no_mistake_in_the_example_units() {
    let root = Root::with_package();
    let examples = root.0.path().join("usr/share/doc/mediamirror/examples");
    let path = examples.join("mediamirror.service");
    let service = fs::read_to_string(&path).expect("it is there");
    assert!(service.contains("\nExecStart=/usr/bin/mediamirror sync ") && !service.contains("/usr/local"), "{service}");
    // The program is not in the root of this machine.
    let program = root.0.path().join("usr/bin/mediamirror");
    let here = service.replace("/usr/bin/mediamirror", program.to_str().expect("UTF-8"));
    fs::write(path, here).expect("written");
    let mut verify = tools::systemd_analyze();
    verify.args(["verify", "mediamirror.service", "mediamirror.timer"]).current_dir(examples);
    let output = verify.output().expect("systemd-analyze starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    text(output);
    assert!(!said.contains("mediamirror."), "{said}");
}

#[test]
#[ignore = "needs dpkg: tests/run --all"]
fn the_example_configuration_is_the_one_that_the_example_service_names() {
    let root = Root::with_package();
    let examples = root.0.path().join("usr/share/doc/mediamirror/examples");
    let service = fs::read_to_string(examples.join("mediamirror.service")).expect("it is there");
    assert!(service.contains("\nEnvironment=MEDIAMIRROR_CONFIG=/etc/mediamirror/mirror.toml\n"), "{service}");
    let configuration = fs::read_to_string(examples.join("mirror.toml")).expect("it is there");
    let credentials: Vec<_> = service.lines().filter_map(|line| line.strip_prefix("LoadCredential=")).collect();
    assert_eq!(credentials.len(), 4, "{service}");
    for credential in credentials {
        let name = credential.split(':').next().unwrap_or_default();
        assert!(configuration.contains(&format!("{{ file = \"{name}\" }}")), "{name}");
    }
}
