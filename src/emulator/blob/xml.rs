//! XML text: escaping, and recognising names that XML cannot contain.

use std::fmt::Write;

/// Appends text with the characters XML reserves replaced.
pub(super) fn escape(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"']) {
        into.push_str(&rest[..at]);
        into.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => "&quot;",
        });
        rest = &rest[at + 1..];
    }
    into.push_str(rest);
}

/// Appends `<tag>text</tag>`.
pub(super) fn element(tag: &str, text: &str, into: &mut String) {
    open(tag, into);
    escape(text, into);
    close(tag, into);
}

/// Appends `<tag>`.
pub(super) fn open(tag: &str, into: &mut String) {
    into.push('<');
    into.push_str(tag);
    into.push('>');
}

/// Appends `</tag>`.
pub(super) fn close(tag: &str, into: &mut String) {
    into.push_str("</");
    into.push_str(tag);
    into.push('>');
}

/// Appends a blob's name; one with characters that XML 1.0 cannot contain is percent-encoded and marked.
pub(super) fn name(name: &str, into: &mut String) {
    if name.chars().all(is_legal) {
        return element("Name", name, into);
    }
    into.push_str("<Name Encoded=\"true\">");
    for character in name.chars() {
        if is_legal(character) && character.is_ascii_alphanumeric() || "-_.~/".contains(character) {
            into.push(character);
        } else {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                write!(into, "%{byte:02X}").expect("writing to a string never fails");
            }
        }
    }
    close("Name", into);
}

/// XML 1.0 section 2.2 without the two non-characters that `char` cannot distinguish by category.
fn is_legal(character: char) -> bool {
    !matches!(character, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_are_replaced() {
        let mut text = String::new();
        element("T", "a<b>&\"c\"é", &mut text);
        assert_eq!(text, "<T>a&lt;b&gt;&amp;&quot;c&quot;é</T>");
    }

    #[test]
    fn a_name_that_xml_cannot_contain_is_percent_encoded_and_marked() {
        let mut text = String::new();
        name("a/b c\u{1}é", &mut text);
        assert_eq!(text, "<Name Encoded=\"true\">a/b%20c%01%C3%A9</Name>");
        text.clear();
        name("a/b c é", &mut text);
        assert_eq!(text, "<Name>a/b c é</Name>");
    }
}
