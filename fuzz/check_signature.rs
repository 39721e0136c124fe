//! What must hold for any bytes as a signed message: nothing panics; what is
//! cut out is exactly the entry that the lexer sees under `signature`, so two
//! readers never check different bytes; and what is put in comes out. Shared by
//! the fuzz target and by the test that runs the corpus.

use agent_cellphone::model::front_matter::{FrontMatter, Limits, split};
use agent_cellphone::model::signature::{KEY, put_in, take_apart};

const ARMOR: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n";

/// How far the bytes got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Got {
    /// Without a signature.
    Unsigned,
    /// With something that is none.
    Malformed,
    /// With a signature.
    Signed,
}

/// Panics when a promise is broken.
pub fn check(bytes: &[u8]) -> Got {
    let any = Limits { header: u64::MAX, body: u64::MAX };
    let header = split(bytes, &any).ok().and_then(|parts| parts.header);
    let front = header.and_then(|header| FrontMatter::parse(header).ok());
    let entry = front.as_ref().and_then(|front| front.entries().iter().find(|entry| entry.key == KEY));
    match take_apart(bytes) {
        Err(_) => Got::Malformed,
        Ok(None) => {
            assert!(entry.is_none(), "a signature was overlooked");
            if let Ok(signed) = put_in(bytes, ARMOR) {
                let apart = take_apart(&signed).expect("it is well formed").expect("it is there");
                assert_eq!((apart.armor(), apart.bytes().as_slice()), (ARMOR, bytes));
            }
            Got::Unsigned
        }
        Ok(Some(apart)) => {
            let (entry, header) = (entry.expect("the lexer sees it"), header.expect("and its header"));
            let opening = b"---\n".len();
            let (start, end) = (opening + entry.span.start, opening + entry.span.end);
            assert_eq!(apart.bytes(), [&bytes[..start], &bytes[end..]].concat(), "another cut than the lexer's");
            let block: String = apart.armor().lines().map(|line| format!("  {line}\n")).collect();
            assert_eq!(&header[entry.span.clone()], format!("signature: |\n{block}"));
            assert_eq!(as_sed_cuts(bytes), apart.bytes(), "another cut than the documented one");
            Got::Signed
        }
    }
}

/// `sed '1,/^---$/{/^signature: |$/,/^  -----END SSH SIGNATURE-----$/d;}'`, but
/// that `sed` ends a last line that has no end.
fn as_sed_cuts(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut header, mut cutting) = (Vec::new(), true, false);
    for (n, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let in_header = header;
        if n > 0 && bare == b"---" {
            header = false;
        }
        let cut = in_header && (cutting || bare == b"signature: |");
        if cut {
            cutting = bare != b"  -----END SSH SIGNATURE-----";
        } else {
            out.extend_from_slice(line);
        }
    }
    out
}
