//! The entity types: their properties and navigations, the x-ms-version since which each exists, and who may set it.

mod entities;
mod filters;
mod kind;

pub(crate) use self::entities::{
    ASSETS, DELIVERY, ENDPOINTS, FILES, JOBS, KEY_OPTIONS, KEY_POLICIES, KEYS, LOCATORS, NOTIFICATIONS, OPERATIONS,
    POLICIES, PROCESSORS, STORAGE, TASKS,
};
pub(crate) use self::filters::{ASSET_FILTERS, FILTERS};
pub(crate) use self::kind::{Access, Kind, Nav};

/// Every entity type, in the order of [`Kind::index`].
pub(crate) static KINDS: [&Kind; 17] = [
    &ASSETS,
    &FILES,
    &POLICIES,
    &LOCATORS,
    &STORAGE,
    &ENDPOINTS,
    &OPERATIONS,
    &PROCESSORS,
    &JOBS,
    &TASKS,
    &NOTIFICATIONS,
    &KEYS,
    &DELIVERY,
    &KEY_POLICIES,
    &KEY_OPTIONS,
    &FILTERS,
    &ASSET_FILTERS,
];

/// The type of a set, in that version of the service.
pub(crate) fn kind(set: &str, version: u8) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.set == set && k.since <= version).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::media_account::value::Type;

    #[test]
    fn every_kind_is_at_its_index_and_its_indexes_are_text_columns() {
        for (at, kind) in KINDS.iter().enumerate() {
            assert_eq!(kind.index, at, "{}", kind.set);
            for name in kind.indexed {
                let column = kind.column(name).expect("indexed column exists");
                assert_eq!(kind.properties[column].ty, Type::Text);
            }
        }
    }

    #[test]
    fn keys_are_converted_to_their_canonical_spelling() {
        let guid = "CC27435D-1500-80C3-5690-F1E4FD03B5FD";
        assert_eq!(
            ASSETS.canonical(&format!("nb:cid:UUID:{guid}")).unwrap(),
            "nb:cid:UUID:cc27435d-1500-80c3-5690-f1e4fd03b5fd"
        );
        assert_eq!(ASSETS.canonical("notAValidId"), None);
        assert_eq!(ASSETS.canonical(&format!("nb:lid:UUID:{guid}")), None);
        assert_eq!(STORAGE.canonical("store"), Some("store".to_owned()));
    }
}
