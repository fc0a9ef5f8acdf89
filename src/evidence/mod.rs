//! Proof that leaves the house: exports of the audit log and packs of evidence, signed with the key of the instance.
pub mod export;
pub mod key;
pub mod pack;
mod page;
pub mod report;
pub mod verify;
