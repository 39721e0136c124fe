//! One error for every use case: what a caller may do about it.

use crate::fsio::FsError;
use crate::identity::IdentityError;
use crate::mailbox::MailboxError;
use crate::model::ModelError;
use crate::post::PostError;

/// What kind of failure it is; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It did not work. 1.
    Failed,
    /// The request makes no sense. 2.
    Usage,
    /// There is no such thing. 3.
    NotFound,
    /// Policy or trust does not allow it. 4.
    Refused,
    /// Lease lost, already done, mailbox full. 5.
    Conflict,
    /// A target was missed. 6.
    TargetMissed,
    /// It may work later. 75.
    TryAgain,
}

impl ErrorKind {
    /// The word under `--json` and in answers of every surface.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::TargetMissed => "target_missed",
            Self::TryAgain => "try_again",
        }
    }

    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Conflict => 5,
            Self::TargetMissed => 6,
            Self::TryAgain => 75,
        }
    }
}

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct OfficeError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What happened, and to which file.
    pub message: String,
    /// The next command to run, where there is one.
    pub hint: Option<String>,
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, OfficeError>;

impl OfficeError {
    /// An error without a hint.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Adds the next command to run.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<FsError> for OfficeError {
    fn from(e: FsError) -> Self {
        let error = Self::new(ErrorKind::Failed, e.to_string());
        if e.is_full() {
            return error.hint("free some space, then run the command again: nothing was half done");
        }
        match e.kind() {
            std::io::ErrorKind::ReadOnlyFilesystem => error.hint("the file system is read-only; nothing was changed"),
            std::io::ErrorKind::PermissionDenied => error.hint("cellphone doctor"),
            _ => error,
        }
    }
}

impl From<ModelError> for OfficeError {
    fn from(e: ModelError) -> Self {
        Self::new(ErrorKind::Usage, e.to_string())
    }
}

impl From<MailboxError> for OfficeError {
    fn from(e: MailboxError) -> Self {
        match e {
            MailboxError::Fs(e) => e.into(),
            MailboxError::Model { .. } => Self::new(ErrorKind::Failed, e.to_string())
                .hint("cellphone doctor --fix moves it to dead/ with the reason"),
            MailboxError::NotFound(..) => Self::new(ErrorKind::NotFound, e.to_string()).hint("cellphone inbox --all"),
            MailboxError::Ambiguous(..) => Self::new(ErrorKind::Usage, e.to_string()).hint("give more of the id"),
            MailboxError::Full { ref agent, .. } => {
                let hint = format!("{agent} has to read and archive first: cellphone --as {agent} inbox");
                Self::new(ErrorKind::Conflict, e.to_string()).hint(hint)
            }
            MailboxError::Leased(id, _) => Self::new(ErrorKind::Conflict, e.to_string()).hint(format!(
                "cellphone done {id} --token T, or cellphone release {id} --token T, with the token that `next` gave"
            )),
            MailboxError::LeaseLost(..) => {
                Self::new(ErrorKind::Conflict, e.to_string()).hint("somebody else may have it now: cellphone next")
            }
        }
    }
}

impl From<IdentityError> for OfficeError {
    fn from(e: IdentityError) -> Self {
        match e {
            IdentityError::Fs(e) => e.into(),
            IdentityError::Config(e) => e.into(),
            IdentityError::Model(e) => e.into(),
            IdentityError::Key { .. } | IdentityError::NoPlace(_) => {
                Self::new(ErrorKind::Refused, e.to_string()).hint("cellphone keys list")
            }
            IdentityError::Agent(_) => Self::new(ErrorKind::TryAgain, e.to_string()).hint("ssh-add -l"),
            IdentityError::Sealing(_) => Self::new(ErrorKind::Failed, e.to_string()),
        }
    }
}

impl From<PostError> for OfficeError {
    fn from(e: PostError) -> Self {
        match e {
            PostError::Mailbox(e) => e.into(),
            PostError::Model(e) => e.into(),
            PostError::Identity(e) => e.into(),
            PostError::Route(_) => Self::new(ErrorKind::NotFound, e.to_string()).hint("cellphone agents list"),
            PostError::KeyTaken { .. } => Self::new(ErrorKind::Conflict, e.to_string())
                .hint("give another letter another key, or repeat the first one as it was"),
            PostError::IdTaken(..) => Self::new(ErrorKind::Conflict, e.to_string()).hint("leave the id out"),
        }
    }
}
