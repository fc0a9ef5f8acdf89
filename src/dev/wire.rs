//! What a simulator hears and says: a request, an answer, and the reasons to refuse that each tool words its own way.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use maud::Markup;
use serde_json::Value;

/// A request taken apart.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path as sent, with its first slash.
    pub path: String,
    /// Segments of the path, decoded.
    pub segments: Vec<String>,
    /// Query as sent.
    pub raw_query: String,
    /// Query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, whole.
    pub body: Bytes,
}

impl Request {
    /// Takes the target apart.
    pub fn new(method: Method, path: &str, raw_query: String, headers: HeaderMap, body: Bytes) -> Self {
        let segments = path.trim_start_matches('/').split('/').map(decoded).collect();
        let query = form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
        Self { method, path: path.to_owned(), segments, raw_query, query, headers, body }
    }

    /// Whether it only looks.
    pub fn is_get(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// First value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter as a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }

    /// A header as text, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What follows a scheme in `Authorization`; the scheme counts without case.
    pub fn authorization(&self, scheme: &str) -> Option<&str> {
        let (sent, rest) = self.header("authorization").split_once(' ')?;
        sent.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }

    /// Name and secret of HTTP Basic.
    pub fn basic(&self) -> Option<(String, String)> {
        let text = String::from_utf8(STANDARD.decode(self.authorization("Basic")?).ok()?).ok()?;
        let (name, secret) = text.split_once(':')?;
        Some((name.to_owned(), secret.to_owned()))
    }

    fn media_type(&self) -> String {
        self.header("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Body as a JSON object.
    ///
    /// # Errors
    /// Refuses other media types and what is no object.
    pub fn object(&self) -> Result<Value, Refusal> {
        let media_type = self.media_type();
        if media_type != "application/json" && !media_type.ends_with("+json") {
            return Err(Refusal::Body(format!("The media type {media_type:?} is not JSON")));
        }
        match serde_json::from_slice(&self.body) {
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err(Refusal::Body("The body must be an object".into())),
            Err(error) => Err(Refusal::Body(format!("The body is no JSON: {error}"))),
        }
    }

    /// Body as a form.
    ///
    /// # Errors
    /// Refuses other media types.
    pub fn form(&self) -> Result<Form, Refusal> {
        match self.media_type().as_str() {
            "application/x-www-form-urlencoded" => {
                Ok(Form(form_urlencoded::parse(&self.body).into_owned().collect()))
            }
            _ => Err(Refusal::Body("The body must be a form".into())),
        }
    }
}

/// A decoded form.
#[derive(Debug, Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Value of a field, empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// Percent signs decoded; what is no UTF-8 is replaced.
fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let pair = bytes[at..].get(1..3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Text as one segment of a path or one value of a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers; a name twice is sent twice.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// Without a body. A number that is no status is 500.
    pub fn empty(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::typed(status, "application/json; charset=utf-8", value.to_string())
    }

    /// SCIM's JSON.
    pub fn scim(status: u16, value: &Value) -> Self {
        Self::typed(status, "application/scim+json; charset=utf-8", value.to_string())
    }

    /// A page.
    pub fn page(status: u16, markup: Markup) -> Self {
        Self::typed(status, "text/html; charset=utf-8", markup.into_string())
            .with(
                "content-security-policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
                 base-uri 'none'; frame-ancestors 'none'",
            )
            .with("referrer-policy", "no-referrer")
    }

    /// A body of a type.
    pub fn typed(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::empty(status).with("content-type", media_type);
        answer.body = body.into();
        answer
    }

    /// To another address.
    pub fn redirect(location: &str) -> Self {
        Self::empty(302).with("location", location)
    }

    /// One header more.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As hyper sends it. A header that cannot be sent is left out.
    pub fn into_response(self) -> warp::reply::Response {
        let mut response = warp::reply::Response::new(self.body.into());
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }
}

/// Why a request is refused. Each tool says it in its own words.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The tool has no such address.
    Address,
    /// The address is there, the method is not: those that are.
    Method(String),
    /// What the address names is not there.
    Missing(&'static str),
    /// The body or a parameter is wrong.
    Body(String),
    /// No credentials, or wrong ones.
    Credentials,
    /// The credentials lack this right.
    Right(String),
    /// Too many requests, until then (milliseconds since 1970).
    Limited {
        /// When the tool listens again.
        reset_ms: i64,
        /// Milliseconds from now until then.
        wait_ms: i64,
    },
    /// Something in front of the tool fails with this status.
    Broken(u16),
    /// An answer that only this tool gives.
    Exact(Box<Answer>),
}

impl Refusal {
    /// An answer that only this tool gives.
    pub fn exact(answer: Answer) -> Self {
        Self::Exact(Box::new(answer))
    }

    /// Whole seconds to wait, at least one.
    pub fn wait_secs(&self) -> i64 {
        match self {
            Self::Limited { wait_ms, .. } => ((wait_ms + 999) / 1000).max(1),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_decode_and_encode() {
        let request = Request::new(
            Method::GET,
            "/a/x%40y.test%2f1/%zz",
            "q=a+b".into(),
            HeaderMap::new(),
            Bytes::new(),
        );
        assert_eq!(request.segments, ["a", "x@y.test/1", "%zz"]);
        assert_eq!(request.parameter("q"), Some("a b"));
        assert_eq!(encoded("x@y.test/1"), "x%40y.test%2F1");
    }
}
