//! Words for a POSIX shell.

/// A word as a shell takes it: quoted unless it is plain. A NUL, which no
/// argument of a program can hold, is left out.
#[must_use]
pub fn quoted(word: &str) -> String {
    match shlex::try_quote(word) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => quoted(&word.replace('\0', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use proptest::prelude::*;

    #[test]
    fn plain_words_stay_as_they_are() {
        for plain in ["/home/a/office", "Agent-2", "a@b:c"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted("/home/a b/$(rm x)"), "'/home/a b/$(rm x)'");
        assert_eq!((quoted(""), quoted("a\0{b,c}")), ("''".to_owned(), "'a{b,c}'".to_owned()));
    }

    proptest! {
        #[test]
        fn a_shell_reads_the_word_again(word in "[ -~é\n\t]{0,20}") {
            prop_assert_eq!(shlex::split(&quoted(&word)).unwrap(), vec![word]);
        }
    }
}
