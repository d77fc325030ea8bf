use super::*;

#[test]
fn every_cause_has_one_entry_and_a_unique_code() {
    let mut codes: Vec<&str> = Cause::all().map(Cause::code).collect();
    codes.dedup();
    let others = [viewers::ENTRIES, plans::ENTRIES, deletions::ENTRIES, directions::ENTRIES, readiness::ENTRIES];
    for table in [table::ENTRIES].into_iter().chain(others) {
        assert!(table.is_sorted_by_key(|entry| entry.code), "each table is in order of code");
    }
    assert_eq!(codes.len(), Cause::all().count());
    let declared = include_str!("../verdict.rs").split("pub enum Class").next().unwrap();
    let declared = declared.split("pub enum Cause").nth(1).unwrap();
    let variants = declared.lines().filter(|line| line.ends_with(',') && !line.trim_start().starts_with("///"));
    assert_eq!(variants.count(), codes.len());
    for code in codes {
        let cause = Cause::of_code(code).unwrap();
        assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
        assert!(!cause.sentence().ends_with('.') && !cause.remedy().ends_with('.'), "{code}");
    }
}

#[test]
fn an_asset_that_does_not_play_in_the_source_is_not_owed_but_a_failure_is() {
    assert!(Finding::from(Cause::SourceEmpty).owed());
    for cause in [Cause::SourceEmpty, Cause::NotBlockBlobs, Cause::StorageEncrypted, Cause::Protected] {
        assert!(!Finding::from(cause).of_unpublished(true).owed(), "{cause}");
    }
    assert!(Finding::from(Cause::ServiceUnavailable).of_unpublished(true).owed());
    assert!(!Finding::from(Cause::Withheld).owed());
}

#[test]
fn the_line_of_a_finding_has_its_code_its_sentence_and_its_detail() {
    let finding = Finding::new(Cause::TwoCopies, "a and b");
    assert_eq!(finding.to_string(), format!("two-copies: {}: a and b", Cause::TwoCopies.sentence()));
    assert!(finding.line(true).ends_with(Cause::TwoCopies.remedy()));
}
