//! The clock that a change of the wall clock does not touch.

use std::sync::OnceLock;
use std::time::Duration;

/// Time since the machine started, sleep included where the platform counts
/// it (Linux `CLOCK_BOOTTIME`; elsewhere the monotonic clock).
#[cfg(unix)]
#[must_use]
pub fn now() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let t = rustix::time::clock_gettime(clock);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

/// Without a boot clock that processes share, the wall clock stands in: a
/// lease then moves with it.
#[cfg(not(unix))]
#[must_use]
pub fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// Names this start of the machine; leases of another are over. Empty where
/// the platform does not tell.
#[must_use]
pub fn id() -> String {
    static ID: OnceLock<String> = OnceLock::new();
    let read = || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
    ID.get_or_init(read).clone()
}
