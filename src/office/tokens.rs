//! Tokens: what lets a program or a browser in, as whom, and how far.
//!
//! Whoever may run a command as somebody may make a token of that one: it
//! carries no more than that, and a role or `read_only` takes away from it.
//! The roster is asked at every use, so that who is removed is out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{ErrorKind, Office, OfficeError, Result};
use crate::identity::tokens::{Tokens, Wanted};
use crate::model::{Action, Event, EventKind, Permission, Role};

pub use crate::identity::tokens::{Issued, Token, TokenUse};

/// How long a sign-in code counts.
pub const CODE: Duration = Duration::from_secs(10 * 60);
/// Longest time that a token may be made for.
const LONGEST: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);
/// Longest name of a token, in characters.
const LABEL: usize = 64;

impl Office {
    /// Makes a token of the actor. `role` bounds what it may beside the
    /// actor's own role; with `read_only` it changes nothing.
    ///
    /// # Errors
    /// Nobody acts, the role is unknown, the time is none or over two years,
    /// or there is no place for it outside the tree.
    pub fn token_create(&self, role: Option<Role>, read_only: bool, label: &str, lasts: Duration) -> Result<Issued> {
        if let Some(role) = role.as_ref().filter(|role| !self.roster().roles().contains(*role)) {
            return Err(
                OfficeError::new(ErrorKind::NotFound, format!("there is no role {role}")).hint("cellphone roles list")
            );
        }
        if label.chars().count() > LABEL || label.chars().any(char::is_control) {
            let why = format!("a token is called something in one line of up to {LABEL} characters");
            return Err(OfficeError::new(ErrorKind::Usage, why));
        }
        self.issue(TokenUse::Api, role, read_only, label, lasts)
    }

    /// Makes a code with which a browser signs in as the actor, once, within
    /// ten minutes ([`CODE`]).
    ///
    /// # Errors
    /// Nobody acts, or there is no place for it outside the tree.
    pub fn sign_in_code(&self) -> Result<Issued> {
        self.issue(TokenUse::SignIn, None, false, "", CODE)
    }

    /// Takes a sign-in code and begins a session of the one it was made for.
    ///
    /// # Errors
    /// The code does not count, or no longer.
    pub fn sign_in(&self, code: &str, label: &str, lasts: Duration) -> Result<Issued> {
        let taken = Tokens::of(self.root()).take(code.trim(), TokenUse::SignIn, self.now())?;
        let Some(token) = taken else {
            return Err(OfficeError::new(ErrorKind::Refused, "this code does not count: it was used, or is too old")
                .hint("cellphone open"));
        };
        let label: String = label.chars().filter(|c| !c.is_control()).take(LABEL).collect();
        self.with_token(&token)?.issue(TokenUse::Session, token.role.clone(), token.read_only, &label, lasts)
    }

    /// The office as the one whose token this text is, while it counts;
    /// `None` when it is none.
    ///
    /// # Errors
    /// Its owner is not on the roster any more, or the disk.
    pub fn bearing(&self, text: &str, purpose: TokenUse) -> Result<Option<(Self, Token)>> {
        let found = Tokens::of(self.root()).find(text, self.now())?.filter(|token| token.purpose == purpose);
        found.map(|token| Ok((self.with_token(&token)?, token))).transpose()
    }

    fn with_token(&self, token: &Token) -> Result<Self> {
        let actor = super::on_roster(self.roster(), token.actor.as_str())
            .map_err(|e| OfficeError::new(ErrorKind::Refused, e.message))?;
        Ok(Self { actor: Some(actor), bound: token.role.clone(), ..self.clone() })
    }

    /// The tokens that count: the actor's own, and everybody's for who may
    /// change the roster.
    ///
    /// # Errors
    /// The disk.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        let mut all = Tokens::of(self.root()).list(self.now())?;
        all.retain(|token| self.decide(Action::On(Permission::Roster, &token.actor)).allowed);
        Ok(all)
    }

    /// Ends tokens: the one that an id begins, or with `None` all of the
    /// actor's own, sessions and codes too. Gives those that ended.
    ///
    /// # Errors
    /// There is none, several fit, the actor may not, or the disk.
    pub fn token_revoke(&self, id: Option<&str>) -> Result<Vec<Token>> {
        let tokens = Tokens::of(self.root());
        let mut all = tokens.list(self.now())?;
        match id {
            Some(id) => all.retain(|token| !id.is_empty() && token.id.starts_with(id)),
            None => all.retain(|token| token.actor == self.actor()),
        }
        match (id, all.as_slice()) {
            (Some(id), []) => {
                return Err(OfficeError::new(ErrorKind::NotFound, format!("no token that counts begins with {id:?}"))
                    .hint("cellphone token list"));
            }
            (Some(id), [_, _, ..]) => {
                return Err(OfficeError::new(ErrorKind::Usage, format!("several tokens begin with {id:?}"))
                    .hint("give more of the id"));
            }
            _ => {}
        }
        for token in &all {
            self.may(Action::On(Permission::Roster, &token.actor))?;
        }
        for token in &all {
            tokens.revoke(&token.id)?;
            self.note_token(token, "revoked");
        }
        Ok(all)
    }

    fn issue(
        &self,
        purpose: TokenUse,
        role: Option<Role>,
        read_only: bool,
        label: &str,
        lasts: Duration,
    ) -> Result<Issued> {
        if lasts.is_zero() || lasts > LONGEST {
            return Err(OfficeError::new(ErrorKind::Usage, "a token lasts from a moment to two years"));
        }
        let (actor, now) = (self.acting()?.clone(), self.now());
        let expires = SignedDuration::try_from(lasts).ok().and_then(|lasts| now.checked_add(lasts).ok());
        let expires = expires.unwrap_or(Timestamp::MAX);
        let wanted = Wanted { purpose, actor, role, read_only, label: label.to_owned(), expires };
        let issued = Tokens::of(self.root()).issue(wanted, now)?;
        self.note_token(&issued.token, if purpose == TokenUse::Session { "signed in" } else { "made" });
        Ok(issued)
    }

    fn note_token(&self, token: &Token, what: &str) {
        let event = Event::new(self.now(), EventKind::Token).agent(&token.actor);
        self.note(&[event.with("what", what).with("token", &token.id).with("use", token.purpose.word())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;
    use crate::model::Priority;
    use crate::office::SendRequest;

    fn office(home: &Home, actor: &str) -> Office {
        Office::open(Some(&home.path("root")), Some(actor)).unwrap()
    }

    #[test]
    fn a_token_acts_as_its_owner_and_its_role_takes_away_from_that() {
        let home = Home::new();
        home.root();
        let captain = office(&home, "Agent-4");
        let day = Duration::from_secs(86_400);
        let whole = captain.token_create(None, false, "whole", day).unwrap();
        let less = captain.token_create(Some(Role::new("observer").unwrap()), false, "less", day).unwrap();
        let served = office(&home, "Agent-3");
        let (acting, token) = served.bearing(&whole.text, TokenUse::Api).unwrap().unwrap();
        assert_eq!((acting.actor(), token.label.as_str()), (captain.actor(), "whole"));
        assert!(acting.may(Permission::Roster).is_ok());
        let (acting, _) = served.bearing(&less.text, TokenUse::Api).unwrap().unwrap();
        let refused = acting.may(Permission::Roster).unwrap_err();
        assert!(refused.kind == ErrorKind::Refused && refused.message.contains("observer"), "{refused:?}");
        let to_all = SendRequest { to: vec!["@all".parse().unwrap()], body: "x".into(), ..SendRequest::default() };
        assert!(captain.send(to_all.clone()).is_ok());
        assert_eq!(acting.send(to_all).unwrap_err().kind, ErrorKind::Refused);
        let agent = captain.token_create(Some(Role::agent()), false, "", day).unwrap();
        let (acting, _) = served.bearing(&agent.text, TokenUse::Api).unwrap().unwrap();
        let to = vec!["Agent-2".parse().unwrap()];
        let urgent = SendRequest { to, body: "x".into(), priority: Priority::Critical, ..SendRequest::default() };
        let lowered = acting.send(urgent).unwrap();
        assert!(lowered.notices[0].contains("lowered from critical to normal"), "{lowered:?}");
        assert!(served.bearing(&less.text, TokenUse::Session).unwrap().is_none(), "for a program, not for a browser");
        let unknown = captain.token_create(Some(Role::new("painter").unwrap()), false, "", day);
        assert_eq!(unknown.unwrap_err().kind, ErrorKind::NotFound);
        assert!(captain.token_create(None, false, "", Duration::ZERO).is_err());
    }

    #[test]
    fn who_revokes_a_token_may_and_it_ends_at_once() {
        let home = Home::new();
        home.root();
        let (one, two, captain) = (office(&home, "Agent-1"), office(&home, "Agent-2"), office(&home, "Agent-4"));
        let day = Duration::from_secs(86_400);
        let token = one.token_create(None, true, "", day).unwrap();
        two.token_create(None, true, "", day).unwrap();
        assert_eq!((one.tokens().unwrap().len(), captain.tokens().unwrap().len()), (1, 2));
        assert_eq!(two.token_revoke(Some(&token.token.id)).unwrap_err().kind, ErrorKind::Refused);
        assert!(two.bearing(&token.text, TokenUse::Api).unwrap().is_some());
        captain.token_revoke(Some(&token.token.id[..6])).unwrap();
        assert!(two.bearing(&token.text, TokenUse::Api).unwrap().is_none());
        assert_eq!(captain.token_revoke(Some("")).unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(two.token_revoke(None).unwrap().len(), 1);
    }

    #[test]
    fn a_code_signs_in_once_and_a_session_is_no_bearer_token() {
        let home = Home::new();
        home.root();
        let one = office(&home, "Agent-1");
        let code = one.sign_in_code().unwrap();
        let served = office(&home, "Agent-2");
        let session = served.sign_in(&code.text, "Browser\u{1b}", Duration::from_secs(60)).unwrap();
        assert_eq!((session.token.actor.as_str(), session.token.label.as_str()), ("Agent-1", "Browser"));
        assert_eq!(served.sign_in(&code.text, "", Duration::from_secs(60)).unwrap_err().kind, ErrorKind::Refused);
        assert!(served.bearing(&session.text, TokenUse::Api).unwrap().is_none());
        assert!(served.bearing(&session.text, TokenUse::Session).unwrap().is_some());
    }
}
