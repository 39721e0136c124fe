//! What went wrong, as RFC 9457 has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::office::{ErrorKind, OfficeError};

/// What went wrong (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The status, in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What happened, and to which file.
    pub detail: String,
    /// One of `failed`, `usage`, `not_found`, `refused`, `conflict`,
    /// `target_missed` and `try_again`: what a command's exit code says.
    pub kind: String,
    /// The command to run next, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&OfficeError> for Problem {
    fn from(e: &OfficeError) -> Self {
        let (status, title) = match e.kind {
            ErrorKind::Failed | ErrorKind::TargetMissed => (500, "Internal Server Error"),
            ErrorKind::Usage => (400, "Bad Request"),
            ErrorKind::NotFound => (404, "Not Found"),
            ErrorKind::Refused => (403, "Forbidden"),
            ErrorKind::Conflict => (409, "Conflict"),
            ErrorKind::TryAgain => (429, "Too Many Requests"),
        };
        let (detail, hint) = (e.message.clone(), e.hint.clone());
        Self { title: title.to_owned(), status, detail, kind: e.kind.word().to_owned(), hint }
    }
}
