//! What an admin of a tool sees of someone: the same few facts at every tool, for pages and scenarios.
use serde::{Deserialize, Serialize};

/// Someone's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// E-mail address.
    pub email: String,
    /// State in the tool's words.
    pub state: String,
    /// Whether it lets the person in.
    pub is_open: bool,
    /// Sessions that are open.
    pub sessions: usize,
    /// Tokens, keys and passwords of applications.
    pub tokens: usize,
}

impl AccountView {
    /// Without sessions and tokens.
    pub fn new(email: &str, state: &str, is_open: bool) -> Self {
        Self { email: email.to_owned(), state: state.to_owned(), is_open, sessions: 0, tokens: 0 }
    }

    /// With so many sessions and tokens.
    pub fn holding(mut self, sessions: usize, tokens: usize) -> Self {
        (self.sessions, self.tokens) = (sessions, tokens);
        self
    }
}
