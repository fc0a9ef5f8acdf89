//! The side of a simulator that no vendor has: `/_sim`, where people and tests look at it and break it.
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, Method};
use maud::{DOCTYPE, Markup, html};
use serde_json::{Value, json};
use warp::{Filter, filters::BoxedFilter, reply::Response};

use super::{
    Person,
    faults::{Fault, Kind},
    sim::{Shared, Tool, World},
    wire::{Answer, Form, Request},
};

/// Bytes of a body.
const BODY: usize = 1024 * 1024;
/// Requests on the page.
const SHOWN: usize = 50;
const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ccc}\
pre{overflow:auto;padding:.75rem;border:1px solid #ccc}label{margin-right:1rem}input,select{font:inherit}\
.warn{background:#fff3c4;color:#333;padding:.4rem .8rem}";

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
    let mut world = shared.world();
    let answer = match (request.method.as_str(), rest) {
        ("GET", [] | [""]) => Answer::page(200, page(&world, &shared.base)),
        ("GET", ["state"]) => Answer::json(200, &world.tool.state()),
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
        ("POST", ["do", name]) => {
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            let result = world.tool.control(name, &body, &*shared.clock);
            drop(world);
            shared.run_errands();
            return Some(result.map_or_else(|why| refused(&why), |value| Answer::json(200, &value)));
        }
        _ => Answer::json(404, &json!({ "error": "The simulator has no such address." })),
    };
    Some(answer)
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
                Answer::empty(303).with("location", "/_sim")
            }
            Ok(None) => {
                world.faults.set(Vec::new());
                Answer::empty(303).with("location", "/_sim")
            }
            Err(why) => refused(&why),
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

fn page<T: Tool>(world: &World<T>, base: &str) -> Markup {
    let state = serde_json::to_string_pretty(&world.tool.state()).unwrap_or_default();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "[DEV] Simulated " (T::NAME) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Simulated " (T::NAME) }
                p.warn { "A simulator at " code { (base) } ". Nothing here is real." }
                h2 { "State" }
                pre { (state) }
                h2 { "Break it" }
                (fault_form())
                @if !world.faults.waiting().is_empty() {
                    h3 { "Waiting" }
                    ul { @for fault in world.faults.waiting() { li { (fault.times) " × " code { (json!(fault)) } } } }
                }
                h2 { "Last requests" }
                (requests(world))
                @if !world.sent.is_empty() {
                    h2 { "Calls to others" }
                    ul { @for sent in world.sent.iter().rev().take(SHOWN) { li { code { (sent.url) } " " (json!(sent.status)) } } }
                }
            }
        }
    }
}

fn fault_form() -> Markup {
    const KINDS: [(&str, &str); 7] = [
        ("429", "too many requests, for so many seconds"),
        ("502", "bad gateway"),
        ("hang", "answers so many seconds late"),
        ("wrong_credentials", "takes credentials for wrong"),
        ("accept_but_keep", "says yes, changes nothing"),
        ("delay_read_back", "shows the old state for so many reads"),
        ("clear", "no more faults"),
    ];
    html! {
        form method="post" action="/_sim/faults" {
            label { "Fault " select name="kind" { @for (value, words) in KINDS { option value=(value) { (words) } } } }
            label { "Number " input name="number" inputmode="numeric" size="4"; }
            label { "Path begins " input name="path" size="24"; }
            label { "Method " input name="method" size="7"; }
            label { "Times " input name="times" inputmode="numeric" size="4"; }
            button type="submit" { "Set" }
        }
    }
}

fn requests<T: Tool>(world: &World<T>) -> Markup {
    html! {
        table {
            thead { tr { th { "At" } th { "Request" } th { "Status" } th { "Fault" } } }
            tbody {
                @for received in world.journal.iter().rev().take(SHOWN) {
                    tr {
                        td { (ceven_actors::clock::rfc3339(received.at_ms)) }
                        td { code { (received.method) " " (received.path) } }
                        td { (received.status) }
                        td { (received.fault.unwrap_or_default()) }
                    }
                }
            }
        }
    }
}
