//! Every bad configuration, and what is said about it.

use super::{Place, SECRET};

/// Every bad input: what is replaced by what, the line, words of the message, words of the remedy.
const BAD: &[(&str, &str, usize, &str, &str)] = &[
    ("account = \"west\"", "acount = \"west\"", 2, "`source.acount`: unknown key", "did you mean `account`?"),
    ("token_url", "tokenurl", 6, "`source.auth.tokenurl`: unknown key", "did you mean `token_url`?"),
    (
        "account = \"west\"",
        "colour = 1\naccount = \"west\"",
        2,
        "`source.colour`: unknown key",
        "known here: service, account, endpoint",
    ),
    (
        "\"west\"",
        "\"CHANGE-ME-source\"",
        2,
        "`source.account`: still the placeholder",
        "replace it with the account's name",
    ),
    (
        "\"storewest\"",
        "\"CHANGE-ME-source-storage\"",
        9,
        "`source.storage.account`: still the placeholder",
        "replace it",
    ),
    ("account = \"storewest\"\n", "", 8, "`source.storage`: key `account` is missing", "add `account`"),
    ("account = \"west\"\n", "", 1, "`source`: key `account` is missing", "add `account`"),
    ("kind = \"acs\"", "kind = \"asc\"", 5, "`source.auth.kind`: unknown value `asc`", "did you mean `acs`?"),
    ("{ file = \"a.key\" }", "\"hunter2\"", 7, "a secret must not be written in the configuration", "chmod 600"),
    ("{ file = \"a.key\" }", "4711", 7, "a secret must not be written in the configuration", "chmod 600"),
    (
        "{ file = \"a.key\" }",
        "{ flie = \"a.key\" }",
        7,
        "`source.auth.secret.flie`: unknown key",
        "did you mean `file`?",
    ),
    ("{ file = \"a.key\" }", "{ file = \"a\", env = \"B\" }", 7, "a secret has exactly one place", "write { file"),
    (
        "{ file = \"a.key\" }",
        "{ file = \"none.key\" }",
        7,
        "`source.auth.secret`: failed to read the secret file",
        "chmod 600",
    ),
    ("{ file = \"a.key\" }", "{ file = \"open.key\" }", 7, "can be read by others", "chmod 600"),
    ("{ file = \"a.key\" }", "{ file = \"empty.key\" }", 7, "the file empty.key is empty", "put the secret there"),
    (
        "{ file = \"a.key\" }",
        "{ env = \"MEDIAMIRROR_NOT_SET\" }",
        7,
        "MEDIAMIRROR_NOT_SET is not set",
        "export MEDIAMIRROR",
    ),
    ("{ file = \"a.key\" }", "{ command = [\"false\"] }", 7, "false ended with exit status: 1", "run false by hand"),
    ("{ file = \"a.key\" }", "{ command = [\"no-such-program\"] }", 7, "failed to run no-such-program", "by hand"),
    (
        "key = { file = \"a.key\" }",
        "key = { file = \"short.key\" }",
        10,
        "the key is not in base64",
        "copy the whole key",
    ),
    ("https://media.example/api", "http://media.example/api", 3, "`source.endpoint`: http would send keys", "https://"),
    ("https://media.example/api", "media.example/api", 3, "`source.endpoint`: not a URL", "https://host/path"),
    ("https://media.example/api", "https://m.example/?sig=x", 3, "has a user, a query or a fragment", "own keys"),
    ("[\"127.0.0.1:5002\"]", "[\"*\"]", 14, "`target.redirect_hosts`: not a host", "*.domain.tld"),
    ("[\"127.0.0.1:5002\"]", "[\"*.net\"]", 14, "`target.redirect_hosts`: not a host", "*.domain.tld"),
    (
        "account = \"west\"",
        "account = \"west\"\nlimits = { media = { bytes_per_second = 1 } }",
        3,
        "`source.limits.media.bytes_per_second`: unknown key",
        "did you mean `requests_per_second`?",
    ),
    ("client_id = \"app\"\n", "", 15, "`target.auth`: key `client_id` is missing", "add `client_id`"),
    (
        "kind = \"acs\"",
        "kind = \"acs\"\nresource = \"r\"",
        6,
        "`source.auth.resource`: `kind = \"acs\"` has no such key",
        "remove",
    ),
    (
        "key = { file = \"a.key\" }",
        "key = { file = \"a.key\" }\nauth = { kind = \"entra\", tenant = \"t\", client_id = \"a\", secret = { file = \"a.key\" } }",
        9,
        "`source.storage`: it needs one credential",
        "`key = …`, `sas = …` or `auth = …`",
    ),
    (
        "key = { file = \"a.key\" }",
        "auth = { kind = \"entra\", tenant = \"t\", secret = { file = \"a.key\" } }",
        10,
        "`source.storage.auth`: key `client_id` is missing",
        "add `client_id`",
    ),
    (
        "key = { file = \"a.key\" }",
        "auth = { kind = \"acs\", token_url = \"https://h/\", secret = { file = \"a.key\" } }",
        10,
        "`source.storage.auth.kind`: a storage account has no such way to sign in",
        "entra",
    ),
    (
        "key = { file = \"a.key\" }",
        "auth = { kind = \"entra\", tenant = \"t\", client_id = \"a\", secret = \"hunter2\" }",
        10,
        "`source.storage.auth.secret`: a secret must not be written in the configuration itself",
        "chmod 600",
    ),
    (
        "key = { file = \"a.key\" }",
        "auth = [1]",
        10,
        "`source.storage.auth`: a list where a table is expected",
        "braces",
    ),
    (
        "authority = \"https://login.example\"",
        "authority = \"http://login.example\"",
        17,
        "`target.auth.authority`: http would send keys in the clear",
        "https",
    ),
    ("account = \"storeeast\"", "account = \"storewest\"", 22, "storewest is the source's as well", "another account"),
    (
        "account = \"west\"",
        "account = \"west\"\napi_version = \"3.0\"",
        3,
        "not a version of the v2 API",
        "2.0 to 2.19",
    ),
    ("account = \"west\"", "account = \"\"", 2, "`source.account`: empty", "account's name"),
    ("account = \"west\"", "account = 3", 2, "`source.account`: this value is of the wrong kind", "correct that line"),
    (
        "account = \"west\"",
        "account = \"west\"\naccount = \"west\"",
        3,
        "`account`: this key is given twice",
        "keep one of them",
    ),
    ("[source]", "[source", 1, "", "correct that line"),
    ("[source]", "[[source]]", 1, "`source`: a list where a table is expected", "below one `[header]`"),
    (
        "account = \"west\"",
        "account = \"west\"\nlimits = { blob = [1, 2] }",
        3,
        "`source.limits.blob`: a list where a table is expected",
        "write its keys in braces",
    ),
    (
        "[source]",
        "accept = [\n\"source-emtpy\"]\n[source]",
        2,
        "`accept`: no cause has this code",
        "did you mean `source-empty`? `mediamirror explain` lists all codes",
    ),
    (
        "[source]",
        "accept = [{ cause = \"nothing\" }]\n[source]",
        1,
        "`accept`: no cause has this code",
        "`mediamirror explain`",
    ),
    ("[source]", "accept = [{ names = [\"a\"] }]\n[source]", 1, "`accept`: key `cause` is missing", "add `cause`"),
    (
        "[source]",
        "accept = [{ cause = \"protected\", name = [\"a\"] }]\n[source]",
        1,
        "`accept.name`: unknown key",
        "did you mean `names`?",
    ),
    (
        "[source]",
        "accept = [{ cause = \"protected\", names = [\"a\",\n\"b[\"] }]\n[source]",
        2,
        "`accept.names`: not a glob",
        "such as `trailer-*`",
    ),
    (
        "[source]",
        "accept = [{ cause = \"protected\", names = [] }]\n[source]",
        1,
        "`accept.names`: an empty list matches nothing",
        "or remove the list",
    ),
    ("[source]", "[blobs]\n[source]", 1, "`blobs`: only a library that is a storage account", "remove the table"),
    (
        "[source]",
        "accept = [{ cause = \"protected\", most = 0 }]\n[source]",
        1,
        "`accept.most`: this value is of the wrong kind: expected a whole number above zero",
        "correct that line",
    ),
    ("[source]", "accept = [3]\n[source]", 1, "`accept`: this value is of the wrong kind: expected a code", "correct"),
    ("[source]", "accept = \"protected\"\n[source]", 1, "`accept`: this value is of the wrong kind", "correct"),
    ("[source]", "withhold = [\" \"]\n[source]", 1, "`withhold`: an empty entry", "remove the entry"),
    ("[source]", "adopt = \"yes\"\n[source]", 1, "`adopt`: unknown value", "\"no\", \"equal\" or \"overwrite\""),
    (
        "[source]",
        "[guards]\nmax_withdraws = 3\n[source]",
        2,
        "`guards.max_withdraws`: unknown key",
        "did you mean `max_withdraw`?",
    ),
    (
        "[source]",
        "[guards]\nmax_withdraw = -1\n[source]",
        2,
        "`guards.max_withdraw`: neither a number nor a percentage",
        "\"10%\"",
    ),
    (
        "[source]",
        "[guards]\nmax_shrink = \"101%\"\n[source]",
        2,
        "`guards.max_shrink`: neither a number nor a percentage",
        "\"10%\"",
    ),
    (
        "[source]",
        "[guards]\nmax_overwrite = 0.1\n[source]",
        2,
        "`guards.max_overwrite`: this value is of the wrong kind: expected a whole number, or a percentage in quotes",
        "correct",
    ),
    ("[source]", "guards = [1]\n[source]", 1, "`guards`: a list where a table is expected", "write its keys in braces"),
];

#[test]
fn every_bad_configuration_is_refused_with_its_line_its_key_and_a_remedy() {
    let place = Place::new();
    place.secret("open.key", SECRET, 0o644);
    place.secret("empty.key", " \n", 0o600);
    place.secret("short.key", "abc", 0o600);
    let mut wrong = Vec::new();
    for (from, to, line, problem, remedy) in BAD {
        let error = place.error(from, to);
        let expected_place = format!("{}:{line}", place.path().display());
        if error.place != expected_place || !error.problem.contains(problem) || !error.remedy.contains(remedy) {
            wrong.push(format!("{to} in place of {from}:\n  {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
