//! The retry loop in virtual time.

use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join;
use tokio::time::{Instant, sleep};

use super::*;
use crate::error::{Disposition, SourceRefusal};
use crate::model::{AccountName, Plane};
use crate::throttle::LaneLimits;

fn lane(in_flight: usize) -> Arc<Lane> {
    Lane::new(AccountName::new("south"), Plane::BlobWrite, LaneLimits { in_flight, ..LaneLimits::default() })
}

fn call(idempotency: Idempotency) -> Call<'static> {
    Call { operation: "Op", attempted: "do it", subject: "thing", idempotency, bytes: 0, source: None }
}

fn refused(status: u16, code: &str, retry_after: Option<u64>) -> Failure {
    Failure::Refused {
        status,
        code: Some(code.to_owned()),
        message: String::new(),
        retry_after: retry_after.map(Duration::from_secs),
        source_refusal: None,
    }
}

fn source_busy() -> Failure {
    Failure::Refused {
        status: 503,
        code: Some("CannotVerifyCopySource".to_owned()),
        message: String::new(),
        retry_after: Some(Duration::from_secs(20)),
        source_refusal: Some(SourceRefusal { status: 503, code: Some("ServerBusy".to_owned()) }),
    }
}

/// Answers with these failures in turn, then with success; returns the number of attempts and the result.
async fn answer(caller: &Caller, call: Call<'_>, failures: Vec<Failure>) -> (u32, Result<(), CallError>) {
    let failures = Mutex::new(failures.into_iter());
    let mut sent = 0;
    let result = caller
        .run(call, |number| {
            sent += 1;
            assert_eq!(number, sent);
            let next = failures.lock().unwrap().next();
            async move { next.map_or(Ok(()), Err) }
        })
        .await;
    (sent, result)
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_held_per_attempt_and_not_while_waiting_to_try_again() {
    let caller = Caller::new(lane(1), RetryPolicy::default());
    let started = Instant::now();
    let failing = answer(&caller, call(Idempotency::Repeatable), vec![refused(500, "InternalError", Some(60))]);
    let passing = async {
        sleep(Duration::from_millis(1)).await;
        answer(&caller, call(Idempotency::Repeatable), Vec::new()).await.1.unwrap();
        started.elapsed()
    };
    let ((sent, result), passed) = join(failing, passing).await;
    result.unwrap();
    assert_eq!(sent, 2);
    assert!(passed < Duration::from_millis(5), "{passed:?}");
    assert!(started.elapsed() >= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_honoured_by_all_calls_of_the_lane_and_capped() {
    let caller = Caller::new(lane(4), RetryPolicy::default());
    for (asked, waited) in [(40, 40_u32), (1_000_000, 300), (u64::MAX, 300)] {
        let started = Instant::now();
        let first = answer(&caller, call(Idempotency::Repeatable), vec![refused(503, "ServerBusy", Some(asked))]);
        let other = async {
            sleep(Duration::from_millis(1)).await;
            answer(&caller, call(Idempotency::Repeatable), Vec::new()).await.1.unwrap();
            started.elapsed()
        };
        let ((_, result), other) = join(first, other).await;
        result.unwrap();
        for elapsed in [started.elapsed(), other] {
            assert!(
                elapsed.as_secs_f64() - f64::from(waited) < 0.1 && elapsed.as_secs() >= waited.into(),
                "{elapsed:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_requests_to_wait_are_honoured_for_15_minutes_in_total() {
    let caller = Caller::new(lane(4), RetryPolicy::default());
    let started = Instant::now();
    for _ in 0..10 {
        let refusals = (0..8).map(|_| refused(503, "ServerBusy", Some(300))).collect();
        answer(&caller, call(Idempotency::Repeatable), refusals).await.1.unwrap_err();
    }
    let (elapsed, stats) = (started.elapsed(), caller.lane().stats());
    assert_eq!((stats.pauses, stats.pause_limit_reached), (Duration::from_mins(15), true));
    // After that, with the usual pauses.
    assert!(elapsed > Duration::from_mins(15) && elapsed < Duration::from_mins(30), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_source_slows_the_source_and_not_the_target() {
    let (source, caller) = (lane(4), Caller::new(lane(4), RetryPolicy::default()));
    let copy = || Call { source: Some(&source), ..call(Idempotency::Repeatable) };
    let started = Instant::now();
    let first = answer(&caller, copy(), vec![source_busy()]);
    let others = async {
        sleep(Duration::from_millis(1)).await;
        answer(&caller, call(Idempotency::Repeatable), Vec::new()).await.1.unwrap();
        let plain = started.elapsed();
        answer(&caller, copy(), Vec::new()).await.1.unwrap();
        (plain, started.elapsed())
    };
    let ((_, result), (plain, copied)) = join(first, others).await;
    result.unwrap();
    assert!(plain < Duration::from_millis(5), "{plain:?}");
    assert!(copied >= Duration::from_secs(20), "{copied:?}");
    assert_eq!((source.stats().throttled, caller.lane().stats().throttled), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_failure_is_returned_to_a_caller_that_checks_the_effect() {
    let caller = Caller::new(lane(4), RetryPolicy::default());
    let ambiguous = || {
        [
            Failure::Timeout(Duration::from_secs(1)),
            Failure::Interrupted(String::new()),
            refused(500, "InternalError", None),
            refused(500, "OperationTimedOut", None),
            refused(502, "", None),
            refused(504, "", None),
        ]
    };
    for failure in ambiguous() {
        let (sent, result) = answer(&caller, call(Idempotency::LookFirst), vec![failure]).await;
        assert_eq!(sent, 1);
        assert!(result.unwrap_err().failure.ambiguous());
    }
    for failure in ambiguous() {
        assert_eq!(answer(&caller, call(Idempotency::Repeatable), vec![failure]).await.0, 2);
    }
    for harmless in [refused(503, "ServerBusy", None), refused(429, "", None), Failure::Connect(String::new())] {
        assert_eq!(answer(&caller, call(Idempotency::LookFirst), vec![harmless]).await.0, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_and_immediately() {
    let caller = Caller::new(lane(4), RetryPolicy::default());
    let unauthorised = || refused(401, "", None);
    let started = Instant::now();
    assert_eq!(answer(&caller, call(Idempotency::LookFirst), vec![unauthorised()]).await.0, 2);
    assert_eq!(started.elapsed(), Duration::ZERO);
    let (sent, result) = answer(&caller, call(Idempotency::Repeatable), vec![unauthorised(), unauthorised()]).await;
    assert_eq!((sent, result.unwrap_err().disposition), (2, Disposition::Fatal));
    let busy_first = vec![refused(503, "ServerBusy", None), unauthorised()];
    let (sent, result) = answer(&caller, call(Idempotency::Repeatable), busy_first).await;
    result.unwrap();
    assert_eq!(sent, 3, "a token may run out between two attempts");
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_retried_and_a_transient_one_is_up_to_the_limit() {
    let caller = Caller::new(lane(4), RetryPolicy::default());
    let (sent, result) = answer(&caller, call(Idempotency::Repeatable), vec![refused(404, "BlobNotFound", None)]).await;
    assert_eq!((sent, result.unwrap_err().disposition), (1, Disposition::Permanent));
    let trouble = (0..20).map(|_| refused(500, "InternalError", None)).collect();
    let (sent, result) = answer(&caller, call(Idempotency::Repeatable), trouble).await;
    let error = result.unwrap_err();
    assert_eq!((sent, error.attempts, error.disposition), (8, 8, Disposition::Exhausted));
}

/// A service that accepts a number of requests per second and refuses the others.
struct Service {
    per_second: f64,
    tokens: Mutex<(f64, Instant)>,
}

impl Service {
    async fn serve(&self) -> Result<(), Failure> {
        let allowed = {
            let mut tokens = self.tokens.lock().unwrap();
            let passed = tokens.1.elapsed().as_secs_f64();
            tokens.1 = Instant::now();
            tokens.0 = (tokens.0 + passed * self.per_second).min(self.per_second / 4.0);
            let allowed = tokens.0 >= 1.0;
            tokens.0 -= f64::from(u8::from(allowed));
            allowed
        };
        sleep(Duration::from_millis(25)).await;
        if allowed { Ok(()) } else { Err(refused(503, "ServerBusy", None)) }
    }
}

/// Makes that many calls, a thousand at once, and returns how many failed and how long it took.
async fn work<F, Fut>(caller: &Caller, total: u32, attempt: F) -> (usize, f64)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    // The waits before retries are random. A few retries in a row are rare, and take most of the time that is allowed here.
    fastrand::seed(1);
    let started = Instant::now();
    let results: Vec<_> = futures::stream::iter(0..total)
        .map(|_| caller.run(call(Idempotency::Repeatable), |_| attempt()))
        .buffer_unordered(1_000)
        .collect()
        .await;
    (results.iter().filter(|result| result.is_err()).count(), started.elapsed().as_secs_f64())
}

#[tokio::test(start_paused = true)]
async fn a_lane_without_a_rate_finds_the_rate_of_the_service_and_no_call_fails() {
    for (per_second, total, most_refused) in [(50.0, 1_000, 0.5), (2_000.0, 20_000, 0.15), (10_000.0, 50_000, 0.02)] {
        let service = Service { per_second, tokens: Mutex::new((0.0, Instant::now())) };
        let caller = Caller::new(lane(256), RetryPolicy::default());
        let (failed, seconds) = work(&caller, total, || service.serve()).await;
        assert_eq!(failed, 0);
        // Slots, cool-downs and retries may cost a third of the time.
        assert!(seconds < f64::from(total) / per_second * 1.33, "{per_second}/s: {seconds} s");
        let stats = caller.lane().stats();
        let refused =
            f64::from(u32::try_from(stats.throttled).unwrap()) / f64::from(u32::try_from(stats.requests).unwrap());
        assert!(refused < most_refused, "{per_second}/s: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_every_tenth_attempt_under_any_load_is_not_slowed_down() {
    for every in [10_u32, 100, 1_000] {
        for failure in [refused(503, "ServerBusy", None), refused(500, "InternalError", None)] {
            let caller = Caller::new(lane(256), RetryPolicy::default());
            let count = std::sync::atomic::AtomicU32::new(1);
            let (failed, seconds) = work(&caller, 50_000, || {
                let refuse = count.fetch_add(1, Ordering::Relaxed).is_multiple_of(every);
                let failure = failure.clone();
                async move {
                    sleep(Duration::from_millis(25)).await;
                    if refuse { Err(failure) } else { Ok(()) }
                }
            })
            .await;
            assert_eq!(failed, 0);
            // 256 slots of 25 ms need 5 s for the calls alone, and the last retries take longer.
            assert!(seconds < 10.0, "every {every}, {failure}: {seconds} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_answered_gets_fewer_attempts() {
    let caller = Caller::new(lane(1), RetryPolicy::default());
    let unreachable = |times| vec![Failure::Connect("connection refused".to_owned()); times];
    let started = Instant::now();
    let (sent, result) = answer(&caller, call(Idempotency::Repeatable), unreachable(100)).await;
    assert!(result.is_err() && started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(sent, FIRST_CONTACT_ATTEMPTS);
    answer(&caller, call(Idempotency::Repeatable), Vec::new()).await.1.unwrap();
    let (sent, result) = answer(&caller, call(Idempotency::Repeatable), unreachable(100)).await;
    assert_eq!((sent, result.is_err()), (RetryPolicy::default().max_attempts, true));
}
