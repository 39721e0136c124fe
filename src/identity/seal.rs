//! Sealed bodies: `age`, to the ed25519 keys that the signers have, in its
//! ASCII armour. The only file that names `age`.
//!
//! What is sealed can be opened by every key it was sealed to, and by
//! `age -d -i KEY` with the same key file.

use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient, ssh};

use super::public::PublicKey;
use super::{IdentityError, Result};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// How a file begins that `age` wrote without armour.
const BINARY: &[u8] = b"age-encryption.org/";

/// Whether a body is one of ours, or of `age -a`.
#[must_use]
pub fn is_sealed(body: &str) -> bool {
    body.starts_with(BEGIN)
}

/// Whether this is a file of `age`, with or without armour.
#[must_use]
pub fn is_age(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGIN.as_bytes()) || bytes.starts_with(BINARY)
}

/// Seals a body to these keys.
///
/// # Errors
/// When there is no key, or one that nothing can be sealed to.
pub fn seal(body: &str, to: &[PublicKey]) -> Result<String> {
    let fault = |why: &dyn std::fmt::Display| IdentityError::Sealing(format!("the body could not be sealed: {why}"));
    let keys = to.iter().map(|key| {
        let key = key.to_string().parse::<ssh::Recipient>();
        key.map_err(|e| fault(&format!("{e:?}")))
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    let encryptor = Encryptor::with_recipients(keys.iter().map(|key| key as &dyn Recipient)).map_err(|e| fault(&e))?;
    let mut out = Vec::with_capacity(body.len() * 3 / 2 + 512);
    let write = |out: &mut Vec<u8>| -> std::io::Result<()> {
        let armor = ArmoredWriter::wrap_output(out, Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(body.as_bytes())?;
        writer.finish()?.finish()?;
        Ok(())
    };
    write(&mut out).map_err(|e| fault(&e))?;
    // On Windows the armour has the line ends of the platform; a message has the same bytes everywhere.
    String::from_utf8(out).map(|armor| armor.replace("\r\n", "\n")).map_err(|e| fault(&e))
}

/// Opens what was sealed with the first of these private keys (in OpenSSH's
/// format) that fits; `None` when none does.
///
/// # Errors
/// It is damaged, or nothing that `age` wrote.
pub fn open(sealed: &[u8], keys: &[Vec<u8>]) -> Result<Option<Vec<u8>>> {
    let fault = |why: &dyn std::fmt::Display| IdentityError::Sealing(format!("it cannot be opened: {why}"));
    // A file that is none of those keys opens nothing.
    let keys: Vec<_> = keys.iter().filter_map(|key| ssh::Identity::from_buffer(key.as_slice(), None).ok()).collect();
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|e| fault(&e))?;
    let mut reader = match decryptor.decrypt(keys.iter().map(|key| key as &dyn Identity)) {
        Err(DecryptError::NoMatchingKeys) => return Ok(None),
        other => other.map_err(|e| fault(&e))?,
    };
    let mut plain = Vec::with_capacity(sealed.len());
    reader.read_to_end(&mut plain).map_err(|e| fault(&e))?;
    Ok(Some(plain))
}
