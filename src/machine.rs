//! This machine, for the readers of messages, and for the question whether another process of it is gone.

/// The machine's name; empty where the system does not say it.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .map(|name| name.trim().to_owned())
        .ok()
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default()
}

/// Where this process's id means something: this start of the system, and its namespace of process ids. Empty where the
/// system does not say it.
pub fn process_space() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string());
    match (boot.trim(), namespace) {
        ("", _) | (_, Err(_)) => String::new(),
        (boot, Ok(namespace)) => format!("{boot} {namespace}"),
    }
}

/// Is there surely no process with that id in this process's space?
pub fn is_gone(pid: u32) -> bool {
    std::path::Path::new("/proc/self").exists() && !std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_gone_and_an_ended_one_is() {
        assert!(!is_gone(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(is_gone(child.id()), !process_space().is_empty());
    }
}
