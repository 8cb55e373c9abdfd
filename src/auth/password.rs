//! Passwords: Argon2id, 19 MiB, two passes (the first choice of OWASP's password storage guide).
//!
//! A hash takes some 50 ms and 19 MiB. No more than two are worked on at once, away from the threads that serve
//! requests, so that logins can neither fill the memory nor hold up the others.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// A limit on the process's memory, not on any one `App`.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

const MIN_CHARACTERS: usize = 8;
const MAX_CHARACTERS: usize = 1024;

/// Stands in for the hash of a user who does not exist, so that the answer takes as long; of no password that anyone
/// knows.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzIQ$BAvh2gOLfBE9nQ6mmQFv5GGXSyIEwuw3aq9OfRfk6jA";

/// The hash to keep, in PHC string form.
///
/// # Errors
/// When the password is shorter than 8 characters or longer than 1,024.
pub(super) async fn hash(password: &SecretString) -> Result<String> {
    let characters = password.expose_secret().chars().count();
    if !(MIN_CHARACTERS..=MAX_CHARACTERS).contains(&characters) {
        return Err(Error::Invalid(format!(
            "A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters; this one has {characters}."
        )));
    }
    let password = password.clone();
    away(move || {
        let hash = argon2().hash_password(password.expose_secret().as_bytes());
        hash.map(|h| h.to_string()).map_err(|e| Error::Internal(anyhow::anyhow!("hashing a password: {e}")))
    })
    .await?
}

/// Whether the password belongs to the hash; with no hash (no such user) the same work, and no.
pub(super) async fn is_right(password: &SecretString, hash: Option<String>) -> Result<bool> {
    let password = password.clone();
    away(move || {
        let is_known = hash.is_some();
        let hash = hash.as_deref().unwrap_or(NOBODY);
        let hash = PasswordHash::new(hash)
            .map_err(|e| Error::Internal(anyhow::anyhow!("a password hash cannot be read: {e}")))?;
        let is_equal = argon2().verify_password(password.expose_secret().as_bytes(), &hash).is_ok();
        Ok(is_equal && is_known)
    })
    .await?
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("these are in Argon2's ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let permit = AT_ONCE.acquire().await.expect("nobody closes it");
    // The permit goes with the work: a request that is given up leaves its hash running.
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    done.await.map_err(|e| Error::Internal(anyhow::anyhow!("a hash was broken off: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_for_its_own_hash_alone() {
        let password = SecretString::from("correct horse");
        let kept = hash(&password).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_right(&password, Some(kept.clone())).await.unwrap());
        assert!(!is_right(&SecretString::from("correct horsf"), Some(kept)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_right_password() {
        assert!(!is_right(&SecretString::from("whatever it is"), None).await.unwrap());
    }

    #[tokio::test]
    async fn length_is_counted_in_characters() {
        assert!(hash(&SecretString::from("sieben7")).await.is_err());
        assert!(hash(&SecretString::from("пароль78")).await.is_ok());
        assert!(hash(&SecretString::from("x".repeat(1025))).await.is_err());
    }
}
