//! OpenSSH's pattern lists (`match_pattern_list`): names with `*` and `?`,
//! separated by commas; one that matches behind a `!` excludes.

/// Whether the text matches the list.
pub(super) fn matches(text: &str, list: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(not) if one(text.as_bytes(), not.as_bytes()) => return false,
            Some(_) => {}
            None => found |= one(text.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// One pattern. Goes back to the last `*` only, so no pattern makes it slow.
fn one(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match star.as_mut() {
                Some((at, from)) => {
                    *from += 1;
                    (p, t) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_openssh_matches() {
        for (text, list, yes) in [
            ("Agent-1", "Agent-1", true),
            ("Agent-1", "agent-1", false),
            ("Agent-1", "Agent-?", true),
            ("Agent-12", "Agent-?", false),
            ("Agent-12", "Agent-*", true),
            ("Agent-1", "Agent-2,Agent-1", true),
            ("Agent-1", "*,!Agent-1", false),
            ("Agent-1", "!Agent-1,*", false),
            ("Agent-1", "!Agent-2", false),
            ("", "", true),
            ("a", "", false),
            ("abcbcd", "a*bcd", true),
        ] {
            assert_eq!(matches(text, list), yes, "{text:?} in {list:?}");
        }
        assert!(!matches(&"a".repeat(10_000), &("*a".repeat(200) + "b")), "and takes no time about it");
    }
}
