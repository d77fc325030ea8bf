//! Finds the places of a configuration's secrets without reading them, to pass them to a service.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::file::{self, AccountFile, AuthFile, AuthKind, ServiceFile};
use super::problem::{Document, Problems};
use super::secret::SecretSource;
use super::{ConfigErrors, read_text};

/// The places of the secrets, and the other files that the configuration needs. Each place is listed once, in the order
/// of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretPlaces {
    /// Files as configured: relative to the configuration, or absolute.
    pub files: Vec<PathBuf>,
    /// Environment variables.
    pub variables: Vec<String>,
    /// Programs that print a secret.
    pub programs: Vec<String>,
    /// Does an identity of Kubernetes sign in?
    pub workload_identity: bool,
    /// A file of authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// The ledger's file as configured.
    pub ledger: Option<PathBuf>,
}

impl SecretPlaces {
    /// Reads them from a configuration. Only its structure is checked: its accounts can still be placeholders.
    ///
    /// # Errors
    /// All problems of the structure, each with its line and its remedy.
    pub fn of(path: &Path) -> Result<Self, ConfigErrors> {
        let text = read_text(path)?;
        let mut problems = Problems::default();
        let file = file::read(&Document::new(&text, path), &mut problems);
        let file = problems.finish(file)?;
        let mut places = Self {
            ca_file: file.general.ca_file.map(Spanned::into_inner),
            ledger: file.general.ledger,
            ..Self::default()
        };
        for account in [file.source, file.target].into_iter().flatten() {
            places.add_account(&account);
        }
        Ok(places)
    }

    fn add_account(&mut self, account: &AccountFile) {
        if let ServiceFile::AmsV2(service) = &account.service {
            self.add_auth(&service.auth);
        }
        for storage in account.storage.iter().flat_map(Spanned::get_ref) {
            for secret in [&storage.key, &storage.sas].into_iter().flatten() {
                self.add(secret.get_ref());
            }
            if let Some(auth) = &storage.auth {
                self.add_auth(auth);
            }
        }
    }

    fn add_auth(&mut self, auth: &AuthFile) {
        if let Some(secret) = &auth.secret {
            self.add(secret.get_ref());
        }
        if let Some(certificate) = &auth.certificate {
            add(&mut self.files, certificate.get_ref().clone());
        }
        match auth.kind.as_ref().map(Spanned::get_ref) {
            Some(AuthKind::Environment) => {
                for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] {
                    add(&mut self.variables, name.to_owned());
                }
            }
            Some(AuthKind::WorkloadIdentity) => self.workload_identity = true,
            Some(AuthKind::AzureCli) => add(&mut self.programs, "az".to_owned()),
            _ => {}
        }
    }

    fn add(&mut self, secret: &SecretSource) {
        match secret {
            SecretSource::File(path) => add(&mut self.files, path.clone()),
            SecretSource::Env(name) => add(&mut self.variables, name.clone()),
            // A command always has a program: an empty list was refused.
            SecretSource::Command(command) => add(&mut self.programs, command[0].clone()),
        }
    }
}

/// Adds an item that is not in the list yet.
fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::template::{self, AccountTemplate};

    fn places(text: &str) -> Result<SecretPlaces, ConfigErrors> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("mirror.toml");
        std::fs::write(&path, text).unwrap();
        SecretPlaces::of(&path)
    }

    #[test]
    fn the_files_of_a_new_configuration_are_listed_even_if_they_are_missing() {
        let [source, target] = ["source", "target"]
            .map(|side| AccountTemplate::of_the_service(side, template::PLACEHOLDER, template::PLACEHOLDER));
        let places = places(&template::render("west.ledger", &source, &target)).unwrap();
        let files = ["source.media.key", "source.storage.key", "target.media.key", "target.storage.key"];
        let files = files.map(PathBuf::from).to_vec();
        assert_eq!(places, SecretPlaces { files, ledger: Some("west.ledger".into()), ..SecretPlaces::default() });
    }

    #[test]
    fn every_kind_of_place_is_listed_once() {
        let places = places(
            "ca_file = \"ca.pem\"\n\
             [source]\naccount = \"a\"\nendpoint = \"https://a.example/\"\nauth = { kind = \"workload-identity\" }\n\
             [[source.storage]]\naccount = \"a\"\nkey = { env = \"WEST\" }\n\
             [[source.storage]]\naccount = \"b\"\nsas = { command = [\"pass\", \"show\"] }\n\
             [target]\naccount = \"b\"\nendpoint = \"https://b.example/\"\n\
             auth = { kind = \"entra\", tenant = \"t\", client_id = \"c\", certificate = \"/etc/app.pem\" }\n\
             [[target.storage]]\naccount = \"c\"\nsas = { env = \"WEST\" }\n",
        )
        .unwrap();
        assert_eq!(places.files, [PathBuf::from("/etc/app.pem")]);
        assert_eq!((places.variables, places.programs), (vec!["WEST".to_owned()], vec!["pass".to_owned()]));
        assert_eq!((places.workload_identity, places.ca_file, places.ledger), (true, Some("ca.pem".into()), None));
    }

    #[test]
    fn a_configuration_with_another_structure_is_refused_with_its_line() {
        let errors = places("[source]\ncolour = 1\n").unwrap_err();
        assert!(errors.to_string().contains("mirror.toml:2: `source.colour`: unknown key"), "{errors}");
    }
}
