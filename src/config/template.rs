//! The text of a new configuration: commented, complete, with every secret in a separate file.

use std::fmt::Write as _;

use crate::redact::Secret;

/// The prefix of a name that the operator still has to replace. A configuration that contains one is refused.
pub const PLACEHOLDER: &str = "CHANGE-ME";

/// The known settings of one side; unknown ones have a [`PLACEHOLDER`] that the operator replaces.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountTemplate {
    /// Media account.
    pub account: String,
    /// Root of the media API.
    pub endpoint: String,
    /// Hosts of other domains to which the API may redirect.
    pub redirect_hosts: Vec<String>,
    /// Token URL of the Access Control Service.
    pub token_url: String,
    /// File with the media account's key, in the folder of the configuration.
    pub media_key: SecretFile,
    /// Streaming host to print URLs with, if it is not the account's own.
    pub streaming_url: Option<String>,
    /// Storage accounts, the default one first.
    pub storage: Vec<StorageTemplate>,
}

/// The known settings of one storage account.
#[derive(Debug, Clone, PartialEq)]
pub struct StorageTemplate {
    /// Its name.
    pub account: String,
    /// Its URL; `None` = `https://<account>.blob.core.windows.net`.
    pub endpoint: Option<String>,
    /// File with its key, in the folder of the configuration.
    pub key: SecretFile,
}

/// A file with a secret in the folder of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretFile {
    /// Its name.
    pub name: String,
    /// The secret to write into it; `None` = the operator makes the file.
    pub secret: Option<Secret>,
}

/// The front door of the real service.
pub(super) const ENDPOINT: &str = "https://media.windows.net/api/";
/// The real Access Control Service.
pub(super) const TOKEN_URL: &str = "https://wamsprodglobal001acs.accesscontrol.windows.net/v2/OAuth2-13";

impl AccountTemplate {
    /// An account of the real service. `side` names the secret files.
    pub fn of_the_service(side: &str, account: &str, storage: &str) -> Self {
        let file = |what: &str| SecretFile { name: format!("{side}.{what}.key"), secret: None };
        Self {
            account: account.to_owned(),
            endpoint: ENDPOINT.to_owned(),
            redirect_hosts: Vec::new(),
            token_url: TOKEN_URL.to_owned(),
            media_key: file("media"),
            streaming_url: None,
            storage: vec![StorageTemplate::of_the_service(side, storage)],
        }
    }

    /// All secret files with their secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretFile> {
        std::iter::once(&self.media_key).chain(self.storage.iter().map(|storage| &storage.key))
    }
}

/// The text of a configuration that mirrors `source` to `target`.
pub fn render(ledger: &str, source: &AccountTemplate, target: &AccountTemplate) -> String {
    let mut text = String::from(HEADER);
    let _ = writeln!(text, "ledger = {}", quoted(ledger));
    text.push_str(CA_FILE);
    text.push_str(POLICY);
    text.push_str("\n# The library that is read.\n");
    section(&mut text, "source", source);
    text.push_str("\n# The library that is written.\n");
    section(&mut text, "target", target);
    text.push_str(LIMITS);
    text.push_str(GUARDS);
    text.push_str(PRICES);
    text
}

/// The text of a configuration that mirrors one storage account to another: their containers are the assets.
pub fn render_blobs(ledger: &str, source: &StorageTemplate, target: &StorageTemplate) -> String {
    let mut text = String::from(HEADER);
    let _ = writeln!(text, "ledger = {}", quoted(ledger));
    text.push_str(CA_FILE);
    text.push_str(POLICY_OF_BLOBS);
    for (name, words, account) in [("source", "read", source), ("target", "written", target)] {
        let _ = write!(text, "\n# The storage account that is {words}; its containers are the assets.\n");
        let _ = writeln!(text, "[{name}]\nservice = \"blobs\"");
        text.push_str(STREAMING_URL_OF_BLOBS);
        storage(&mut text, name, account);
        text.push_str(IN_PLACE_OF_THE_KEY);
    }
    text.push_str(SELECTION);
    text.push_str(LIMITS_OF_BLOBS);
    text.push_str(GUARDS);
    text.push_str(PRICES);
    text
}

impl StorageTemplate {
    /// A storage account of the real service. `side` names the secret file.
    pub fn of_the_service(side: &str, account: &str) -> Self {
        let key = SecretFile { name: format!("{side}.storage.key"), secret: None };
        Self { account: account.to_owned(), endpoint: None, key }
    }
}

fn storage(text: &mut String, side: &str, account: &StorageTemplate) {
    let _ = writeln!(text, "[[{side}.storage]]\naccount = {}", quoted(&account.account));
    if let Some(endpoint) = &account.endpoint {
        let _ = writeln!(text, "endpoint = {}", quoted(endpoint));
    }
    let _ = writeln!(text, "key = {{ file = {} }}", quoted(&account.key.name));
}

fn section(text: &mut String, name: &str, account: &AccountTemplate) {
    let _ =
        writeln!(text, "[{name}]\naccount = {}\nendpoint = {}", quoted(&account.account), quoted(&account.endpoint));
    if account.redirect_hosts.is_empty() {
        text.push_str("# The host to which the API redirects, if it is in another domain:\n");
        text.push_str("# redirect_hosts = [\"wamsbayclus001rest-hs.cloudapp.net\"]\n");
    } else {
        let hosts: Vec<String> = account.redirect_hosts.iter().map(|host| quoted(host)).collect();
        let _ = writeln!(text, "redirect_hosts = [{}]", hosts.join(", "));
    }
    match &account.streaming_url {
        Some(url) => {
            let _ = writeln!(text, "streaming_url = {}", quoted(url));
        }
        None => {
            text.push_str("# Streaming host to print URLs with, such as a CDN's:\n# streaming_url = \"https://…\"\n");
        }
    }
    if name == "target" {
        text.push_str(STORAGE_MAP);
    }
    let _ = writeln!(
        text,
        "[{name}.auth]\nkind = \"acs\" # or \"entra\", with tenant, client_id and secret in place of token_url and secret\n\
         token_url = {}\nsecret = {{ file = {} }}",
        quoted(&account.token_url),
        quoted(&account.media_key.name),
    );
    for account in &account.storage {
        storage(text, name, account);
    }
}

const IN_PLACE_OF_THE_KEY: &str = "\
# Instead of the key, an account SAS, or a principal of Entra ID (`mediamirror manual configuration` lists the other kinds):
# sas = { file = \"…\" }
# auth = { kind = \"entra\", tenant = \"…\", client_id = \"…\", secret = { file = \"…\" } }
# auth = { kind = \"managed-identity\" }
";

const HEADER: &str = "\
# The configuration of mediamirror. Check it with `mediamirror doctor`, then run `mediamirror sync`.
#
# This file contains no secrets. It names the place of each secret:
#   { file = \"name\" }       a file, relative to this one, that only you can read (chmod 600)
#   { env = \"NAME\" }        an environment variable
#   { command = [\"az\", …] } the output of a command

# The ledger records what was done. Its path is relative to this file. Keep it, so that each run does only what is missing.
";

const CA_FILE: &str = "\
# More certificate authorities to trust, such as that of your company's proxy (PEM, relative to this file):
# ca_file = \"company-ca.pem\"
";

const POLICY: &str = "
# Accepted causes do not change the exit code (`mediamirror explain` lists all causes). They never change what is published:
# accept = [\"source-empty\", { cause = \"protected\", names = [\"trailer-*\"], most = 3 }]
# What must not be published: names or ids of source assets, or ids of locators. The next run withdraws it:
# withhold = [\"name or id\"]
# Copies that other tools made: \"no\" ignores them, \"equal\" adopts those that equal the source, \"overwrite\" adopts all:
# adopt = \"no\"
# Delete copies of assets and blobs that were missing in the source in every run during this time:
# delete_after = \"never\"            # or \"7d\"
";

const POLICY_OF_BLOBS: &str = "
# Accepted causes do not change the exit code (`mediamirror explain` lists all causes). They never change what is mirrored:
# accept = [\"source-empty\", { cause = \"archived-in-source\", names = [\"trailer-*\"], most = 3 }]
# Containers of the same name that other tools filled: \"no\" ignores them, \"equal\" adopts those that equal the source,
# \"overwrite\" adopts all:
# adopt = \"no\"
# Delete copies of containers and blobs that were missing in the source in every run during this time:
# delete_after = \"never\"            # or \"7d\"
";

const STREAMING_URL_OF_BLOBS: &str = "\
# The host from which viewers read the blobs, such as a CDN's; the account itself when not given:
# streaming_url = \"https://…\"
";

const LIMITS: &str = "
# Limits. [source] and [target] have the same keys. Flags of the same meaning have priority.
# [target.limits]
# pending_copies = 2000             # asynchronous copies pending at once in each storage account
# time_zone = \"Europe/Madrid\"       # for rates by the time of day
# [target.limits.media]             # or [target.limits.blob], for each storage account
# requests_per_second = 100         # or by the time of day: { \"08:00\" = 20, \"19:00\" = \"off\" }
# in_flight = 512                   # most requests in flight; their number depends on the distance
";

const LIMITS_OF_BLOBS: &str = "
# Limits. [source] and [target] have the same keys. Flags of the same meaning have priority.
# [target.limits]
# pending_copies = 2000             # asynchronous copies pending at once
# time_zone = \"Europe/Madrid\"       # for rates by the time of day
# [target.limits.blob]
# requests_per_second = 10000
# bytes_per_second = { \"08:00\" = 5000000, \"19:00\" = \"off\" } # by the time of day; or one number
# in_flight = 1024                  # most requests in flight; their number depends on the distance
";

const SELECTION: &str = "
# Blobs to mirror, as CONTAINER/BLOB; `*` matches any characters; all blobs when not given. Blobs in the archive tier cannot be
# read: \"report\" reports their container and does not mirror it; \"skip\" leaves out only these blobs.
# [blobs]
# include = [\"films/*\", \"series/*\"]
# exclude = [\"*.tmp\", \"films/drafts/*\"]
# archived = \"report\"
# Containers with many titles, in which each folder is an asset:
# assets_at = { vod = 1 }
";

const STORAGE_MAP: &str = "\
# For each storage account of the source, the target's account for its new copies; the default account when not given:
# storage_map = { storewest2 = \"storeeast2\" }
";

const GUARDS: &str = "
# Above these limits, a run holds the changes back, and a person has to decide (exit code 9). Write numbers, or percentages in
# quotes. They replace the defaults, which depend on the size of the library:
# [guards]
# max_withdraw = 20                 # assets that stop playing on the target within seven days
# max_shrink = \"20%\"                # copies whose source asset is gone
# max_overwrite = \"20%\"             # blobs of complete copies that changed in the source
# max_delete = \"20%\"                # blobs of the target that are deleted (`delete_after`)
";

const PRICES: &str = "
# The prices of your contract, for `plan` and `report`: 10,000 reads and 10,000 writes of a storage account, and a gigabyte that
# leaves the region of the source.
# [prices]
# currency = \"EUR\"
# reads = 0.004
# writes = 0.05
# gigabytes = 0.02
";

/// Any text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Reads the structure of a text that is a configuration.
#[cfg(test)]
pub(super) fn read_valid(text: &str) -> super::file::ConfigFile {
    let mut problems = super::problem::Problems::default();
    let document = super::problem::Document::new(text, "mirror.toml".as_ref());
    let file = super::file::read(&document, &mut problems);
    problems.finish(file).expect("it is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::by_time;
    use crate::config::policy::GuardLimits;

    #[test]
    fn a_configuration_with_any_names_can_be_read_after_it_is_written() {
        let mut source = AccountTemplate::of_the_service("source", "we\"st", "storewest");
        source.redirect_hosts = vec!["127.0.0.1:1".to_owned()];
        source.streaming_url = Some("http://127.0.0.1:2".to_owned());
        source.storage[0].endpoint = Some("http://127.0.0.1:3/storewest".to_owned());
        let target = AccountTemplate::of_the_service("target", "east", "storeeast");
        let text = render("mirror.ledger", &source, &target);
        let file = read_valid(&text);
        assert_eq!(file.source.unwrap().account.unwrap().get_ref(), "we\"st");
        let storage = file.target.unwrap().storage.unwrap();
        assert_eq!(storage.get_ref()[0].account.as_ref().unwrap().get_ref(), "storeeast");
    }

    #[test]
    fn the_commented_decisions_of_the_operator_are_valid() {
        let account = |name| AccountTemplate::of_the_service(name, name, &format!("store{name}"));
        let text = render("mirror.ledger", &account("source"), &account("target"));
        let uncommented = text.replace("# accept =", "accept =").replace("# withhold =", "withhold =");
        let uncommented = uncommented.replace("# delete_after", "delete_after");
        let uncommented = uncommented.replace("# adopt =", "adopt =").replace("# [guards]", "[guards]");
        let uncommented = uncommented.replace("# max_", "max_");
        let file = read_valid(&uncommented);
        assert_eq!(
            (file.general.accept.len(), file.general.withhold.len(), file.general.adopt.is_some()),
            (2, 1, true)
        );
        let GuardLimits { max_withdraw, max_shrink, max_overwrite, max_delete } = file.general.guards.limits();
        assert!(max_withdraw.is_some() && max_shrink.is_some() && max_overwrite.is_some() && max_delete.is_some());
    }

    #[test]
    fn a_configuration_of_two_storage_accounts_is_valid_and_complete() {
        let account = |side: &str| StorageTemplate::of_the_service(side, &format!("store{side}"));
        let text = render_blobs("mirror.ledger", &account("source"), &account("target"));
        let file = read_valid(&text);
        for (side, name) in [(file.source.unwrap(), "storesource"), (file.target.unwrap(), "storetarget")] {
            assert!(matches!(side.service, crate::config::file::ServiceFile::Blobs));
            assert_eq!(side.account.unwrap().get_ref(), name);
        }
        let uncommented = text.replace("# [", "[").replace("# max_", "max_").replace("# in_flight", "in_flight");
        let uncommented = uncommented.replace("# pending_copies", "pending_copies").replace("# time_zone", "time_zone");
        let uncommented = uncommented.replace("# requests_per", "requests_per").replace("# bytes_per", "bytes_per");
        let uncommented = uncommented.replace("# include", "include").replace("# exclude", "exclude");
        let uncommented = uncommented.replace("# archived", "archived");
        let uncommented = uncommented.replace("# assets_at", "assets_at");
        assert!(read_valid(&uncommented).general.blobs.is_some());
        let limits = read_valid(&uncommented).target.unwrap().limits.limits();
        assert_eq!((limits.pending_copies, limits.blob.in_flight), (2_000, 1_024));
        let written = read_valid(&uncommented).target.unwrap().limits;
        assert!(written.time_zone.is_some() && by_time(written.blob.bytes_per_second.as_ref()).is_some());
    }

    #[test]
    fn no_secret_is_written_into_the_configuration() {
        let mut source = AccountTemplate::of_the_service("source", "west", "storewest");
        source.media_key.secret = Some(Secret::new("hunter2"));
        let text = render("mirror.ledger", &source, &source.clone());
        assert!(!text.contains("hunter2"));
    }
}
