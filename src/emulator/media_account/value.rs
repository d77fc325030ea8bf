//! One property's value, and how it is read from a request body (numbers and booleans may arrive as strings).

use std::sync::Arc;

use serde_json::Value as Json;

use super::dates::Moment;

/// The type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Int,
    Long,
    Double,
    Bool,
    Date,
    /// A complex value of that type name, or a collection of them if `many`.
    Complex {
        name: &'static str,
        many: bool,
    },
}

/// A property's value. It is small, because a library has millions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Date(Moment),
    Text(Arc<str>),
    Json(Arc<Json>),
}

impl Value {
    /// A text value.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// The text, or `None` for every other value.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Reads a value of that type from a body; `None` = not of that type.
    pub(crate) fn read(ty: Type, json: &Json) -> Option<Self> {
        if json.is_null() {
            return Some(Self::Null);
        }
        let trimmed = json.as_str().map(str::trim);
        Some(match ty {
            Type::Text => Self::text(json.as_str()?),
            Type::Int => Self::Int(match trimmed {
                Some(text) => text.parse().ok()?,
                None => i32::try_from(json.as_i64()?).ok()?,
            }),
            Type::Long => Self::Long(match trimmed {
                Some(text) => text.parse().ok()?,
                None => json.as_i64()?,
            }),
            Type::Double => Self::Double(match trimmed {
                Some(text) => text.parse().ok()?,
                None => json.as_f64()?,
            }),
            Type::Bool => Self::Bool(match trimmed {
                Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => true,
                Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => false,
                Some(_) => return None,
                None => json.as_bool()?,
            }),
            Type::Date => Self::Date(Moment::parse(trimmed?)?),
            Type::Complex { many: true, .. } => {
                let list = if json.is_array() { json } else { json.get("results")? };
                Self::Json(Arc::new(list.clone()))
            }
            Type::Complex { many: false, .. } => Self::Json(Arc::new(json.as_object().map(|_| json.clone())?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_booleans_can_be_strings() {
        assert_eq!(Value::read(Type::Int, &json!("2")), Some(Value::Int(2)));
        assert_eq!(Value::read(Type::Long, &json!("122992491")), Some(Value::Long(122_992_491)));
        assert_eq!(Value::read(Type::Double, &json!("100")), Some(Value::Double(100.0)));
        assert_eq!(Value::read(Type::Bool, &json!("false")), Some(Value::Bool(false)));
        assert_eq!(Value::read(Type::Int, &json!("two")), None);
        assert_eq!(Value::read(Type::Text, &json!(7)), None);
    }
}
