//! CPU, memory, disk and network of the process and its machine.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::figures::{Number, count};
use crate::observe::machine::{Machine, MachineFigures};

/// A figure: its name with its unit, what it is, and where it comes from.
type Row = (&'static str, &'static str, fn(&MachineFigures) -> Option<f64>);

/// Names that begin with `process_` are those that every client of Prometheus
/// uses.
const GAUGES: [Row; 9] = [
    ("process_resident_memory_bytes", "Memory of this process", |m| Some(bytes(m.process_memory))),
    ("process_open_fds", "Files and sockets that it has open", |m| m.process_files.map(bytes)),
    ("cellphone_host_cpu_ratio", "CPU of the machine in use since the last look", |m| Some(m.cpu)),
    ("cellphone_host_memory_bytes", "Memory of the machine", |m| Some(bytes(m.memory))),
    ("cellphone_host_memory_available_bytes", "What programs can still get of it", |m| Some(bytes(m.memory_available))),
    ("cellphone_host_disk_bytes", "Size of the file system of the root", |m| m.disk.map(bytes)),
    ("cellphone_host_disk_available_bytes", "What is free there", |m| m.disk_available.map(bytes)),
    ("cellphone_host_network_received_bytes", "Received since the machine started", |m| Some(bytes(m.received))),
    ("cellphone_host_network_sent_bytes", "Sent since the machine started", |m| Some(bytes(m.sent))),
];

/// The figures of the machine.
#[derive(Debug)]
pub(super) struct Resources {
    machine: Machine,
    cpu: Counter<f64, AtomicU64>,
    gauges: Vec<(Number, Row)>,
}

impl Resources {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let cpu = Counter::default();
        registry.register("process_cpu_seconds", "CPU time of this process", cpu.clone());
        let gauge = |row: Row| {
            let number = Number::default();
            registry.register(row.0, row.1, number.clone());
            (number, row)
        };
        Self { machine: Machine::default(), cpu, gauges: GAUGES.map(gauge).to_vec() }
    }

    /// Looks; what the platform does not tell stays 0.
    pub(super) fn look(&mut self, root: &Path) {
        let found = self.machine.look(root);
        self.cpu.inc_by((found.process_cpu.as_secs_f64() - self.cpu.get()).max(0.0));
        for (number, (_, _, figure)) in &self.gauges {
            number.set(figure(&found).unwrap_or_default());
        }
    }
}

fn bytes(n: u64) -> f64 {
    count(usize::try_from(n).unwrap_or(usize::MAX))
}
