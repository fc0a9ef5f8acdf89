//! Bearer tokens of 64 characters: `cvn_`, 54 random base62 characters, 6 of checksum.
//!
//! The checksum is CRC-32 over the first 58 characters, base62, most significant digit first. It keeps no
//! secret: it lets a typo or a guess be refused without looking anything up.
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;

/// SHA-256 of a whole token: how it is found again.
pub type Digest = [u8; 32];

const PREFIX: &str = "cvn_";
const LENGTH: usize = 64;
const CHECKSUM_LENGTH: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Draws a new token: 54 × log2(62) = 321 bits.
pub fn draw(clock: &dyn Clock) -> String {
    let mut token = String::with_capacity(LENGTH);
    token.push_str(PREFIX);
    while token.len() < LENGTH - CHECKSUM_LENGTH {
        let mut byte = [0];
        clock.fill(&mut byte);
        // 248 is the largest multiple of 62 in a byte: anything above would favour some characters.
        if byte[0] < 248 {
            token.push(char::from(ALPHABET[usize::from(byte[0] % 62)]));
        }
    }
    let checksum = checksum(&token);
    token.push_str(&checksum);
    token
}

/// Whether a text has the shape of a token and its checksum.
pub fn is_well_formed(token: &str) -> bool {
    token.len() == LENGTH
        && token.starts_with(PREFIX)
        && token.is_char_boundary(LENGTH - CHECKSUM_LENGTH)
        && checksum(&token[..LENGTH - CHECKSUM_LENGTH]) == token[LENGTH - CHECKSUM_LENGTH..]
}

/// The key under which a token is looked up.
pub fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

/// The token in an `Authorization` header: `Bearer x` without case, and what people paste by mistake,
/// `Bearer Bearer x` and the bare token.
pub fn from_header(header: &str) -> &str {
    if let Some(token) =
        header.strip_prefix("Bearer ").filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        return token; // as everyone sends it
    }
    let mut rest = header.trim();
    while let Some((_, token)) =
        rest.split_once(char::is_whitespace).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
    {
        rest = token.trim();
    }
    rest
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_token_is_64_characters_and_any_typo_is_seen() {
        let token = draw(&SystemClock);
        assert_eq!(token.len(), 64);
        assert!(is_well_formed(&token));
        for at in 0..64 {
            let mut typo = token.clone().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(&String::from_utf8(typo).unwrap()), "{at}");
        }
        assert!(!is_well_formed(&token[..63]));
        assert!(!is_well_formed(&"é".repeat(32)));
    }

    #[test]
    fn pastes_are_understood() {
        for header in ["Bearer abc", "bearer  abc", "Bearer Bearer abc", "abc", " BEARER abc "] {
            assert_eq!(from_header(header), "abc", "{header}");
        }
    }
}
