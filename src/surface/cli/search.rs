//! `cellphone search`: reads the files themselves.

use serde_json::Value;

use super::context::Context;
use super::failure::{Code, Failure};
use super::{Run, mail};
use crate::office::SearchQuery;
use crate::surface::render::{Paint, foreign, text};

pub(super) const EXAMPLES: &str = "cellphone search 'parser|lexer'
cellphone search -F -i 'what?'";

/// Arguments of `search`.
#[derive(Debug, clap::Args)]
pub(super) struct SearchArgs {
    /// A regular expression
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    query: String,
    /// Take QUERY literally
    #[arg(short = 'F', long)]
    fixed: bool,
    /// Upper and lower case are the same
    #[arg(short, long)]
    ignore_case: bool,
    /// At most N hits
    #[arg(short = 'n', long = "limit", value_name = "N")]
    limit: Option<usize>,
}

impl Run for SearchArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let query =
            SearchQuery { text: self.query, fixed: self.fixed, ignore_case: self.ignore_case, limit: self.limit };
        let hits = cx.office()?.search(query)?;
        if cx.json() {
            let all = hits.iter().map(|hit| {
                let mut map = mail::listed_json(&hit.listed);
                map.insert("line".into(), Value::from(hit.line));
                map.insert("text".into(), Value::from(hit.text.clone()));
                map
            });
            return cx.write_json(&all.collect::<Vec<_>>());
        }
        if hits.is_empty() {
            return Err(Failure::new(Code::NotFound, "no message matches"));
        }
        let mut out = String::new();
        let mut last = None;
        for hit in &hits {
            let l = &hit.listed;
            if last != Some(l.id) {
                last = Some(l.id);
                let head = format!("{}  {}  {}", l.id, l.from, foreign::line(&l.subject));
                out += &format!("{}\n", cx.paint(Paint::Strong, &head));
            }
            let shown = foreign::line(hit.text.trim_end());
            let shown = cx
                .style
                .width
                .map_or_else(|| shown.to_string(), |w| text::cut(&shown, w.saturating_sub(7)).into_owned());
            out += &format!("{} {shown}\n", cx.paint(Paint::Faint, &format!("{:>5}:", hit.line)));
        }
        cx.print(&out)
    }
}
