//! `cellphone unseal`: the text of a sealed message, and nothing else.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::surface::render::text;

pub(super) const EXAMPLES: &str = "cellphone unseal 01K3ZJ9Q
cellphone unseal 01K3ZJ9Q -o secret.txt
cellphone unseal archive/2026-11-24/message.md";

/// Arguments of `unseal`.
#[derive(Debug, clap::Args)]
pub(super) struct UnsealArgs {
    /// A message by its id, a file that holds one, or - for standard input
    #[arg(value_name = "ID|FILE|-")]
    what: String,
    /// Write it into a new file that only you can read
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Run for UnsealArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let path = Path::new(&self.what);
        let unsealed = if self.what == "-" || path.is_file() {
            // The armour takes a third more than the text, and a header stands before it.
            let limit = office.settings().limits.body.saturating_mul(2).saturating_add(office.settings().limits.header);
            office.unseal_bytes(&read(path, limit)?)?
        } else {
            office.unseal(&self.what)?
        };
        if let Some(output) = &self.output {
            office.save_unsealed(&unsealed, output)?;
            if cx.json() {
                return cx.write_json(&json!({ "path": output, "bytes": unsealed.body.len() }));
            }
            return cx.say(&format!(
                "{} bytes into {}",
                unsealed.body.len(),
                text::line(&output.display().to_string())
            ));
        }
        if cx.json() {
            return cx.write_json(&json!({ "body": String::from_utf8_lossy(&unsealed.body) }));
        }
        let mut out = std::io::stdout();
        if out.is_terminal() {
            return cx.print(&text::block(&String::from_utf8_lossy(&unsealed.body)));
        }
        out.write_all(&unsealed.body)?;
        Ok(out.flush()?)
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
    };
    read.map_err(|e| Failure::new(Code::Failed, format!("cannot read {name}: {e}")))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(Code::Refused, format!("{name} is larger than a message may be")));
    }
    Ok(bytes)
}
