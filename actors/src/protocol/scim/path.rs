//! One grammar for attribute paths, value paths and filters (RFC 7644 §3.4.2.2 figure 1, §3.5.2 figure 7).
//!
//! 1. Operators and attribute names compare without case.
//! 2. Precedence, high to low: grouping, `not`, `and`, `or`.
//! 3. In `urn:…:name` the attribute is what follows the last colon; dots before it belong to the URN.
//! 4. Values are JSON: strings with escapes, numbers, `true`, `false`, `null`.
use std::fmt;

use serde_json::Value;
use winnow::{
    Parser, Result as Parsed,
    ascii::{Caseless, multispace0, multispace1},
    combinator::{alt, cut_err, delimited, opt, preceded, terminated},
    error::{ContextError, ErrMode},
    stream::{Stateful, Stream},
    token::{one_of, take_while},
};

use super::{
    error::{ScimError, ScimType},
    filter::{Comparison, Filter, Literal},
};

/// How large a filter or path may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLimits {
    /// Bytes of text.
    pub length_bytes: usize,
    /// Brackets and `not` inside one another.
    pub depth: usize,
}

/// An attribute as it was written; whether it exists is for the resource type to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// URN before the last colon.
    pub schema: Option<String>,
    /// Attribute name.
    pub attribute: String,
    /// Name after the dot.
    pub sub_attribute: Option<String>,
}

/// What a PATCH operation points at.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The attribute. For a whole extension, `urn:a:b`, its schema is `urn:a` and its name `b`.
    pub attribute: AttributePath,
    /// Which of its values.
    pub filter: Option<Filter>,
    /// Which part of these values.
    pub sub_attribute: Option<String>,
}

impl Path {
    /// Reads the path of a PATCH operation.
    ///
    /// # Errors
    /// 400 `invalidPath`.
    pub fn parse(text: &str, limits: &FilterLimits) -> Result<Self, ScimError> {
        run(path, text, limits)
            .map_err(|why| ScimError::bad(ScimType::InvalidPath, format!("The path {why}.")))
    }
}

impl AttributePath {
    /// Reads the path of an attribute alone, without a value filter.
    ///
    /// # Errors
    /// 400 `invalidPath`.
    pub fn parse(text: &str, limits: &FilterLimits) -> Result<Self, ScimError> {
        run(attribute_path, text, limits)
            .map_err(|why| ScimError::bad(ScimType::InvalidPath, format!("The path {why}.")))
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        self.sub_attribute.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

/// Text and the depth that is left.
type Input<'a> = Stateful<&'a str, usize>;
type Step<T> = Parsed<T, ErrMode<ContextError>>;

/// Reads a whole filter.
pub(super) fn whole_filter(text: &str, limits: &FilterLimits) -> Result<Filter, String> {
    run(delimited(multispace0, disjunction, multispace0), text, limits)
}

fn run<'a, T>(
    mut parser: impl Parser<Input<'a>, T, ErrMode<ContextError>>,
    text: &'a str,
    limits: &FilterLimits,
) -> Result<T, String> {
    if text.len() > limits.length_bytes {
        return Err(format!("is longer than {} bytes", limits.length_bytes));
    }
    let mut input = Input { input: text, state: limits.depth };
    match parser.parse_next(&mut input) {
        Ok(value) if input.input.is_empty() => Ok(value),
        _ if input.state == 0 => Err(format!("is nested deeper than {} levels", limits.depth)),
        _ => Err(format!(
            "is malformed at character {}",
            text[..text.len() - input.input.len()].chars().count() + 1
        )),
    }
}

fn path(input: &mut Input<'_>) -> Step<Path> {
    let attribute = attribute_path.parse_next(input)?;
    let filter = opt(value_filter).parse_next(input)?;
    let sub_attribute = if filter.is_some() { opt(preceded('.', name)).parse_next(input)? } else { None };
    Ok(Path { attribute, filter, sub_attribute })
}

fn disjunction(input: &mut Input<'_>) -> Step<Filter> {
    joined(input, conjunction, "or", Filter::Or) // (2)
}

fn conjunction(input: &mut Input<'_>) -> Step<Filter> {
    joined(input, term, "and", Filter::And) // (2)
}

fn joined(
    input: &mut Input<'_>,
    mut part: impl FnMut(&mut Input<'_>) -> Step<Filter>,
    word: &'static str,
    join: fn(Vec<Filter>) -> Filter,
) -> Step<Filter> {
    let first = part(input)?;
    let mut others = Vec::new();
    while opt((multispace1, Caseless(word), one_of_boundary)).parse_next(input)?.is_some() {
        multispace0.parse_next(input)?;
        others.push(part(input)?);
    }
    if others.is_empty() {
        return Ok(first);
    }
    others.insert(0, first);
    Ok(join(others))
}

/// After a word comes a space or a bracket, which is left in place.
fn one_of_boundary(input: &mut Input<'_>) -> Step<()> {
    winnow::combinator::peek(one_of((' ', '\t', '\n', '\r', '('))).void().parse_next(input)
}

fn term(input: &mut Input<'_>) -> Step<Filter> {
    let negated = opt(terminated(Caseless("not"), (multispace0, winnow::combinator::peek('('))))
        .parse_next(input)?
        .is_some();
    if negated {
        multispace0.parse_next(input)?;
        return group.map(|inner| Filter::Not(Box::new(inner))).parse_next(input);
    }
    if input.input.starts_with('(') {
        return group.parse_next(input);
    }
    comparison.parse_next(input)
}

fn group(input: &mut Input<'_>) -> Step<Filter> {
    deeper(input, |input| {
        delimited(('(', multispace0), disjunction, (multispace0, cut_err(')'))).parse_next(input)
    })
}

fn value_filter(input: &mut Input<'_>) -> Step<Filter> {
    deeper(input, |input| {
        delimited(('[', multispace0), disjunction, (multispace0, cut_err(']'))).parse_next(input)
    })
}

/// Counts a level down; at zero the whole text is refused, so the stack is bounded too.
fn deeper<T>(input: &mut Input<'_>, inner: impl FnOnce(&mut Input<'_>) -> Step<T>) -> Step<T> {
    if !input.input.starts_with(['(', '[']) {
        return Err(ErrMode::Backtrack(ContextError::new()));
    }
    input.state -= 1;
    if input.state == 0 {
        return Err(ErrMode::Cut(ContextError::new()));
    }
    let value = inner(input)?;
    input.state += 1;
    Ok(value)
}

fn comparison(input: &mut Input<'_>) -> Step<Filter> {
    let path = attribute_path.parse_next(input)?;
    if let Some(filter) = opt(value_filter).parse_next(input)? {
        return Ok(Filter::ValuePath { path, filter: Box::new(filter) });
    }
    multispace1.parse_next(input)?;
    let word = take_while(2, |c: char| c.is_ascii_alphabetic()).parse_next(input)?;
    if word.eq_ignore_ascii_case("pr") {
        return Ok(Filter::Present(path));
    }
    let Some(op) = Comparison::find(word) else { return Err(ErrMode::Cut(ContextError::new())) }; // (1)
    multispace1.parse_next(input)?;
    let value = literal.parse_next(input)?;
    Ok(Filter::Compare { path, op, value })
}

fn attribute_path(input: &mut Input<'_>) -> Step<AttributePath> {
    let checkpoint = input.checkpoint();
    let written =
        take_while(1.., |c: char| c.is_ascii_alphanumeric() || "-_$:.".contains(c)).parse_next(input)?;
    let (schema, rest) = match written.rsplit_once(':') {
        Some((schema, rest)) => (Some(schema.to_owned()), rest), // (3)
        None => (None, written),
    };
    let (attribute, sub_attribute) = match rest.split_once('.') {
        Some((attribute, sub)) => (attribute, Some(sub)),
        None => (rest, None),
    };
    let named =
        |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$') && !name.contains('.');
    if !named(attribute) || !sub_attribute.is_none_or(named) {
        input.reset(&checkpoint);
        return Err(ErrMode::Cut(ContextError::new()));
    }
    Ok(AttributePath {
        schema,
        attribute: attribute.to_owned(),
        sub_attribute: sub_attribute.map(str::to_owned),
    })
}

fn name(input: &mut Input<'_>) -> Step<String> {
    take_while(1.., |c: char| c.is_ascii_alphanumeric() || "-_$".contains(c))
        .map(|name: &str| name.to_owned())
        .parse_next(input)
}

/// (4) A JSON scalar: its extent is found here, its meaning by the JSON parser.
fn literal(input: &mut Input<'_>) -> Step<Literal> {
    let text =
        alt((string_extent, take_while(1.., |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c))))
            .parse_next(input)?;
    let read = |text: &str| match serde_json::from_str(text).ok()? {
        Value::String(text) => Some(Literal::String(text)),
        Value::Number(number) => Some(Literal::Number(number)),
        Value::Bool(flag) => Some(Literal::Boolean(flag)),
        Value::Null => Some(Literal::Null),
        Value::Array(_) | Value::Object(_) => None,
    };
    // Keywords compare without case, as Entra writes True and False.
    read(text).or_else(|| read(&text.to_ascii_lowercase())).ok_or_else(|| ErrMode::Cut(ContextError::new()))
}

fn string_extent<'a>(input: &mut Input<'a>) -> Step<&'a str> {
    let mut escaped = false;
    let end = input.input.strip_prefix('"').and_then(|rest| {
        rest.char_indices().find_map(|(at, c)| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes.then_some(at + 2)
        })
    });
    match end {
        Some(end) => Ok(input.next_slice(end)),
        None => Err(ErrMode::Backtrack(ContextError::new())),
    }
}
