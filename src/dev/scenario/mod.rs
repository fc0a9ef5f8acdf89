//! Scenarios: what happens to people in the course of a company's life, played over HTTP through the code of the live
//! server. Every step is followed by facts that are looked up from outside: at Ceven's API, at the tools themselves.
use clap::ValueEnum;

mod coming_back;
mod leaving;
mod logout;
mod mass;
mod stage;
mod story;
mod token;
mod visitor;
mod waterfall;

pub use story::Story;

use super::run::Dev;
use stage::Stage;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Someone leaves: every tool is told and read back.
    Offboard,
    /// Okta says who must go.
    UniversalLogout,
    /// Tokens that come again, too late, or from somebody else.
    Replay,
    /// A tool that limits, fails, and comes back.
    FlakyGithub,
    /// A SCIM token is exchanged without a gap, and the old one ends at once.
    TokenRotation,
    /// Someone comes back while a tool is still waiting.
    Reactivate,
    /// A department disappears at the identity provider; a guard keeps the tools waiting.
    MassDeactivation,
}

/// Why a story could not be told to its end.
#[derive(Debug)]
pub struct Untold(pub String);

impl From<reqwest::Error> for Untold {
    fn from(error: reqwest::Error) -> Self {
        Self(error.to_string())
    }
}

type Told<T = ()> = Result<T, Untold>;

/// Plays a scenario to its end, or as far as it goes.
pub async fn play(dev: &Dev, scenario: Scenario) -> Story {
    let value = scenario.to_possible_value();
    let mut story = Story::new(value.as_ref().map_or("scenario", |value| value.get_name()));
    if let Err(Untold(why)) = act(dev, scenario, &mut story).await {
        story.fact(why, false);
    }
    story
}

async fn act(dev: &Dev, scenario: Scenario, story: &mut Story) -> Told {
    let stage = Stage::new(dev)?;
    match scenario {
        Scenario::Offboard => leaving::offboard(&stage, story).await,
        Scenario::UniversalLogout => logout::universal_logout(&stage, story).await,
        Scenario::Replay => logout::replay(&stage, story).await,
        Scenario::FlakyGithub => leaving::flaky_github(&stage, story).await,
        Scenario::TokenRotation => token::rotation(&stage, story).await,
        Scenario::Reactivate => coming_back::reactivate(&stage, story).await,
        Scenario::MassDeactivation => mass::mass_deactivation(&stage, story).await,
    }
}
