//! What a drill leaves for people: a folder `TIME-SCENARIO` outside the root,
//! with `report.json`, `report.md` and `report.html`.
//!
//! `report.json` is the [`Outcome`], byte for byte what the other two were made
//! from; they name its digest. Where whoever ran the drill has a key,
//! `report.json.sig` is their signature over it, in OpenSSH's format and a
//! namespace of its own, so that no signature of mail is one of a report.
//! A folder is whole or not there: it is written beside under a name with a
//! dot, put on stable storage, and renamed.
//!
//! A scenario is written by people, and what a step or a program said is
//! foreign: every text passes `escape` on its way into a page.

mod css;
mod escape;
mod figures;
mod html;
mod markdown;
mod plot;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timeline;
mod trend;

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::outcome::Outcome;
use crate::fsio::{self, Dir, FsError};
use crate::identity::{IdentityError, NAMESPACE_REPORT, Signer};
use crate::model::AgentName;

pub use figures::{Met, Verdict, seconds, verdict};
pub use html::html;
pub use markdown::{markdown, notice};

/// The outcome, for programs.
pub const JSON: &str = "report.json";
/// For people, in a terminal or an editor.
pub const MARKDOWN: &str = "report.md";
/// For people, in a browser or on paper.
pub const HTML: &str = "report.html";
/// The signature over [`JSON`].
pub const SIGNATURE: &str = "report.json.sig";

/// How the name of a folder ends that is being written.
pub(super) const UNFINISHED: &str = "report";

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The disk said no.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The outcome's id is no name of a folder.
    #[error("{0:?} is no id of a drill: letters, digits, `-` and `.`")]
    Id(String),
    /// The outcome cannot be written as JSON.
    #[error("the outcome of {id} cannot be written: {source}")]
    Json {
        /// Of which drill.
        id: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// What of a report is not in the outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// `sha256` of `report.json`, in hexadecimal.
    pub digest: String,
    /// Who signed it, with which key; `None`: nobody.
    pub signed: Option<Signed>,
    /// Why nobody did, where somebody should have.
    pub why_not: Option<String>,
    /// The root, for the commands that check it.
    pub root: PathBuf,
}

/// Who signed a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The name in `config/allowed_signers`.
    pub by: AgentName,
    /// `SHA256:…`.
    pub key: String,
}

/// A report that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its folder.
    pub folder: PathBuf,
    /// What proves it.
    pub proof: Proof,
}

/// Whether a text can be the id of a drill, and with that the name of a folder.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    plain && !text.is_empty() && text.len() <= 128 && !text.starts_with(['.', '-'])
}

/// Writes the report of a drill into its folder below `place`, which is made
/// where missing. `past` are earlier drills of the same scenario, the oldest
/// first; `signing` is who ran it, and what signs for them.
///
/// # Errors
/// Nothing is left then: the disk said no, or there is a report of that id.
pub fn write(
    place: &Path,
    outcome: &Outcome,
    past: &[Outcome],
    root: &Path,
    signing: Option<(&AgentName, &Signer)>,
) -> Result<Written, ReportError> {
    if !is_id(&outcome.id) {
        return Err(ReportError::Id(outcome.id.clone()));
    }
    let outcome = &rounded(outcome.clone());
    let mut json =
        serde_json::to_vec_pretty(outcome).map_err(|source| ReportError::Json { id: outcome.id.clone(), source })?;
    json.push(b'\n');
    let digest: String = Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect();
    let (armor, signed, why_not) = signature(&json, signing);
    let proof = Proof { digest, signed, why_not, root: root.to_owned() };

    let dir = Dir::create_all(place)?;
    let beside = format!(".{}", fsio::temporary_name(UNFINISHED));
    let filled = (|| -> Result<(), ReportError> {
        let folder = dir.child_or_create(&beside)?;
        folder.create(JSON, &json, true)?;
        if let Some(armor) = armor {
            folder.create(SIGNATURE, armor.as_bytes(), true)?;
        }
        folder.create(MARKDOWN, markdown(outcome, past, Some(&proof)).as_bytes(), true)?;
        folder.create(HTML, html(outcome, past, Some(&proof)).as_bytes(), true)?;
        folder.sync()?;
        dir.rename(&beside, &dir, &outcome.id)?;
        Ok(dir.sync()?)
    })();
    if let Err(e) = filled {
        // The first error is the one that counts.
        let _ = fsio::remove_tree(&place.join(&beside));
        return Err(e);
    }
    Ok(Written { folder: place.join(&outcome.id), proof })
}

/// Times in whole microseconds: what stands behind them was not measured, and
/// so written they are read back as the same numbers.
fn rounded(mut outcome: Outcome) -> Outcome {
    let round = |n: &mut f64| *n = (*n * 1e6).round() / 1e6;
    for phase in &mut outcome.phases {
        round(&mut phase.began_seconds);
        round(&mut phase.ended_seconds);
    }
    outcome.steps.iter_mut().for_each(|step| round(&mut step.seconds));
    let o = &mut outcome;
    let known = [
        &mut o.disaster_seconds,
        &mut o.detected_seconds,
        &mut o.ready_seconds,
        &mut o.rto_seconds,
        &mut o.rpo_seconds,
    ];
    known.into_iter().flatten().for_each(round);
    outcome
}

/// A report without a signature is better than none: why there is none stands
/// in it.
fn signature(json: &[u8], signing: Option<(&AgentName, &Signer)>) -> (Option<String>, Option<Signed>, Option<String>) {
    let Some((by, signer)) = signing else { return (None, None, None) };
    let armor: Result<String, IdentityError> = signer.sign_for(NAMESPACE_REPORT, json);
    match armor {
        Ok(armor) => (Some(armor), Some(Signed { by: by.clone(), key: signer.public().fingerprint() }), None),
        Err(e) => (None, None, Some(e.to_string())),
    }
}
