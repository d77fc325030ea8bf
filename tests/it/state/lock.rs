//! How two runs exclude each other with the lock.

use super::*;

/// Guarantee 11: a second run does not get the lock.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_second_run_is_refused_with_the_name_of_the_first_one_until_it_ends() {
    let machines = Machines::new().await;
    let first = machines.take("ark").await.unwrap();
    sleep(Duration::from_mins(90)).await;
    let error = machines.take("boat").await.unwrap_err();
    let (text, pid) = (error.to_string(), std::process::id());
    let begin = format!("another run holds the lock of target account {}: ark, process {pid}, since ", machines.target);
    assert!(text.starts_with(&begin) && text.contains("Z (1h 30m"), "{text}");
    assert_eq!(error.disposition(), Disposition::Fatal);
    first.check().unwrap();
    first.release().await.unwrap();
    assert_eq!(state::holder(&machines.account(), &machines.target).await.unwrap(), None);
    let second = machines.take("boat").await.unwrap();
    let found = state::holder(&machines.account(), &machines.target).await.unwrap().unwrap();
    assert_eq!((found.host.as_str(), found.pid), ("boat", pid));
    second.check().unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_lock_of_a_normal_night_needs_three_requests_and_a_renewal_every_twenty_seconds() {
    let machines = Machines::new().await;
    machines.take("ark").await.unwrap().release().await.unwrap();
    let rows = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter().map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
    };
    let mut first = machines.requests();
    first.retain(|(operation, _)| operation != LEASE);
    assert_eq!(first, rows(&[("CreateContainer", 1), ("PutBlob", 2)]), "what is missing is created once");

    let lock = machines.take("ark").await.unwrap();
    assert_eq!(machines.requests(), rows(&[(LEASE, 1), ("PutBlob", 1)]));
    sleep(Duration::from_hours(1)).await;
    let renewals = machines.requests();
    let [(operation, count)] = &renewals[..] else { panic!("{renewals:?}") };
    assert!(operation == LEASE && (165..=180).contains(count), "{renewals:?}");
    lock.release().await.unwrap();
    assert_eq!(machines.requests(), rows(&[(LEASE, 1)]));
    sleep(Duration::from_mins(5)).await;
    assert_eq!(machines.requests(), [], "a released lock is not renewed");
}

/// Guarantee 11: a run that has lost the lock notices it before it writes.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_that_was_suspended_longer_than_its_lease_stops_and_another_takes_the_lock() {
    let machines = Machines::new().await;
    let lock = machines.take("ark").await.unwrap();
    let lost = lock.lost();
    machines.requests();
    // The suspended run does nothing meanwhile.
    advance(Duration::from_secs(61)).await;
    assert_eq!(loss(&lock), LockLoss::NotRenewed);
    assert!(lost.is_cancelled());
    let error = PairState::new().write(&lock, &machines.source, None).await.unwrap_err();
    assert!(matches!(error, Error::LockLost { .. }), "{error}");
    sleep(Duration::from_mins(1)).await;
    assert_eq!(machines.requests(), [], "it sends nothing");

    let other = machines.take("boat").await.unwrap();
    assert_eq!(loss(&lock), LockLoss::NotRenewed);
    lock.release().await.unwrap();
    assert_eq!(refused_by(machines.take("canoe").await), "boat", "the lock of another run is not released");
    other.check().unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_lock_that_cannot_be_renewed_is_given_up_before_its_lease_ends() {
    for fault in [refuse(503, "ServerBusy"), Fault::Hang(Hang::Before), refuse(403, "AuthorizationFailure")] {
        let machines = Machines::new().await;
        let lock = machines.take("ark").await.unwrap();
        let taken = Instant::now();
        machines.faults([Rule::new(fault.clone()).operation(LEASE)]);
        sleep(Duration::from_secs(44)).await;
        lock.check().unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        lock.lost().cancelled().await;
        let after = taken.elapsed().as_secs_f64();
        assert!((44.9..47.0).contains(&after), "{fault:?}: given up after {after} s");
        // Later answers change nothing.
        machines.faults([]);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(loss(&lock), LockLoss::NotRenewed);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn the_time_of_a_lease_counts_from_the_request_and_not_from_the_answer() {
    let mut machines = Machines::new().await;
    machines.take("ark").await.unwrap().release().await.unwrap();
    machines.world.intercept(|request| {
        let lease = request.url().query() == Some("comp=lease");
        lease.then(|| -> BoxFuture<'static, ()> { Box::pin(sleep(Duration::from_secs(4))) })
    });
    let lock = machines.take("ark").await.unwrap();
    // A renewal is sent 20 seconds after the acquisition.
    let started = Instant::now() - Duration::from_secs(4);
    sleep(Duration::from_secs(25)).await;
    machines.faults([Rule::new(refuse(503, "ServerBusy")).operation(LEASE)]);
    lock.lost().cancelled().await;
    let after = started.elapsed().as_secs_f64();
    assert!((65.0..67.0).contains(&after), "given up {after} s after the acquisition was sent");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn renewals_that_fail_for_some_time_are_retried() {
    for fault in [refuse(500, "InternalError"), Fault::LostAnswer, Fault::Hang(Hang::After)] {
        let machines = Machines::new().await;
        let lock = machines.take("ark").await.unwrap();
        for _ in 0..5 {
            machines.faults([Rule::new(fault.clone()).operation(LEASE).times(3)]);
            sleep(Duration::from_mins(3)).await;
            lock.check().unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        }
        assert_eq!(refused_by(machines.take("boat").await), "ark");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dropped_lock_expires_within_a_minute() {
    let machines = Machines::new().await;
    drop(machines.take("ark").await.unwrap());
    assert_eq!(refused_by(machines.take("boat").await), "ark");
    sleep(Duration::from_mins(1)).await;
    machines.take("boat").await.unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn answers_that_are_lost_while_the_lock_is_taken_do_not_lock_the_run_out() {
    for operation in [LEASE, "PutBlob", "CreateContainer"] {
        let machines = Machines::new().await;
        machines.faults([Rule::new(Fault::LostAnswer).operation(operation).times(2)]);
        let lock = machines.take("ark").await.unwrap();
        assert_eq!(machines.world.emulator.fault_strikes(), [2], "{operation}");
        lock.check().unwrap();
        assert_eq!(refused_by(machines.take("boat").await), "ark", "{operation}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_lock_that_was_granted_late_has_its_whole_time() {
    let machines = Machines::new().await;
    machines.take("ark").await.unwrap().release().await.unwrap();
    // The account is throttled for nearly the whole time of the lease.
    let busy = Fault::Refuse(Refuse::status(503).code("ServerBusy").retry_after("50"));
    machines.faults([Rule::new(busy).operation(LEASE).times(1)]);
    let started = Instant::now();
    let lock = machines.take("ark").await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(45), "{:?}", started.elapsed());
    lock.check().unwrap();
    sleep(Duration::from_mins(2)).await;
    lock.check().unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_waits_if_the_service_still_refuses_a_lease_that_ended() {
    let machines = Machines::new().await;
    drop(machines.take("ark").await.unwrap());
    sleep(Duration::from_mins(1)).await;
    let held = || Rule::new(refuse(409, "LeaseAlreadyPresent")).operation(LEASE);
    machines.faults([held().times(4)]);
    machines.take("boat").await.unwrap().release().await.unwrap();
    machines.faults([held()]);
    assert_eq!(refused_by(machines.take("canoe").await), "", "an unknown holder is not named");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_one_of_two_runs_that_create_the_lock_simultaneously_holds_it() {
    let machines = Machines::new().await;
    let taken = futures::join!(machines.take("ark"), machines.take("boat"));
    let locked = match taken {
        (Ok(_), Err(locked)) | (Err(locked), Ok(_)) => locked,
        other => panic!("{other:?}"),
    };
    assert!(matches!(locked, Error::Locked { .. }), "{locked}");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_broken_lock_names_its_holder_and_the_holder_stops_with_its_next_renewal() {
    let machines = Machines::new().await;
    let unlock = async || state::unlock(&machines.account(), &machines.target).await.unwrap().map(|found| found.host);
    assert_eq!(unlock().await, None, "there is no container");
    let lock = machines.take("ark").await.unwrap();
    assert_eq!(unlock().await.as_deref(), Some("ark"));
    assert_eq!(unlock().await, None, "it is broken");
    let other = machines.take("boat").await.unwrap();
    sleep(Duration::from_secs(22)).await;
    assert_eq!(loss(&lock), LockLoss::Taken);
    assert!(lock.lost().is_cancelled());
    other.check().unwrap();
}

/// Lets another machine take the lock directly before the first request that breaks a lease.
fn where_canoe_takes_the_lock_before_it_is_broken(machines: &mut Machines, held: TargetLock) -> Taken {
    let (account, target, taken) = (machines.account(), machines.target.clone(), Taken::default());
    let (held, kept) = (Mutex::new(Some(held)), Arc::clone(&taken));
    machines.world.intercept(move |request| {
        let breaks = request
            .headers()
            .iter()
            .any(|(name, value)| name.as_str() == "x-ms-lease-action" && value.as_str() == "break");
        let held = breaks.then(|| held.lock().unwrap().take()).flatten()?;
        let (account, target, kept) = (Arc::clone(&account), target.clone(), Arc::clone(&kept));
        Some(Box::pin(async move {
            held.release().await.unwrap();
            let lock = TargetLock::take(account, &target, &Machines::holder("canoe")).await.unwrap();
            *kept.lock().unwrap() = Some(lock);
        }))
    });
    taken
}

/// The lock of the machine that was faster.
type Taken = Arc<Mutex<Option<TargetLock>>>;

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn only_the_holder_that_was_read_loses_the_lock() {
    let mut machines = Machines::new().await;
    let held = machines.take("ark").await.unwrap();
    let taken = where_canoe_takes_the_lock_before_it_is_broken(&mut machines, held);
    let unlocked = state::unlock(&machines.account(), &machines.target).await.unwrap_err();
    assert!(matches!(&unlocked, Error::Locked { holder, .. } if holder.host == "canoe"), "{unlocked}");
    sleep(Duration::from_mins(2)).await;
    taken.lock().unwrap().take().expect("it was taken").check().unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_run_that_finds_a_dead_holder_does_not_break_the_lock_of_the_next_one() {
    let mut machines = Machines::new().await;
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let dead = Holder { pid: child.id(), ..Machines::holder("ark") };
    let held = TargetLock::take(machines.account(), &machines.target, &dead).await.unwrap();
    let taken = where_canoe_takes_the_lock_before_it_is_broken(&mut machines, held);
    assert_eq!(refused_by(machines.take("boat").await), "canoe");
    sleep(Duration::from_mins(2)).await;
    taken.lock().unwrap().take().expect("it was taken").check().unwrap();
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_lock_that_is_broken_before_its_holder_is_written_is_not_held() {
    let machines = Machines::new().await;
    machines.take("ark").await.unwrap().release().await.unwrap();
    let lost = refuse(412, "LeaseIdMismatchWithBlobOperation");
    machines.faults([Rule::new(lost).operation("PutBlob")]);
    let error = machines.take("boat").await.unwrap_err();
    assert!(matches!(error, Error::LockLost { reason: LockLoss::Taken, .. }), "{error}");
    machines.faults([Rule::new(refuse(403, "AuthorizationPermissionMismatch")).operation("PutBlob")]);
    machines.take("boat").await.unwrap_err();
    machines.faults([]);
    machines.take("canoe").await.expect("the lease was released at once");
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn locks_of_two_targets_in_one_storage_account_are_independent() {
    let machines = Machines::new().await;
    let other = AccountName::new("another");
    let first = machines.take("ark").await.unwrap();
    let second = TargetLock::take(machines.account(), &other, &Machines::holder("boat")).await.unwrap();
    assert_eq!((first.target(), second.target()), (&machines.target, &other));
}
