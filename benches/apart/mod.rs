//! Keys and approvals lie in the user's folders, so what measures them is run
//! by a child that has folders of its own.

use std::path::Path;
use std::process::{Command, exit};

/// Where the child works.
const PLACE: &str = "CELLPHONE_BENCH_PLACE";

/// Runs `measure` in a child, with an empty folder that goes away afterwards.
pub(super) fn apart(measure: impl FnOnce(&Path)) {
    if let Some(place) = std::env::var_os(PLACE) {
        return measure(place.as_ref());
    }
    let place = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(std::env::args_os().skip(1)).env(PLACE, place.path());
    for variable in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        child.env(variable, place.path().join("home"));
    }
    let status = child.status().unwrap();
    drop(place);
    exit(status.code().unwrap_or(1));
}
