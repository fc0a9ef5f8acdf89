//! Addresses of a simulator: one line each, as in the vendor's reference.
use super::{
    sim::Call,
    wire::{Answer, Refusal, Request},
};

/// Answers a request to a route.
pub type Handler<T> = fn(&mut T, &mut Call<'_>) -> Result<Answer, Refusal>;

/// An address with a method.
pub struct Route<T: 'static> {
    /// Method.
    pub method: &'static str,
    /// Path; `{name}` stands for one segment, and may have something fixed behind it: `{id}:suspend`.
    pub path: &'static str,
    /// Any of these rights is enough; `None`: no credentials are asked for.
    pub scopes: Option<&'static [&'static str]>,
    /// What answers.
    pub handle: Handler<T>,
}

impl<T> Route<T> {
    /// An address that asks for credentials with one of these rights.
    pub const fn new(
        method: &'static str,
        path: &'static str,
        scopes: &'static [&'static str],
        handle: Handler<T>,
    ) -> Self {
        Self { method, path, scopes: Some(scopes), handle }
    }

    /// An address that asks for nothing, or judges the credentials itself.
    pub const fn open(method: &'static str, path: &'static str, handle: Handler<T>) -> Self {
        Self { method, path, scopes: None, handle }
    }
}

/// What a request is for.
pub(super) enum Found<T: 'static> {
    Nothing,
    OtherMethods(String),
    Route(&'static Route<T>, Vec<(&'static str, String)>),
}

/// The first route that fits.
pub(super) fn find<T>(routes: &'static [Route<T>], request: &Request) -> Found<T> {
    let mut others: Vec<&str> = Vec::new();
    for route in routes {
        let Some(captured) = fits(route.path, &request.segments) else { continue };
        if route.method == request.method.as_str() {
            return Found::Route(route, captured);
        }
        if !others.contains(&route.method) {
            others.push(route.method);
        }
    }
    match others.is_empty() {
        true => Found::Nothing,
        false => Found::OtherMethods(others.join(", ")),
    }
}

fn fits(pattern: &'static str, segments: &[String]) -> Option<Vec<(&'static str, String)>> {
    let parts: Vec<&'static str> = pattern.trim_start_matches('/').split('/').collect();
    if parts.len() != segments.len() {
        return None;
    }
    let mut captured = Vec::new();
    for (part, segment) in parts.into_iter().zip(segments) {
        match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, end)) => {
                let value = segment.strip_suffix(end)?;
                if value.is_empty() {
                    return None;
                }
                captured.push((name, value.to_owned()));
            }
            None if part == segment => {}
            None => return None,
        }
    }
    Some(captured)
}
