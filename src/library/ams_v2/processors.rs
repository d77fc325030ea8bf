//! Media processors: the encoders an account has, each in several versions.

use std::cmp::Ordering;

use super::account::AmsV2;
use super::entities;
use super::listing;
use super::odata::Row;
use crate::error::{Error, Failure};
use crate::library::authoring::Processor;

fn processor(row: &Row) -> Result<Option<Processor>, Failure> {
    let text = |name| row.text(name).unwrap_or_default().to_owned();
    let id = entities::id(row)?.to_owned();
    let (name, version) = (text("Name"), text("Version"));
    Ok(Some(Processor { id, name, version, vendor: text("Vendor"), description: text("Description") }))
}

/// Compares versions by their numbers, not by their text.
fn by_version(one: &Processor, other: &Processor) -> Ordering {
    numbers(&one.version).cmp(&numbers(&other.version)).then_with(|| one.version.cmp(&other.version))
}

/// The second number of `1.10` is ten; `1` is equal to `1.0`.
fn numbers(version: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = version.split('.').map(|number| number.trim().parse().unwrap_or(0)).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

impl AmsV2 {
    /// All processors, by name, the newest of each first.
    pub(super) async fn processors(&self) -> Result<Vec<Processor>, Error> {
        let query = self.query("ListMediaProcessors", "list the processors", "MediaProcessors");
        let mut processors = listing::all(self.wire(), query, processor).await?;
        processors.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| by_version(b, a)));
        Ok(processors)
    }

    /// The newest processor of a name.
    ///
    /// # Errors
    /// There is none with that name; the error lists the processors of the account.
    pub(super) async fn newest_processor(&self, name: &str) -> Result<Processor, Error> {
        let processors = self.processors().await?;
        if let Some(newest) = processors.iter().find(|processor| processor.name.eq_ignore_ascii_case(name.trim())) {
            return Ok(newest.clone());
        }
        let known: Vec<String> = processors.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
        let reason = format!("account {} has none with that name; it has: {}", self.0.account, known.join(", "));
        Err(Error::input(format!("processor {name:?}"), reason, "name one of these"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{Fake, json_reply, service_of};
    use super::*;

    fn processor(id: &str, name: &str, version: &str) -> serde_json::Value {
        json!({"Id": format!("nb:mpid:UUID:{id}"), "Name": name, "Version": version, "Vendor": "Microsoft"})
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_version_is_found_by_its_number() {
        let fake = Fake::new(|_| {
            let all = [
                processor("a", "Media Encoder Standard", "1.9"),
                processor("b", "Media Encoder Standard", "1.10"),
                processor("c", "Azure Media Encoder", "4.6"),
                processor("d", "Media Encoder Standard", "1.1"),
            ];
            json_reply(200, &json!({"d": {"results": all}}))
        });
        let service = service_of(&fake, "2.19");
        assert_eq!(service.newest_processor("media encoder standard").await.unwrap().id, "nb:mpid:UUID:b");
        let versions: Vec<_> = service.processors().await.unwrap().into_iter().map(|p| p.version).collect();
        assert_eq!(versions, ["4.6", "1.10", "1.9", "1.1"]);
        let error = service.newest_processor("Media Encoder Premium").await.unwrap_err().to_string();
        assert!(error.contains("Premium") && error.contains("Media Encoder Standard 1.10, "), "{error}");
    }

    #[test]
    fn versions_of_different_lengths_compare_by_their_numbers() {
        assert!(numbers("1.10") > numbers("1.9") && numbers("2") > numbers("1.99.3"));
        assert_eq!(numbers("1"), numbers("1.0.0"));
    }
}
