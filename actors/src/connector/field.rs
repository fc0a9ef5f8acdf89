//! Settings of a tool, written short.
use super::Field;

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
            secret: false,
            multiline: false,
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
        Self { multiline: true, ..self.secret() }
    }

    /// With what it is when it is not given.
    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }
}
