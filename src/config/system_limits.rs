//! The limits of the system for this process: open files and memory.
//!
//! Each request in flight needs a connection, and each connection a file descriptor. So the soft limit of descriptors
//! is raised to the hard one, as is allowed for programs without select(2). Requests without a descriptor fail and use
//! up their retries, so the number of requests in flight is lowered to what the descriptors allow.
//!
//! If the system refuses memory, Rust aborts the process without an explanation. So the limits are checked first.

use super::{AccountConfig, Config, ConfigError};
use crate::machine;
use crate::memory::MOST_MEMORY;
use crate::throttle::LaneLimits;

/// Address space that a run needs, in bytes (guess): four times its memory. Stacks, the heaps of the threads and the program itself
/// reserve more than they use.
const ADDRESS_SPACE: usize = 4 * MOST_MEMORY;

/// Descriptors that the program needs in addition to its connections: the ledger's files (seven), the runtime's, the
/// standard ones, a secret file, a name look-up; doubled.
const RESERVED: usize = 32;

/// Fewer requests of a kind to a storage account cause a warning: a near account needs this many in flight.
const WORTH_A_WARNING: usize = 256;

/// Raises this process's limit of open files, and returns it; `None` if the system does not report it.
pub fn open_files() -> Option<usize> {
    machine::raise_open_files();
    soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}

/// The soft limit in Linux's table of limits. `unlimited` is not a number and means no limit.
fn soft_limit(limits: &str, of: &str) -> Option<usize> {
    let row = limits.lines().find_map(|line| line.strip_prefix(of))?;
    row.split_whitespace().next()?.parse().ok()
}

/// Checks that a run has enough memory. Returns a warning if the container of this process has too little.
///
/// # Errors
/// `ulimit -v` allows less address space than a run can need.
pub fn memory() -> Result<Option<String>, ConfigError> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").unwrap_or_default();
    enough_memory(soft_limit(&limits, "Max address space"), container.trim().parse().ok())
}

fn enough_memory(address_space: Option<usize>, container: Option<usize>) -> Result<Option<String>, ConfigError> {
    if let Some(allowed) = address_space.filter(|allowed| *allowed < ADDRESS_SPACE) {
        let needed = ADDRESS_SPACE >> 20;
        return Err(ConfigError {
            place: "the limits of this process (`ulimit -v`)".to_owned(),
            problem: format!("{} MiB of address space are allowed, and a run can need {needed} MiB", allowed >> 20),
            remedy: format!("run `ulimit -v {}` before, or remove the limit", ADDRESS_SPACE >> 10),
            excerpt: None,
        });
    }
    Ok(container.filter(|allowed| *allowed < MOST_MEMORY).map(|allowed| {
        format!(
            "this container may use {} MiB of memory; with default settings a run needs up to {needed} MiB if answers are \
             large, and the system kills it if there is not enough",
            allowed >> 20,
            needed = MOST_MEMORY >> 20
        )
    }))
}

impl Config {
    /// Lowers the limits on requests in flight, all by the same factor, so that `allowed` descriptors are enough.
    /// Returns a warning if fewer are left than were set, or so few that the run is slower even if the services are
    /// near.
    pub fn fit_descriptors(&mut self, allowed: usize) -> Option<String> {
        // For the source's storage accounts, only the read lanes are used.
        let media = self.source.limits.media.in_flight + self.target.limits.media.in_flight;
        let source = self.source.limits.blob.in_flight * self.source.storage.len();
        let target = self.target.limits.blob.in_flight * self.target.storage.len() * 2;
        let wanted = media + source + target;
        let room = allowed.saturating_sub(RESERVED);
        if wanted <= room {
            return None;
        }
        let before = self.target.limits.blob.in_flight;
        let share = |slots: &mut usize| *slots = (*slots * room / wanted).max(1);
        let lower = |account: &mut AccountConfig| {
            share(&mut account.limits.media.in_flight);
            share(&mut account.limits.blob.in_flight);
        };
        lower(&mut self.source);
        lower(&mut self.target);
        let after = self.target.limits.blob.in_flight;
        // If the services are near, only a few of the default number are used. A configured number is needed in full.
        let enough = if before == LaneLimits::default().in_flight { WORTH_A_WARNING } else { before };
        (after < enough).then(|| {
            format!(
                "this process may open {allowed} files, so at most {after} requests of a kind to the target's storage are in \
                 flight, not {enough}; to allow them, run `ulimit -n {}` or more before",
                wanted * enough / before + RESERVED
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read_from_the_systems_table() {
        let table = "Limit                     Soft Limit           Hard Limit           Units\n\
                     Max processes             7                    8                    processes\n\
                     Max open files            1024                 4096                 files\n";
        let files = "Max open files";
        assert_eq!(soft_limit(table, files), Some(1_024));
        assert_eq!(soft_limit(&table.replace("1024", "unlimited"), files), None);
        assert_eq!(soft_limit("", files), None);
    }

    #[test]
    fn too_little_address_space_is_an_error_and_a_small_container_a_warning() {
        assert_eq!(enough_memory(None, None).unwrap(), None);
        assert_eq!(enough_memory(Some(ADDRESS_SPACE), Some(MOST_MEMORY)).unwrap(), None);
        let error = enough_memory(Some(100 << 20), None).unwrap_err();
        assert!(error.problem.contains("100 MiB") && error.remedy.contains("ulimit -v 1048576"), "{error}");
        assert!(enough_memory(None, Some(128 << 20)).unwrap().unwrap().contains("128 MiB"));
    }
}
