//! Verifying an export, line by line, with nothing but the export.
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    Head, canonical, hex,
    statement::{self, Tally},
};

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
    /// Public key of whoever signed the head.
    pub key: Option<String>,
    /// Where the whole log stood when the export was made, as its signed head says.
    pub head_seq: Option<u64>,
}

/// What is known of a log from before: an earlier head and the key that signed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Earlier {
    /// Number and hash of the entry that was the last one then.
    pub head: Option<(u64, String)>,
    /// The public key in base64.
    pub key: Option<String>,
}

impl Earlier {
    /// From the last line of an earlier export, if its signature is right.
    pub fn from_head(line: &str) -> Option<Self> {
        let head: Value = serde_json::from_str(line).ok()?;
        let key = statement::signer(statement::HEAD, &head)?;
        let known = (head["seq"].as_u64()?, head["hash"].as_str()?.to_owned());
        Some(Self { head: Some(known), key: Some(key) })
    }
}

/// Reads an export from its first line to its last; keeps the first fault. Rules by number: [`super`], and of the
/// signed head, [`statement`].
#[derive(Debug)]
pub struct Verifier {
    report: Report,
    last_hash: Option<String>,
    tally: Tally,
    earlier: Earlier,
    /// Where the log must end: an export has a signed head for that.
    ends_at: Option<Head>,
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
            key: None,
            head_seq: None,
        };
        let (tally, earlier) = (Tally::default(), Earlier::default());
        Self { report, last_hash: None, tally, earlier, ends_at: None }
    }
}

impl Verifier {
    /// For the log itself: it has no signed head, begins with entry 1 and ends where it is known to.
    pub fn of_log(head: Head) -> Self {
        Self { ends_at: Some(head), ..Self::default() }
    }

    /// For an export whose log has been seen before: what was written then must still be there, under the same key.
    pub fn knowing(earlier: Earlier) -> Self {
        Self { earlier, ..Self::default() }
    }

    /// Takes the next line, without its line feed. After a fault further lines are not looked at.
    pub fn line(&mut self, line: &str) {
        if !self.report.ok {
            return;
        }
        let parsed = serde_json::from_str::<Value>(line).ok();
        let claimed = parsed.as_ref().and_then(|line| line.get("seq")).and_then(Value::as_u64);
        if let Some(head) = parsed.as_ref().filter(|line| line["type"] == statement::HEAD) {
            match self.check_head(line, head) {
                Ok(key) => (self.report.key, self.report.head_seq) = (Some(key), claimed),
                Err(reason) => self.fault(reason, None),
            }
            return;
        }
        match parsed.ok_or("the line is no JSON").and_then(|value| self.check(line, value, claimed)) {
            Ok((seq, hash)) => {
                self.report.contiguous &= self.report.last_seq.is_none_or(|last| seq == last + 1);
                self.report.entries += 1;
                self.report.first_seq.get_or_insert(seq);
                self.report.last_seq = Some(seq);
                self.last_hash = Some(hash);
                self.tally.add(line);
            }
            Err(reason) => self.fault(reason, claimed),
        }
    }

    fn fault(&mut self, reason: &'static str, claimed: Option<u64>) {
        self.report.ok = false;
        self.report.reason = Some(reason);
        self.report.broken_at = Some(self.blame(claimed));
    }

    /// The last line of an export; the key that signed it.
    fn check_head(&self, line: &str, head: &Value) -> Result<String, &'static str> {
        if self.report.head_seq.is_some() {
            return Err("there is a second head");
        }
        let key = statement::signer(statement::HEAD, head).filter(|_| canonical(head) == line);
        let key = key.ok_or("the signature of the head is not right")?;
        if self.earlier.key.as_ref().is_some_and(|known| *known != key) {
            return Err("the head is signed with another key");
        }
        if head["digest"] != self.tally.digest() || head["entries"] != self.tally.entries {
            return Err("lines have been changed, added or taken out since the head was signed"); // statement (3)
        }
        let seq = head["seq"].as_u64();
        let ends = self
            .report
            .last_seq
            .is_none_or(|last| Some(last) == seq && head["hash"].as_str() == self.last_hash.as_deref());
        if head["filtered"] == false && !(ends && self.report.contiguous) {
            return Err("the head is not that of the last line");
        }
        if self.earlier.head.as_ref().is_some_and(|(known, _)| seq < Some(*known)) {
            return Err("the log is shorter than it was");
        }
        Ok(key)
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
        if self.earlier.head.as_ref().is_some_and(|(known, was)| *known == seq && *was != hash) {
            return Err("the log has been written anew since it was seen before");
        }
        if self.report.head_seq.is_some() {
            return Err("there are lines after the signed head");
        }
        Ok((seq, hash))
    }

    /// What was found.
    pub fn finish(mut self) -> Report {
        match self.ends_at {
            _ if !self.report.ok => {}
            None if self.report.head_seq.is_some() => {}
            None => self.fault("the signed head is missing, so the end may be cut off", None),
            Some(head) => {
                let is_whole = self.report.contiguous && self.report.entries == head.audit_seq;
                if !is_whole || self.last_hash.as_ref().is_some_and(|hash| *hash != hex(&head.hash)) {
                    self.fault("the log does not reach from its first entry to its last", None);
                }
            }
        }
        self.report
    }
}

#[cfg(test)]
mod tests;
