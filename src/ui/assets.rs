//! The style sheet, the script and the icon: compiled in, named by their content, kept for ever by browsers.
use std::sync::LazyLock;

use ceven_actors::{domain::audit::hex, protocol::secret::digest};
use http::{HeaderValue, header};
use warp::reply::Response;

use super::Answer;
use crate::http::reply::Failure;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("app.js");
const ICON: &str = include_str!("icon.svg");

/// Changes whenever one of them does.
static VERSION: LazyLock<String> = LazyLock::new(|| hex(&digest(&[STYLE, SCRIPT, ICON].concat())[..6]));

/// The address of a file.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{name}?v={}", *VERSION)
}

pub(super) fn serve(name: &str, query: &str) -> Answer {
    let (kind, text) = match name {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "app.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Failure::Nowhere),
    };
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let keep = match query.strip_prefix("v=") == Some(VERSION.as_str()) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    Ok(response)
}
