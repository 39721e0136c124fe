//! `cellphone drill report`: what a drill left, to read, to pass on, or in a
//! browser.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use crate::office::Office;
use crate::office::drill_reports::{HTML, JSON, MARKDOWN, Run, Vouched};
use crate::surface::render::text;

/// Arguments of `drill report`.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// `latest`, an id or its beginning, or a scenario, whose last one it is
    #[arg(default_value = "latest")]
    which: String,
    /// In a browser
    #[arg(long, conflicts_with_all = ["format", "path"])]
    open: bool,
    /// Which of its files
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
    /// The path of that file instead of its text
    #[arg(long)]
    path: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// To read in a terminal
    Md,
    /// For programs; what is signed
    Json,
    /// For a browser or a printer
    Html,
}

impl Format {
    const fn file(self) -> &'static str {
        match self {
            Self::Md => MARKDOWN,
            Self::Json => JSON,
            Self::Html => HTML,
        }
    }
}

impl ReportArgs {
    pub(super) fn run(self, cx: &Context, office: &Office) -> Result<(), Failure> {
        let run = office.drill_report(&self.which)?;
        if self.open {
            return open(cx, &run.folder.join(HTML));
        }
        let path = run.folder.join(self.format.file());
        if self.path {
            let shown = path.display().to_string();
            return if cx.json() { cx.write_json(&json!({ "path": path })) } else { cx.say(&text::line(&shown)) };
        }
        if cx.json() {
            let vouched = vouched(office, &run)?;
            let said = vouched.clone().map_or_else(
                |why| json!({ "holds": false, "why": why }),
                |who| json!({ "holds": who.is_some(), "by": who }),
            );
            return cx.write_json(&json!({ "report": run.folder, "signature": said, "outcome": run.outcome }));
        }
        let bytes = office.drill_report_file(&run, self.format.file())?;
        if cx.style.width.is_some() {
            // What lies there may have been changed since it was written.
            cx.print(&text::block(&String::from_utf8_lossy(&bytes)))?;
        } else {
            cx.write_bytes(&bytes)?;
        }
        match vouched(office, &run)? {
            Ok(Some(who)) => cx.note(&format!("signed by {who}, and as it was signed")),
            Ok(None) => {}
            Err(why) => {
                let what = format!("the signature of {} does not hold: {why}", run.folder.join(JSON).display());
                return Err(Failure::new(Code::Refused, what).hint("cellphone drill run again, and compare"));
            }
        }
        Ok(())
    }
}

/// Who signed it, if anybody did; else why the signature does not hold.
fn vouched(office: &Office, run: &Run) -> Result<Result<Option<String>, String>, Failure> {
    Ok(match office.drill_report_vouched(run)? {
        Vouched::Unsigned => Ok(None),
        Vouched::By(who) => Ok(Some(who.to_string())),
        Vouched::Not(why) => Err(why.to_string()),
    })
}

/// Hands the page to whatever the desktop shows pages with.
fn open(cx: &Context, page: &Path) -> Result<(), Failure> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let shown = page.display();
    let failed = |why: String| {
        Failure::new(Code::Failed, format!("{program} did not open {shown}: {why}"))
            .hint("open that file in a browser yourself, or: cellphone drill report")
    };
    let ended =
        Command::new(program).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = ended.map_err(|e| failed(e.to_string()))?;
    // Explorer ends with 1 even when all is well.
    if !status.success() && !cfg!(windows) {
        return Err(failed(status.to_string()));
    }
    if cx.json() { cx.write_json(&json!({ "path": page })) } else { cx.say(&text::line(&shown.to_string())) }
}
