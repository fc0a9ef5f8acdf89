//! `GET /api/v1/instance`: which Ceven answers, and whom it takes the asker for. It is what `ceven doctor` looks at from
//! outside, and tells nobody anything but about themselves.
use http::StatusCode;
use serde_json::json;
use warp::reply::Response;

use super::Call;
use crate::http::{Proxy, reply};

/// Path below the public URL.
pub const PATH: &str = "/api/v1/instance";

pub(super) fn get(call: &Call<'_>) -> Response {
    let proxy = match call.incoming.proxy {
        Proxy::None => "none",
        Proxy::Believed => "believed",
        Proxy::Ignored => "ignored",
    };
    let body = json!({
        "instance": call.app.instance(),
        "client_ip": call.incoming.client_ip,
        "proxy": proxy,
    });
    reply::json(StatusCode::OK, &body)
}
