//! The side of a simulator that no vendor has: `/_sim`, where people and tests look at it and break it.
//!
//! 1. A page of another site cannot change anything here: browsers say where a request comes from.
//! 2. What a form asked for is answered with the page, what a program asked for with JSON.
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use warp::{Filter, filters::BoxedFilter, reply::Response};

use super::{
    Person,
    faults::{Fault, Kind},
    page,
    sim::{Shared, Tool, World},
    wire::{Answer, Form, Request},
};

/// Bytes of a body.
const BODY: usize = 1024 * 1024;

/// Everything the listener answers.
pub(super) fn routes<T: Tool>(shared: Arc<Shared<T>>) -> BoxedFilter<(Response,)> {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::any()
        .and(warp::method())
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method: Method, path: warp::path::FullPath, query: String, headers: HeaderMap, body| {
            let shared = shared.clone();
            async move {
                let answer = match collect(body).await {
                    Some(body) => {
                        let request = Request::new(method, path.as_str(), query, headers, body);
                        shared.answer(request).await
                    }
                    None => Answer::empty(413),
                };
                answer.into_response()
            }
        })
        .boxed()
}

async fn collect<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>>) -> Option<Bytes> {
    let (mut bytes, mut body) = (BytesMut::new(), std::pin::pin!(body));
    while let Some(part) = body.next().await {
        let mut part = part.ok()?;
        if bytes.len() + part.remaining() > BODY {
            return None;
        }
        let part = part.copy_to_bytes(part.remaining());
        bytes.extend_from_slice(&part);
    }
    Some(bytes.freeze())
}

/// Answers what is for the simulator and not for the tool.
pub(super) fn answer<T: Tool>(shared: &Arc<Shared<T>>, request: &Request) -> Option<Answer> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let ["_sim", rest @ ..] = segments.as_slice() else { return None };
    let is_foreign = !matches!(request.header("sec-fetch-site"), "" | "same-origin" | "none");
    if is_foreign && !request.is_get() {
        return Some(Answer::json(403, &json!({ "error": "Another site's page may not do this." }))); // (1)
    }
    if let ("POST", ["do", name]) = (request.method.as_str(), rest) {
        return Some(act(shared, name, request));
    }
    let mut world = shared.world();
    let answer = match (request.method.as_str(), rest) {
        ("GET", [] | [""]) => Answer::page(200, page::whole(&world, &shared.base, request)),
        ("GET", ["live"]) => Answer::page(200, page::live(&world)),
        ("GET", ["style.css"]) => Answer::typed(200, "text/css; charset=utf-8", page::STYLE),
        ("GET", ["live.js"]) => Answer::typed(200, "text/javascript; charset=utf-8", page::SCRIPT),
        ("GET", ["state"]) => Answer::json(200, &world.tool.state()),
        ("GET", ["accounts"]) => Answer::json(200, &json!(world.tool.accounts())),
        ("GET", ["journal"]) => Answer::json(200, &json!(world.journal)),
        ("GET", ["sent"]) => Answer::json(200, &json!(world.sent)),
        ("GET", ["faults"]) => Answer::json(200, &json!(world.faults.waiting())),
        ("POST", ["faults"]) => set_faults(&mut world, request),
        ("POST", ["seed"]) => match serde_json::from_slice::<Person>(&request.body) {
            Ok(person) => {
                world.tool.seed(&person, &*shared.clock);
                Answer::empty(204)
            }
            Err(error) => refused(&error.to_string()),
        },
        _ => Answer::json(404, &json!({ "error": "The simulator has no such address." })),
    };
    Some(answer)
}

/// Does what only a simulator can (2).
fn act<T: Tool>(shared: &Arc<Shared<T>>, name: &str, request: &Request) -> Answer {
    let form = request.form().ok();
    let body = match &form {
        Some(form) => Value::Object(Map::from_iter([("email".to_owned(), form.get("email").into())])),
        None => serde_json::from_slice(&request.body).unwrap_or(Value::Null),
    };
    let result = shared.world().tool.control(name, &body, &*shared.clock);
    shared.run_errands();
    match (result, form) {
        (Ok(value), None) => Answer::json(200, &value),
        (Ok(_), Some(_)) => back(&format!("done={name}")),
        (Err(why), None) => refused(&why),
        (Err(why), Some(_)) => Answer::page(400, page::refused(T::NAME, &why)),
    }
}

fn back(query: &str) -> Answer {
    Answer::empty(303).with("location", format!("/_sim?{query}"))
}

fn refused(why: &str) -> Answer {
    Answer::json(400, &json!({ "error": why }))
}

/// A list in JSON takes the place of those that wait; the page's form adds one.
fn set_faults<T: Tool>(world: &mut World<T>, request: &Request) -> Answer {
    if let Ok(form) = request.form() {
        return match from_form(&form) {
            Ok(Some(fault)) => {
                world.faults.add(fault);
                back("done=fault")
            }
            Ok(None) => {
                world.faults.set(Vec::new());
                back("done=reset")
            }
            Err(why) => Answer::page(400, page::refused(T::NAME, &why)),
        };
    }
    let faults = serde_json::from_slice::<Vec<Fault>>(&request.body);
    match faults {
        Ok(faults) if faults.iter().all(is_possible) => {
            world.faults.set(faults);
            Answer::empty(204)
        }
        Ok(_) => refused("a status must be from 400 to 599"),
        Err(error) => refused(&error.to_string()),
    }
}

fn is_possible(fault: &Fault) -> bool {
    !matches!(fault.kind, Kind::Status { status, .. } if !(400..600).contains(&status))
}

fn from_form(form: &Form) -> Result<Option<Fault>, String> {
    let number = |name: &str| match form.get(name) {
        "" => Ok(1),
        text => text.parse::<u32>().map_err(|_| format!("{name} is no number")),
    };
    let kind = match form.get("kind") {
        "clear" => return Ok(None),
        "429" => Kind::Status { status: 429, reset_secs: Some(number("number")?) },
        "502" => Kind::Status { status: 502, reset_secs: None },
        "hang" => Kind::Hang { secs: number("number")? },
        "wrong_credentials" => Kind::WrongCredentials,
        "accept_but_keep" => Kind::AcceptButKeep,
        "delay_read_back" => Kind::DelayReadBack { reads: number("number")? },
        other => return Err(format!("there is no fault {other:?}")),
    };
    let method = Some(form.get("method").to_ascii_uppercase()).filter(|method| !method.is_empty());
    Ok(Some(Fault { path: form.get("path").to_owned(), method, times: number("times")?, kind }))
}
