//! A service of systemd, and the timer that starts it.

use std::fmt::Write as _;

use super::{Service, lines};
use crate::cli::template::{comment, fill};

const SERVICE: &str = include_str!("mediamirror.service");
const TIMER: &str = include_str!("mediamirror.timer");

const CREDENTIALS: &str = "
# Secrets. systemd reads the files as root, and the service gets copies in memory that only it can read. They replace the files
# of the same name that the configuration names. To store them encrypted, so that only this machine can read them:
# `sudo systemd-creds encrypt --name=NAME NAME /etc/mediamirror/NAME`, and LoadCredentialEncrypted= in place of LoadCredential=.
";

const VARIABLES: &str = "
# The configuration takes secrets from variables: one line NAME=VALUE for each, in a file that only root can read. A file of its
# own for each secret, with `{ file = \"…\" }`, is safer: programs that a process starts get its variables.
";

const PROGRAMS: &str = "
# The configuration takes secrets from a program. The service has no home directory: check it with `doctor` as above.
";

/// The path of the program, if it was not installed from a package.
const LOCAL: &str = "/usr/local/bin/mediamirror";
const PACKAGED: &str = "/usr/bin/mediamirror";

/// Both files with their names.
pub(super) fn files(service: &Service) -> Vec<(String, String)> {
    let Service { name, config, ledger, .. } = service;
    let program = program();
    let install_program = if program == PACKAGED {
        String::new()
    } else {
        "#   sudo install -D -t /usr/local/bin \"$(command -v mediamirror)\"\n".to_owned()
    };
    let plain_files: Vec<&str> =
        std::iter::once(config.as_str()).chain(service.ca_file.as_ref().map(|file| file.path.as_str())).collect();
    let values = [
        ("name", name.as_str()),
        ("config", config),
        ("ledger", ledger),
        ("program", program),
        ("installProgram", &install_program),
        ("plainFiles", &plain_files.join(" ")),
        ("installSecrets", &install_secrets(service)),
        ("propertiesByHand", &by_hand(service)),
        ("credentials", &credentials(service)),
        ("variables", &variables(service)),
        ("programs", &programs(service)),
    ];
    let timer = fill(TIMER, &[("name", name)]);
    vec![(format!("{name}.service"), fill(SERVICE, &values)), (format!("{name}.timer"), timer)]
}

/// The path of the program for the service. The current path is often in a home directory, which the service cannot
/// read.
fn program() -> &'static str {
    let here = std::env::current_exe().ok();
    if here.is_some_and(|path| path.as_os_str() == PACKAGED) { PACKAGED } else { LOCAL }
}

/// The file of a service's variables.
fn variables_file(service: &Service) -> String {
    format!("/etc/mediamirror/{}.env", service.name)
}

fn install_secrets(service: &Service) -> String {
    let paths: Vec<String> = service.secrets.iter().map(|file| comment(&file.path)).collect();
    let mut text = String::new();
    if !paths.is_empty() {
        text = format!("#   sudo install -D -m 600 -t /etc/mediamirror {}\n", paths.join(" "));
    }
    if !service.variables.is_empty() {
        let _ = writeln!(text, "#   sudo install -m 600 /dev/null {0} && sudoedit {0}", variables_file(service));
    }
    text
}

/// The credentials for systemd: name and file.
fn pairs(service: &Service) -> Vec<String> {
    service.secrets.iter().map(|file| format!("{0}:/etc/mediamirror/{0}", file.name)).collect()
}

fn by_hand(service: &Service) -> String {
    let pairs = pairs(service);
    let mut text = lines(pairs.iter().map(String::as_str), "#     -p LoadCredential={} \\\n");
    if !service.variables.is_empty() {
        let _ = writeln!(text, "#     -p EnvironmentFile={} \\", variables_file(service));
    }
    text
}

fn credentials(service: &Service) -> String {
    let pairs = pairs(service);
    if pairs.is_empty() {
        return String::new();
    }
    CREDENTIALS.to_owned() + &lines(pairs.iter().map(String::as_str), "LoadCredential={}\n")
}

fn variables(service: &Service) -> String {
    if service.variables.is_empty() {
        return String::new();
    }
    let names: Vec<String> = service.variables.iter().map(|name| comment(name)).collect();
    format!("{VARIABLES}# The variables: {}\nEnvironmentFile={}\n", names.join(", "), variables_file(service))
}

fn programs(service: &Service) -> String {
    if service.programs.is_empty() {
        return String::new();
    }
    let names: Vec<String> = service.programs.iter().map(|name| comment(name)).collect();
    format!("{PROGRAMS}# The programs: {}\n", names.join(", "))
}
