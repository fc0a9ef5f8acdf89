//! As much SOQL as a look-up of people needs: `SELECT a,b FROM x WHERE a = 'v' AND b = true LIMIT n`, or with OR.
use serde_json::Value;

/// Why a query is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError(pub String);

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Fields, as written.
    pub fields: Vec<String>,
    /// Object.
    pub from: String,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// A field and what it may be.
    conditions: Vec<(String, Vec<Value>)>,
    all: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

impl Query {
    /// Reads it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn read(text: &str) -> Result<Self, QueryError> {
        let tokens = tokens(text)?;
        let mut rest = tokens.iter();
        let wrong = |what: &str| QueryError(format!("unexpected token: {what}"));
        let is = |token: Option<&Token>, word: &str| matches!(token, Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        if !is(rest.next(), "SELECT") {
            return Err(wrong("the query does not begin with SELECT"));
        }
        let mut fields = Vec::new();
        loop {
            let Some(Token::Word(field)) = rest.next() else { return Err(wrong("a field is missing")) };
            fields.push(field.clone());
            match rest.next() {
                Some(Token::Sign(',')) => {}
                token if is(token, "FROM") => break,
                _ => return Err(wrong("FROM is missing")),
            }
        }
        let Some(Token::Word(from)) = rest.next() else { return Err(wrong("an object is missing")) };
        let mut query = Self { fields, from: from.clone(), limit: None, conditions: Vec::new(), all: true };
        let mut next = rest.next();
        if is(next, "WHERE") {
            let mut joins: Vec<bool> = Vec::new();
            loop {
                let Some(Token::Word(field)) = rest.next() else { return Err(wrong("a field is missing")) };
                let values = match rest.next() {
                    Some(Token::Sign('=')) => vec![literal(rest.next()).ok_or_else(|| wrong("a value"))?],
                    token if is(token, "IN") => list(&mut rest).ok_or_else(|| wrong("a list of values"))?,
                    _ => return Err(wrong("a condition is neither = nor IN")),
                };
                query.conditions.push((field.clone(), values));
                next = rest.next();
                match next {
                    token if is(token, "AND") => joins.push(true),
                    token if is(token, "OR") => joins.push(false),
                    _ => break,
                }
            }
            query.all = joins.first().copied().unwrap_or(true);
            if joins.iter().any(|join| *join != query.all) {
                return Err(wrong("AND beside OR without parentheses"));
            }
        }
        if is(next, "LIMIT") {
            let Some(Token::Word(number)) = rest.next() else { return Err(wrong("LIMIT")) };
            query.limit = Some(number.parse().map_err(|_| wrong(number))?);
            next = rest.next();
        }
        if next.is_some() { Err(wrong("the end of the query")) } else { Ok(query) }
    }

    /// The first field that this row does not have.
    pub fn first_unknown<'a>(&'a self, row: &Value) -> Option<&'a str> {
        let asked = self.conditions.iter().map(|(field, _)| field);
        self.fields.iter().chain(asked).find(|field| row.get(field.as_str()).is_none()).map(String::as_str)
    }

    /// Whether a row is in the answer. Text compares without case, as SOQL does; ids with it.
    pub fn fits(&self, row: &Value) -> bool {
        let is = |field: &str, wanted: &Value| match (&row[field], wanted) {
            (Value::String(has), Value::String(wanted)) if field.ends_with("Id") => has == wanted,
            (Value::String(has), Value::String(wanted)) => has.to_lowercase() == wanted.to_lowercase(),
            (has, wanted) => has == wanted,
        };
        let mut each =
            self.conditions.iter().map(|(field, values)| values.iter().any(|wanted| is(field, wanted)));
        if self.all { each.all(|fits| fits) } else { each.any(|fits| fits) }
    }
}

/// `('a', 'b')`.
fn list<'a>(rest: &mut impl Iterator<Item = &'a Token>) -> Option<Vec<Value>> {
    if !matches!(rest.next(), Some(Token::Sign('('))) {
        return None;
    }
    let mut values = Vec::new();
    loop {
        values.push(literal(rest.next())?);
        match rest.next()? {
            Token::Sign(',') => {}
            Token::Sign(')') => return Some(values),
            _ => return None,
        }
    }
}

fn literal(token: Option<&Token>) -> Option<Value> {
    match token? {
        Token::Text(text) => Some(text.clone().into()),
        Token::Word(word) => match word.to_ascii_lowercase().as_str() {
            "true" => Some(true.into()),
            "false" => Some(false.into()),
            "null" => Some(Value::Null),
            _ => None,
        },
        Token::Sign(_) => None,
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => {}
            '\'' => {
                let mut value = String::new();
                loop {
                    match letters.next() {
                        Some('\'') => break,
                        Some('\\') => match letters.next() {
                            Some('n') => value.push('\n'),
                            Some('r') => value.push('\r'),
                            Some(escaped @ ('\'' | '"' | '\\' | '_' | '%')) => value.push(escaped),
                            _ => return Err(QueryError("invalid string literal escape".into())),
                        },
                        Some(letter) => value.push(letter),
                        None => return Err(QueryError("a string literal has no end".into())),
                    }
                }
                found.push(Token::Text(value));
            }
            letter if letter.is_ascii_alphanumeric() => {
                let mut word = String::from(letter);
                while let Some(letter) =
                    letters.next_if(|letter| letter.is_ascii_alphanumeric() || "_.".contains(*letter))
                {
                    word.push(letter);
                }
                found.push(Token::Word(word));
            }
            letter => found.push(Token::Sign(letter)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries_are_read_and_escapes_count() {
        let query = Query::read(
            r"SELECT Id,Email FROM User WHERE Email = 'o\'neil@a.test' AND IsActive=true LIMIT 2",
        );
        let query = query.unwrap();
        assert_eq!((query.fields.len(), query.from.as_str(), query.limit), (2, "User", Some(2)));
        assert!(query.fits(&json!({ "Email": "O'Neil@a.test", "IsActive": true })));
        assert!(!query.fits(&json!({ "Email": "o'neil@a.test", "IsActive": false })));
        for bad in [
            "SELECT Id FROM User WHERE Email = 'x' or '1'='1'",
            "SELECT Id FROM User WHERE a = 'x",
            "DELETE x",
        ] {
            assert!(Query::read(bad).is_err(), "{bad}");
        }
    }
}
