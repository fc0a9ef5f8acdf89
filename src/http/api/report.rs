//! `/api/v1/offboardings/report`: who left in a range of time.
use std::sync::Arc;

use ceven_actors::organization::{message::OrganizationError, state::Snapshot};
use http::{HeaderValue, StatusCode, header};
use tokio::sync::mpsc;
use warp::Reply as _;

use super::{
    Answer, Call,
    audit_export::{self, time_or_date_ms},
    parameter,
};
use crate::{
    app::App,
    evidence::report::{self, LONGEST_MS, Place, Range},
    http::{
        reply::{self, Failure},
        stream::{Part, Parts},
    },
    tokens::DAY_MS,
};

/// Days of a report when nobody says from when.
const DAYS: i64 = 90;
/// Leavers of a page of JSON, unless asked for otherwise, and at most.
const COUNT: u64 = 500;
const MAX_COUNT: u64 = 1_000;
/// Leavers read at a time for a table.
const READ: u64 = 200;

/// A page as signed JSON, or with `?format=csv` everything as a table, as it is read. An admin's session or an `audit`
/// token opens it, as they do the log.
pub(super) async fn get(call: &Call<'_>) -> Answer {
    let (_, snapshot) = audit_export::right(call).await?;
    let range = range(&call.incoming.query, call.app)?;
    match call.parameter("format").as_deref() {
        None | Some("json") => {
            let count = match call.parameter("limit").map(|limit| limit.parse::<u64>()) {
                None => COUNT,
                Some(Ok(limit)) if limit > 0 => limit.min(MAX_COUNT),
                Some(_) => return Err(Failure::Bad("limit is a whole number above 0.".into())),
            };
            let after = after(&call.incoming.query)?;
            let read = report::page(call.app, &snapshot, range, after, count).await;
            let (leavers, next) = read.map_err(|_| OrganizationError::Unavailable)?;
            let signed = report::signed(call.app, &snapshot, range, &leavers, next);
            Ok(reply::json(StatusCode::OK, &signed))
        }
        Some("csv") => {
            let (sender, receiver) = mpsc::channel(1);
            let slug = snapshot.profile().slug.clone();
            tokio::spawn(send_table(call.app.clone(), snapshot, range, sender));
            let mut response = warp::reply::stream(Parts(receiver)).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
            if let Ok(name) = format!("attachment; filename=\"{slug}-leavers.csv\"").parse() {
                headers.insert(header::CONTENT_DISPOSITION, name);
            }
            Ok(response)
        }
        Some(_) => Err(Failure::Bad("format must be json or csv.".into())),
    }
}

/// A report that breaks off in the middle breaks the connection, so that nobody takes it for whole.
async fn send_table(app: Arc<App>, snapshot: Arc<Snapshot>, range: Range, parts: mpsc::Sender<Part>) {
    let (mut part, mut after): (Part, _) = (Ok(report::heading().into()), None);
    let mut is_over = false;
    while parts.send(part).await.is_ok() && !is_over {
        (part, after) = match report::page(&app, &snapshot, range, after, READ).await {
            Ok((leavers, next)) => (Ok(report::table(&leavers).into()), next),
            Err(_) => (Err(std::io::Error::other("the report broke off")), None),
        };
        is_over = after.is_none();
    }
}

/// `?from=&to=`: times or dates, the day of `to` counts; the last 90 days when absent.
///
/// # Errors
/// 400 for what is no time, for an end before its beginning, and for a range that is too long.
pub fn range(query: &str, app: &App) -> Result<Range, Failure> {
    let read = |name: &str, day_ms: i64| match parameter(query, name) {
        None => Ok(None),
        Some(text) => time_or_date_ms(&text, day_ms).map(Some).ok_or_else(|| {
            Failure::Bad(format!("{name} is a time such as 2026-11-24T00:00:00Z, or a date."))
        }),
    };
    let to_ms = read("to", DAY_MS)?.unwrap_or_else(|| app.clock.now_ms() + 1);
    let from_ms = read("from", 0)?.unwrap_or(to_ms - DAYS * DAY_MS);
    match to_ms.saturating_sub(from_ms) {
        ..=0 => Err(Failure::Bad("to must be after from.".into())),
        LONGEST_MS.. => Err(Failure::Bad("A report covers at most a year and a month: narrow it.".into())),
        _ => Ok(Range { from_ms, to_ms }),
    }
}

/// `?cursor=`.
///
/// # Errors
/// 400 for what is none.
pub fn after(query: &str) -> Result<Option<Place>, Failure> {
    let read = |cursor: String| {
        report::place(&cursor).ok_or_else(|| Failure::Bad("cursor is none of a report.".into()))
    };
    parameter(query, "cursor").map(read).transpose()
}
