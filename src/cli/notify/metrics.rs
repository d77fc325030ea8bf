//! Metrics as Prometheus reads them: base units, counters that end with `_total`, and only the labels of [`Label`]. The
//! samples of one name never overlap, so that their sum is meaningful.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// The labels that distinguish samples of one name. All of them have few values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    /// Source or target.
    Side,
    /// The account; by default, that of the target.
    Account,
    /// How something ended.
    Outcome,
    /// The code of a cause.
    Cause,
}

impl Label {
    const ALL: [Self; 4] = [Self::Side, Self::Account, Self::Outcome, Self::Cause];

    fn name(self) -> &'static str {
        match self {
            Self::Side => "side",
            Self::Account => "account",
            Self::Outcome => "outcome",
            Self::Cause => "cause",
        }
    }

    /// The label of that name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }
}

/// The labels of a sample.
pub(crate) type Labels = Vec<(Label, String)>;

/// The prefix of a command's metrics. Each command has its own metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// Of a run.
    Run,
    /// Of `verify`.
    Verify,
    /// Of `ready`.
    Ready,
}

impl Prefix {
    pub(super) const ALL: [Self; 3] = [Self::Run, Self::Verify, Self::Ready];

    /// The name of a metric.
    pub(super) fn name(self, metric: &str) -> String {
        match self {
            Self::Run => format!("mediamirror_{metric}"),
            Self::Verify => format!("mediamirror_verify_{metric}"),
            Self::Ready => format!("mediamirror_ready_{metric}"),
        }
    }

    /// The option that writes a file with these metrics.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Run => "sync",
            Self::Verify => "verify",
            Self::Ready => "ready",
        }
    }
}

/// The value of a gauge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    /// A number of things.
    Count(u64),
    /// Seconds.
    Number(f64),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// The metrics of a command.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    prefix: Prefix,
    account: String,
    families: Vec<Family>,
}

/// The samples of one name.
#[derive(Debug, Clone)]
struct Family {
    name: String,
    help: &'static str,
    samples: Samples,
}

#[derive(Debug, Clone)]
enum Samples {
    Gauge(BTreeMap<Labels, Value>),
    Counter(BTreeMap<Labels, u64>),
}

impl Metrics {
    /// No metrics yet. `account`: that of the target.
    pub(super) fn new(prefix: Prefix, account: String) -> Self {
        Self { prefix, account, families: Vec::new() }
    }

    /// Adds the state after a run.
    pub(crate) fn gauge(&mut self, name: &str, help: &'static str, samples: impl IntoIterator<Item = (Labels, Value)>) {
        let samples = samples.into_iter().map(|(labels, value)| (self.of_account(labels), value)).collect();
        self.add(name, help, Samples::Gauge(samples));
    }

    /// Adds counts of a run; later they are added to those of earlier runs.
    pub(crate) fn counter(&mut self, name: &str, help: &'static str, samples: impl IntoIterator<Item = (Labels, u64)>) {
        debug_assert!(name.ends_with("_total"), "{name}");
        let mut counts = BTreeMap::new();
        for (labels, count) in samples {
            *counts.entry(self.of_account(labels)).or_default() += count;
        }
        self.add(name, help, Samples::Counter(counts));
    }

    fn add(&mut self, name: &str, help: &'static str, samples: Samples) {
        self.families.push(Family { name: self.prefix.name(name), help, samples });
    }

    /// The labels in their order, with the target's account if they name none.
    fn of_account(&self, mut labels: Labels) -> Labels {
        if labels.iter().all(|(label, _)| *label != Label::Account) {
            labels.push((Label::Account, self.account.clone()));
        }
        labels.sort();
        labels
    }

    /// The name of a metric, and the labels of a sample with only the target's account.
    pub(super) fn key(&self, name: &str) -> (String, Labels) {
        (self.prefix.name(name), self.of_account(Vec::new()))
    }

    /// Adds the counts of earlier runs, so that a counter never decreases. `before`: their counts by name.
    pub(super) fn continue_from<Counts: Iterator<Item = (Labels, u64)>>(&mut self, before: impl Fn(&str) -> Counts) {
        for family in &mut self.families {
            if let Samples::Counter(samples) = &mut family.samples {
                for (labels, count) in before(&family.name) {
                    let sum = samples.entry(labels).or_default();
                    *sum = sum.saturating_add(count);
                }
            }
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        encode_registry(f, &registry)
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, samples } in &self.families {
            match samples {
                Samples::Gauge(samples) if !samples.is_empty() => {
                    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                    for (labels, value) in samples {
                        encode(&mut family, labels, *value)?;
                    }
                }
                // Not as an OpenMetrics counter, whose description has no `_total`: node exporter reads the format of
                // Prometheus.
                Samples::Counter(samples) if !samples.is_empty() => {
                    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                    for (labels, count) in samples {
                        encode(&mut family, labels, Value::Count(*count))?;
                    }
                }
                Samples::Gauge(_) | Samples::Counter(_) => {}
            }
        }
        Ok(())
    }
}

fn encode(family: &mut MetricEncoder<'_>, labels: &Labels, value: Value) -> fmt::Result {
    let labels: Vec<_> = labels.iter().map(|(label, value)| (label.name(), escaped(value))).collect();
    let mut sample = family.encode_family(&labels)?;
    match value {
        Value::Count(count) => sample.encode_gauge(&count),
        Value::Number(number) => sample.encode_gauge(&number),
    }
}

/// The escaped value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
