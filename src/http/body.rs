//! Reading a body: its media type, its coding, its size while it comes in, its time, and its JSON.
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ceven_actors::protocol::{
    json,
    scim::{ScimError, ScimType},
};
use futures_util::{Stream, StreamExt as _};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use serde_json::Value;

/// What some editors and shells put in front of UTF-8; a reader may skip it (RFC 8259 §8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a SCIM body as JSON.
///
/// # Errors
/// 415 for another media type or a compressed body, 413 beyond `limit_bytes`, 408 beyond `timeout`, 400
/// `invalidSyntax` for what is no JSON, is nested deeper than 128 levels or has a key twice, 400 without a type for what
/// broke off.
pub async fn read_json<E>(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<Bytes, E>>,
    limit_bytes: usize,
    timeout: Duration,
) -> Result<Value, ScimError> {
    check_media_type(headers)?;
    let bytes = receive(headers, body, limit_bytes, timeout).await?;
    json::read(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes)).map_err(|error| {
        ScimError::bad(ScimType::InvalidSyntax, format!("The body is not readable JSON: {error}."))
    })
}

/// Reads a form.
///
/// # Errors
/// 415 for another media type or a compressed body, 413 beyond `limit_bytes`, 408 beyond `timeout`.
pub async fn read_form<E>(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<Bytes, E>>,
    limit_bytes: usize,
    timeout: Duration,
) -> Result<Vec<(String, String)>, ScimError> {
    if media_type(headers).as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(ScimError::new(415, "The body must be application/x-www-form-urlencoded."));
    }
    let bytes = receive(headers, body, limit_bytes, timeout).await?;
    Ok(form_urlencoded::parse(&bytes).into_owned().collect())
}

/// Reads a text.
///
/// # Errors
/// 415 for another media type than `wanted` or a compressed body, 413 beyond `limit_bytes`, 408 beyond `timeout`, 400
/// for what is no UTF-8.
pub async fn read_text<E>(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<Bytes, E>>,
    wanted: &str,
    limit_bytes: usize,
    timeout: Duration,
) -> Result<String, ScimError> {
    if media_type(headers).as_deref() != Some(wanted) {
        return Err(ScimError::new(415, format!("The body must be {wanted}.")));
    }
    let bytes = receive(headers, body, limit_bytes, timeout).await?;
    String::from_utf8(bytes.to_vec()).map_err(|_| ScimError::new(400, "The body is no UTF-8."))
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ScimError> {
    match media_type(headers).as_deref() {
        None | Some("application/scim+json" | "application/json") => Ok(()),
        _ => Err(ScimError::new(415, "The body must be application/scim+json or application/json.")),
    }
}

async fn receive<E>(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<Bytes, E>>,
    limit_bytes: usize,
    timeout: Duration,
) -> Result<BytesMut, ScimError> {
    // What is compressed would be read as what it is not.
    let is_plain = |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Err(ScimError::new(
            415,
            "The body must not be compressed: send it without Content-Encoding.",
        ));
    }
    let received = tokio::time::timeout(timeout, collect(body, limit_bytes)).await;
    received.map_err(|_| ScimError::new(408, "The body did not arrive in time."))?
}

async fn collect<E>(
    body: impl Stream<Item = Result<Bytes, E>>,
    limit_bytes: usize,
) -> Result<BytesMut, ScimError> {
    let mut bytes = BytesMut::new();
    let mut body = std::pin::pin!(body);
    while let Some(part) = body.next().await {
        let part = part.map_err(|_| ScimError::new(400, "The body broke off."))?;
        if bytes.len() + part.len() > limit_bytes {
            return Err(ScimError::new(413, format!("The body is larger than {limit_bytes} bytes.")));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(body: &str, media_type: &str) -> Result<Value, ScimError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type.parse().unwrap())]);
        let parts = body
            .as_bytes()
            .chunks(7)
            .map(|part| Ok::<_, ()>(bytes::Bytes::copy_from_slice(part)))
            .collect::<Vec<_>>();
        read_json(&headers, futures_util::stream::iter(parts), 1000, Duration::from_secs(1)).await
    }

    #[tokio::test]
    async fn reads_json_within_limits() {
        let text = r#"{"a":[1,-2,2.5,"x",null,true]}"#;
        assert_eq!(read(text, "application/SCIM+json; charset=utf-8").await.unwrap().to_string(), text);
        assert_eq!(read("\u{feff}{}", "application/json").await.unwrap().to_string(), "{}");
        assert_eq!(read("{}", "text/plain").await.unwrap_err().status, 415);
        assert_eq!(read(&"x".repeat(1001), "application/json").await.unwrap_err().status, 413);
        for bad in ["", "{", r#"{"a":1,"a":2}"#, &"[".repeat(900)] {
            let error = read(bad, "application/json").await.unwrap_err();
            assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidSyntax)), "{bad}");
        }
    }
}
