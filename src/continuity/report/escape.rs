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
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let active = match c {
            '\\' | '`' | '<' | '[' | ']' | '|' | '*' | '~' => true,
            // A word like lost_disk is one; so is an entity when a name follows.
            '_' => !(inside(before) && inside(chars.peek().copied())),
            '&' => chars.peek().is_some_and(|c| c.is_ascii_alphabetic() || *c == '#'),
            '#' | '>' | '+' | '-' | '=' => before.is_none(),
            _ => false,
        };
        if active {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
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
        assert_eq!(code("a `b` ``c"), "```a `b` ``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(fenced("a\n```\nb", "  "), "  ````\n  a\n  ```\n  b\n  ````\n");
    }
}
