//! Shortens a service's message and removes secrets.

use super::scrub_beginning;

/// Characters of a message that are kept.
const EXCERPT: usize = 160;

/// The words of a page without its tags.
pub(crate) fn without_tags(page: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in page.chars().take(4 * EXCERPT) {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    text
}

/// One line, not too long, redacted.
pub(crate) fn shorten(text: &str) -> String {
    let line = scrub_beginning(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= EXCERPT {
        return line;
    }
    line.chars().take(EXCERPT).chain(['…']).collect()
}
