//! The signers of a root, as approved, and what they make of a message.

use jiff::Timestamp;
use ssh_key::SshSig;

use super::allowed::{Allowed, Fault, Held, parse, parse_revoked};
use super::public::PublicKey;
use super::verified::{VerifiedOnce, whole};
use super::{ALLOWED, NAMESPACE, REVOKED, Result};
use crate::config::{ConfigError, Root, trust};
use crate::model::signature::take_apart;
use crate::model::{AgentName, Forgery, Verdict};

/// Who may sign, with which keys.
#[derive(Debug, Clone, Default)]
pub struct Signers {
    allowed: Vec<Allowed>,
    revoked: Vec<PublicKey>,
    verified: VerifiedOnce,
}

impl Signers {
    /// Reads the approved copies. A line that cannot be used makes nobody a
    /// signer.
    ///
    /// # Errors
    /// When a copy is there and cannot be read.
    pub fn load(root: &Root) -> Result<Self> {
        let text = |relative| -> Result<String> {
            let bytes = trust::approved(root, relative)?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Self { allowed: parse(&text(ALLOWED)?).0, revoked: parse_revoked(&text(REVOKED)?).0, ..Self::default() })
    }

    /// For tests and measurements: signers that no file names.
    #[must_use]
    pub fn new(allowed: Vec<Allowed>, revoked: Vec<PublicKey>) -> Self {
        Self { allowed, revoked, ..Self::default() }
    }

    /// Whether a file of signers or of revoked keys could be used as it is.
    ///
    /// # Errors
    /// Names the first line that could not.
    pub fn check(root: &Root, relative: &str, bytes: &[u8]) -> std::result::Result<(), ConfigError> {
        let text = std::str::from_utf8(bytes);
        let fault =
            |line: Option<usize>, why: String| ConfigError::Invalid { path: root.path().join(relative), line, why };
        let first = |faults: Vec<Fault>| faults.into_iter().next();
        let found = match (relative, text) {
            (ALLOWED | REVOKED, Err(_)) => {
                return Err(fault(None, "it is no text: keys stand in it one a line, a binary KRL is not read".into()));
            }
            (ALLOWED, Ok(text)) => first(parse(text).1),
            (REVOKED, Ok(text)) => first(parse_revoked(text).1),
            _ => None,
        };
        found.map_or(Ok(()), |found| Err(fault(Some(found.line), found.why)))
    }

    /// Every line, in order.
    #[must_use]
    pub fn allowed(&self) -> &[Allowed] {
        &self.allowed
    }

    /// Whether a key was revoked.
    #[must_use]
    pub fn is_revoked(&self, key: PublicKey) -> bool {
        self.revoked.contains(&key)
    }

    /// Whether somebody had a key that counts, a full second before a moment:
    /// what was sent in the second in which the key was made may be older.
    #[must_use]
    pub fn had_key(&self, who: &AgentName, at: Timestamp) -> bool {
        self.valid(who, at).any(|one| one.after.is_none_or(|after| after.as_second() < at.as_second()))
    }

    /// The keys of somebody, and of nobody else, that count at a moment.
    #[must_use]
    pub fn keys_of(&self, who: &AgentName, at: Timestamp) -> Vec<PublicKey> {
        let mut keys: Vec<_> = self.valid(who, at).filter(|one| one.is_of(who.as_str())).map(|one| one.key).collect();
        keys.dedup();
        keys
    }

    fn valid(&self, who: &AgentName, at: Timestamp) -> impl Iterator<Item = &Allowed> {
        let counts = move |one: &&Allowed| one.held(at) == Held::Valid && !self.is_revoked(one.key);
        self.allowed.iter().filter(move |one| one.is_for(who.as_str())).filter(counts)
    }

    /// What the signature of a message file says, given who is said to have
    /// written it, and when.
    #[must_use]
    pub fn judge(&self, bytes: &[u8], from: &AgentName, at: Timestamp) -> Verdict {
        let signed = match take_apart(bytes) {
            Ok(None) => return Verdict::Unsigned,
            Ok(Some(signed)) => signed,
            Err(why) => return Verdict::Forged(Forgery::Malformed(why.into())),
        };
        let whole = whole(bytes, from, at);
        if self.verified.has(&whole) {
            return Verdict::Verified;
        }
        match self.look(NAMESPACE, signed.armor(), &signed.bytes(), from, at) {
            Ok(()) => {
                self.verified.add(whole);
                Verdict::Verified
            }
            Err(forgery) => Verdict::Forged(forgery),
        }
    }

    /// Who signed these bytes beside which the signature lies, in another
    /// namespace than that of mail, with a key that counted at a moment.
    ///
    /// # Errors
    /// Nobody that is known, or not these bytes: why.
    pub fn who_signed(
        &self,
        namespace: &str,
        armor: &str,
        bytes: &[u8],
        at: Timestamp,
    ) -> std::result::Result<AgentName, Forgery> {
        let signature = SshSig::from_pem(armor).map_err(|e| Forgery::Malformed(e.to_string()))?;
        let key = PublicKey::of(signature.public_key());
        let named = |one: &&Allowed| Some(one.key) == key && AgentName::new(one.principals.as_str()).is_ok();
        let print = || signature.public_key().fingerprint(ssh_key::HashAlg::Sha256).to_string();
        let line = self.allowed.iter().find(named).ok_or_else(|| Forgery::UnknownSigner(print()))?;
        let who = AgentName::new(line.principals.as_str()).map_err(|_| Forgery::UnknownSigner(print()))?;
        self.look(namespace, armor, bytes, &who, at).map(|()| who)
    }

    fn look(
        &self,
        namespace: &str,
        armor: &str,
        bytes: &[u8],
        from: &AgentName,
        at: Timestamp,
    ) -> std::result::Result<(), Forgery> {
        let signature = SshSig::from_pem(armor).map_err(|e| Forgery::Malformed(e.to_string()))?;
        if signature.namespace() != namespace {
            return Err(Forgery::Namespace(signature.namespace().to_owned()));
        }
        let other = || Forgery::UnknownSigner(signature.public_key().fingerprint(ssh_key::HashAlg::Sha256).to_string());
        let key = PublicKey::of(signature.public_key()).ok_or_else(other)?;
        let name = key.fingerprint();
        if self.is_revoked(key) {
            return Err(Forgery::RevokedKey(name));
        }
        let lines: Vec<&Allowed> = self.allowed.iter().filter(|one| one.key == key).collect();
        let own: Vec<&&Allowed> = lines.iter().filter(|one| one.is_for(from.as_str())).collect();
        if own.is_empty() {
            return Err(match lines.first() {
                Some(line) => Forgery::WrongKey { key: name, of: line.principals.clone(), from: from.clone() },
                None => Forgery::UnknownSigner(name),
            });
        }
        let public = ssh_key::PublicKey::from(key.data());
        public.verify(namespace, bytes, &signature).map_err(|_| Forgery::Edited)?;
        // One of several lines for a key is enough; else the last one says why.
        let mut out = Forgery::UnknownSigner(name.clone());
        for line in own {
            match line.held(at) {
                Held::Valid => return Ok(()),
                Held::NotYet(since) => out = Forgery::EarlyKey(name.clone(), since),
                Held::NoMore(until) => out = Forgery::ExpiredKey(name.clone(), until),
            }
        }
        Err(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::sign::Signer;
    use crate::model::{Draft, Header, Message, MessageId, UniqueName, front_matter::Limits};

    fn name(text: &str) -> AgentName {
        AgentName::new(text).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A message of Agent-1, accepted at a moment, signed with this key.
    fn signed(key: &Signer, when: &str) -> Message {
        let unique = UniqueName::compose(at(when), &name("Agent-1"), "s", MessageId::compose(at(when), 7));
        let header = Header { to: vec!["Agent-2".parse().unwrap()], subject: "s".into(), ..Header::default() };
        let message = Draft::new(header, "Body.\n").accept(&unique, &name("Agent-1"), &Limits::default()).unwrap();
        let armor = key.sign(&message.bytes).unwrap();
        message.signed(&armor, &Limits::default()).unwrap()
    }

    fn why(signers: &Signers, message: &Message) -> String {
        let verdict = signers.judge(&message.bytes, &message.from(), message.header.date.unwrap());
        verdict.why().unwrap_or_else(|| verdict.word().to_owned())
    }

    #[test]
    fn every_forgery_is_told_by_its_name() {
        let (own, other) = (Signer::from_seed([1; 32]), Signer::from_seed([2; 32]));
        let since = at("2026-11-24T12:00:00Z");
        let lines = vec![Allowed::new("Agent-1", own.public(), since), Allowed::new("Agent-2", other.public(), since)];
        let signers = Signers::new(lines.clone(), vec![]);
        let good = signed(&own, "2026-11-24T12:00:00.5Z");
        assert_eq!(why(&signers, &good), "verified");
        assert_eq!(why(&signers, &good), "verified", "remembered, while what follows differs in one thing each");
        let early = signers.judge(&good.bytes, &good.from(), at("2026-11-24T11:00:00Z"));
        assert!(early.why().is_some_and(|why| why.starts_with("expired key")));
        let another = signers.judge(&good.bytes, &name("Agent-2"), at("2026-11-24T13:00:00Z"));
        assert!(another.why().is_some_and(|why| why.starts_with("wrong key")));
        assert!(why(&signers, &signed(&own, "2026-11-24T11:59:59.9Z")).starts_with("expired key"));
        assert!(why(&signers, &signed(&other, "2026-11-24T13:00:00Z")).starts_with("wrong key"));
        assert!(why(&Signers::default(), &good).starts_with("unknown signer"));
        assert!(why(&Signers::new(lines.clone(), vec![own.public()]), &good).starts_with("revoked key"));
        let mut ended = lines;
        ended[0].before = Some(at("2026-11-24T12:00:01Z"));
        let ended = Signers::new(ended, vec![]);
        assert_eq!(why(&ended, &good), "verified", "what was sent before still is");
        assert!(why(&ended, &signed(&own, "2026-11-24T12:00:02Z")).starts_with("expired key"));

        let text = String::from_utf8(good.bytes.clone()).unwrap();
        for (from, to) in [("Body", "Bodi"), ("subject: s", "subject: t"), ("to: [Agent-2]", "to: [Agent-3]")] {
            let edited = Message { bytes: text.replace(from, to).into_bytes(), ..good.clone() };
            assert!(why(&signers, &edited).starts_with("edited"), "{from}");
        }
        let foreign = own.sign_for("git", &good.bytes).unwrap();
        let plain = take_apart(&good.bytes).unwrap().unwrap().bytes();
        let bytes = crate::model::signature::put_in(&plain, &foreign).unwrap();
        assert!(why(&signers, &Message { bytes, ..good.clone() }).starts_with("other namespace"));
        let unsigned = Message { bytes: plain, ..good.clone() };
        assert_eq!(why(&signers, &unsigned), "unsigned");
        let cut = text.replace("signature: |", "signature: |-");
        assert!(why(&signers, &Message { bytes: cut.into_bytes(), ..good }).starts_with("malformed"));
    }

    #[test]
    fn a_signature_beside_is_somebodys_in_its_own_namespace_alone() {
        let key = Signer::from_seed([1; 32]);
        let since = at("2026-11-24T12:00:00Z");
        let signers = Signers::new(vec![Allowed::new("Agent-1", key.public(), since)], vec![]);
        let then = at("2026-11-24T13:00:00Z");
        let armor = key.sign_for("report", b"bytes").unwrap();
        assert_eq!(signers.who_signed("report", &armor, b"bytes", then).unwrap(), name("Agent-1"));
        assert!(matches!(signers.who_signed("report", &armor, b"other", then), Err(Forgery::Edited)));
        assert!(matches!(signers.who_signed("mail", &armor, b"bytes", then), Err(Forgery::Namespace(_))));
        let early = at("2026-11-24T11:00:00Z");
        assert!(matches!(signers.who_signed("report", &armor, b"bytes", early), Err(Forgery::EarlyKey(..))));
        let unknown = Signers::default().who_signed("report", &armor, b"bytes", then);
        assert!(matches!(unknown, Err(Forgery::UnknownSigner(_))));
        assert!(matches!(signers.who_signed("report", "none", b"bytes", then), Err(Forgery::Malformed(_))));
    }

    #[test]
    fn who_had_a_key_when_and_which_open_a_seal() {
        let key = Signer::from_seed([1; 32]).public();
        let mut line = Allowed::new("Agent-1", key, at("2026-11-24T12:00:00Z"));
        let all = Allowed { principals: "*".into(), ..line.clone() };
        let signers = Signers::new(vec![line.clone()], vec![]);
        assert!(!signers.had_key(&name("Agent-1"), at("2026-11-24T12:00:00.9Z")));
        assert!(signers.had_key(&name("Agent-1"), at("2026-11-24T12:00:01Z")));
        assert_eq!(signers.keys_of(&name("Agent-1"), at("2026-11-24T12:00:00Z")), [key]);
        assert!(signers.keys_of(&name("Agent-2"), at("2026-11-24T12:00:00Z")).is_empty());
        assert!(Signers::new(vec![all], vec![]).keys_of(&name("Agent-1"), at("2026-11-25T00:00:00Z")).is_empty());
        line.before = Some(at("2026-11-24T13:00:00Z"));
        let signers = Signers::new(vec![line], vec![]);
        assert!(!signers.had_key(&name("Agent-1"), at("2026-11-24T14:00:00Z")));
        assert!(signers.keys_of(&name("Agent-1"), at("2026-11-24T14:00:00Z")).is_empty());
    }
}
