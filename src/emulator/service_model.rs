//! The limits and delays of a service: latency, limits of rates, and the speed of its copies.
//!
//! Everything follows tokio's clock, so that a test in virtual time has the same limits as a run in real time. A
//! refusal costs one atomic load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::settings::BlobLimits;

/// How far a limit may be exceeded for a short time: the service counts over short windows, not per request.
const BURST: Duration = Duration::from_millis(100);

/// A limit on requests per second, with a tenth of a second's worth of burst.
#[derive(Debug)]
pub(crate) struct RequestRate(Option<Bucket>);

impl RequestRate {
    /// A limit of that many requests per second; zero = no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        Self(Bucket::new(u64::from(per_second)))
    }

    /// Takes one request; `false` = over the limit, answer 503.
    pub(crate) fn admit(&self) -> bool {
        self.0.as_ref().is_none_or(|bucket| bucket.take(1))
    }
}

/// Units that flow at a rate: a leaky bucket, stored as the time at which it is empty again.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    allowance: u64,
    anchor: Instant,
    empty_at: AtomicU64,
}

impl Bucket {
    fn new(per_second: u64) -> Option<Self> {
        let bucket = |cost| Self {
            per_second,
            allowance: nanos(BURST).saturating_sub(cost),
            anchor: tokio::time::Instant::now().into_std(),
            empty_at: AtomicU64::new(0),
        };
        (per_second > 0).then(|| bucket(1_000_000_000 / per_second))
    }

    fn now(&self) -> u64 {
        nanos(tokio::time::Instant::now().into_std().saturating_duration_since(self.anchor))
    }

    /// Takes units if the bucket is not in debt; one large amount can put it into debt.
    fn take(&self, units: u64) -> bool {
        let now = self.now();
        let cost = duration_of(units, self.per_second);
        let pour = |empty_at: u64| (empty_at <= now + self.allowance).then(|| empty_at.max(now).saturating_add(cost));
        self.empty_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pour).is_ok()
    }

    /// Queues units after everything queued before, and returns how long it takes from now until they have flowed.
    fn queue(&self, units: u64) -> Duration {
        let now = self.now();
        let cost = duration_of(units, self.per_second);
        let pour = |empty_at: u64| Some(empty_at.max(now).saturating_add(cost));
        let before = self
            .empty_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, pour)
            .unwrap_or_else(|unchanged| unchanged);
        Duration::from_nanos(before.max(now).saturating_add(cost) - now)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn duration_of(units: u64, per_second: u64) -> u64 {
    u64::try_from(u128::from(units) * 1_000_000_000 / u128::from(per_second)).unwrap_or(u64::MAX)
}

/// The account limit a request was refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Requests per second.
    Operations,
    /// Bytes written per second.
    Ingress,
    /// Bytes read per second.
    Egress,
}

impl Limit {
    /// The message of the 503 `ServerBusy`; azcopy reads exactly these.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Operations => "Operations per second is over the account limit.",
            Self::Ingress => "Ingress is over the account limit.",
            Self::Egress => "Egress is over the account limit.",
        }
    }
}

/// The service model of one storage account.
#[derive(Debug)]
pub(crate) struct ServiceModel {
    latency: Duration,
    operations: RequestRate,
    ingress: Option<Bucket>,
    egress: Option<Bucket>,
    copy_bytes_per_second: u64,
    account_copies: Option<Bucket>,
    async_copy_min: Duration,
}

impl ServiceModel {
    /// The model an account's settings describe.
    pub(crate) fn new(limits: &BlobLimits) -> Self {
        Self {
            latency: Duration::from_millis(limits.latency_ms),
            operations: RequestRate::new(limits.requests_per_second),
            ingress: Bucket::new(limits.ingress_bytes_per_second),
            egress: Bucket::new(limits.egress_bytes_per_second),
            copy_bytes_per_second: limits.copy_bytes_per_second,
            account_copies: Bucket::new(limits.account_copy_bytes_per_second),
            async_copy_min: Duration::from_millis(limits.async_copy_min_ms),
        }
    }

    /// Takes one request.
    pub(crate) fn admit_request(&self) -> Result<(), Limit> {
        self.operations.admit().then_some(()).ok_or(Limit::Operations)
    }

    /// Counts written bytes against the limit.
    pub(crate) fn admit_ingress(&self, bytes: u64) -> Result<(), Limit> {
        self.ingress.as_ref().is_none_or(|bucket| bucket.take(bytes)).then_some(()).ok_or(Limit::Ingress)
    }

    /// Counts read bytes against the limit.
    pub(crate) fn admit_egress(&self, bytes: u64) -> Result<(), Limit> {
        self.egress.as_ref().is_none_or(|bucket| bucket.take(bytes)).then_some(()).ok_or(Limit::Egress)
    }

    /// How long a server-side copy of that many bytes into this account takes if it starts now.
    pub(crate) fn copy_time(&self, bytes: u64) -> Duration {
        let alone = match self.copy_bytes_per_second {
            0 => Duration::ZERO,
            speed => Duration::from_nanos(duration_of(bytes, speed)),
        };
        let queued = self.account_copies.as_ref().map_or(Duration::ZERO, |pipe| pipe.queue(bytes));
        alone.max(queued)
    }

    /// The same for an asynchronous copy, which stays pending for a while at least.
    pub(crate) fn async_copy_time(&self, bytes: u64) -> Duration {
        self.copy_time(bytes).max(self.async_copy_min)
    }

    /// Waits for the latency of the account.
    pub(crate) async fn travel(&self) {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_rate_allows_a_burst_of_a_tenth_of_a_second() {
        let rate = RequestRate::new(100);
        assert_eq!((0..50).filter(|_| rate.admit()).count(), 10);
        let mut admitted = 0;
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_millis(1)).await;
            admitted += usize::from(rate.admit());
        }
        assert!((99..=101).contains(&admitted), "{admitted} requests admitted in a second of 100 a second");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_everything_is_admitted() {
        let rate = RequestRate::new(0);
        assert!((0..100_000).all(|_| rate.admit()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_write_is_admitted_and_delays_the_next_one() {
        let model = ServiceModel::new(&BlobLimits { ingress_bytes_per_second: 1000, ..BlobLimits::default() });
        assert_eq!(model.admit_ingress(5000), Ok(()));
        assert_eq!(model.admit_ingress(1), Err(Limit::Ingress));
        tokio::time::advance(Duration::from_millis(4800)).await;
        assert_eq!(model.admit_ingress(1), Err(Limit::Ingress));
        tokio::time::advance(Duration::from_millis(200)).await;
        assert_eq!(model.admit_ingress(1), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn copies_share_the_bandwidth_of_their_account() {
        let limits = BlobLimits {
            copy_bytes_per_second: 100,
            account_copy_bytes_per_second: 150,
            async_copy_min_ms: 500,
            ..BlobLimits::default()
        };
        let model = ServiceModel::new(&limits);
        assert_eq!(model.copy_time(300), Duration::from_secs(3));
        assert_eq!(model.copy_time(300), Duration::from_secs(4));
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(model.async_copy_time(1), Duration::from_millis(500));
    }
}
