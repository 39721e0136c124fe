//! Markdown of others as HTML that does nothing.
//!
//! What stands as HTML in it is shown as text. Links lead only to the web or to
//! a mail program, and say so by `rel`; pictures are links, because nothing is
//! fetched from elsewhere.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::surface::render::text;

/// The body of a message.
pub(super) fn to_html(body: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let visible = text::block(body);
    let mut kept = Vec::new();
    // Of each link that is open, whether it was kept.
    let mut open = Vec::new();
    for event in Parser::new_ext(&visible, options) {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => kept.push(Event::Text(text)),
            Event::Start(Tag::HtmlBlock) => kept.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => kept.push(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let good = leads_out(&dest_url);
                open.push(good);
                if good {
                    let start = format!("<a rel=\"noopener noreferrer nofollow\" href=\"{}\">", attribute(&dest_url));
                    kept.push(Event::InlineHtml(CowStr::from(start)));
                }
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if open.pop() == Some(true) {
                    kept.push(Event::InlineHtml(CowStr::Borrowed("</a>")));
                }
            }
            other => kept.push(other),
        }
    }
    let mut out = String::with_capacity(visible.len() * 3 / 2);
    html::push_html(&mut out, kept.into_iter());
    out
}

fn leads_out(url: &str) -> bool {
    ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_reads_well() {
        let html = to_html(
            "# Head\n\nSome **bold** `code`\n\n- [ ] one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```rust\nfn x() {}\n```\n\n[site](https://example.org/?a=1&b=2)",
        );
        for part in [
            "<h1>Head</h1>",
            "<strong>bold</strong>",
            "<code>code</code>",
            "<table>",
            "<pre><code class=\"language-rust\">",
            "href=\"https://example.org/?a=1&amp;b=2\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn nothing_in_it_runs_or_is_fetched() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "a <b onclick=alert(1)>b</b>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x)",
            "![x](https://evil.example/pixel.png)",
            "![x\" onerror=\"alert(1)](https://evil.example/a\"onerror=\"x)",
            "[x](https://e/\"onmouseover=\"alert(1))",
            "<https://e/\"onmouseover=\"alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            "```\"><script>alert(1)</script>\nx\n```",
            "<!-- --><svg/onload=alert(1)>",
            "<style>@import 'https://evil.example'</style>",
            "&lt;script&gt;",
            "\u{202e}gnp.exe\u{202c} \u{1b}[31m",
        ] {
            let html = to_html(hostile);
            // Every tag is one of Markdown's own.
            for tag in html.split('<').skip(1) {
                let name: String =
                    tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                assert!(["p", "a", "pre", "code", "br"].contains(&name.as_str()), "{hostile}: {html}");
                let inside = tag.split('>').next().unwrap();
                assert!(!inside.contains(" on") && !inside.to_lowercase().contains("script:"), "{hostile}: {html}");
            }
            assert!(!html.contains('\u{202e}') && !html.contains('\u{1b}'), "{html:?}");
        }
    }
}
