//! Foreign text on its way into a page or a Markdown file.
//!
//! What steers or hides is made visible first, as on a terminal; then what the
//! format would take for its own is escaped. Nothing else in `report` writes a
//! text that came from elsewhere.

use crate::model::visible;

/// Text of one line, for an element or an attribute in quotes.
pub(super) fn page(text: &str) -> String {
    entities(&visible::line(text))
}

/// Text of several lines, for an element.
pub(super) fn page_block(text: &str) -> String {
    entities(&visible::block(text))
}

/// The same for a sentence, in which `words` between backticks are code.
pub(super) fn page_prose(text: &str) -> String {
    let text = visible::line(text);
    spans(&text)
        .map(|(is_code, part)| if is_code { format!("<code>{}</code>", entities(part)) } else { entities(part) })
        .collect()
}

/// The parts of a text, and which of them stand between backticks; one part
/// where those do not pair.
fn spans(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let pairs = text.matches('`').count().is_multiple_of(2) && !text.contains("``");
    let parts: Vec<&str> = if pairs { text.split('`').collect() } else { vec![text] };
    parts.into_iter().enumerate().map(|(i, part)| (i % 2 == 1, part)).filter(|(_, part)| !part.is_empty())
}

fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text of one line in Markdown, where it does not begin a block. Only what
/// would begin something is escaped, since most read the file as it is.
pub(super) fn mark(text: &str) -> String {
    let text = visible::line(text);
    let mut before = None;
    let mut out = String::with_capacity(text.len() + 8);
    for (is_code, part) in spans(&text) {
        // In a table a bar ends the cell even there, so such a part is none.
        if is_code && !part.contains('|') {
            out += &code(part);
            before = Some('`');
        } else if is_code {
            plain(&format!("`{part}`"), &mut before, &mut out);
        } else {
            plain(part, &mut before, &mut out);
        }
    }
    out
}

fn plain(text: &str, before: &mut Option<char>, out: &mut String) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let active = match c {
            '\\' | '`' | '<' | '[' | ']' | '|' | '*' | '~' => true,
            // A word like lost_disk is one; so is an entity when a name follows.
            '_' => !(inside(*before) && inside(chars.peek().copied())),
            '&' => chars.peek().is_some_and(|c| c.is_ascii_alphabetic() || *c == '#'),
            '#' | '>' | '+' | '-' | '=' => before.is_none(),
            _ => false,
        };
        if active {
            out.push('\\');
        }
        out.push(c);
        *before = Some(c);
    }
}

/// Text of one line as code in Markdown, whatever backticks it has.
pub(super) fn code(text: &str) -> String {
    let text = visible::line(text);
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // A blank at each end is taken off by the reader; it keeps a backtick off the fence.
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines as a block of code in Markdown, each behind `indent`.
pub(super) fn fenced(text: &str, indent: &str) -> String {
    let text = visible::block(text);
    let fence = "`".repeat((longest_run(&text, '`') + 1).max(3));
    let mut out = format!("{indent}{fence}\n");
    for line in text.lines() {
        out += &format!("{}\n", format!("{indent}{line}").trim_end());
    }
    out + indent + &fence + "\n"
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut best, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        best = best.max(run);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_a_tag_an_attribute_or_a_block() {
        assert_eq!(page("<a href='x'>&\"\u{1b}\u{202e}"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;␛⟨U+202E⟩");
        assert_eq!(page_block("a\n<b>"), "a\n&lt;b&gt;");
        assert_eq!(mark("# a | b"), "\\# a \\| b");
        assert_eq!(mark("lost_disk _x_ &amp; <b> R&D"), "lost_disk \\_x\\_ \\&amp; \\<b> R\\&D");
        assert_eq!(mark("a\nb"), "a␊b");
        assert_eq!(mark("lower `watch.off`, `a|b`, *c*"), "lower `watch.off`, \\`a\\|b\\`, \\*c\\*");
        assert_eq!(mark("a `b"), "a \\`b");
        assert_eq!(page_prose("see `<b>` & c"), "see <code>&lt;b&gt;</code> &amp; c");
        assert_eq!(page_prose("a ` <b>"), "a ` &lt;b&gt;");
        assert_eq!(code("a `b` ``c"), "```a `b` ``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(fenced("a\n```\nb", "  "), "  ````\n  a\n  ```\n  b\n  ````\n");
    }
}
