//! `$filter`: the expression language, its parser and its evaluation.

use std::cmp::Ordering;

use super::errors::ApiError;
use crate::emulator::media_account::dates::Moment;
use crate::emulator::media_account::schema::Kind;
use crate::emulator::media_account::store::Row;
use crate::emulator::media_account::value::Value;

/// A parsed `$filter`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare { column: usize, is: Comparison, to: Value },
    Text { test: TextTest, column: usize, needle: String },
    Flag(usize),
    Always(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// A look-up in an index: a column and its text, or a prefix of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought<'e> {
    Is(usize, &'e str),
    Begins(usize, &'e str),
}

impl Expr {
    /// Reads a filter on that version of a type.
    pub(super) fn parse(text: &str, kind: &'static Kind, version: u8) -> Result<Self, ApiError> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, kind, version, depth: 0, terms: 0 };
        let expr = parser.either()?;
        if parser.at < parser.tokens.len() {
            return Err(syntax());
        }
        Ok(expr)
    }

    /// Does the entity pass?
    pub(super) fn holds(&self, row: &Row) -> bool {
        match self {
            Self::And(a, b) => a.holds(row) && b.holds(row),
            Self::Or(a, b) => a.holds(row) || b.holds(row),
            Self::Not(a) => !a.holds(row),
            Self::Always(truth) => *truth,
            Self::Flag(column) => matches!(row.at(*column), Value::Bool(true)),
            Self::Text { test, column, needle } => {
                let text = row.at(*column).as_text().unwrap_or_default();
                match test {
                    TextTest::StartsWith => text.starts_with(needle),
                    TextTest::EndsWith => text.ends_with(needle),
                    TextTest::Contains => text.contains(needle.as_str()),
                }
            }
            Self::Compare { column, is, to } => {
                let order = order(row.at(*column), to);
                match is {
                    Comparison::Eq => order == Some(Ordering::Equal),
                    Comparison::Ne => order != Some(Ordering::Equal),
                    Comparison::Lt => order == Some(Ordering::Less),
                    Comparison::Le => order.is_some_and(Ordering::is_le),
                    Comparison::Gt => order == Some(Ordering::Greater),
                    Comparison::Ge => order.is_some_and(Ordering::is_ge),
                }
            }
        }
    }

    /// The look-ups of which every matching entity passes one, if the filter has them; they can use an index.
    pub(super) fn keys(&self) -> Option<Vec<Sought<'_>>> {
        match self {
            Self::Compare { column, is: Comparison::Eq, to: Value::Text(text) } => {
                Some(vec![Sought::Is(*column, text)])
            }
            // An empty prefix also matches null, which is not in an index.
            Self::Text { test: TextTest::StartsWith, column, needle } if !needle.is_empty() => {
                Some(vec![Sought::Begins(*column, needle)])
            }
            Self::And(a, b) => a.keys().or_else(|| b.keys()),
            Self::Or(a, b) => {
                let mut keys = a.keys()?;
                keys.extend(b.keys()?);
                Some(keys)
            }
            _ => None,
        }
    }
}

/// The order of two values; `None` = not comparable (such as null and another value).
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    #[expect(clippy::cast_precision_loss, reason = "sizes and counts stay far below 2^53")]
    let number = |v: &Value| match v {
        Value::Int(n) => Some(f64::from(*n)),
        Value::Long(n) => Some(*n as f64),
        Value::Double(n) => Some(*n),
        _ => None,
    };
    match (a, b) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.stored_millis().cmp(&b.millis())),
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

fn syntax() -> ApiError {
    ApiError::bad("Syntax error in the $filter expression.")
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Literal(Value),
    Open,
    Close,
    Comma,
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let end = rest.find('\'')?;
        inner.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                inner.push('\'');
                rest = after;
            }
            None => return Some((inner, rest)),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, ApiError> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        match first {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            '\'' => {
                let (inner, after) = quoted(rest).ok_or_else(syntax)?;
                tokens.push(Token::Literal(Value::text(inner)));
                rest = after.trim_start();
                continue;
            }
            _ => {
                let end = rest.find([' ', '(', ')', ',', '\'']).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                if after.starts_with('\'') {
                    let (inner, after) = quoted(after).ok_or_else(syntax)?;
                    tokens.push(Token::Literal(typed(word, &inner)?));
                    rest = after.trim_start();
                } else {
                    tokens.push(bare(word));
                    rest = after.trim_start();
                }
                continue;
            }
        }
        rest = rest[1..].trim_start();
    }
    Ok(tokens)
}

fn typed(prefix: &str, inner: &str) -> Result<Value, ApiError> {
    match prefix {
        "datetime" | "datetimeoffset" => Moment::parse(inner).map(Value::Date).ok_or_else(syntax),
        "guid" => Ok(Value::text(inner)),
        _ => Err(syntax()),
    }
}

fn bare(word: &str) -> Token {
    match word {
        "true" => return Token::Literal(Value::Bool(true)),
        "false" => return Token::Literal(Value::Bool(false)),
        "null" => return Token::Literal(Value::Null),
        _ => {}
    }
    let number = word.trim_end_matches(['L', 'l', 'd', 'f', 'm', 'M', 'D', 'F']);
    if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        if let Ok(n) = number.parse::<i64>() {
            return Token::Literal(Value::Long(n));
        }
        if let Ok(n) = number.parse::<f64>() {
            return Token::Literal(Value::Double(n));
        }
    }
    Token::Word(word.to_owned())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    kind: &'static Kind,
    version: u8,
    depth: u8,
    terms: u16,
}

/// Nesting allowed in one filter, as WCF Data Services limits recursion.
const DEEPEST: u8 = 100;
/// Terms allowed in one filter, as WCF Data Services limits expressions.
const LONGEST: u16 = 800;

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn accept(&mut self, token: &Token) -> bool {
        let here = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(here);
        here
    }

    fn word(&mut self, word: &str) -> bool {
        let here = matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w == word);
        self.at += usize::from(here);
        here
    }

    fn expect(&mut self, token: &Token) -> Result<(), ApiError> {
        if self.accept(token) { Ok(()) } else { Err(syntax()) }
    }

    fn either(&mut self) -> Result<Expr, ApiError> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expr, ApiError> {
        let mut left = self.negated()?;
        while self.word("and") {
            left = Expr::And(Box::new(left), Box::new(self.negated()?));
        }
        Ok(left)
    }

    fn negated(&mut self) -> Result<Expr, ApiError> {
        self.depth += 1;
        self.terms += 1;
        if self.depth > DEEPEST || self.terms > LONGEST {
            return Err(ApiError::bad("Recursion limit reached in the $filter expression."));
        }
        let expr = if self.word("not") { Expr::Not(Box::new(self.negated()?)) } else { self.test()? };
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Result<Expr, ApiError> {
        if self.accept(&Token::Open) {
            let inner = self.either()?;
            self.expect(&Token::Close)?;
            return self.truth_of(inner);
        }
        match self.next() {
            Some(Token::Word(name)) => {
                if self.tokens.get(self.at) == Some(&Token::Open) {
                    let call = self.call(&name)?;
                    return self.truth_of(call);
                }
                let column = self.column(&name)?;
                let Some(is) = self.comparison() else { return Ok(Expr::Flag(column)) };
                let Some(Token::Literal(to)) = self.next() else { return Err(syntax()) };
                self.compare(column, is, to)
            }
            Some(Token::Literal(literal)) => match self.comparison() {
                None if matches!(literal, Value::Bool(_)) => Ok(Expr::Always(literal == Value::Bool(true))),
                None => Err(syntax()),
                Some(is) => {
                    let Some(Token::Word(name)) = self.next() else { return Err(syntax()) };
                    let column = self.column(&name)?;
                    self.compare(column, mirrored(is), literal)
                }
            },
            _ => Err(syntax()),
        }
    }

    /// `… eq true` and similar comparisons after a boolean expression.
    fn truth_of(&mut self, expr: Expr) -> Result<Expr, ApiError> {
        let Some(is) = self.comparison() else { return Ok(expr) };
        match (is, self.next()) {
            (Comparison::Eq, Some(Token::Literal(Value::Bool(true))))
            | (Comparison::Ne, Some(Token::Literal(Value::Bool(false)))) => Ok(expr),
            (Comparison::Eq, Some(Token::Literal(Value::Bool(false))))
            | (Comparison::Ne, Some(Token::Literal(Value::Bool(true)))) => Ok(Expr::Not(Box::new(expr))),
            _ => Err(syntax()),
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let Some(Token::Word(word)) = self.tokens.get(self.at) else { return None };
        let is = match word.as_str() {
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            _ => return None,
        };
        self.at += 1;
        Some(is)
    }

    fn compare(&self, column: usize, is: Comparison, to: Value) -> Result<Expr, ApiError> {
        use crate::emulator::media_account::value::Type;
        let property = &self.kind.properties[column];
        let fits = match (&to, property.ty) {
            (Value::Null, _) | (Value::Text(_), Type::Text) | (Value::Bool(_), Type::Bool) => true,
            (Value::Date(_), ty) => ty == Type::Date,
            (Value::Long(_) | Value::Double(_), ty) => matches!(ty, Type::Int | Type::Long | Type::Double),
            _ => false,
        };
        if !fits {
            return Err(ApiError::bad(format!(
                "Operator incompatible with the operand type of property '{}' in the $filter expression.",
                property.name
            )));
        }
        let to = match to {
            Value::Text(text) if column == 0 && !self.kind.id.is_empty() => Value::text(
                self.kind
                    .canonical(&text)
                    .ok_or_else(|| ApiError::bad(format!("Invalid {} Id '{text}'.", self.kind.name)))?,
            ),
            other => other,
        };
        Ok(Expr::Compare { column, is, to })
    }

    fn column(&self, name: &str) -> Result<usize, ApiError> {
        self.kind.visible(name, self.version).ok_or_else(|| ApiError::no_property(name, self.kind.name))
    }

    fn call(&mut self, name: &str) -> Result<Expr, ApiError> {
        self.expect(&Token::Open)?;
        let first = self.next();
        self.expect(&Token::Comma)?;
        let second = self.next();
        self.expect(&Token::Close)?;
        let (test, property, needle) = match (name, first, second) {
            ("startswith", Some(Token::Word(p)), Some(Token::Literal(Value::Text(t)))) => (TextTest::StartsWith, p, t),
            ("endswith", Some(Token::Word(p)), Some(Token::Literal(Value::Text(t)))) => (TextTest::EndsWith, p, t),
            ("substringof", Some(Token::Literal(Value::Text(t))), Some(Token::Word(p))) => (TextTest::Contains, p, t),
            _ => return Err(ApiError::bad(format!("The function '{name}' is not supported in $filter."))),
        };
        Ok(Expr::Text { test, column: self.column(&property)?, needle: needle.to_string() })
    }
}

fn mirrored(is: Comparison) -> Comparison {
    match is {
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
        same => same,
    }
}

#[cfg(test)]
mod tests;
