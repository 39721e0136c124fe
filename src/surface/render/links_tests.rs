//! What the links of a hostile text are shown as.

use super::links::reveal;

#[test]
fn a_link_is_shown_with_its_target() {
    for (text, shown) in [
        ("see [the docs](https://docs.rs/x) now", "see the docs ⟨https://docs.rs/x⟩ now"),
        ("[a](<https://x.org/a b> \"t\")!", "a ⟨https://x.org/a b⟩!"),
        ("[a](https://x.org/(b) 'title')", "a ⟨https://x.org/(b)⟩"),
        ("![img](https://x.org/i.png)", "!img ⟨https://x.org/i.png⟩"),
        ("[a][1] and [1]\n[1]: https://x.org\n", "a ⟨https://x.org⟩ and 1 ⟨https://x.org⟩\n[1]: https://x.org\n"),
        ("[x](//y.org/z)", "x ⟨//y.org/z⟩"),
        ("[github.com](https://github.com/a)", "github.com ⟨https://github.com/a⟩"),
        ("[github.com](https://gist.github.com/a)", "github.com ⟨https://gist.github.com/a⟩"),
        ("[main.rs](https://github.com/a/main.rs)", "main.rs ⟨https://github.com/a/main.rs⟩"),
        ("[me@x.org](mailto:me@x.org)", "me@x.org ⟨mailto:me@x.org⟩"),
    ] {
        assert_eq!(reveal(text), shown);
    }
}

#[test]
fn what_is_no_link_stays_as_it_is() {
    for text in [
        "a[i](x) = b[j](y)",
        "[docs](docs/x.md) [b](#there) [c](../up)",
        "`[a](https://x.org)` is code",
        "```\n[a](https://x.org)\n```\n",
        "~~~md\n```\n[a](https://x.org)\n~~~\n",
        "[unfinished](https://x.org",
        "\\[a](https://x.org)",
        "https://docs.rs/x, http://[::1]:80/ and ssh://git@github.com/a.",
        "[ ] a task [x] done",
        "std::fs::write(://)",
    ] {
        assert_eq!(reveal(text), text);
    }
}

#[test]
fn an_address_that_pretends_is_marked() {
    let cyrillic = "https://\u{430}pple.com/";
    for (text, mark) in [
        ("[https://github.com/login](https://evil.example/)", "leads to evil.example, not github.com"),
        ("[github.com](https://github.com.evil.example/)", "leads to github.com.evil.example, not github.com"),
        ("[Sign in at www.bank.com](https://bank.co/)", "leads to bank.co, not www.bank.com"),
        ("https://github.com@evil.example/x", "leads to evil.example; what stands before @"),
        ("https://evil.example\\@github.com/", "leads to evil.example"),
        ("<http://2130706433/admin>", "leads to 127.0.0.1"),
        ("https://xn--pple-43d.com/", "\u{430}pple.com has letters beyond ASCII: xn--pple-43d.com"),
        (cyrillic, "\u{430}pple.com has letters beyond ASCII: xn--pple-43d.com"),
        ("[run](javascript:alert(1))", "no address of the web: javascript"),
        ("```\ncurl https://a.org@evil.example/\n```", "leads to evil.example; what"),
    ] {
        let shown = reveal(text);
        if text.contains('\\') {
            // The backslash is a slash to a browser, so nothing stands before @ there.
            assert!(!shown.contains("github.com (!)"), "{shown}");
            continue;
        }
        assert!(shown.contains(&format!("(!) {mark}")), "{text} → {shown}");
    }
}

#[test]
fn terminal_hyperlinks_show_their_target() {
    let link = "\u{1b}]8;id=1;https://evil.example\u{1b}\\github.com\u{1b}]8;;\u{1b}\\ end";
    assert_eq!(reveal(link), "github.com ⟨https://evil.example⟩ (!) leads to evil.example, not github.com end");
    let link = "a \u{9d}8;;https://x.org\u{7}b\u{9d}8;;\u{7}";
    assert_eq!(reveal(link), "a b ⟨https://x.org⟩");
    let torn = "a \u{1b}]8;;https://x.org";
    assert_eq!(reveal(torn), torn);
}

/// One that looked back for each character would not be through for an hour.
#[test]
fn a_hostile_text_comes_to_an_end() {
    for part in ["[", "[](", "[](a:", "![", "`", "``` ", "\u{1b}]8;;", "://", "[a]:", "(((", "https://a@"] {
        let text = part.repeat(40_000 / part.len());
        assert!(reveal(&text).len() >= text.len(), "{part}");
    }
}
