//! The rates of an account.

use std::sync::Arc;

use tokio::time::Instant;

use super::LaneLimits;
use super::gate::RateGate;
use crate::retry::AccountLimit;

/// The lowest rate of a lane, in requests per second: no request waits longer than a second.
const LEAST_REQUESTS: f64 = 1.0;

/// Bytes per second that a lane is never slowed below: a thousandth of what an account moves by the published limits
/// (50 Gbps). Where even that is refused, it is not for the bytes, and slower copies would only stand in the way.
const LEAST_BYTES: f64 = 6_250_000.0;

/// The rates of an account, shared by all its lanes and by the copies that read from it: the service counts per account.
#[derive(Debug)]
pub struct Rates {
    pub(super) limits: LaneLimits,
    pub(super) requests: RateGate,
    pub(super) bytes: RateGate,
}

impl Rates {
    /// The rates of those limits.
    pub fn new(limits: LaneLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            requests: RateGate::new(limits.requests_per_second, LEAST_REQUESTS),
            bytes: RateGate::new(limits.bytes_per_second, LEAST_BYTES),
        })
    }

    /// Waits until one more request that moves `bytes` is within the rates.
    pub(super) async fn pass(&self, bytes: u64) {
        self.bytes.pass(bytes).await;
        self.requests.pass(1).await;
    }

    /// Slows the gate of that limit.
    pub(super) fn refused(&self, limit: AccountLimit, bytes: u64, sent_at: Instant) {
        match limit {
            AccountLimit::Operations => self.requests.refused(1, sent_at),
            // An account is read from or written to, so one gate serves both.
            AccountLimit::Ingress | AccountLimit::Egress => self.bytes.refused(bytes, sent_at),
        }
    }
}
