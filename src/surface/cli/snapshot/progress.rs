//! How long work shows itself: a bar on a terminal, a JSON line a second with
//! `--json`, nothing otherwise. Ctrl-C asks the work to stop at a safe point; a
//! second one ends it at once, which is safe too, only later noticed.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use crate::office::snapshots::Progress;
use crate::surface::render::age::span;
use crate::surface::render::{Style, text};

const TICK: Duration = Duration::from_millis(100);
const WIDTH: usize = 24;

/// Does something long, showing how far it is.
pub(super) fn watched<T: Send>(
    cx: &Context,
    work: impl FnOnce(&Progress) -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let failed = |e| Failure::new(Code::Failed, format!("cannot listen to signals: {e}"));
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop)).map_err(failed)?;
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(failed)?;
    }
    let (as_json, bar) = (cx.json(), std::io::stderr().is_terminal());
    let progress = Progress::default();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let shown = scope.spawn(|| {
            let begun = Instant::now();
            let mut said = begun;
            let mut drawn = false;
            while !done.load(Relaxed) {
                if stop.load(Relaxed) {
                    progress.stop();
                }
                if as_json && said.elapsed() >= Duration::from_secs(1) {
                    said = Instant::now();
                    say(&progress);
                } else if !as_json && bar && begun.elapsed() > TICK * 3 {
                    drawn = true;
                    draw(&progress, begun);
                }
                std::thread::park_timeout(TICK);
            }
            if drawn {
                let _ = write!(std::io::stderr(), "\r\u{1b}[K");
            }
        });
        let result = work(&progress);
        done.store(true, Relaxed);
        shown.thread().unpark();
        result
    })
}

fn say(progress: &Progress) {
    let ((files, files_total), (bytes, bytes_total)) = (progress.files(), progress.bytes());
    let line = json!({
        "event": "progress", "phase": progress.phase().word(), "files": files, "files_total": files_total,
        "bytes": bytes, "bytes_total": bytes_total,
    });
    // The answer stands alone on standard output; a script that wants the events reads standard error.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn draw(progress: &Progress, begun: Instant) {
    let ((files, files_total), (bytes, bytes_total)) = (progress.files(), progress.bytes());
    let part = match (bytes_total, files_total) {
        (0, 0) => 0.0,
        (0, total) => files as f64 / total as f64,
        (total, _) => bytes as f64 / total as f64,
    }
    .clamp(0.0, 1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let full = (part * WIDTH as f64) as usize;
    let left = if part > 0.02 {
        let all = begun.elapsed().div_f64(part);
        format!(", {} left", span(all.saturating_sub(begun.elapsed())))
    } else {
        String::new()
    };
    let line = format!(
        "{:<10} [{}{}] {} of {} files, {}{left}",
        progress.phase().word(),
        "#".repeat(full),
        " ".repeat(WIDTH - full),
        files,
        files_total,
        text::bytes(bytes),
    );
    let width = Style::stderr().width.unwrap_or(80);
    let _ = write!(std::io::stderr(), "\r\u{1b}[K{}", line.chars().take(width.saturating_sub(1)).collect::<String>());
}
