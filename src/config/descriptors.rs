//! File descriptors: a request in flight is a connection, a connection is a descriptor, and the system allows so many.
//!
//! Without them a request is not sent and is tried again, for nothing and not for ever. So no more are let in flight than
//! there are descriptors for.

use super::{AccountConfig, Config};

/// What the program opens beside its connections: the ledger's files (seven), the runtime's, the standard ones, a secret
/// file, a look-up of a name; twice that.
const RESERVED: usize = 32;

/// How many files this process may have open; `None` where the system does not say.
pub fn allowed() -> Option<usize> {
    soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The soft limit in Linux's table of limits. One that is not a number is no limit.
fn soft_limit(limits: &str) -> Option<usize> {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    row.split_whitespace().next()?.parse().ok()
}

impl Config {
    /// Lowers the requests in flight of all lanes alike, so that so many descriptors suffice. Tells what was done, where
    /// anything was.
    pub fn fit_descriptors(&mut self, allowed: usize) -> Option<String> {
        // Of the source's storage accounts only the lanes that read are ever at work.
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
        Some(format!(
            "this process may open {allowed} files, so {after} requests of a kind to the target's storage are in flight \
             at most, not {before}; `ulimit -n {}` or more before the run lets it have them all",
            wanted + RESERVED
        ))
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
        assert_eq!(soft_limit(table), Some(1_024));
        assert_eq!(soft_limit(&table.replace("1024", "unlimited")), None);
        assert_eq!(soft_limit(""), None);
    }
}
