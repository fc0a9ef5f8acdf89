//! What looks like a secret never leaves in a log line. Nobody means to log one; this is for the day somebody does.
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// How a secret begins.
const MARKS: [&str; 5] = [
    // Bearer tokens of Ceven.
    "cvn_",
    // Signed or encrypted JSON: ID tokens, logout tokens, assertions.
    "eyJ",
    // Verifiers of passwords and tokens.
    "$argon2id$",
    "Bearer ",
    "Basic ",
];
/// Parameters of addresses whose values open something, or name someone who is signing in.
const PARAMETERS: [&str; 12] = [
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_challenge",
    "code_verifier",
    "id_token",
    "login_hint",
    "nonce",
    "password",
    "state",
];
/// Shorter ones are words.
const SHORTEST: usize = 6;
const BLOT: &str = "[redacted]";

/// Blots out what looks like a secret, line by line.
pub(super) struct Masked<M>(pub M);

pub(super) struct Masking<W>(W);

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Masked<M> {
    type Writer = Masking<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Masking(self.0.make_writer())
    }
}

impl<W: Write> Write for Masking<W> {
    /// The subscriber writes whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line).ok().and_then(mask) {
            Some(masked) => self.0.write_all(masked.as_bytes())?,
            None => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The line without secrets; nothing when it has none.
fn mask(line: &str) -> Option<String> {
    let (mut masked, mut rest, mut found) = (String::new(), line, false);
    while let Some((before, after)) = next_secret(rest) {
        masked.push_str(before);
        masked.push_str(BLOT);
        (rest, found) = (after, true);
    }
    masked.push_str(rest);
    found.then_some(masked)
}

/// What is before the first secret, and what is after it.
fn next_secret(text: &str) -> Option<(&str, &str)> {
    let marked = MARKS.iter().filter_map(|mark| {
        text.match_indices(mark).find_map(|(at, _)| secret_at(text, at + mark.len(), SHORTEST))
    });
    let parameters = text.match_indices(['?', '&']).find_map(|(at, _)| {
        let (name, _) = text[at + 1..].split_once('=')?;
        let value = at + 1 + name.len() + 1;
        PARAMETERS.contains(&name).then(|| secret_at(text, value, 1)).flatten()
    });
    let (from, to) = marked.chain(parameters).min()?;
    Some((&text[..from], &text[to..]))
}

/// Where a secret that begins at `from` is, when it is long enough.
fn secret_at(text: &str, from: usize, shortest: usize) -> Option<(usize, usize)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-._~+/=$%,:".contains(character);
    let length = text[from..].find(|character| !is_part(character)).unwrap_or(text.len() - from);
    (length >= shortest).then_some((from, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_and_the_rest_stays() {
        for (line, masked) in [
            ("token cvn_abcdefghij0123456789 was", "token cvn_[redacted] was"),
            (r#"{"a":"Bearer abc.def-ghi","b":1}"#, r#"{"a":"Bearer [redacted]","b":1}"#),
            ("eyJhbGciOi.eyJzdWIi.c2ln", "eyJ[redacted]"),
            ("$argon2id$v=19$m=8192,t=1,p=1$c2FsdA$aGFzaA!", "$argon2id$[redacted]!"),
            ("GET /cb?code=abc&state=xyz&x=1", "GET /cb?code=[redacted]&state=[redacted]&x=1"),
            ("https://a/start?login_hint=ann%40acme.example", "https://a/start?login_hint=[redacted]"),
        ] {
            assert_eq!(mask(line).as_deref(), Some(masked), "{line}");
        }
        for plain in ["", "Basic test", "code=404 status?", "a cvn_ word", "/Users?filter=x&count=2"] {
            assert_eq!(mask(plain), None, "{plain}");
        }
    }
}
