//! Leases, and what depends on them: the lock of a target and the state of a pair.

use super::*;

/// A lease goes from one holder to the next, and each repeated action takes effect once.
pub(crate) async fn a_lease_is_acquired_renewed_released_and_broken(fixture: &Fixture) {
    let (account, at) = (&fixture.target, fixture.at("lease"));
    let [first, second] = [LeaseId::random(), LeaseId::random()];
    assert_eq!(account.acquire_lease(&at, &first, 60).await.unwrap(), LeaseAnswer::Missing);
    account.write_small(&at, Bytes::new(), WriteIf::Absent).await.unwrap();
    for _ in 0..2 {
        let granted = account.acquire_lease(&at, &first, 60).await.unwrap();
        assert!(matches!(granted, LeaseAnswer::Granted), "{granted:?}");
        assert_eq!(account.acquire_lease(&at, &second, 60).await.unwrap(), LeaseAnswer::HeldByAnother);
        let renewed = account.renew_lease(&at, &first).await.unwrap();
        assert!(matches!(renewed, LeaseRenewal::Renewed), "{renewed:?}");
        assert_eq!(account.renew_lease(&at, &second).await.unwrap(), LeaseRenewal::Lost);
    }
    for (id, written) in [(&second, false), (&first, true)] {
        let done = account.write_small(&at, Bytes::from_static(b"{}"), WriteIf::Lease(id)).await.unwrap();
        assert_eq!(matches!(done, Written::Done { .. }), written, "{done:?}");
    }
    account.release_lease(&at, &second).await.unwrap();
    assert_eq!(account.read_small(&at, 99).await.unwrap().whole().unwrap().lease, LeaseState::Leased);
    account.release_lease(&at, &first).await.unwrap();
    assert_eq!(account.renew_lease(&at, &first).await.unwrap(), LeaseRenewal::Lost);
    let granted = account.acquire_lease(&at, &second, 60).await.unwrap();
    assert!(matches!(granted, LeaseAnswer::Granted), "{granted:?}");
    for _ in 0..2 {
        let read = account.read_small(&at, 99).await.unwrap().whole().unwrap();
        let other = account.break_lease(&at, "\"0x1\"").await.unwrap();
        assert_eq!(other, LeaseBreak::Changed, "another entity tag is another holder");
        assert_eq!(account.read_small(&at, 99).await.unwrap().whole().unwrap().lease, read.lease);
        assert_eq!(account.break_lease(&at, &read.etag).await.unwrap(), LeaseBreak::Ended);
        assert_eq!(account.read_small(&at, 99).await.unwrap().whole().unwrap().lease, LeaseState::Broken);
    }
    assert_eq!(account.renew_lease(&at, &second).await.unwrap(), LeaseRenewal::Lost);
}

/// The lock of a target, named after the case's container.
pub(crate) async fn a_lock_has_one_holder_until_it_is_released_or_broken(fixture: &Fixture) {
    let target = AccountName::new(fixture.container.as_str());
    let take = async |host: &str| {
        let holder = Holder { host: host.to_owned(), ..Holder::here() };
        TargetLock::take(Arc::clone(&fixture.target), &target, &holder).await
    };
    let first = take("ark").await.unwrap();
    let error = take("boat").await.unwrap_err();
    assert!(matches!(&error, Error::Locked { holder, .. } if holder.host == "ark"), "{error}");
    first.check().unwrap();
    first.release().await.unwrap();
    let second = take("boat").await.unwrap();
    let broken = state::unlock(&fixture.target, &target).await.unwrap();
    assert_eq!(broken.map(|holder| holder.host).as_deref(), Some("boat"));
    assert_eq!(state::unlock(&fixture.target, &target).await.unwrap(), None);
    let third = take("canoe").await.unwrap();
    // The lock is no longer its own, so this releases nothing.
    second.release().await.unwrap();
    assert_eq!(state::holder(&fixture.target, &target).await.unwrap().unwrap().host, "canoe");
    third.release().await.unwrap();
}

/// The state of a pair whose target is named after the case's container.
pub(crate) async fn a_state_is_only_written_over_what_was_read(fixture: &Fixture) {
    let (source, target) = (AccountName::new("source"), AccountName::new(fixture.container.as_str()));
    let read = async || PairState::read(&fixture.target, &source, &target).await.unwrap();
    assert_eq!(read().await, None);
    let lock = TargetLock::take(Arc::clone(&fixture.target), &target, &Holder::here()).await.unwrap();
    let mut state = PairState::new();
    let first = state.write(&lock, &source, None).await.unwrap();
    assert_eq!(read().await, Some((state.clone(), first.clone())));
    state.adopted.insert("a locator".to_owned());
    let second = state.write(&lock, &source, Some(&first)).await.unwrap();
    for stale in [None, Some(first.as_str())] {
        let error = PairState::new().write(&lock, &source, stale).await.unwrap_err();
        assert!(matches!(error, Error::State(StateError::Changed { .. })), "{error}");
    }
    assert_eq!(read().await, Some((state, second)));
    lock.release().await.unwrap();
}
