use super::metrics::{Label, Metrics, Prefix};
use super::textfile::Previous;

fn metrics(copied: u64) -> Metrics {
    let mut metrics = Metrics::new(Prefix::Run, "a\"b\\c".to_owned());
    let by = |outcome: &str| vec![(Label::Outcome, outcome.to_owned())];
    metrics.gauge("last_success_timestamp_seconds", "When.", [(vec![], 1.5.into())]);
    metrics.gauge("assets", "Assets.", [(by("mirrored"), 2.into())]);
    metrics.counter("blobs_total", "Blobs.", [(by("copied"), copied), (by("copied"), 1)]);
    metrics.counter("requests_total", "Requests.", []);
    metrics
}

#[test]
fn metrics_have_the_format_of_prometheus_and_the_account_of_the_target() {
    let account = r#"account="a\"b\\c""#;
    let expected = format!(
        "# HELP mediamirror_last_success_timestamp_seconds When.\n\
         # TYPE mediamirror_last_success_timestamp_seconds gauge\n\
         mediamirror_last_success_timestamp_seconds{{{account}}} 1.5\n\
         # HELP mediamirror_assets Assets.\n\
         # TYPE mediamirror_assets gauge\n\
         mediamirror_assets{{{account},outcome=\"mirrored\"}} 2\n\
         # HELP mediamirror_blobs_total Blobs.\n\
         # TYPE mediamirror_blobs_total counter\n\
         mediamirror_blobs_total{{{account},outcome=\"copied\"}} 6\n"
    );
    assert_eq!(metrics(5).to_string(), expected);
}

#[test]
fn counters_continue_from_the_previous_file_and_gauges_do_not() {
    let before = Previous::parse(&metrics(5).to_string());
    let mut after = metrics(10);
    after.continue_from(|name| before.counts(name));
    let text = after.to_string();
    assert!(text.contains("outcome=\"copied\"} 17\n") && text.contains("outcome=\"mirrored\"} 2\n"), "{text}");
    assert_eq!(before.value(&after, "last_success_timestamp_seconds"), Some(1.5));
    let mut failed = Metrics::new(Prefix::Run, "a\"b\\c".to_owned());
    failed.counter("blobs_total", "Blobs.", []);
    failed.continue_from(|name| before.counts(name));
    assert!(failed.to_string().ends_with("outcome=\"copied\"} 6\n"), "{failed}");
}

#[test]
fn lines_that_are_not_samples_are_ignored() {
    for line in ["", "x", "a{b=\"c\"} 1", "a{outcome=\"c} 1", "a{outcome=\"c\"} NaN", "a{ 1", "{} x"] {
        let before = Previous::parse(line);
        assert_eq!(before.counts("a").count(), 0, "{line}");
    }
}
