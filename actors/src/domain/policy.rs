//! What an organization has decided for itself.
use serde::{Deserialize, Serialize};

/// The longest window of a guard: as long as exits are remembered.
pub const LONGEST_WINDOW_MS: i64 = 24 * 3_600_000;

/// An organization's own settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Against mass deactivation by SCIM; nothing when it is off.
    #[serde(default)]
    pub guard: Option<Guard>,
}

/// More deactivations by SCIM than this in so long, and the tools wait for an admin's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// How many go on by themselves: 1 to 10,000.
    pub deactivations: u32,
    /// In how many seconds: 60 to 86,400.
    pub window_secs: u32,
}

impl Guard {
    /// Its bounds as a sentence for whoever went beyond them.
    pub const BOUNDS: &str = "The guard needs deactivations, a whole number from 1 to 10000, and window_secs, one from 60 to 86400.";

    /// A guard within its bounds.
    pub fn new(deactivations: u32, window_secs: u32) -> Option<Self> {
        let is_sound = (1..=10_000).contains(&deactivations) && (60..=86_400).contains(&window_secs);
        is_sound.then_some(Self { deactivations, window_secs })
    }

    /// In milliseconds.
    pub fn window_ms(self) -> i64 {
        i64::from(self.window_secs) * 1_000
    }
}
