//! Passwords by argon2id, with the parameters that OWASP's Password Storage Cheat Sheet names:
//! 19 MiB, 2 passes, 1 lane. One costs about 25 ms of a core, on purpose.

use std::sync::{Arc, LazyLock};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::{AuthError, Secret};
use crate::entropy::Entropy;

const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at work at once: bounds memory (38 MiB) and the cores that log-ins can take.
const AT_WORK_MAX: usize = 2;
/// Hashes that may wait their turn, about a second of work; one more is refused.
const WAITING_MAX: usize = 64;
/// Bytes of a password.
const LENGTH_MIN: usize = 8;
const LENGTH_MAX: usize = 1_024;

/// Verified against when there is no such user, so that the answer takes as long. Made from random
/// bytes: no password is known for it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdG9mbm9ib2R5MDAwMA\
    $qL9yZ1xT0m3vJrKQe8uWb2cNf5sHdA7oGiR4tPkXl6E";

/// Every password of the process waits in this one line: the bounds are the machine's.
pub(super) static LINE: LazyLock<Passwords> = LazyLock::new(Passwords::new);

/// The string to store for `password`: an argon2id hash with its parameters and salt.
///
/// # Errors
/// [`AuthError::TooMany`] when too many wait, [`AuthError::Invalid`] when it cannot be hashed.
pub async fn hash(password: Secret, entropy: &Entropy) -> Result<String, AuthError> {
    LINE.turn().await?.hash(password, entropy.bytes16()).await
}

/// Whether `password` is the one that `stored` (by [`hash`]) was made from. False for a `stored`
/// that is no hash.
///
/// # Errors
/// [`AuthError::TooMany`] when too many wait.
pub async fn verify(password: Secret, stored: String) -> Result<bool, AuthError> {
    LINE.turn().await?.verify(password, Some(stored)).await
}

/// Hashing, a few at a time.
pub(super) struct Passwords {
    waiting: Semaphore,
    at_work: Arc<Semaphore>,
}

/// A turn at hashing; the next in line gets it when this is dropped.
pub(super) struct Turn<'p> {
    _place: SemaphorePermit<'p>,
    permit: OwnedSemaphorePermit,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let waiting = Semaphore::new(WAITING_MAX + AT_WORK_MAX);
        Self { waiting, at_work: Arc::new(Semaphore::new(AT_WORK_MAX)) }
    }

    /// Waits in line.
    ///
    /// # Errors
    /// [`AuthError::TooMany`] when the line is full.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, AuthError> {
        const FULL: AuthError = AuthError::TooMany { retry_after_s: 1 };
        let place = self.waiting.try_acquire().map_err(|_| FULL)?;
        let permit = Arc::clone(&self.at_work).acquire_owned().await.map_err(|_| FULL)?;
        Ok(Turn { _place: place, permit })
    }
}

impl Turn<'_> {
    /// The string to store for a password.
    pub(super) async fn hash(self, password: Secret, salt: [u8; 16]) -> Result<String, AuthError> {
        let hash = move || argon2id()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
        let hashed = self.work(hash).await?;
        hashed
            .map(|hash| hash.to_string())
            .map_err(|error| AuthError::Invalid(format!("the password cannot be hashed: {error}")))
    }

    /// Whether `password` is the one that `stored` was made from. None stored takes as long.
    pub(super) async fn verify(
        self,
        password: Secret,
        stored: Option<String>,
    ) -> Result<bool, AuthError> {
        let verify = move || {
            let hash = stored.as_deref().unwrap_or(NOBODY);
            let right = argon2id()
                .is_ok_and(|it| it.verify_password(password.expose().as_bytes(), hash).is_ok());
            right && stored.is_some()
        };
        self.work(verify).await
    }

    /// Off the async threads. The permit goes along, so a caller that gives up does not let a
    /// third hash begin.
    async fn work<T: Send + 'static>(
        self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let permit = self.permit;
        let work = move || {
            let done = job();
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|panic| crate::sql::SqlError::Invalid(panic.to_string()).into())
    }
}

/// What a password must be: 8 to 1,024 bytes (NIST SP 800-63B asks for length, not for kinds of
/// characters).
pub(super) fn check(password: &Secret) -> Result<(), AuthError> {
    if (LENGTH_MIN..=LENGTH_MAX).contains(&password.expose().len()) {
        return Ok(());
    }
    let rule = format!("a password has {LENGTH_MIN} to {LENGTH_MAX} bytes");
    Err(AuthError::Invalid(rule))
}

fn argon2id() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = Passwords::new();
        let password = Secret::new("correct horse");
        let turn = passwords.turn().await.unwrap();
        let stored = turn.hash(password.clone(), [7; 16]).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify = async |password: &str, stored: Option<&String>| {
            let turn = passwords.turn().await.unwrap();
            turn.verify(Secret::new(password), stored.cloned()).await.unwrap()
        };
        assert!(verify("correct horse", Some(&stored)).await);
        assert!(!verify("correct horsE", Some(&stored)).await);
        assert!(!verify("correct horse", None).await);
        assert!(!verify("correct horse", Some(&"garbage".to_owned())).await);
        let other = super::hash(password.clone(), &Entropy::machine()).await.unwrap();
        assert_ne!(other, stored);
        assert!(super::verify(password, other).await.unwrap());
    }

    #[test]
    fn nobody_is_a_hash_of_full_cost() {
        let hash = argon2::PasswordHash::new(NOBODY).unwrap();
        assert_eq!(hash.hash.unwrap().len(), 32);
        assert_eq!(Params::try_from(&hash).unwrap().m_cost(), MEMORY_KIB);
    }

    #[tokio::test]
    async fn the_line_has_an_end() {
        let passwords = Passwords::new();
        let working = (passwords.turn().await.unwrap(), passwords.turn().await.unwrap());
        let mut line: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(passwords.turn())).collect();
        for place in &mut line {
            assert!(futures_poll(place.as_mut()).is_pending());
        }
        let refused = passwords.turn().await;
        assert!(matches!(refused, Err(AuthError::TooMany { retry_after_s: 1 })));
        drop((working, line));
        assert!(passwords.turn().await.is_ok());
    }

    fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}
