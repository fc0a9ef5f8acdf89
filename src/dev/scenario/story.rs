//! What happened, as it is told: chapters of facts, each of them looked up and not assumed.
use std::fmt::{Debug, Write as _};

use serde_json::{Value, json};

/// Something that was looked up.
struct Fact {
    words: String,
    holds: bool,
    /// What was found instead.
    found: Option<String>,
}

enum Line {
    Fact(Fact),
    /// A block of text that stands for itself.
    Text(String),
}

struct Chapter {
    title: String,
    lines: Vec<Line>,
}

/// The story of a scenario.
pub struct Story {
    name: String,
    chapters: Vec<Chapter>,
    /// The offboarding that it is about, as the API shows it; null when it is about something else.
    pub offboarding: Value,
    /// The evidence of that offboarding, as the API gives it.
    pub evidence: Option<Vec<u8>>,
}

impl Story {
    /// Nothing has happened yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), chapters: Vec::new(), offboarding: Value::Null, evidence: None }
    }

    /// What comes next.
    pub fn chapter(&mut self, title: impl Into<String>) {
        self.chapters.push(Chapter { title: title.into(), lines: Vec::new() });
    }

    fn line(&mut self, line: Line) {
        if self.chapters.is_empty() {
            self.chapter("Before it began");
        }
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.lines.push(line);
        }
    }

    /// A block of text.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.line(Line::Text(text.into()));
    }

    /// Whether it is as told.
    pub fn fact(&mut self, words: impl Into<String>, holds: bool) {
        self.line(Line::Fact(Fact { words: words.into(), holds, found: None }));
    }

    /// Whether what was found is as told.
    pub fn equal<T: PartialEq + Debug>(&mut self, words: impl Into<String>, found: T, wanted: T) {
        let holds = found == wanted;
        let found = (!holds).then(|| format!("found {found:?}, wanted {wanted:?}"));
        self.line(Line::Fact(Fact { words: words.into(), holds, found }));
    }

    fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.chapters.iter().flat_map(|chapter| &chapter.lines).filter_map(|line| match line {
            Line::Fact(fact) => Some(fact),
            Line::Text(_) => None,
        })
    }

    /// Whether everything turned out as told. A story without facts did not.
    pub fn holds(&self) -> bool {
        self.facts().next().is_some() && self.facts().all(|fact| fact.holds)
    }

    /// One sentence on how it went.
    pub fn verdict(&self) -> String {
        let (all, bad) = (self.facts().count(), self.facts().filter(|fact| !fact.holds).count());
        match bad {
            0 => format!("{}: all {all} facts hold.", self.name),
            bad => format!("{}: {bad} of {all} facts do not hold.", self.name),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (number, chapter) in self.chapters.iter().enumerate() {
            let _ = writeln!(out, "{}. {}", number + 1, chapter.title);
            for line in &chapter.lines {
                let _ = match line {
                    Line::Fact(Fact { words, holds: true, .. }) => writeln!(out, "   ✓ {words}"),
                    Line::Fact(Fact { words, found: Some(found), .. }) => {
                        writeln!(out, "   ✗ {words}: {found}")
                    }
                    Line::Fact(Fact { words, .. }) => writeln!(out, "   ✗ {words}"),
                    Line::Text(text) => text
                        .lines()
                        .try_for_each(|line| writeln!(out, "{}", format!("     {line}").trim_end())),
                };
            }
            out.push('\n');
        }
        out.push_str(&self.verdict());
        out
    }

    /// For programs.
    pub fn view(&self) -> Value {
        let facts = |chapter: &Chapter| {
            let facts = chapter.lines.iter().filter_map(|line| match line {
                Line::Fact(fact) => {
                    Some(json!({ "fact": fact.words, "holds": fact.holds, "found": fact.found }))
                }
                Line::Text(_) => None,
            });
            facts.collect::<Value>()
        };
        let chapters = self.chapters.iter().map(|one| json!({ "title": one.title, "facts": facts(one) }));
        json!({
            "scenario": self.name, "ok": self.holds(), "chapters": chapters.collect::<Vec<_>>(),
            "offboarding": self.offboarding,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fact_that_does_not_hold_is_enough() {
        let mut story = Story::new("x");
        assert!(!story.holds(), "nothing was looked up");
        story.chapter("First");
        story.fact("a", true);
        story.tell("| a picture");
        assert!(story.holds());
        story.equal("b", 1, 2);
        assert!(!story.holds());
        let text = story.text();
        assert!(text.contains("1. First\n   ✓ a\n     | a picture\n   ✗ b: found 1, wanted 2"), "{text}");
        assert_eq!(
            (&story.view()["ok"], story.verdict()),
            (&json!(false), "x: 1 of 2 facts do not hold.".into())
        );
    }
}
