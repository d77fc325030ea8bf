//! Invalid configurations, each with its line, problem and remedy.

mod refused;
mod timetables;

use std::path::{Path, PathBuf};

use super::*;

const SECRET: &str = "aHVudGVyMi1vZi1tZWRpYW1pcnJvcg==";

const GOOD: &str = r#"[source]
account = "west"
endpoint = "https://media.example/api"
[source.auth]
kind = "acs"
token_url = "https://acs.example/v2/OAuth2-13"
secret = { file = "a.key" }
[[source.storage]]
account = "storewest"
key = { file = "a.key" }
[target]
account = "east"
endpoint = "http://127.0.0.1:5001/api/"
redirect_hosts = ["127.0.0.1:5002"]
[target.auth]
kind = "entra"
authority = "https://login.example"
tenant = "t"
client_id = "app"
secret = { command = ["cat", "a.key"] }
[[target.storage]]
account = "storeeast"
endpoint = "http://127.0.0.1:5003/storeeast/"
key = { file = "a.key" }
"#;

/// A directory with a good secret file.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.secret("a.key", &format!(" {SECRET}\n"), 0o600);
        place
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("mirror.toml")
    }

    fn secret(&self, name: &str, text: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The good configuration with `from` replaced by `to`; its command gets a full path, because it runs in the folder
    /// of the tests.
    fn parse(&self, from: &str, to: &str) -> Result<Config, ConfigErrors> {
        assert!(from.is_empty() || GOOD.contains(from), "{from} is not in the example");
        let text = if from.is_empty() { GOOD.to_owned() } else { GOOD.replacen(from, to, 1) };
        let key = self.0.path().join("a.key");
        let text = text.replace(r#"["cat", "a.key"]"#, &format!(r#"["cat", "{}"]"#, key.display()));
        Config::parse(&text, &self.path())
    }

    /// The only problem.
    fn error(&self, from: &str, to: &str) -> ConfigError {
        only(self.parse(from, to))
    }
}

/// The only problem of a configuration.
fn only(result: Result<Config, ConfigErrors>) -> ConfigError {
    let errors = result.expect_err("it must be refused");
    assert_eq!(errors.all().len(), 1, "{errors}");
    errors.all()[0].clone()
}

fn v2(account: &AccountConfig) -> &AmsV2Config {
    account.service.ams_v2().expect("the service is Media Services v2")
}

#[test]
fn a_good_configuration_is_completed_with_defaults() {
    let place = Place::new();
    let config = place.parse("", "").unwrap();
    assert_eq!(config.ledger, place.0.path().join("mirror.ledger"));
    assert_eq!(v2(&config.source).endpoint.as_str(), "https://media.example/api/");
    assert_eq!(v2(&config.source).redirect_hosts, Vec::<String>::new());
    assert_eq!(v2(&config.target).redirect_hosts, ["127.0.0.1:5002"]);
    assert_eq!(v2(&config.source).api_version, "2.19");
    assert_eq!(config.source.storage[0].endpoint.as_str(), "https://storewest.blob.core.windows.net/");
    assert_eq!(config.target.storage[0].endpoint.as_str(), "http://127.0.0.1:5003/storeeast");
    assert_eq!(config.source.storage[0].credential, StorageCredential::Key(Secret::new(SECRET)));
    let AuthConfig::Acs { client_id, secret, .. } = &v2(&config.source).auth else { panic!("not acs") };
    assert_eq!((client_id.as_str(), secret.expose()), ("west", SECRET));
    let AuthConfig::Entra { sign_in, resource } = &v2(&config.target).auth else { panic!("not entra") };
    let SignIn::Application { token_url, client_id, proof: Proof::Secret(secret) } = sign_in else {
        panic!("no secret")
    };
    assert_eq!((client_id.as_str(), secret.expose()), ("app", SECRET));
    assert_eq!(token_url.as_str(), "https://login.example/t/oauth2/v2.0/token");
    assert_eq!(resource, "https://rest.media.azure.net");
}

#[test]
fn limits_of_one_lane_do_not_change_the_others() {
    let limits = "[source.limits]\npending_copies = 5\n[source.limits.media]\nrequests_per_second = 9\n[source.auth]";
    let config = Place::new().parse("[source.auth]", limits).unwrap();
    let (limits, default) = (config.source.limits, Limits::default());
    assert_eq!(limits.pending_copies, 5);
    assert_eq!(limits.media.requests_per_second.map(NonZeroU64::get), Some(9));
    assert_eq!(limits.media.in_flight, default.media.in_flight);
    assert_eq!(limits.blob, default.blob);
}

const BLOBS: &str = r#"[source]
service = "blobs"
[[source.storage]]
account = "storewest"
key = { file = "a.key" }
[target]
service = "blobs"
[[target.storage]]
account = "storeeast"
endpoint = "http://127.0.0.1:5003/storeeast"
key = { file = "a.key" }
"#;

#[test]
fn a_storage_account_as_a_library_needs_only_its_name_and_its_key() {
    let place = Place::new();
    let config = Config::parse(BLOBS, &place.path()).unwrap();
    for (side, name) in [(&config.source, "storewest"), (&config.target, "storeeast")] {
        assert!(matches!(side.service, ServiceConfig::Blobs) && side.account == name && side.storage.len() == 1);
    }
}

#[test]
fn a_storage_account_as_a_library_is_the_only_one_and_has_no_keys_of_media_services() {
    let place = Place::new();
    let refused = |from: &str, to: &str| {
        assert!(BLOBS.contains(from));
        Config::parse(&BLOBS.replacen(from, to, 1), &place.path()).expect_err("it must be refused").to_string()
    };
    let blobs = "service = \"blobs\"";
    for (from, to, words) in [
        ("[target]\n", "[taget]\n", "did you mean `target`?"),
        ("\"storeeast\"", "\" storewest \"", "the storage account  storewest  is also in the source"),
        (
            blobs,
            "service = \"blob\"",
            "mirror.toml:2: `source.service`: unknown value `blob`\n  remedy: did you mean `blobs`?",
        ),
        (blobs, "service = \"blobs\"\nendpoint = \"https://a\"", "mirror.toml:3: `source.endpoint`: unknown key"),
        (blobs, "service = \"blobs\"\nstorage = []", "is given twice"),
        (
            "[target]",
            "[[source.storage]]\naccount = \"two\"\nkey = { file = \"a.key\" }\n[target]",
            "is one storage account",
        ),
        ("[source]\nservice = \"blobs\"", "[source]", "`source`: key `account` is missing"),
        (
            "storeeast",
            "storewest",
            "mirror.toml:9: `target.storage.account`: the storage account storewest is also in the source",
        ),
    ] {
        let told = refused(from, to);
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn both_sides_have_the_same_service() {
    let place = Place::new();
    let target = BLOBS.find("[target]").unwrap();
    let text = GOOD[..GOOD.find("[target]").unwrap()].to_owned() + &BLOBS[target..];
    let told = Config::parse(&text, &place.path()).expect_err("it must be refused").to_string();
    let line = text[..text.rfind("service = \"blobs\"").unwrap()].matches('\n').count() + 1;
    let words = format!("mirror.toml:{line}: `target.service`: source and target are libraries of different services");
    assert!(told.contains(&words), "{told}");
}

const POLICY: &str = r#"accept = ["source-empty", { cause = "protected", names = ["trailer-*"], most = 3 }]
withhold = ["a film", "nb:cid:UUID:1"]
adopt = "equal"
[guards]
max_withdraw = 7
max_overwrite = "10%"
[source]"#;

#[test]
fn the_operators_decisions_are_read_and_have_neutral_defaults() {
    use super::policy::{Accepted, Adopt, GuardLimits, Share};
    use crate::verdict::Cause;
    let none = Place::new().parse("", "").unwrap().policy;
    assert!(none.accept.is_empty() && none.withhold.is_empty());
    assert_eq!((none.adopt, none.guards), (Adopt::No, GuardLimits::default()));

    let policy = Place::new().parse("[source]", POLICY).unwrap().policy;
    assert_eq!(policy.withhold, ["a film", "nb:cid:UUID:1"]);
    assert_eq!(policy.adopt, Adopt::Equal);
    let GuardLimits { max_withdraw, max_shrink, max_overwrite, .. } = policy.guards;
    assert_eq!((max_withdraw, max_shrink, max_overwrite), (Some(Share::Count(7)), None, Some(Share::Percent(10))));
    let mut accepted = Accepted::new(&policy.accept);
    assert!(accepted.accepts(Cause::SourceEmpty, "a film") && !accepted.accepts(Cause::Protected, "a film"));
    assert_eq!((0..5).filter(|n| accepted.accepts(Cause::Protected, &format!("trailer-{n}"))).count(), 3);
}

#[test]
fn every_problem_is_reported_at_once_in_the_order_of_the_file() {
    let place = Place::new();
    let text = GOOD
        .replace("[source]\n", "adopt = \"yes\"\nledgr = \"x\"\n[source]\nfirst = 1\n")
        .replacen("account = \"west\"\n", "", 1)
        .replace("token_url = \"https://acs.example/v2/OAuth2-13\"", "token_url = \"http://acs.example/\"\nsecond = 2")
        .replacen("secret = { file = \"a.key\" }", "secret = { file = \"none.key\" }", 1)
        .replace("endpoint = \"http://127.0.0.1:5001/api/\"", "endpoint = 3")
        .replace("client_id = \"app\"\n", "")
        .replace("account = \"storeeast\"", "acount = \"storeeast\"")
        .replace("endpoint = \"http://127.0.0.1:5003/storeeast/\"", "endpoint = \"nowhere\"")
        .replace(r#"["cat", "a.key"]"#, r#"["false"]"#);
    let errors = Config::parse(&text, &place.path()).unwrap_err();
    let found: Vec<String> = errors
        .all()
        .iter()
        .map(|error| {
            let line = error.place.rsplit(':').next().unwrap();
            format!("{line} {}", error.problem.split(": ").next().unwrap())
        })
        .collect();
    let expected = [
        "1 `adopt`",
        "2 `ledgr`",
        "3 `source`",
        "4 `source.first`",
        "8 `source.auth.token_url`",
        "9 `source.auth.second`",
        "10 `source.auth.secret`",
        "16 `target.endpoint`",
        "18 `target.auth`",
        "22 `target.auth.secret`",
        "24 `target.storage.acount`",
        "25 `target.storage.endpoint`",
    ];
    assert_eq!(found, expected, "{errors}");
    assert!(errors.all().iter().all(|error| !error.remedy.is_empty()));
}

#[test]
fn a_text_that_is_not_toml_is_one_problem() {
    let error = only(Config::parse("[source\naccount = 3\n", Path::new("mirror.toml")));
    assert_eq!(error.place, "mirror.toml:1");
}

#[test]
fn a_storage_map_names_configured_storage_accounts_of_both_sides() {
    let place = Place::new();
    let with = |map: &str| place.parse("redirect_hosts", &format!("storage_map = {map}\nredirect_hosts"));
    let map = with("{ StoreWest = \"storeeast\" }").unwrap().storage_map;
    let pairs: Vec<_> = map.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(pairs, [("storewest", "storeeast")]);
    assert!(place.parse("", "").unwrap().storage_map.is_empty());
    for (map, problem, remedy) in [
        ("{ storewset = \"storeeast\" }", "no [[source.storage]] has this name", "did you mean `storewest`?"),
        ("{ storewest = \"other\" }", "no [[target.storage]] has this name", "known here: storeeast"),
        ("{ storewest = \"storeeast\", STOREWEST = \"storeeast\" }", "has two entries", "keep one of them"),
        ("{ storewest = 3 }", "`target.storage_map.storewest`: this value is of the wrong kind", "correct that line"),
    ] {
        let error = only(with(map));
        assert!(error.problem.contains(problem) && error.remedy.contains(remedy), "{error}");
        assert!(error.place.ends_with(":14"), "{error}");
    }
    let old = with("{ storewest = \"storeeast\" }\napi_version = \"2.1\"");
    assert!(only(old).problem.contains("this `api_version` cannot choose"));
    let source = place.parse("[source.auth]", "storage_map = {}\n[source.auth]");
    assert!(only(source).problem.contains("`source.storage_map`: only [target] has one"));
}

#[test]
fn a_storage_account_that_is_a_list_is_refused() {
    let errors = Config::parse("source.storage = [[\"storewest\"]]", Path::new("mirror.toml")).unwrap_err();
    let problems: Vec<&str> = errors.all().iter().map(|error| error.problem.as_str()).collect();
    assert!(problems.contains(&"`source.storage`: a list where a table is expected"), "{problems:?}");
}

#[test]
fn the_source_as_its_own_target_is_refused() {
    let text = GOOD
        .replace("account = \"east\"", "account = \"West\"")
        .replace("http://127.0.0.1:5001/api/", "https://media.example/api/");
    let place = Place::new();
    let text =
        text.replace(r#"["cat", "a.key"]"#, &format!(r#"["cat", "{}"]"#, place.0.path().join("a.key").display()));
    let error = only(Config::parse(&text, &place.path()));
    assert_eq!(error.place, format!("{}:12", place.path().display()));
    assert!(error.problem.contains("the target is the source: media account West"), "{error}");
}

#[test]
fn no_message_contains_a_secret() {
    let place = Place::new();
    place.secret("open.key", SECRET, 0o644);
    place.secret("short.key", "hunter2", 0o600);
    for to in [
        "\"hunter2\"",
        "{ file = \"open.key\" }",
        "\"hunter2",
        "{ file = \"short.key\" }",
        "[\"hunter2\"]",
        "{ file = 3, x = \"hunter2\" }",
    ] {
        let error = place.parse("key = { file = \"a.key\" }", &format!("key = {to}")).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2") && !text.contains(SECRET), "{to}: {text}");
    }
    let config = place.parse("", "").unwrap();
    assert!(!format!("{config:?}").contains(SECRET));
}

#[test]
fn the_error_for_a_missing_configuration_says_how_to_write_one() {
    let error = only(Config::load(Path::new("no/such/mirror.toml")));
    assert_eq!(error.place, "no/such/mirror.toml");
    assert!(error.remedy.contains("mediamirror init"));
}

#[test]
fn every_part_is_found_in_the_file() {
    use crate::model::Side;
    let place = Place::new();
    std::fs::write(place.path(), GOOD).unwrap();
    for (side, part, line) in [
        (Side::Source, Part::Endpoint, 3),
        (Side::Source, Part::Secret, 7),
        (Side::Source, Part::StorageEndpoint(0), 9),
        (Side::Source, Part::StorageKey(0), 10),
        (Side::Target, Part::Endpoint, 13),
        (Side::Target, Part::StorageEndpoint(0), 23),
        (Side::Target, Part::StorageKey(0), 24),
    ] {
        assert_eq!(super::place(&place.path(), side, part), format!("{}:{line}", place.path().display()));
    }
    assert_eq!(super::place(Path::new("gone.toml"), Side::Source, Part::Endpoint), "gone.toml");
}

#[test]
fn requests_in_flight_are_lowered_only_if_the_file_descriptors_require_it() {
    let mut config = Place::new().parse("", "").unwrap();
    let slots = |config: &Config| {
        let of = |account: &AccountConfig| (account.limits.media.in_flight, account.limits.blob.in_flight);
        (of(&config.source), of(&config.target))
    };
    assert_eq!(config.fit_descriptors(5_000), None, "512 + 512 + 3 x 1,024 and 32 beside them");
    assert_eq!(slots(&config), ((512, 1_024), (512, 1_024)));
    assert_eq!(config.fit_descriptors(1_100), None, "enough for services near by");
    assert_eq!(slots(&config), ((133, 267), (133, 267)));
    let mut config = Place::new().parse("", "").unwrap();
    let told = config.fit_descriptors(256).unwrap();
    assert_eq!(slots(&config), ((28, 56), (28, 56)));
    assert!(told.contains("56 requests") && told.contains("not 256") && told.contains("ulimit -n 1056"), "{told}");
    config.fit_descriptors(0).unwrap();
    assert_eq!(slots(&config), ((1, 1), (1, 1)), "one is always let in flight");
}

#[test]
fn a_storage_account_can_have_a_principal_instead_of_its_key() {
    let auth =
        "auth = { kind = \"entra\", tenant = \"contoso.example\", client_id = \"app\", secret = { file = \"a.key\" } }";
    let config = Place::new().parse("key = { file = \"a.key\" }", auth).unwrap();
    let StorageCredential::SignIn(sign_in) = &config.source.storage[0].credential else { panic!("not a sign-in") };
    let SignIn::Application { token_url, client_id, proof: Proof::Secret(secret) } = sign_in else {
        panic!("no secret")
    };
    assert_eq!(token_url.as_str(), "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
    assert_eq!((client_id.as_str(), secret.expose()), ("app", SECRET));
}
