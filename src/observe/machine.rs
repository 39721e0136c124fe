//! This process and the machine it runs on: CPU, memory, disk and network.

use std::path::Path;
use std::time::Duration;

use sysinfo::{Disks, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What a look found. Sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MachineFigures {
    /// CPU time of this process.
    pub process_cpu: Duration,
    /// Its resident memory.
    pub process_memory: u64,
    /// Files and sockets it has open, where the platform tells.
    pub process_files: Option<u64>,
    /// Part of the machine's CPU time that was used since the last look, 0 to 1.
    pub cpu: f64,
    /// Memory of the machine.
    pub memory: u64,
    /// Memory that programs could still get.
    pub memory_available: u64,
    /// Size of the file system that the root is on.
    pub disk: Option<u64>,
    /// What is free there.
    pub disk_available: Option<u64>,
    /// Received over the network since the machine started, loopback left out.
    pub received: u64,
    /// Sent over it.
    pub sent: u64,
}

/// Looks at the machine; remembers what shares are counted from.
#[derive(Debug)]
pub struct Machine {
    system: Option<System>,
    networks: Option<Networks>,
}

impl Default for Machine {
    fn default() -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        Self { system, networks: Networks::new().ok() }
    }
}

impl Machine {
    /// Looks. What cannot be found out is 0 or `None`.
    pub fn look(&mut self, root: &Path) -> MachineFigures {
        let mut found = MachineFigures::default();
        if let Some(system) = &mut self.system {
            let own = Pid::from_u32(std::process::id());
            let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, wanted);
            system.refresh_cpu_usage();
            system.refresh_memory();
            found.cpu = f64::from(system.global_cpu_usage()) / 100.0;
            found.memory = system.total_memory();
            found.memory_available = system.available_memory();
            if let Some(process) = system.process(own) {
                found.process_cpu = Duration::from_millis(process.accumulated_cpu_time());
                found.process_memory = process.memory();
                found.process_files = process.open_files().and_then(|n| u64::try_from(n).ok());
            }
        }
        if let Ok(disks) = Disks::new_with_refreshed_list() {
            // The innermost mount that holds the root.
            let held = disks.iter().filter(|disk| root.starts_with(disk.mount_point()));
            let disk = held.max_by_key(|disk| disk.mount_point().as_os_str().len());
            found.disk = disk.map(sysinfo::Disk::total_space);
            found.disk_available = disk.map(sysinfo::Disk::available_space);
        }
        if let Some(networks) = &mut self.networks {
            networks.refresh(true);
            for (name, network) in networks.iter() {
                if !name.to_string_lossy().starts_with("lo") {
                    found.received += network.total_received();
                    found.sent += network.total_transmitted();
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_finds_this_process_and_its_disk() {
        let mut machine = Machine::default();
        let found = machine.look(&std::env::temp_dir().canonicalize().unwrap());
        assert!(found.process_memory > 1 << 20 && found.memory > found.memory_available, "{found:?}");
        assert!((0.0..=1.0).contains(&found.cpu), "{found:?}");
        assert!(found.disk.is_none_or(|size| size >= found.disk_available.unwrap()), "{found:?}");
    }
}
