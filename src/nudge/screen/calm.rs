//! No signal ends this process between two keys: what is pressed is released,
//! and what was put aside is given back, before it goes.
//!
//! A signal that somebody here handles already (the daemon, whose handlers
//! end it gracefully) is left to them. Of the others, the default is put off
//! until the last [`Calm`] is gone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{flag, low_level};

const SIGNALS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

struct Gate {
    /// Nobody holds signals back: their default holds.
    open: Arc<AtomicBool>,
    /// Which came, in the order of [`SIGNALS`].
    came: [Arc<AtomicBool>; 4],
    holders: AtomicUsize,
}

fn gate() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| {
        let gate = Gate {
            open: Arc::new(AtomicBool::new(true)),
            came: std::array::from_fn(|_| Arc::default()),
            holders: AtomicUsize::new(0),
        };
        let handled = handled();
        for (signal, came) in SIGNALS.into_iter().zip(&gate.came) {
            if handled & (1 << (signal - 1)) == 0 {
                // The default first: it is skipped while the gate is shut, and the flag says that it came.
                drop(flag::register_conditional_default(signal, Arc::clone(&gate.open)));
                drop(flag::register(signal, Arc::clone(came)));
            }
        }
        gate
    })
}

/// The signals that are caught or ignored, a bit each from SIGHUP up. Where
/// that cannot be read, all are: then nothing is put off.
fn handled() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return u64::MAX };
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    field("SigCgt:").zip(field("SigIgn:")).map_or(u64::MAX, |(caught, ignored)| caught | ignored)
}

/// While it lives, signals wait.
pub(super) struct Calm(());

impl Calm {
    pub(super) fn hold() -> Self {
        let gate = gate();
        gate.holders.fetch_add(1, Ordering::SeqCst);
        gate.open.store(false, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Calm {
    fn drop(&mut self) {
        let gate = gate();
        if gate.holders.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        gate.open.store(true, Ordering::SeqCst);
        for (signal, came) in SIGNALS.into_iter().zip(&gate.came) {
            if came.swap(false, Ordering::SeqCst) {
                drop(low_level::emulate_default_handler(signal));
            }
        }
    }
}
