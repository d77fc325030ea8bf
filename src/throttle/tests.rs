//! Lanes in virtual time.

mod timetables;

use futures::future::join_all;

use super::*;

fn lane(limits: LaneLimits) -> Arc<Lane> {
    Lane::new(AccountName::new("north"), Plane::BlobWrite, limits)
}

fn slots(in_flight: usize) -> LaneLimits {
    LaneLimits { in_flight, ..LaneLimits::default() }
}

const OK: Outcome = Outcome::Ok { latency: Duration::from_millis(1) };

#[tokio::test(start_paused = true)]
async fn a_cool_down_is_shared_and_a_shorter_one_does_not_end_a_longer_one() {
    let lane = lane(slots(8));
    let started = Instant::now();
    lane.acquire(0).await.finish("x", Outcome::Throttled { retry_after: Some(Duration::from_secs(5)), limit: None });
    lane.acquire_later_and_check(started, Duration::from_secs(5)).await;
    lane.slow_down(Some(Duration::from_secs(9)));
    lane.slow_down(Some(Duration::from_secs(1)));
    lane.acquire_later_and_check(started, Duration::from_secs(14)).await;
    assert_eq!(lane.stats().throttled, 3);
}

impl Lane {
    /// Several simultaneous callers, all of which must pass at that time and not before.
    async fn acquire_later_and_check(self: &Arc<Self>, started: Instant, expected: Duration) {
        let waits = join_all((0..5).map(|_| async {
            self.acquire(0).await.finish("x", OK);
            started.elapsed()
        }));
        for wait in waits.await {
            assert!(wait >= expected && wait < expected + Duration::from_millis(5), "{wait:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_refusals_without_a_time_start_a_cool_down_and_isolated_ones_do_not() {
    let lane = lane(slots(16));
    let refused = Outcome::Throttled { retry_after: None, limit: None };
    for _ in 0..100 {
        for outcome in [refused, OK, OK, OK, OK, OK, OK, OK, OK, OK] {
            lane.acquire(0).await.finish("x", outcome);
        }
    }
    lane.acquire_later_and_check(Instant::now(), Duration::ZERO).await;
    let wave = join_all((0..16).map(|_| lane.acquire(0))).await;
    let started = Instant::now();
    for permit in wave {
        permit.finish("x", refused);
    }
    lane.acquire_later_and_check(started, DEFAULT_COOL_DOWN).await;
}

#[tokio::test(start_paused = true)]
async fn invalid_waits_do_not_panic() {
    let lane = lane(slots(1));
    lane.slow_down(Some(Duration::MAX));
    lane.acquire_later_and_check(Instant::now(), LONGEST_COOL_DOWN).await;
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_kind_are_served_in_the_order_of_arrival() {
    let limits = LaneLimits {
        requests_per_second: NonZeroU64::new(100),
        bytes_per_second: NonZeroU64::new(1_000),
        in_flight: 3,
    };
    let lane = lane(limits);
    lane.slow_down(Some(Duration::from_secs(1)));
    let served = Mutex::new(Vec::new());
    join_all((0..60_usize).map(|number| {
        let (lane, served) = (&lane, &served);
        async move {
            // Some move many bytes, some few, some none: small ones must not always go first.
            let bytes = [500, 1, 0][number % 10 % 3];
            let permit = lane.acquire(bytes).await;
            served.lock().unwrap().push((bytes == 0, number));
            tokio::time::sleep(Duration::from_millis(30)).await;
            permit.finish("x", OK);
        }
    }))
    .await;
    let (looks, copies): (Vec<_>, Vec<_>) = served.into_inner().unwrap().into_iter().partition(|(looks, _)| *looks);
    assert!(looks.is_sorted() && copies.is_sorted(), "{looks:?} {copies:?}");
    assert_eq!(looks.len() + copies.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_moves_no_bytes_does_not_wait_for_copies() {
    let limits = LaneLimits { bytes_per_second: NonZeroU64::new(1_000), in_flight: 4, ..LaneLimits::default() };
    let lane = lane(limits);
    // More than the slots, of which each is busy for a minute, and more than the bytes of an hour.
    let copies = join_all((0..20).map(|_| async {
        let permit = lane.acquire(400_000).await;
        tokio::time::sleep(Duration::from_hours(1)).await;
        permit.finish("copy", OK);
    }));
    let looks = async {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_mins(1)).await;
            let asked = Instant::now();
            lane.acquire(0).await.finish("look", OK);
            assert!(asked.elapsed() < Duration::from_millis(100), "{:?}", asked.elapsed());
        }
    };
    futures::future::select(std::pin::pin!(copies), std::pin::pin!(looks)).await;
    assert_eq!(lane.stats().latency["look"].len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_a_limit_slows_only_the_gate_of_that_limit() {
    for (limit, bytes_too) in [(AccountLimit::Operations, false), (AccountLimit::Ingress, true)] {
        let lane = lane(slots(16));
        let refused = Outcome::Throttled { retry_after: None, limit: Some(limit) };
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            lane.acquire(1_000_000).await.finish("x", refused);
        }
        assert_eq!(lane.state().slots(false), 16);
        assert!(lane.state().cooling().is_none());
        let started = Instant::now();
        for _ in 0..20 {
            lane.acquire(0).await.finish("look", OK);
        }
        assert_eq!(started.elapsed().is_zero(), bytes_too, "{limit:?}: {:?}", started.elapsed());
        for _ in 0..20 {
            lane.acquire(1_000_000).await.finish("x", OK);
        }
        assert!(!started.elapsed().is_zero(), "{limit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_never_exceed_the_slots_and_cancelled_callers_free_theirs() {
    let lane = lane(slots(4));
    let (now, most) = (Mutex::new(0_usize), Mutex::new(0_usize));
    join_all((0..200_u64).map(|number| {
        let (lane, now, most) = (&lane, &now, &most);
        let work = async move {
            let permit = lane.acquire(0).await;
            *now.lock().unwrap() += 1;
            let flying = *now.lock().unwrap();
            {
                let mut most = most.lock().unwrap();
                *most = flying.max(*most);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            *now.lock().unwrap() -= 1;
            permit.finish("x", OK);
        };
        // Every third caller is cancelled while it waits in the queue or for a slot; none while in flight.
        async move {
            if number % 3 == 2 {
                let _ = tokio::time::timeout(Duration::from_millis(1), lane.acquire(0)).await;
            } else {
                work.await;
            }
        }
    }))
    .await;
    assert_eq!(*most.lock().unwrap(), 4);
    assert_eq!(lane.state().used, 0);
    let _all: Vec<Permit> = join_all((0..4).map(|_| lane.acquire(0))).await;
}

#[tokio::test(start_paused = true)]
async fn copies_wait_in_order_for_the_cool_down_of_their_source_and_block_no_other_request() {
    let (source, target) = (lane(slots(4)), lane(slots(4)));
    let started = Instant::now();
    source.slow_down(Some(Duration::from_secs(3)));
    let served = Mutex::new(Vec::new());
    let copies = join_all((0..20_usize).map(|number| {
        let (source, target, served) = (&source, &target, &served);
        async move {
            let permit = target.acquire_from(source, 0).await;
            assert!(started.elapsed() >= Duration::from_secs(3));
            served.lock().unwrap().push(number);
            permit.finish("copy", OK);
        }
    }));
    let other = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        target.acquire(0).await.finish("x", OK);
        assert_eq!(started.elapsed(), Duration::from_secs(1));
    };
    futures::future::join(copies, other).await;
    assert_eq!(served.into_inner().unwrap(), (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_source_delays_a_copy_that_waits_for_its_slot() {
    let (source, target) = (lane(slots(4)), lane(slots(1)));
    let started = Instant::now();
    let busy = target.acquire(0).await;
    let copy = async { target.acquire_from(&source, 0).await.finish("copy", OK) };
    let refusal = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        source.slow_down(Some(Duration::from_secs(5)));
        busy.finish("x", OK);
        target.acquire(0).await.finish("x", OK);
        assert_eq!(started.elapsed(), Duration::from_secs(1), "the slot is free meanwhile");
    };
    futures::future::join(copy, refusal).await;
    assert!(started.elapsed() >= Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_with_any_number_of_slots() {
    let lane = lane(LaneLimits { requests_per_second: NonZeroU64::new(20_000), ..LaneLimits::default() });
    let started = Instant::now();
    join_all((0..60_000).map(|_| async { lane.acquire(0).await.finish("x", OK) })).await;
    let seconds = started.elapsed().as_secs_f64();
    assert!((2.9..3.2).contains(&seconds), "{seconds}");
    let stats = lane.stats();
    assert_eq!((stats.requests, stats.latency["x"].len()), (60_000, 60_000));
}

#[tokio::test(start_paused = true)]
async fn the_lanes_of_an_account_and_the_copies_from_it_share_its_rate() {
    let limits = |rate| LaneLimits { requests_per_second: NonZeroU64::new(rate), ..slots(64) };
    let (near, far) = (Rates::new(limits(1_000)), Rates::new(limits(100_000)));
    let account = || AccountName::new("north");
    let read = Lane::sharing(account(), Plane::BlobRead, 64, Arc::clone(&near));
    let write = Lane::sharing(account(), Plane::BlobWrite, 64, near);
    let elsewhere = Lane::sharing(AccountName::new("south"), Plane::BlobWrite, 64, far);
    let started = Instant::now();
    let (reads, writes, copies) = (
        join_all((0..1_000).map(|_| async { read.acquire(0).await.finish("x", OK) })),
        join_all((0..1_000).map(|_| async { write.acquire(0).await.finish("x", OK) })),
        join_all((0..1_000).map(|_| async { elsewhere.acquire_from(&read, 0).await.finish("x", OK) })),
    );
    futures::join!(reads, writes, copies);
    let seconds = started.elapsed().as_secs_f64();
    assert!((2.85..3.1).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn latencies_are_recorded_unchanged() {
    let lane = lane(slots(8));
    for millis in [1, 10, 100] {
        lane.acquire(0).await.finish("x", Outcome::Ok { latency: Duration::from_millis(millis) });
    }
    let latency = &lane.stats().latency["x"];
    assert_eq!(latency.len(), 3);
    assert!((99_000..102_000).contains(&latency.max()), "{}", latency.max());
}

#[tokio::test(start_paused = true)]
async fn a_sent_request_counts_even_if_its_caller_is_cancelled() {
    let lane = lane(slots(4));
    drop(lane.acquire(0).await);
    assert_eq!(lane.stats().requests, 0, "a permit alone is no request");
    let mut permit = lane.acquire(0).await;
    permit.begin();
    drop(permit);
    let mut permit = lane.acquire(0).await;
    permit.begin();
    permit.finish("x", OK);
    lane.acquire(0).await.finish("x", OK);
    assert_eq!(lane.stats().requests, 3);
    lane.not_sent();
    assert_eq!(lane.stats().requests, 2);
}
