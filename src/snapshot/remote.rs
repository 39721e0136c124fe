//! Repositories on other machines, under the names that restic has for them:
//! `rest:https://host/path` and `s3:https://host/bucket/path`.
//!
//! What is written in the configuration opens the repository by restic as it
//! stands, and so do the variables with the credentials (`RESTIC_REST_*`,
//! `AWS_*`): no password need stand in the tree. `rustic_backend` does the
//! rest, for what this program was built with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rustic_backend::BackendOptions;

use super::{Result, SnapshotError};

/// The name without the password that may stand in it.
pub(super) fn without_password(text: &str) -> String {
    match text.split_once("//").and_then(|(head, rest)| Some((head, rest.split_once('@')?.1))) {
        Some((head, rest)) => format!("{head}//…@{rest}"),
        None => text.to_owned(),
    }
}

/// What a name needs: the feature of this crate, and whether it was built with
/// it. `None` when it names no repository elsewhere.
pub(super) fn needs(text: &str) -> Option<(&'static str, bool)> {
    match text.split_once(':')?.0 {
        "rest" => Some(("rest", cfg!(feature = "rest"))),
        "s3" => Some(("s3", cfg!(feature = "s3"))),
        _ => None,
    }
}

/// How `rustic_backend` opens it; `environment` gives a variable's value.
///
/// # Errors
/// [`SnapshotError::Place`] when the name lacks a part.
pub(super) fn options(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<BackendOptions> {
    let options = BackendOptions::default();
    match text.strip_prefix("s3:") {
        None => Ok(options.repository(with_credentials(text, environment))),
        Some(name) => Ok(options.repository("opendal:s3").options(bucket(name, environment)?)),
    }
}

/// Where a password belongs in the name of a REST server that has a user and
/// no password: what stands before it and behind.
pub(super) fn password_goes(name: &str) -> Option<(&str, &str)> {
    let at = name.strip_prefix("rest:")?.find("//")? + "rest:".len() + 2;
    let end = name[at..].find('/').map_or(name.len(), |slash| at + slash);
    let user = at + name[at..end].rfind('@')?;
    (!name[at..user].contains(':')).then(|| name.split_at(user))
}

/// The name with a password in that place.
pub(super) fn with_password(before: &str, password: &str, behind: &str) -> String {
    format!("{before}:{}{behind}", encoded(password))
}

/// A URL of a REST server with the user and password of the environment, when
/// it names no user itself.
fn with_credentials(text: &str, environment: impl Fn(&str) -> Option<String>) -> String {
    let user = environment("RESTIC_REST_USERNAME").filter(|user| !user.is_empty());
    let (Some(user), Some((head, rest))) = (user, text.split_once("//")) else { return text.to_owned() };
    if rest.split('/').next().unwrap_or_default().contains('@') {
        return text.to_owned();
    }
    let password = environment("RESTIC_REST_PASSWORD").unwrap_or_default();
    format!("{head}//{}:{}@{rest}", encoded(&user), encoded(&password))
}

/// Percent-encodes all that a URL could take for itself (RFC 3986, 2.1).
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `https://host/bucket/path`, or without the scheme, as `OpenDAL` wants it.
/// Keys come from the environment or from `~/.aws`, as everywhere.
fn bucket(name: &str, environment: impl Fn(&str) -> Option<String>) -> Result<BTreeMap<String, String>> {
    let (scheme, rest) = name.split_once("://").unwrap_or(("https", name));
    let mut parts = rest.trim_matches('/').splitn(3, '/');
    let (Some(host), Some(bucket)) = (parts.next().filter(|h| !h.is_empty()), parts.next()) else {
        return Err(SnapshotError::Place(format!("s3:{name} names no bucket; write s3:https://host/bucket/path")));
    };
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(environment);
    let all = [
        ("endpoint", format!("{scheme}://{host}")),
        ("bucket", bucket.to_owned()),
        ("root", format!("/{}", parts.next().unwrap_or_default())),
        ("region", region.unwrap_or_else(|| "us-east-1".into())),
    ];
    Ok(all.map(|(key, value)| (key.to_owned(), value)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn a_name_is_shown_without_its_password() {
        assert_eq!(without_password("rest:https://me:secret@host/x"), "rest:https://…@host/x");
        assert_eq!(without_password("s3:https://host/b"), "s3:https://host/b");
    }

    #[test]
    fn credentials_come_from_the_environment_unless_the_name_has_some() {
        let known = |name: &str| match name {
            "RESTIC_REST_USERNAME" => Some("me".to_owned()),
            "RESTIC_REST_PASSWORD" => Some("a/b@c".to_owned()),
            _ => None,
        };
        assert_eq!(with_credentials("rest:http://host/x@y/", known), "rest:http://me:a%2Fb%40c@host/x@y/");
        assert_eq!(with_credentials("rest:http://you@host/", known), "rest:http://you@host/");
        assert_eq!(with_credentials("rest:http://host/", nothing), "rest:http://host/");
    }

    #[test]
    fn a_password_goes_where_only_a_user_stands() {
        let (before, behind) = password_goes("rest:http://me@host/x@y/").unwrap();
        assert_eq!(with_password(before, "a/b", behind), "rest:http://me:a%2Fb@host/x@y/");
        for other in ["rest:http://host/x@y/", "rest:http://me:p@host/", "s3:http://me@host/b", "rest:host"] {
            assert_eq!(password_goes(other), None, "{other}");
        }
    }

    #[test]
    fn a_bucket_is_read_as_restic_reads_it() {
        let read = |name: &str| {
            let all = bucket(name, nothing)?;
            Ok::<_, SnapshotError>(["endpoint", "bucket", "root"].map(|key| all[key].clone()))
        };
        assert_eq!(read("http://127.0.0.1:9000/b/p/q").unwrap(), ["http://127.0.0.1:9000", "b", "/p/q"]);
        assert_eq!(read("s3.example.org/b/").unwrap(), ["https://s3.example.org", "b", "/"]);
        assert!(read("https://host").is_err() && read("").is_err());
    }
}
