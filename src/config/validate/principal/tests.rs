//! Each kind of sign-in, with the variables of the environment.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml::Spanned;

use super::*;
use crate::config::ConfigError;
use crate::config::file::AuthFile;
use crate::config::problem::{Document, Problems};

const KEY: &[u8] = include_bytes!("../../../emulator/media_v2/protection/key.der");
const CERTIFICATE: &[u8] = include_bytes!("../../../emulator/media_v2/protection/certificate.der");

/// Reads a table of keys with those variables.
fn read(text: &str, directory: &Path, variables: &[(&str, &str)]) -> Result<SignIn, Vec<ConfigError>> {
    let path = directory.join("mirror.toml");
    let document = Document::new(text, &path);
    let mut problems = Problems::default();
    let file: Spanned<AuthFile> =
        toml::from_str::<std::collections::BTreeMap<String, Spanned<AuthFile>>>(text).unwrap().remove("auth").unwrap();
    let variables =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let mut section = Section { name: "source", document: &document, problems: &mut problems };
    let auth = Auth::new("auth", file.get_ref()).unwrap();
    let read = section.sign_in_with(&auth, &variables);
    problems.finish(read).map_err(|errors| errors.all().to_vec())
}

fn at(text: &str, variables: &[(&str, &str)]) -> Result<SignIn, Vec<ConfigError>> {
    read(text, Path::new("/nowhere"), variables)
}

fn url(sign_in: &SignIn) -> &str {
    sign_in.token_service().unwrap().as_str()
}

#[test]
fn a_managed_identity_is_that_of_the_machine_or_the_container() {
    let text = "auth = { kind = \"managed-identity\", client_id = \"chosen\" }";
    let machine = at(text, &[("IDENTITY_HEADER", "alone it says nothing")]).unwrap();
    assert_eq!(url(&machine), "http://169.254.169.254/");
    let host =
        at(text, &[("IDENTITY_ENDPOINT", "http://169.254.130.2:8081/msi/token"), ("IDENTITY_HEADER", "h")]).unwrap();
    let SignIn::ManagedIdentity { service: IdentityService::Host(url, header), client_id } = host else {
        panic!("no host")
    };
    assert_eq!((url.as_str(), header.expose()), ("http://169.254.130.2:8081/msi/token", "h"));
    assert_eq!(client_id.as_deref(), Some("chosen"));
    let errors = at(text, &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://elsewhere.example")]).unwrap_err();
    assert!(errors[0].problem.contains("AZURE_POD_IDENTITY_AUTHORITY_HOST"), "{errors:?}");
}

#[test]
fn a_workload_identity_uses_its_variables_and_the_configuration_has_priority() {
    let variables = [
        ("AZURE_TENANT_ID", "t-env"),
        ("AZURE_CLIENT_ID", "c-env"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"),
        ("AZURE_AUTHORITY_HOST", "login.microsoftonline.us"),
    ];
    let all = at("auth = { kind = \"workload-identity\" }", &variables).unwrap();
    assert_eq!(url(&all), "https://login.microsoftonline.us/t-env/oauth2/v2.0/token");
    let SignIn::Application { client_id, proof: Proof::TokenFile(file), .. } = all else { panic!("no file") };
    assert_eq!((client_id.as_str(), file), ("c-env", PathBuf::from("/var/run/token")));
    let text = "auth = { kind = \"workload-identity\", tenant = \"t\", client_id = \"c\", token_file = \"token\" }";
    let SignIn::Application { token_url, proof, .. } = at(text, &[]).unwrap() else { panic!("no application") };
    assert_eq!(token_url.as_str(), "https://login.microsoftonline.com/t/oauth2/v2.0/token");
    assert_eq!(proof, Proof::TokenFile("/nowhere/token".into()));
    let errors = at("auth = { kind = \"workload-identity\" }", &variables[..2]).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].problem.contains("AZURE_FEDERATED_TOKEN_FILE") && errors[0].remedy.contains("token_file"),
        "{errors:?}"
    );
}

#[test]
fn an_environment_has_a_secret_or_a_token_file() {
    let text = "auth = { kind = \"environment\" }";
    let who = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];
    let with = |more: (&'static str, &'static str)| at(text, &[who[0], who[1], more]);
    let SignIn::Application { proof, .. } = with(("AZURE_CLIENT_SECRET", "hush")).unwrap() else {
        panic!("no application")
    };
    assert_eq!(proof, Proof::Secret(Secret::new("hush")));
    let SignIn::Application { proof, .. } = with(("AZURE_FEDERATED_TOKEN_FILE", "/t")).unwrap() else {
        panic!("no application")
    };
    assert_eq!(proof, Proof::TokenFile("/t".into()));
    let errors = at(text, &[]).unwrap_err();
    let named = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];
    assert!(named.iter().all(|name| errors.iter().any(|error| error.problem.contains(name))), "{errors:?}");
    let errors =
        at(text, &[who[0], who[1], ("AZURE_CLIENT_SECRET", "x"), ("AZURE_AUTHORITY_HOST", "http://login.example")]);
    assert!(errors.unwrap_err()[0].problem.contains("AZURE_AUTHORITY_HOST"));
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[test]
fn a_certificate_is_a_private_file_with_an_rsa_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let put = |text: &str, mode: u32| {
        let file = folder.path().join("app.pem");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let text = "auth = { kind = \"entra\", tenant = \"t\", client_id = \"c\", certificate = \"app.pem\" }";
    let (key, certificate) = (pem("PRIVATE KEY", KEY), pem("CERTIFICATE", CERTIFICATE));
    put(&format!("{certificate}{key}"), 0o600);
    let SignIn::Application { proof: Proof::Certificate(own), .. } = read(text, folder.path(), &[]).unwrap() else {
        panic!("no certificate")
    };
    assert_eq!((own.der(), own.sign("x").len()), (CERTIFICATE, 256));
    assert!(!format!("{own:?}").contains("MII"), "{own:?}");
    for (content, mode, why) in [
        (format!("{certificate}{key}"), 0o644, "failed to read"),
        (certificate.clone(), 0o600, "no private key"),
        (key.clone(), 0o600, "no certificate"),
        (format!("{certificate}{}", pem("PRIVATE KEY", b"no key")), 0o600, "not an RSA key"),
        (format!("{}{key}", pem("CERTIFICATE", b"none")), 0o600, "belongs to none"),
        (format!("{certificate}{}", pem("ENCRYPTED PRIVATE KEY", KEY)), 0o600, "not encrypted"),
    ] {
        put(&content, mode);
        let errors = read(text, folder.path(), &[]).unwrap_err();
        assert!(errors[0].problem.contains(why) && errors[0].remedy.contains("chmod 600"), "{why}: {errors:?}");
    }
}

#[test]
fn a_secret_together_with_a_certificate_is_refused() {
    let text = "auth = { kind = \"entra\", tenant = \"t\", client_id = \"c\", certificate = \"a.pem\", secret = { env = \"S\" } }";
    assert!(at(text, &[]).unwrap_err()[0].problem.contains("`secret` is also given"));
}
