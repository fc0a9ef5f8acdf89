//! Cookies that one host keeps in a browser.
//!
//! 1. `__Host-` where there is TLS: no other host sets it or gets it. Browsers refuse the prefix on plain http, which
//!    is for loopback only.
//! 2. Scripts do not see it, and forms of other sites do not bring it along.
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use warp::reply::Response;

/// A cookie's name at a host.
#[derive(Debug, Clone, Copy)]
pub struct Cookie {
    name: &'static str,
    is_secure: bool,
}

impl Cookie {
    /// The cookie `name` of the host at `url`.
    pub fn at(url: &str, name: &'static str) -> Self {
        Self { name, is_secure: url.starts_with("https://") }
    }

    /// What it is called there (1).
    pub fn name(self) -> String {
        let prefix = if self.is_secure { "__Host-" } else { "" };
        format!("{prefix}{}", self.name)
    }

    /// What the browser brings; empty is nothing.
    pub fn read(self, headers: &HeaderMap) -> Option<String> {
        let name = self.name();
        let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value.to_owned())
    }

    /// `Set-Cookie`; a lifetime of zero takes it away. Nothing for a value that fits no header.
    pub fn header(self, value: &str, lifetime_secs: i64) -> Option<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name();
        format!("{name}={value}; Path=/; Max-Age={lifetime_secs}; HttpOnly; SameSite=Lax{secure}")
            .parse()
            .ok() // (2)
    }

    /// Lets the browser keep it.
    pub fn set(self, response: &mut Response, value: &str, lifetime_secs: i64) {
        if let Some(header) = self.header(value, lifetime_secs) {
            response.headers_mut().append(SET_COOKIE, header);
        }
    }

    /// Takes it away.
    pub fn clear(self, response: &mut Response) {
        self.set(response, "", 0);
    }
}
