//! Searching the files themselves, in parallel; there is no index to go
//! stale. The only file that names the grep crates.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::sinks::Lossy;
use grep_searcher::{BinaryDetection, SearcherBuilder};

use crate::mailbox::{Mailbox, Scanned, Which};

use super::mail_read::Listed;
use super::{ErrorKind, Office, OfficeError, Result};

/// What is looked for.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    /// A regular expression (the syntax of Rust's `regex`), or plain text.
    pub text: String,
    /// Whether it is plain text.
    pub fixed: bool,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
    /// At most this many hits, the newest messages first.
    pub limit: Option<usize>,
}

/// A line that matches.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The message.
    pub listed: Listed,
    /// Line in the file, from 1, the front matter included.
    pub line: u64,
    /// The line.
    pub text: String,
}

impl Office {
    /// Searches inbox, archive and sent mail of the actor, front matter
    /// included. Hits come by message, newest first.
    ///
    /// # Errors
    /// A pattern that is none, or a folder that cannot be read.
    pub fn search(&self, query: SearchQuery) -> Result<Vec<Hit>> {
        let matcher = matcher(&query)?;
        let mailbox = self.mailbox()?;
        let mut files = mailbox.scan(Which::All, None)?;
        files.extend(mailbox.scan_sent()?);
        files.sort_by(|a, b| b.name.cmp(&a.name));
        // A message to oneself is in two places; the first, its inbox copy, is enough.
        files.dedup_by(|b, a| a.name == b.name);
        let mut found = in_parallel(&mailbox, &files, &matcher);
        found.sort_by_key(|(at, line, _)| (*at, *line));
        found.truncate(query.limit.unwrap_or(usize::MAX));
        let examiner = self.examiner(&mailbox, &files)?;
        let mut hits: Vec<Hit> = Vec::with_capacity(found.len());
        let mut last: Option<(usize, Listed)> = None;
        for (at, line, text) in found {
            if last.as_ref().is_none_or(|(known, _)| *known != at) {
                last = examiner.list(&files[at]).map(|l| (at, l));
            }
            if let Some((known, listed)) = &last
                && *known == at
            {
                hits.push(Hit { listed: listed.clone(), line, text });
            }
        }
        Ok(hits)
    }
}

fn matcher(query: &SearchQuery) -> Result<RegexMatcher> {
    let mut builder = RegexMatcherBuilder::new();
    builder.case_insensitive(query.ignore_case).fixed_strings(query.fixed).line_terminator(Some(b'\n'));
    builder.build(&query.text).map_err(|e| {
        OfficeError::new(ErrorKind::Usage, format!("{:?} is not a pattern: {e}", query.text))
            .hint("to search for it as it is written: cellphone search --fixed …")
    })
}

/// Hits as (index of the file, line, text), in no order.
fn in_parallel(mailbox: &Mailbox, files: &[Scanned], matcher: &RegexMatcher) -> Vec<(usize, u64, String)> {
    const CHUNK: usize = 64;
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let work = || {
        let mut searcher = SearcherBuilder::new().line_number(true).binary_detection(BinaryDetection::none()).build();
        let mut hits = Vec::new();
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= files.len() {
                return hits;
            }
            for (at, file) in files.iter().enumerate().skip(from).take(CHUNK) {
                // Taken away since, or refused: the inbox shows what cannot be read.
                let Ok(bytes) = mailbox.bytes_of(file) else { continue };
                let sink = Lossy(|line, text| {
                    hits.push((at, line, text.trim_end().to_owned()));
                    Ok(true)
                });
                if let Err(e) = searcher.search_slice(matcher, &bytes, sink) {
                    tracing::debug!(error = %e, "a file was not searched");
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_default()).collect()
    })
}
