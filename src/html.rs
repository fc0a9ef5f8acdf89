//! What the console, the simulators and evidence share of HTML.
use maud::{DOCTYPE, Markup, html};

/// A document, with what belongs in its head besides.
pub(crate) fn document(title: &str, head: Markup, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                (head)
            }
            body { (body) }
        }
    }
}

/// What may be wider than the screen and holds nothing that takes the focus: by keyboard it could not be moved sideways.
pub(crate) fn scroll(label: &str, content: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (content) } }
}
