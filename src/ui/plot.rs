//! Plots of days, drawn here as SVG: colours come from the style sheet, so they fit both themes, and the same numbers
//! stand in a table for those who do not see them.
use ceven_actors::clock::rfc3339;
use maud::{Markup, html};

use crate::store::days::DAY_MS;

/// Units of a plot: a bar takes 10 of its width.
const BAR: usize = 10;
const HEIGHT: i64 = 48;

/// One kind of thing that is counted.
pub(super) struct Series {
    /// What a number of it is called, such as "refused".
    pub name: &'static str,
    /// Class of its bars.
    pub class: &'static str,
    /// A number a day, oldest first; every series of a plot has as many.
    pub counts: Vec<i64>,
}

/// Bars of days, the last of which is `today` (days since 1970, UTC); series stand on each other.
pub(super) fn days(title: &str, today: i64, series: &[Series]) -> Markup {
    let length = series.first().map_or(0, |one| one.counts.len());
    let first = today + 1 - length as i64;
    let sum = |number: usize| series.iter().map(|one| one.counts[number]).sum::<i64>();
    let most = (0..length).map(sum).max().unwrap_or_default().max(1);
    let total = |one: &Series| one.counts.iter().sum::<i64>();
    html! {
        figure.plot {
            figcaption {
                p { (title) }
                span.number { (series.first().map_or(0, total)) }
                @for more in series.iter().skip(1).filter(|one| total(one) > 0) { span.meta { (total(more)) " " (more.name) } }
            }
            svg viewBox={ "0 0 " (length * BAR) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label={ (title) " of each day; the table says the same." } {
                @for number in 0..length {
                    @let day = date(first + number as i64);
                    g {
                        title { (day) @for one in series { ": " (one.counts[number]) " " (one.name) } }
                        rect.day x=(number * BAR) y="0" width=(BAR) height=(HEIGHT) {}
                        @for (class, y, height) in bars(series, number, most) {
                            rect.(class) x=(number * BAR + 2) y=(y) width=(BAR - 4) height=(height) {}
                        }
                    }
                }
                line x1="0" x2=(length * BAR) y1=(HEIGHT) y2=(HEIGHT) {}
            }
            p.axis aria-hidden="true" { span { (date(first)) } span { "today" } }
            details { summary { "As a table" }
                table {
                    thead { tr { th scope="col" { "Day" } @for one in series { th scope="col" { (one.name) } } } }
                    tbody { @for number in (0..length).rev().filter(|number| sum(*number) > 0) { tr {
                        th scope="row" { (date(first + number as i64)) } @for one in series { td { (one.counts[number]) } }
                    } } }
                }
                @if (0..length).all(|number| sum(number) == 0) { p.meta { "Nothing in these days." } }
            }
        }
    }
}

/// Class, top and height of a day's bars, from below; what is there at all can be seen.
fn bars(series: &[Series], number: usize, most: i64) -> Vec<(&'static str, i64, i64)> {
    let mut top = HEIGHT;
    let mut bars = Vec::new();
    for one in series.iter().filter(|one| one.counts[number] > 0) {
        let height = (one.counts[number] * (HEIGHT - 4) / most).max(2);
        top -= height;
        bars.push((one.class, top, height));
    }
    bars
}

fn date(day: i64) -> String {
    rfc3339(day * DAY_MS)[..10].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_a_little_is_still_seen() {
        let series = [
            Series { name: "accepted", class: "done", counts: vec![0, 1_000] },
            Series { name: "refused", class: "failed", counts: vec![0, 1] },
        ];
        assert!(bars(&series, 0, 1_001).is_empty());
        let day = bars(&series, 1, 1_001);
        assert_eq!(day, [("done", 5, 43), ("failed", 3, 2)]);
        let text = days("requests", 20_783, &series).into_string();
        assert!(text.contains("2026-11-26: 1000 accepted: 1 refused"), "{text}");
        assert!(text.contains("<td>1000</td><td>1</td>"), "{text}");
    }

    #[test]
    fn nothing_in_all_days_is_said() {
        let text =
            days("sign-ins", 20_783, &[Series { name: "sign-ins", class: "done", counts: vec![0; 30] }]);
        assert!(text.into_string().contains("Nothing in these days."));
    }
}
