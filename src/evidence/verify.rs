//! Verifying exports and packs of evidence, offline: nothing but the file is needed.
use std::io::{self, BufRead, Cursor, Read, Seek};

use ceven_actors::domain::audit::{Earlier, Report, Verifier, statement};
use serde_json::Value;
use zip::ZipArchive;

use super::{
    pack::{AUDIT, EVIDENCE, PAGE, STATEMENT, sum},
    report::REPORT,
};

/// Bytes of one file of a pack, at most.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of a pack or a report; an export may be as long as it likes.
const LONGEST_BYTES: u64 = 64 * 1024 * 1024;

/// What has been verified.
pub enum Verified {
    /// An export, or the log of a pack.
    Log(Report),
    /// A report of so many leavers, and the key that signed it.
    Leavers(usize, String),
}

/// Why there is nothing to say.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// What is wrong with it.
    #[error("{0}")]
    Wrong(String),
}

/// Verifies whatever it is: an export, a pack or a report. It is read once, so it may come through a pipe, and an export
/// line by line.
///
/// # Errors
/// [`VerifyError`].
pub fn any(mut input: impl BufRead, earlier: Earlier) -> Result<Verified, VerifyError> {
    let mut head = Vec::new();
    input.by_ref().take(LONGEST_BYTES).read_until(b'\n', &mut head)?;
    if head.starts_with(b"PK") {
        input.by_ref().take(LONGEST_BYTES).read_to_end(&mut head)?;
        if !input.fill_buf()?.is_empty() {
            return Err(VerifyError::Wrong("this is too long for a pack of evidence".into()));
        }
        return pack(Cursor::new(head), earlier).map(Verified::Log).map_err(VerifyError::Wrong);
    }
    // A report is one object, on one line or many; each line of an export is one of its own.
    let line: Option<Value> = serde_json::from_slice(&head).ok();
    if line.is_none_or(|line| line["type"] == REPORT) {
        input.by_ref().take(LONGEST_BYTES).read_to_end(&mut head)?;
        if let Some(verified) = report(&String::from_utf8_lossy(&head), &earlier) {
            let verified = verified.map(|(leavers, key)| Verified::Leavers(leavers, key));
            return verified.map_err(VerifyError::Wrong);
        }
    }
    Ok(Verified::Log(export(Cursor::new(head).chain(input), earlier)?))
}

/// Verifies an export.
///
/// # Errors
/// When it cannot be read.
pub fn export(input: impl BufRead, earlier: Earlier) -> io::Result<Report> {
    let mut verifier = Verifier::knowing(earlier);
    for line in input.split(b'\n') {
        verifier.line(&String::from_utf8_lossy(&line?));
    }
    Ok(verifier.finish())
}

/// Verifies a pack of evidence: its statement, its files, and the audit log in it. What is wrong with the pack itself
/// is said in words; a broken log, by its report.
///
/// # Errors
/// What is wrong with the pack.
pub fn pack(input: impl Read + Seek, earlier: Earlier) -> Result<Report, String> {
    let mut archive =
        ZipArchive::new(input).map_err(|error| format!("this is no pack of evidence: {error}"))?;
    let statement: Value = serde_json::from_str(&file(&mut archive, STATEMENT)?)
        .map_err(|error| format!("{STATEMENT} is no JSON: {error}"))?;
    let key = statement::signer(EVIDENCE, &statement)
        .ok_or_else(|| format!("the signature of {STATEMENT} is not right"))?;
    if earlier.key.as_ref().is_some_and(|known| *known != key) {
        return Err(format!("{STATEMENT} is signed with another key"));
    }
    let audit = file(&mut archive, AUDIT)?;
    for (name, text) in [(AUDIT, &audit), (PAGE, &file(&mut archive, PAGE)?)] {
        if statement["files"][name] != sum(text) {
            return Err(format!("{name} is not the file that was signed"));
        }
    }
    export(audit.as_bytes(), Earlier { key: Some(key), ..earlier }).map_err(|error| error.to_string())
}

/// Verifies a page of a report, when the text is one: how many leavers it names, and who signed it.
///
/// # Errors
/// What is wrong with it.
fn report(text: &str, earlier: &Earlier) -> Option<Result<(usize, String), String>> {
    let page: Value = serde_json::from_str(text).ok()?;
    (page["type"] == REPORT).then_some(())?;
    let Some(key) = statement::signer(REPORT, &page) else {
        return Some(Err("the signature of the report is not right".into()));
    };
    if earlier.key.as_ref().is_some_and(|known| *known != key) {
        return Some(Err("the report is signed with another key".into()));
    }
    Some(Ok((page["leavers"].as_array().map_or(0, Vec::len), key)))
}

fn file<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str) -> Result<String, String> {
    let file = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES).read_to_string(&mut text);
    read.map_err(|error| format!("{name}: {error}"))?;
    Ok(text)
}
