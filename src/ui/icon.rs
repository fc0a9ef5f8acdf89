//! Icons of the rail, drawn with one line width; words stand beside all of them, so they are hidden from
//! screen readers.
use maud::{Markup, html};

/// What an icon stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    /// Dashboard.
    Dashboard,
    /// People.
    Team,
    /// Offboardings.
    Leave,
    /// Connected tools.
    Tool,
    /// Single sign-on.
    Key,
    /// Audit log.
    Log,
    /// Settings.
    Settings,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "M2.5 2.5h4.5v6H2.5zM9 2.5h4.5v3.5H9zM9 8h4.5v5.5H9zM2.5 10.5H7v3H2.5z",
            Self::Team => {
                "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.8a2.5 2.5 0 0 1 0 4.4M12 9.9c1.6.5 2.5 1.8 2.5 3.6"
            }
            Self::Leave => "M6.5 13.5h-4v-11h4M10 5l3 3-3 3M13 8H6",
            Self::Tool => "M2.5 2.5h4v4h-4zM9.5 9.5h4v4h-4zM6.5 4.5H10a1.5 1.5 0 0 1 1.5 1.5v3.5",
            Self::Key => "M5.5 13.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM7.7 8.4l5.8-5.9M11 5l2 2",
            Self::Log => "M3.5 2.5h9v11h-9zM6 5.5h4M6 8h4M6 10.5h2.5",
            Self::Settings => "M2 4.5h7M12.5 4.5H14M2 11.5h1.5M7 11.5h7M11 3v3M5.2 10v3",
        }
    }

    /// The drawing.
    pub(super) fn draw(self) -> Markup {
        html! {
            svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
                path d=(self.path()) fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" {}
            }
        }
    }
}
