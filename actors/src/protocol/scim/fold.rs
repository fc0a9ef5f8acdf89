//! Text that compares without case (RFC 7643 §2.2, RFC 7644 §5).
//!
//! The rules are those of user names, UsernameCaseMapped (RFC 8265 §3.3):
//!
//! 1. Full-width and half-width forms are the plain ones.
//! 2. Case does not count.
//! 3. An accent counts the same as a character of its own and as a part of its letter: who types a name on another
//!    system is not another person.
use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, char::decompose_compatible, is_nfc};

/// The form of a text that is the same for all that compare equal.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        // Most texts are what they fold to.
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if is_lower { text.into() } else { text.to_ascii_lowercase().into() };
    }
    let lower = plain_width(text).to_lowercase();
    // The one letter whose lower case depends on its neighbours, which a part of a text does not have.
    let lower = if lower.contains('ς') { lower.replace('ς', "σ") } else { lower };
    if is_nfc(&lower) { lower.into() } else { lower.nfc().collect::<String>().into() } // (3)
}

/// (1)
fn plain_width(text: &str) -> Cow<'_, str> {
    let is_wide = |c: char| matches!(c, '\u{3000}' | '\u{ff01}'..='\u{ffee}');
    if !text.contains(is_wide) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_wide(c) { decompose_compatible(c, |part| plain.push(part)) } else { plain.push(c) }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_name_folds_to_the_same_text() {
        for (one, other) in [
            ("Ann@X", "ann@x"),
            ("\u{c9}mile", "E\u{301}MILE"),
            ("ＡＮＮ＠x", "ann@x"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("Straße", "STRA\u{1e9e}E"),
            ("\u{130}", "i\u{307}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
            assert_eq!(fold(&fold(one)), fold(one), "{one}");
        }
        assert_ne!(fold("ß"), fold("ss"));
        assert!(fold("ΣΊΣΥΦΟΣ").starts_with(&*fold("ΣΊΣ")), "a part of a name is a part of its folded form");
    }
}
