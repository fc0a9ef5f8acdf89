//! What every HTML document that Ceven writes begins with: the console's, the simulators', and evidence.
use maud::{DOCTYPE, Markup, html};

/// A document with what belongs in its head besides.
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
