//! What is wrong with the settings, as sentences for the person who edits them.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing starts with it.
    Error,
    /// It starts; something that was asked for will not work.
    Warning,
}

/// One thing that is wrong. No secret ever stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The setting or credential: `music_path`, `imports.settle_seconds`, `jwt-secret`; or the file, when it is about that.
    pub key: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where the value was given, when not by default: a file with line and column, or the name of a variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Problem {
    /// Nothing starts with it.
    pub fn error(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, key.into(), message.into())
    }

    /// It starts, but.
    pub fn warning(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, key.into(), message.into())
    }

    fn new(severity: Severity, key: String, message: String) -> Self {
        Self { severity, key, message, hint: None, place: None }
    }

    /// With what would be right.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With where it stands.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Self {
        Self { place: Some(place.into()), ..self }
    }
}

/// `error: music_path: /srv/a.txt is a file, not a folder. [MUSIC_PATH]`, the hint indented beneath.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}: {}", self.key, self.message)?;
        if let Some(place) = &self.place {
            write!(f, " [{place}]")?;
        }
        for line in self.hint.iter().flat_map(|h| h.lines()) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// All of them, as the error of whoever needs settings without an error in them.
#[derive(Debug, Clone, Default, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Whether one of them keeps us from starting.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}
