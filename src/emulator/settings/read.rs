//! Reads the settings from a TOML file; an error names key, line and remedy.

use std::path::Path;

use super::{Settings, SettingsError};

impl Settings {
    /// Reads and checks a TOML file.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = SettingsError::text_of(path, "emulator settings")?;
        Self::parse(&text).map_err(|error| error.in_file(path))
    }

    /// Reads and checks settings written in TOML.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|error| SettingsError::from_toml(text, &error))?;
        settings.check().map_err(|fault| {
            let line = line_of_fault(text, &fault.key);
            SettingsError { line, ..fault }
        })?;
        Ok(settings)
    }
}

/// The line of a key such as `regions[1].storage[0].account`, found by counting table headers and inline values; `None`
/// if the file has a form that this does not recognise.
fn line_of_fault(text: &str, key: &str) -> Option<usize> {
    let leaf = key.rsplit('.').next()?;
    let index = |name: &str| -> Option<usize> {
        let from = key.find(&format!("{name}["))? + name.len() + 1;
        key[from..].split(']').next()?.parse().ok()
    };
    // `regions[0].ports.blob` can be written as `blob = …` in a table or as `ports = { blob = … }`.
    let parent = key.rsplit('.').nth(1).unwrap_or_default();
    let wanted = (index("regions"), index("storage"));
    // The region and storage account of the current table, and the number of accounts of the region so far.
    let (mut at, mut accounts) = ((None::<usize>, None::<usize>), 0);
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with("[[") || (line.starts_with('[') && !line.contains('=')) {
            match line.split('#').next().unwrap_or_default().trim() {
                "[[regions]]" => {
                    at = (Some(at.0.map_or(0, |n| n + 1)), None);
                    accounts = 0;
                }
                "[[regions.storage]]" => {
                    at.1 = Some(accounts);
                    accounts += 1;
                }
                table if !table.starts_with("[regions.storage.") => at.1 = None,
                _ => {}
            }
            continue;
        }
        let Some((here, _)) = line.split_once('=') else { continue };
        let here = here.trim();
        let inline_accounts = wanted.1.is_some() && here == "storage" && at.0 == wanted.0;
        if inline_accounts || (at == wanted && (here == leaf || here == parent)) {
            return Some(number + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[regions]]
name = "north"
account = "medianorth"
[[regions.storage]]
account = "storenorth"

[[regions]]
name = "south"
account = "mediasouth"
[[regions.storage]]
account = "storesouth"
"#;

    #[test]
    fn a_valid_file_is_read() {
        let settings = Settings::parse(GOOD).unwrap();
        assert_eq!(settings.regions[1].storage[0].account, "storesouth");
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_remedy() {
        let error = Settings::parse("admin_port = 1\nadmin_prot = 2\n").unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (Some(2), "admin_prot"));
        let message = error.to_string();
        assert!(message.contains("unknown field `admin_prot`") && message.contains("remove it"), "{message}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_line() {
        let error = Settings::parse("\n\nadmin_port = \"many\"\n").unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (Some(3), "admin_port"));
    }

    #[test]
    fn a_duplicate_account_is_found_at_its_second_place() {
        let error = Settings::parse(&GOOD.replace("storesouth", "storenorth")).unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (Some(12), "regions[1].storage[0].account"));
        assert!(error.to_string().contains("storenorth"), "{error}");
    }

    #[test]
    fn a_duplicate_port_is_found_in_its_table_or_inline() {
        let tables = format!("{GOOD}[regions.ports]\nblob = 4000\n").replace(
            "[[regions.storage]]\naccount = \"storenorth\"\n",
            "ports = { token = 4000 }\n[[regions.storage]]\naccount = \"storenorth\"\n[regions.storage.limits]\nlatency_ms = 1\n",
        );
        let error = Settings::parse(&tables).unwrap_err();
        let line = tables.lines().position(|line| line == "blob = 4000").unwrap() + 1;
        assert_eq!((error.line, error.key.as_str()), (Some(line), "regions[1].ports.blob"));
        let inline = format!("admin_port = 4000\n{tables}");
        let error = Settings::parse(&inline).unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (Some(5 + 1), "regions[0].ports.token"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Settings::read(Path::new("no/such/file.toml")).unwrap_err();
        assert!(error.to_string().starts_with("no/such/file.toml: cannot be read"), "{error}");
    }
}
