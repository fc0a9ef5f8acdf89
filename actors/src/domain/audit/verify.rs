//! Verifying an export, line by line, with nothing but the export.
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{canonical, hex};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Lines that verified.
    pub entries: u64,
    /// Number of the first of them.
    pub first_seq: Option<u64>,
    /// Number of the last of them.
    pub last_seq: Option<u64>,
    /// Whether every line verified.
    pub ok: bool,
    /// Whether no number was left out between first and last; a filtered export leaves some out.
    pub contiguous: bool,
    /// Number of the first entry at fault.
    pub broken_at: Option<u64>,
    /// What is wrong with it.
    pub reason: Option<&'static str>,
}

/// Reads an export from its first line to its last; keeps the first fault. Rules by number: [`super`].
#[derive(Debug)]
pub struct Verifier {
    report: Report,
    last_hash: Option<String>,
}

impl Default for Verifier {
    fn default() -> Self {
        let report = Report {
            entries: 0,
            first_seq: None,
            last_seq: None,
            ok: true,
            contiguous: true,
            broken_at: None,
            reason: None,
        };
        Self { report, last_hash: None }
    }
}

impl Verifier {
    /// Takes the next line, without its line feed. After a fault further lines are not looked at.
    pub fn line(&mut self, line: &str) {
        if !self.report.ok {
            return;
        }
        let parsed = serde_json::from_str::<Value>(line).ok();
        let claimed = parsed.as_ref().and_then(|line| line.get("seq")).and_then(Value::as_u64);
        match parsed.ok_or("the line is no JSON").and_then(|value| self.check(line, value, claimed)) {
            Ok((seq, hash)) => {
                self.report.contiguous &= self.report.last_seq.is_none_or(|last| seq == last + 1);
                self.report.entries += 1;
                self.report.first_seq.get_or_insert(seq);
                self.report.last_seq = Some(seq);
                self.last_hash = Some(hash);
            }
            Err(reason) => {
                self.report.ok = false;
                self.report.reason = Some(reason);
                self.report.broken_at = Some(self.blame(claimed));
            }
        }
    }

    /// The number of a line at fault. What it claims may be the fault itself, so while nothing has been
    /// left out the number is the one that had to come.
    fn blame(&self, claimed: Option<u64>) -> u64 {
        match self.report.last_seq {
            Some(last) if self.report.contiguous => last + 1,
            last => claimed.unwrap_or_else(|| last.unwrap_or(0) + 1),
        }
    }

    fn check(
        &self,
        line: &str,
        mut value: Value,
        claimed: Option<u64>,
    ) -> Result<(u64, String), &'static str> {
        if canonical(&value) != line {
            return Err("the line is not in its canonical form"); // (4)
        }
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let (seq, hash) = claimed.zip(text(&value, "hash")).ok_or("seq or hash is missing")?;
        let prev_hash = text(&value, "prev_hash").ok_or("prev_hash is missing")?;
        if let Some(object) = value.as_object_mut() {
            object.remove("hash");
        }
        if hex(&Sha256::digest(canonical(&value))) != hash {
            return Err("the hash does not fit the line"); // (2)
        }
        if seq == 0 || self.report.last_seq.is_some_and(|last| seq <= last) {
            return Err("the number is out of order"); // (1)
        }
        let follows = self.report.last_seq.is_some_and(|last| seq == last + 1);
        if (follows && self.last_hash.as_deref() != Some(&prev_hash))
            || (seq == 1 && prev_hash != hex(&[0; 32]))
        {
            return Err("the line does not follow the one before"); // (3)
        }
        Ok((seq, hash))
    }

    /// What was found.
    pub fn finish(self) -> Report {
        self.report
    }
}

#[cfg(test)]
mod tests;
