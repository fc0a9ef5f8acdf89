pub mod specs;
pub mod transcript;
