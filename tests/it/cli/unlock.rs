//! `unlock`, and what `doctor` reports about a lock that a run holds.

use mediamirror::blob::{Access, BlobAccount};
use mediamirror::call::Caller;
use mediamirror::memory::Memory;
use mediamirror::model::{AccountName, Plane};
use mediamirror::redact::Secret;
use mediamirror::retry::RetryPolicy;
use mediamirror::state::{Holder, TargetLock};
use mediamirror::throttle::{Lane, LaneLimits};
use mediamirror::transport::network;
use serde_json::Value;
use std::sync::Arc;

use super::against_emulator::Emulator;
use super::counted::writes;
use super::{mediamirror, stderr, stdout};

/// Takes the lock of the emulator's second region, as a run on the machine `ark` does.
fn lock(emulator: &Emulator, runtime: &tokio::runtime::Runtime) -> TargetLock {
    let name = AccountName::new(emulator.region(1, "storage_account"));
    let caller = |plane| Caller::new(Lane::new(name.clone(), plane, LaneLimits::default()), RetryPolicy::default());
    let endpoint = emulator.region(1, "blob").parse().expect("a URL");
    let key = Access::Key(Secret::new(emulator.region(1, "storage_key")));
    let (read, write) = (caller(Plane::BlobRead), caller(Plane::BlobWrite));
    let account =
        BlobAccount::new(name.clone(), endpoint, key, (network().expect("TLS"), Memory::default()), read, write)
            .expect("a key");
    let target = AccountName::new(emulator.region(1, "account"));
    let holder = Holder { host: "ark".to_owned(), ..Holder::here() };
    runtime.block_on(TargetLock::take(Arc::new(account), &target, &holder)).expect("the lock is free")
}

#[test]
fn unlock_shows_the_holder_with_exit_code_six_and_breaks_the_lock_only_on_request() {
    let emulator = Emulator::start("");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for arguments in [&["unlock"][..], &["unlock", "--yes"]] {
        let (code, shown) = emulator.json(arguments);
        assert_eq!((code, &shown["holder"], &shown["broken"]), (Some(0), &Value::Null, &Value::from(false)));
    }
    assert_eq!(writes(&emulator), Vec::<String>::new(), "nothing is created for it");

    let lock = lock(&emulator, &runtime);
    let output = mediamirror(emulator.path(), &["unlock"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(6), ""));
    let process = std::process::id();
    let begin = format!("the lock of target account mediaeast is held by ark, process {process}, since ");
    assert!(stdout(&output).starts_with(&begin), "{}", stdout(&output));
    assert!(stdout(&output).contains("if you are sure that the process is dead"), "{}", stdout(&output));
    let (code, shown) = emulator.json(&["unlock"]);
    assert_eq!((code, &shown["holder"]["host"], &shown["broken"]), (Some(6), &"ark".into(), &false.into()));
    assert_eq!(shown["target"], "mediaeast");

    let (code, diagnosis) = emulator.json(&["doctor"]);
    let checks = diagnosis["checks"].as_array().expect("a list");
    let state = checks.iter().find(|check| check["check"] == "state").expect("it is examined");
    assert_eq!((code, &state["verdict"]), (Some(6), &Value::from("fail")), "{state:#}");

    let output = mediamirror(emulator.path(), &["unlock", "--yes"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let begin = format!("broke the lock of target account mediaeast; it was held by ark, process {process}, since ");
    assert!(stdout(&output).starts_with(&begin), "{}", stdout(&output));
    assert_eq!(emulator.json(&["unlock"]).0, Some(0));
    let (code, diagnosis) = emulator.json(&["doctor", "--write-test"]);
    assert_eq!((code, &diagnosis["verdict"]), (Some(0), &Value::from("ok")), "{diagnosis:#}");
    drop(lock);
}

#[test]
fn unlock_needs_the_storage_account_and_ends_with_five_without_it() {
    let emulator = Emulator::start("");
    emulator.change(emulator.region(1, "blob"), "http://127.0.0.1:1/storeeast");
    for arguments in [&["unlock"][..], &["unlock", "--yes"]] {
        let output = mediamirror(emulator.path(), arguments);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(5), ""));
        assert!(stderr(&output).contains("mediamirror-state/lock-mediaeast"), "{}", stderr(&output));
    }
}
