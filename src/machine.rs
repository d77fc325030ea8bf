//! Names this machine in messages, checks whether another process of it has ended, and raises the limits of this one.

/// The machine's name; empty if the system does not report it.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .map(|name| name.trim().to_owned())
        .ok()
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default()
}

/// The scope in which process ids are unique: this boot of the system, and the namespace of process ids. Empty if the
/// system does not report it.
pub fn process_space() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string());
    match (boot.trim(), namespace) {
        ("", _) | (_, Err(_)) => String::new(),
        (boot, Ok(namespace)) => format!("{boot} {namespace}"),
    }
}

/// Is there surely no process with that id in this process's space? The system is asked and not `/proc`, which may hide the
/// processes of other users (`hidepid`). A process that we may not signal is alive. One that has ended and whose parent has not
/// asked for its exit code yet (a zombie) is gone, too.
#[cfg(target_os = "linux")]
pub fn is_gone(pid: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    test_kill_process(pid) == Err(rustix::io::Errno::SRCH) || has_ended(pid)
}

/// Is it a zombie? Its state follows its name, which may have any characters and stands in brackets.
#[cfg(target_os = "linux")]
fn has_ended(pid: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Is it certain that no process has that id? This is known only on Linux.
#[cfg(not(target_os = "linux"))]
pub fn is_gone(_pid: u32) -> bool {
    false
}

/// Raises the soft limit of open files to the hard one. If that is not allowed, the soft limit is kept.
#[cfg(target_os = "linux")]
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// The limit of open files is raised only on Linux.
#[cfg(not(target_os = "linux"))]
pub fn raise_open_files() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_is_gone_before_its_parent_asks_for_its_exit_code() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        assert!(!is_gone(child.id()));
        child.kill().unwrap();
        let waited = std::time::Instant::now();
        while !is_gone(child.id()) {
            assert!(waited.elapsed().as_secs() < 60, "it does not end");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.wait().unwrap();
        assert!(is_gone(child.id()));
    }

    #[test]
    fn an_id_that_is_no_process_id_proves_nothing() {
        assert!(!is_gone(0) && !is_gone(u32::MAX));
    }

    #[test]
    fn this_process_is_not_gone_but_an_ended_one_is() {
        assert!(!is_gone(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(is_gone(child.id()), !process_space().is_empty());
    }
}
