//! Texts with placeholders, such as `{{host}}`. All are replaced in one pass: values are not searched for placeholders.

use crate::cli::plain;

/// The template with all placeholders replaced.
///
/// # Panics
/// A placeholder has no value, or does not end: a defect of this program.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").expect("each gap ends");
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.unwrap_or_else(|| panic!("gap {name} has a value")).1);
        text.push_str(rest);
    }
    text
}

/// A foreign text inside a comment, which ends at the end of the line.
pub(crate) fn comment(text: &str) -> String {
    plain::line(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_searched_for_placeholders() {
        assert_eq!(fill("a {{x}} b {{y}}, {{x}}", &[("x", "{{y}}"), ("y", "2")]), "a {{y}} b 2, {{y}}");
    }

    #[test]
    fn a_comment_has_no_end_of_line() {
        assert_eq!(comment("a\nb\r\u{2028}c"), "a\\nb\\r\\u{2028}c");
    }
}
