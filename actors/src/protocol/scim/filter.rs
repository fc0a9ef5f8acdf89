//! A filter as a tree (RFC 7644 §3.4.2.2); `path` reads it, `evaluate` applies it.
use std::fmt;

pub use super::path::FilterLimits;
use super::{
    error::{ScimError, ScimType},
    path::{AttributePath, whole_filter},
};

/// A filter as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// One holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// An attribute compares so.
    Compare {
        /// Which.
        path: AttributePath,
        /// How.
        op: Comparison,
        /// With what.
        value: Literal,
    },
    /// An attribute has a value.
    Present(AttributePath),
    /// One value of a multi-valued attribute fits all of a filter.
    ValuePath {
        /// The attribute.
        path: AttributePath,
        /// About its sub-attributes.
        filter: Box<Filter>,
    },
}

/// A comparison operator (RFC 7644 table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text, a dateTime, a reference.
    String(String),
    /// A number.
    Number(serde_json::Number),
    /// A boolean.
    Boolean(bool),
    /// No value.
    Null,
}

const WORDS: [(Comparison, &str); 9] = [
    (Comparison::Eq, "eq"),
    (Comparison::Ne, "ne"),
    (Comparison::Co, "co"),
    (Comparison::Sw, "sw"),
    (Comparison::Ew, "ew"),
    (Comparison::Gt, "gt"),
    (Comparison::Ge, "ge"),
    (Comparison::Lt, "lt"),
    (Comparison::Le, "le"),
];

impl Comparison {
    /// The operator of that word, without case.
    pub fn find(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(op, _)| *op)
    }

    fn word(self) -> &'static str {
        WORDS.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// 400 `invalidFilter`, saying where.
    pub fn parse(text: &str, limits: &FilterLimits) -> Result<Self, ScimError> {
        whole_filter(text, limits)
            .map_err(|why| ScimError::bad(ScimType::InvalidFilter, format!("The filter {why}.")))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(flag) => flag.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            parts.iter().enumerate().try_for_each(|(index, part)| {
                let lead = if index == 0 { String::new() } else { format!(" {word} ") };
                match part {
                    Self::And(_) | Self::Or(_) => write!(f, "{lead}({part})"),
                    _ => write!(f, "{lead}{part}"),
                }
            })
        };
        match self {
            Self::And(parts) => joined(f, parts, "and"),
            Self::Or(parts) => joined(f, parts, "or"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare { path, op, value } => write!(f, "{path} {} {value}", op.word()),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::ValuePath { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}

#[cfg(test)]
mod tests;
