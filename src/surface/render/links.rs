//! Links in foreign text, shown with where they really lead.
//!
//! A Markdown link, by target or by reference, and a terminal hyperlink
//! (OSC 8) become `text ⟨target⟩`. An address that pretends is marked behind
//! it: `(!) leads to evil.example, not github.com`. Marked are: a text that
//! names another host than its target, a host with letters beyond ASCII
//! (`xn--`), a name before `@`, an address in an odd notation, and a scheme
//! that is no address of the web. Code is left as it is, since nothing hides
//! in it: only addresses in it are marked. What cannot be read as a link stays
//! as it stands, which hides nothing either. Work is linear in the text.

use std::borrow::Cow;
use std::collections::HashMap;

use url::{Host, Url};

/// Without one of these there is no link.
const HINTS: [&str; 5] = ["://", "](", "][", "]:", "]8;"];

/// How a terminal hyperlink begins: OSC as two characters, and as one.
const HYPERLINK: [&str; 2] = ["\u{1b}]8;", "\u{9d}8;"];

/// Schemes of addresses that lead somewhere, and do nothing by themselves.
const PLAIN_SCHEMES: [&str; 7] = ["http", "https", "mailto", "ftp", "ssh", "git", "cellphone"];

/// Ends of names that are files more often than hosts.
const FILES: [&str; 34] = [
    "rs", "md", "py", "sh", "js", "ts", "tsx", "jsx", "go", "cc", "cpp", "hpp", "java", "kt", "rb", "pl", "php", "css",
    "html", "htm", "json", "toml", "yaml", "yml", "txt", "xml", "lock", "cfg", "log", "sql", "zip", "pdf", "png",
    "svg",
];

/// Longest title of a link, in bytes.
const TITLE: usize = 200;

/// The text with every link's target beside it.
#[must_use]
pub(super) fn reveal(text: &str) -> Cow<'_, str> {
    if !HINTS.iter().any(|hint| text.contains(hint)) {
        return Cow::Borrowed(text);
    }
    let text = hyperlinks(text);
    let definitions = definitions(&text);
    let mut out = String::with_capacity(text.len() + 64);
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let mark = fence_of(line);
        match (fence, mark) {
            (None, Some(opened)) => fence = Some(opened),
            (Some(opened), Some(mark)) if mark.starts_with(opened) && line.trim() == mark => fence = None,
            (None, None) => {
                prose(line, &definitions, &mut out);
                continue;
            }
            _ => {}
        }
        addresses(line, &mut out);
    }
    Cow::Owned(out)
}

/// The run of backticks or tildes that opens or closes a block of code.
fn fence_of(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(' ').trim_end();
    let first = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run = line.len() - line.trim_start_matches(first).len();
    (run >= 3).then(|| &line[..run])
}

/// `[label]: target` lines, by their label in lower case.
fn definitions(text: &str) -> HashMap<String, &str> {
    fn read(line: &str) -> Option<(String, &str)> {
        let (label, rest) = line.trim_start_matches(' ').strip_prefix('[')?.split_once("]:")?;
        let at = rest.split_whitespace().next()?;
        Some((label.to_lowercase(), at.trim_start_matches('<').trim_end_matches('>')))
    }
    if !text.contains("]:") {
        return HashMap::new();
    }
    text.lines().filter_map(read).collect()
}

/// A line outside of blocks of code.
fn prose(line: &str, definitions: &HashMap<String, &str>, out: &mut String) {
    let mut from = 0;
    for (open, close) in brackets(line) {
        if open < from {
            continue;
        }
        let label = &line[open + 1..close];
        let Some((target, end)) = target_of(line, label, close + 1, definitions) else { continue };
        addresses(&line[from..open], out);
        out.push_str(label);
        show(target, Some(label), out);
        from = end;
    }
    addresses(&line[from..], out);
}

/// Pairs of brackets outside of code spans, by where they open.
fn brackets(line: &str) -> Vec<(usize, usize)> {
    let bytes = line.as_bytes();
    let (mut pairs, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' => open.push(at),
            b']' => pairs.extend(open.pop().map(|from| (from, at))),
            b'`' => {
                let run = bytes[at..].iter().take_while(|b| **b == b'`').count();
                let ticks = &line[at..at + run];
                // Without an end it is no code, and its backticks are letters.
                at += run - 1 + line[at + run..].find(ticks).map_or(0, |inside| inside + run);
            }
            _ => {}
        }
        at += 1;
    }
    pairs.sort_unstable();
    pairs
}

/// What a label leads to, and where the link ends. `at` is behind the label.
fn target_of<'a>(
    line: &'a str,
    label: &str,
    at: usize,
    definitions: &HashMap<String, &'a str>,
) -> Option<(&'a str, usize)> {
    let rest = &line[at..];
    if let Some(inside) = rest.strip_prefix('(') {
        return inline(inside).map(|(target, end)| (target, at + 1 + end));
    }
    let known = |name: &str| definitions.get(&name.to_lowercase()).copied().filter(|at| is_address(at));
    if let Some((name, _)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Some((known(if name.is_empty() { label } else { name })?, at + name.len() + 2));
    }
    // The definition itself stays as it is.
    if rest.starts_with(':') { None } else { Some((known(label)?, at)) }
}

/// The target within `(…)`, and where the link ends.
fn inline(inside: &str) -> Option<(&str, usize)> {
    let begin = inside.len() - inside.trim_start_matches(' ').len();
    let rest = &inside[begin..];
    let (target, end) = match rest.strip_prefix('<') {
        Some(rest) => rest.split_once('>').map(|(target, _)| (target, begin + target.len() + 2))?,
        None => {
            let mut depth = 0_usize;
            let ends = |c: char| {
                match c {
                    '(' => depth += 1,
                    ')' if depth == 0 => return true,
                    ')' => depth -= 1,
                    // The next link begins: this is none.
                    '[' if depth == 0 => return true,
                    _ => {}
                }
                c.is_whitespace() || c.is_control()
            };
            let len = rest.find(ends)?;
            (&rest[..len], begin + len)
        }
    };
    let after = inside[end..].trim_start();
    let gap = inside.len() - end - after.len();
    let close = match after.chars().next()? {
        ')' => 0,
        quote @ ('"' | '\'' | '(') => {
            let mark = if quote == '(' { ')' } else { quote };
            let title: usize = after[1..].char_indices().find(|(at, c)| *c == mark || *at > TITLE).map(|(at, _)| at)?;
            let behind = &after[1 + title..];
            let skipped = behind.strip_prefix(mark)?.trim_start();
            skipped.starts_with(')').then(|| after.len() - skipped.len())?
        }
        _ => return None,
    };
    is_address(target).then_some((target, end + gap + close + 1))
}

/// Whether a target leads out of the text: a path beside it does not.
fn is_address(target: &str) -> bool {
    target.starts_with("//") || scheme_of(target).is_some()
}

fn scheme_of(target: &str) -> Option<&str> {
    let (scheme, _) = target.split_once(':')?;
    let fits = scheme.len() > 1 && scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    (fits && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))).then_some(scheme)
}

/// Copies text and marks the addresses in it that pretend.
fn addresses(text: &str, out: &mut String) {
    let mut from = 0;
    while let Some(at) = text[from..].find("://").map(|at| from + at) {
        let scheme = text[from..at].bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || b"+.-".contains(b));
        let begin = at - scheme.count();
        let stop = |c: char| c.is_whitespace() || c.is_control() || "<>\"`|⟨⟩".contains(c);
        let end = text[at..].find(stop).map_or(text.len(), |len| at + len);
        let address = trimmed(&text[begin..end]);
        let end = begin + address.len();
        out.push_str(&text[from..end]);
        mark(address, None, out);
        from = end.max(at + 3);
        out.push_str(&text[end..from]);
    }
    out.push_str(&text[from..]);
}

/// Without the punctuation of the sentence around it.
fn trimmed(address: &str) -> &str {
    let mut address = address;
    loop {
        let shorter = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', ']']);
        let shorter = match shorter.strip_suffix(')') {
            Some(inner) if shorter.matches(')').count() > shorter.matches('(').count() => inner,
            _ => shorter,
        };
        if shorter.len() == address.len() {
            return address;
        }
        address = shorter;
    }
}

/// ` ⟨target⟩`, and what is doubtful about it.
fn show(target: &str, label: Option<&str>, out: &mut String) {
    out.push_str(&format!(" ⟨{target}⟩"));
    mark(target, label, out);
}

fn mark(target: &str, label: Option<&str>, out: &mut String) {
    let doubts = doubts(target, label);
    if !doubts.is_empty() {
        out.push_str(&format!(" (!) {}", doubts.join("; ")));
    }
}

/// What an address pretends, a clause each.
fn doubts(target: &str, label: Option<&str>) -> Vec<String> {
    let scheme = scheme_of(target).unwrap_or("https").to_lowercase();
    if !PLAIN_SCHEMES.contains(&scheme.as_str()) {
        return if ["javascript", "data", "vbscript", "file"].contains(&scheme.as_str()) {
            vec![format!("no address of the web: {scheme}")]
        } else {
            Vec::new()
        };
    }
    let whole = if target.starts_with("//") { format!("https:{target}") } else { target.to_owned() };
    let Ok(url) = Url::parse(&whole) else { return Vec::new() };
    let Some(host) = url.host_str().map(str::to_lowercase) else { return Vec::new() };
    let mut found = Vec::new();
    let is_web = matches!(scheme.as_str(), "http" | "https" | "ftp");
    if is_web && (!url.username().is_empty() || url.password().is_some()) {
        found.push(format!("leads to {host}; what stands before @ is a name, not an address"));
    } else if let Some(claimed) = label.and_then(claimed_host).filter(|claimed| !is_at(&host, claimed)) {
        found.push(format!("leads to {host}, not {claimed}"));
    } else if matches!(url.host(), Some(Host::Ipv4(_))) && !whole.contains(&host) {
        found.push(format!("leads to {host}"));
    }
    if host.split('.').any(|part| part.starts_with("xn--")) {
        let (letters, _) = idna::domain_to_unicode(&host);
        found.push(format!("{letters} has letters beyond ASCII: {host}"));
    }
    found
}

fn is_at(host: &str, claimed: &str) -> bool {
    let claimed = claimed.strip_prefix("www.").unwrap_or(claimed);
    host == claimed || host.strip_suffix(claimed).is_some_and(|rest| rest.ends_with('.'))
}

/// The host that the text of a link names, if it names one.
fn claimed_host(label: &str) -> Option<String> {
    label.split_whitespace().find_map(|word| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        let (sure, rest) = match word.split_once("://") {
            Some((_, rest)) => (true, rest),
            None => (word.starts_with("www."), word),
        };
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        if authority.contains('@') && !sure {
            return None;
        }
        let host = authority.rsplit('@').next()?.split(':').next()?;
        let (_, last) = host.rsplit_once('.')?;
        let letters = host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.'));
        let named = last.chars().count() > 1 && last.chars().all(char::is_alphabetic);
        let likely = sure || !FILES.contains(&last.to_lowercase().as_str());
        if !(letters && named && likely) {
            return None;
        }
        Some(Url::parse(&format!("https://{host}")).ok()?.host_str()?.to_lowercase())
    })
}

/// Terminal hyperlinks as text and target.
fn hyperlinks(text: &str) -> Cow<'_, str> {
    let next = |from: usize| {
        let found = HYPERLINK.iter().filter_map(|begin| Some((from + text[from..].find(begin)?, begin.len())));
        found.min()
    };
    let Some(mut begin) = next(0) else { return Cow::Borrowed(text) };
    let mut out = text[..begin.0].to_owned();
    loop {
        let inside = begin.0 + begin.1;
        let following = next(inside);
        let part = &text[inside..following.map_or(text.len(), |(at, _)| at)];
        match hyperlink(part) {
            Some(("", shown)) => out.push_str(shown),
            Some((target, shown)) => {
                out.push_str(shown);
                show(target, Some(shown), &mut out);
            }
            // Cut off: it is shown as the characters it has.
            None => out.push_str(&text[begin.0..inside + part.len()]),
        }
        match following {
            Some(next) => begin = next,
            None => return Cow::Owned(out),
        }
    }
}

/// `PARAMETERS;TARGET`, the end of the sequence, and the text behind it.
fn hyperlink(part: &str) -> Option<(&str, &str)> {
    let (_, rest) = part.split_once(';')?;
    let end = rest.find(['\u{1b}', '\u{7}', '\u{9c}', '\n'])?;
    let behind = &rest[end..];
    let shown = ["\u{1b}\\", "\u{7}", "\u{9c}"].iter().find_map(|mark| behind.strip_prefix(mark))?;
    Some((&rest[..end], shown))
}
