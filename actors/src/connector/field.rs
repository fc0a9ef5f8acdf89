//! Settings of a tool: written short, and what each of them takes.
//!
//! 1. Nothing is longer than its limit.
//! 2. A choice is one of its words; a switch may also be a JSON boolean.
//! 3. An address is http or https, made of the characters that RFC 3986 section 2 allows, without a fragment.
//! 4. A secret of one line is visible ASCII: nothing else may stand in a header, and comes of a slip in pasting.
//! 5. No other text holds control characters but the ends of lines.
use serde_json::Value;

use super::{ConfigError, Field, Shape};
use crate::protocol::oidc::origin;

impl Field {
    /// A text that must be given.
    pub const fn required(name: &'static str, title: &'static str, help: &'static str) -> Self {
        Self { required: true, ..Self::optional(name, title, help) }
    }

    /// A text that may be given.
    pub const fn optional(name: &'static str, title: &'static str, help: &'static str) -> Self {
        Self {
            name,
            title,
            help,
            shape: Shape::Text,
            secret: false,
            required: false,
            default: None,
            options: &[],
        }
    }

    /// Off unless it is turned on.
    pub const fn switch(name: &'static str, title: &'static str, help: &'static str) -> Self {
        Self { default: Some("false"), options: &["false", "true"], ..Self::optional(name, title, help) }
    }

    /// Kept encrypted and never shown again.
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// A key file, kept as a secret: a form has to keep its lines apart.
    pub const fn key_file(self) -> Self {
        Self { shape: Shape::File, ..self.secret() }
    }

    /// A web address.
    pub const fn address(self) -> Self {
        Self { shape: Shape::Address, ..self }
    }

    /// An e-mail address.
    pub const fn email(self) -> Self {
        Self { shape: Shape::Email, ..self }
    }

    /// With what it is when it is not given.
    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// How many characters it may have.
    pub const fn max_characters(&self) -> usize {
        match self.shape {
            Shape::Text => 4_096,
            Shape::Address => 2_048,
            Shape::Email => 254,
            Shape::File => 16_384,
        }
    }

    fn is_switch(&self) -> bool {
        self.options == ["false", "true"]
    }

    /// Checks a value that was given, whether or not the tool will need it.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self, value: &Value) -> Result<(), ConfigError> {
        let refuse = |reason: &str| Err(ConfigError::new(self.name, reason));
        let text = match value {
            Value::String(text) => text.trim(),
            Value::Bool(_) if self.is_switch() => return Ok(()), // (2)
            _ => return refuse("must be a text"),
        };
        if text.is_empty() {
            return Ok(());
        }
        if text.chars().count() > self.max_characters() {
            return refuse(&format!("has more than {} characters", self.max_characters())); // (1)
        }
        if !self.options.is_empty() && !self.options.contains(&text) {
            return refuse(&format!("must be one of {}", self.options.join(", "))); // (2)
        }
        match self.shape {
            Shape::Address if !is_address(text) => refuse("is no web address"), // (3)
            Shape::Email if !is_email(text) => refuse("is no e-mail address"),
            Shape::Text if self.secret && !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                refuse("has a space or another character that no such secret has") // (4)
            }
            _ if text.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t')) => {
                refuse("has a control character") // (5)
            }
            _ => Ok(()),
        }
    }
}

/// (3)
fn is_address(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
    origin(text).is_some() && text.bytes().all(is_allowed)
}

fn is_email(text: &str) -> bool {
    let is_allowed = |one: char| !one.is_control() && !one.is_whitespace() && !"\"(),:;<>[\\]".contains(one);
    let parts = text.split_once('@');
    parts.is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(field: &Field, value: &str) -> Option<String> {
        field.check(&value.into()).err().map(|error| error.reason)
    }

    #[test]
    fn each_shape_takes_its_own() {
        let address = Field::optional("base_url", "", "").address();
        for good in ["https://a.example", "http://127.0.0.1:8080/scim/v2", "https://[::1]/x?y=%20", ""] {
            assert_eq!(reason(&address, good), None, "{good}");
        }
        for bad in [
            "a.example",
            "ftp://a",
            "https://",
            "https://a/<b>",
            "https://a/ b",
            "https://me@a/",
            "https://a#b",
        ] {
            assert!(reason(&address, bad).is_some(), "{bad}");
        }
        let email = Field::optional("admin", "", "").email();
        assert_eq!(reason(&email, "ada+x@acme.example"), None);
        for bad in ["ada", "@acme.example", "ada@", "a@b@c", "a b@c", "<a@b>"] {
            assert!(reason(&email, bad).is_some(), "{bad}");
        }
        let secret = Field::required("token", "", "").secret();
        assert_eq!(reason(&secret, " xoxp-1 "), None);
        for bad in ["a b", "a\nb", "é", "a\0"] {
            assert!(reason(&secret, bad).is_some(), "{bad}");
        }
        let file = Field::required("key", "", "").key_file();
        assert_eq!(reason(&file, "a\r\n\tb"), None);
        assert!(reason(&file, "a\0b").is_some());
        assert!(reason(&file, &"x".repeat(file.max_characters() + 1)).is_some());
        let switch = Field::switch("on", "", "");
        assert!(switch.check(&true.into()).is_ok() && secret.check(&true.into()).is_err());
        assert!(reason(&switch, "yes").is_some());
    }
}
