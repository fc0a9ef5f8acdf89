//! argon2id: light for tokens, whose 321 random bits no guessing reaches; OWASP's parameters for passwords.
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use ceven_actors::clock::Clock;

/// What is hashed decides how hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// 8 MiB, one pass.
    Token,
    /// 19 MiB, two passes.
    Password,
}

fn argon2(strength: Strength) -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let (memory_kib, passes) = match strength {
        Strength::Token => (8 * 1024, 1),
        Strength::Password => (19 * 1024, 2),
    };
    let params =
        Params::new(memory_kib, passes, 1, None).map_err(|_| argon2::password_hash::Error::ParamsInvalid)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// PHC string of a secret. Takes milliseconds of a core: call it where that harms nobody.
///
/// # Errors
/// When the secret is longer than argon2 takes.
pub fn hash(
    clock: &dyn Clock,
    secret: &str,
    strength: Strength,
) -> Result<String, argon2::password_hash::Error> {
    let mut salt = [0; 16];
    clock.fill(&mut salt);
    Ok(argon2(strength)?.hash_password_with_salt(secret.as_bytes(), &salt)?.to_string())
}

/// Whether a secret fits a PHC string; its own parameters count.
pub fn verify(secret: &str, phc: &str) -> bool {
    Argon2::default().verify_password(secret.as_bytes(), phc).is_ok()
}

#[cfg(test)]
mod tests {
    use ceven_actors::clock::SystemClock;

    use super::*;

    #[test]
    fn a_secret_verifies_and_another_does_not() {
        let phc = hash(&SystemClock, "secret", Strength::Token).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{phc}");
        assert!(verify("secret", &phc) && !verify("Secret", &phc));
    }
}
