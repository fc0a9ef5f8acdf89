//! Where settings come from, one over the other: defaults, a file, the environment.
use std::{collections::BTreeMap, path::Path};

use toml::{Table, Value};

use super::ConfigError;

/// Every setting with its default.
pub(super) const DEFAULTS: &str = include_str!("../../config/ceven.toml");
/// How names of variables begin.
pub(super) const PREFIX: &str = "CEVEN_";

/// Every setting with its default and its sentence, as lines that are comments until somebody takes the mark away. Their
/// names are whole, so that each can be moved.
pub fn commented() -> String {
    let mut section = "";
    let line = |line: &'static str| match line.split_once(" = ") {
        _ if line.starts_with('#') => format!("{line}\n"),
        Some((name, default)) => format!("# {section}.{name} = {default}\n"),
        None => match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => {
                section = name;
                String::new()
            }
            None => format!("{line}\n"),
        },
    };
    DEFAULTS.lines().skip_while(|line| line.starts_with('#')).map(line).collect()
}

/// In a file, too, the name of a setting that takes a text may end in `_file`: then it names a file that holds it,
/// relative to the configuration. What the environment overrides is not read.
pub(super) fn read_files(
    layer: &mut Table,
    defaults: &Table,
    config: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<(), ConfigError> {
    let folder = config.parent().unwrap_or(Path::new(""));
    for (section, settings) in layer.iter_mut() {
        let (Some(settings), Some(known)) =
            (settings.as_table_mut(), defaults.get(section).and_then(Value::as_table))
        else {
            continue;
        };
        for (name, value) in std::mem::take(settings) {
            let stem = name.strip_suffix("_file").filter(|stem| known.get(*stem).is_some_and(Value::is_str));
            let (Some(stem), Some(file)) = (stem, value.as_str()) else {
                settings.insert(name, value);
                continue;
            };
            let variable = format!("{PREFIX}{}__{}", section.to_uppercase(), stem.to_uppercase());
            if variables.contains_key(&variable) || variables.contains_key(&format!("{variable}_FILE")) {
                continue;
            }
            let file = folder.join(file);
            let text = std::fs::read_to_string(&file).map_err(|error| {
                ConfigError(format!("{}: {section}.{name}: {}: {error}", config.display(), file.display()))
            })?;
            settings.insert(stem.to_owned(), Value::String(text.trim_end().to_owned()));
        }
    }
    Ok(())
}

/// Lays one table over another.
pub(super) fn merge(base: &mut Table, layer: Table) {
    for (key, value) in layer {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(layer)) => merge(inner, layer),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Of two variables for one setting neither is taken: whichever it were, somebody would wonder.
pub(super) fn refuse_twice(variables: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    let stem = |name: &String| {
        name.strip_suffix("_FILE").filter(|stem| variables.contains_key(*stem)).map(str::to_owned)
    };
    match variables.keys().find_map(|name| Some((stem(name)?, name))) {
        Some((stem, name)) => Err(ConfigError(format!("{stem} and {name} are both set: take one away"))),
        None => Ok(()),
    }
}

/// Sets one setting from `CEVEN_SECTION__NAME` (a section may have sections of its own), or from the file that
/// `CEVEN_SECTION__NAME_FILE` names.
/// Variables without `__` (such as those of test scripts) are not settings. What kind of value a setting takes is told
/// by its default, whatever a file has made of it.
pub(super) fn apply_variable(
    table: &mut Table,
    defaults: &Table,
    name: &str,
    value: String,
) -> Result<(), ConfigError> {
    let path = name[PREFIX.len()..].to_ascii_lowercase();
    let Some((sections, key)) = path.rsplit_once("__") else { return Ok(()) };
    let unknown = || ConfigError(format!("{name}: there is no setting {}", path.replace("__", ".")));
    let (mut settings, mut defaults) = (table, defaults);
    for section in sections.split("__") {
        settings = settings.get_mut(section).and_then(Value::as_table_mut).ok_or_else(unknown)?;
        defaults = defaults.get(section).and_then(Value::as_table).ok_or_else(unknown)?;
    }
    if let Some(key) = key.strip_suffix("_file").filter(|key| settings.contains_key(*key)) {
        let text = std::fs::read_to_string(&value)
            .map_err(|error| ConfigError(format!("{name}: {value}: {error}")))?;
        settings.insert(key.to_owned(), Value::String(text.trim_end().to_owned()));
        return Ok(());
    }
    let wrong = |kind: &str| ConfigError(format!("{name} must be {kind}"));
    let value = match defaults.get(key).ok_or_else(unknown)? {
        Value::Table(_) => return Err(unknown()),
        Value::Integer(_) => Value::Integer(value.trim().parse().map_err(|_| wrong("a whole number"))?),
        Value::Boolean(_) => Value::Boolean(value.trim().parse().map_err(|_| wrong("true or false"))?),
        Value::Array(_) => value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Value::from)
            .collect::<Vec<_>>()
            .into(),
        _ => Value::String(value),
    };
    settings.insert(key.to_owned(), value);
    Ok(())
}
