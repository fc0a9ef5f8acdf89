//! What goes over the wire to a tool, as values.
use serde_json::Value;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Method {
    /// As RFC 9110 spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a request carries.
#[derive(Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// `application/json`, unless a header says otherwise.
    Json(Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(&'static str, String)>),
    /// These bytes, as signed; a header says what they are.
    Text(String),
}

/// Why a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It changes nothing.
    Read,
    /// It changes something at the tool: never sent in a preview or a check.
    Write,
    /// It gets an access token. Its answer may be kept and used again under this name until the token's
    /// `expires_in` or `expires_at` has nearly come.
    Token(&'static str),
}

/// One request. Secrets may be in its headers and forms, so `Debug` shows neither.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Absolute address.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Body,
    /// Why.
    pub purpose: Purpose,
}

impl Request {
    /// A request that changes nothing.
    pub fn read(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Body::None, purpose: Purpose::Read }
    }

    /// A request that changes something.
    pub fn write(method: Method, url: impl Into<String>) -> Self {
        Self { purpose: Purpose::Write, ..Self::read(method, url) }
    }

    /// A request for an access token, kept under `name`.
    pub fn token(name: &'static str, url: impl Into<String>) -> Self {
        Self { purpose: Purpose::Token(name), ..Self::read(Method::Post, url) }
    }

    /// With a header more.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a bearer token (RFC 6750 §2.1).
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With a JSON body.
    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// With a form.
    pub fn form(mut self, fields: Vec<(&'static str, String)>) -> Self {
        self.body = Body::Form(fields);
        self
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method.name(), self.url)
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, cut off nowhere: a larger one than allowed is a [`SendError::TooLarge`].
    pub body: Vec<u8>,
    /// When it had arrived, in milliseconds since 1970.
    pub at_ms: i64,
}

impl Response {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing came in time: the request may have been carried out.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or it broke off.
    #[error("the connection failed")]
    Connection,
    /// The address is not one that Ceven may talk to.
    #[error("the address is not allowed")]
    Blocked,
    /// The answer is larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
}

/// A request's fate.
pub type Answer = Result<Response, SendError>;

/// A text as one segment of a path or one value of a query (RFC 3986 §2.3: only unreserved characters stay).
pub fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte.into()),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
        escaped
    })
}

/// A query's value as it was before [`escape`].
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, following)) = rest.split_first() {
        let coded = following.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let coded = coded.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(coded.unwrap_or(*first));
        rest = if coded.is_some() { &following[2..] } else { following };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_escaped_comes_back() {
        for text in ["", "kloHX1ZQ+8/=", "a b&c", "%", "100%25", "Žofie"] {
            assert_eq!(unescape(&escape(text)), text);
        }
        assert_eq!(unescape("a%2Bb%zz%4"), "a+b%zz%4");
    }
}
