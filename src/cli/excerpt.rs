//! Shows the wrong line of a configuration, as compilers do. The only user of annotate-snippets.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use mediamirror::config::Excerpt;

/// The line with its number, and a mark below it.
pub(crate) fn shown(excerpt: &Excerpt, color: bool) -> String {
    let Excerpt { line, text, from, length } = excerpt;
    let byte = |character: usize| text.char_indices().nth(character).map_or(text.len(), |(at, _)| at);
    let mark = AnnotationKind::Primary.span(byte(*from)..byte(from + length));
    let snippet = Snippet::source(text.as_str()).line_start(*line).annotation(mark);
    let group = Group::with_level(Level::ERROR).element(snippet);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}
