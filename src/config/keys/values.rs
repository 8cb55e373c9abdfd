//! A setting's value: shown as TOML writes it, taken from a file or from the environment, or refused with a sentence.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::{Field, Key, split};
use crate::config::{Destination, Settings};

impl Key {
    /// The table it stands in (empty: at the top) and its name there.
    pub fn table_and_name(&self) -> (&'static str, &'static str) {
        split(self.name)
    }

    /// Its value in these settings, as TOML writes it.
    pub fn show(&self, settings: &Settings) -> String {
        // One accessor serves reading and writing, so reading needs something to write to.
        let mut settings = settings.clone();
        let value: toml::Value = match &self.field {
            Field::Text(of) => of(&mut settings).clone().into(),
            Field::Path(of) => of(&mut settings).display().to_string().into(),
            Field::Number(of, _) => i64::from(*of(&mut settings)).into(),
            Field::Count(of, _) => (*of(&mut settings) as i64).into(),
            // 0.85 as it was written, not 0.8500000238418579.
            Field::Share(of) => return of(&mut settings).to_string(),
            Field::Switch(of) => (*of(&mut settings)).into(),
            Field::List(of) => of(&mut settings).clone().into(),
            Field::Destinations(of) => {
                toml::Value::Array(of(&mut settings).iter().map(Destination::to_toml).collect())
            }
        };
        value.to_string()
    }

    /// Its default, as TOML writes it.
    pub fn default_value(&self) -> String {
        self.show(&Settings::default())
    }

    /// Takes it from the environment, where all is text. The error is a sentence.
    pub(in crate::config) fn set_text(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        let given = || format!("`{text}`");
        match &self.field {
            Field::Text(of) => text.clone_into(of(settings)),
            Field::Path(of) => *of(settings) = text.into(),
            Field::Number(of, range) => {
                *of(settings) = number(text.parse().ok(), range, &given())?;
            }
            Field::Count(of, range) => {
                *of(settings) = number(text.parse().ok(), range, &given())?;
            }
            Field::Share(of) => *of(settings) = share(text.parse().ok(), &given())?,
            Field::Switch(of) => {
                *of(settings) =
                    switch(text).ok_or_else(|| format!("{} is neither true nor false.", given()))?;
            }
            Field::List(of) => {
                *of(settings) =
                    text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Into::into).collect();
            }
            Field::Destinations(_) => {
                return Err(format!("{} does not fit: it is written in a file.", given()));
            }
        }
        Ok(())
    }

    /// Takes it from a file. The error is a sentence.
    pub(in crate::config) fn set_toml(
        &self,
        settings: &mut Settings,
        value: &DeValue<'_>,
    ) -> Result<(), String> {
        let given = || describe(value);
        let wants = |what: &str| format!("{} does not fit: it must be {what}.", given());
        match &self.field {
            Field::Text(of) => {
                value.as_str().ok_or_else(|| wants("text, in quotes"))?.clone_into(of(settings));
            }
            Field::Path(of) => {
                *of(settings) = value.as_str().ok_or_else(|| wants("a path, in quotes"))?.into();
            }
            Field::Number(of, range) => {
                *of(settings) = number(whole(value).and_then(|n| n.try_into().ok()), range, &given())?;
            }
            Field::Count(of, range) => {
                *of(settings) = number(whole(value).and_then(|n| n.try_into().ok()), range, &given())?;
            }
            Field::Share(of) => {
                let number = match value {
                    DeValue::Float(f) => f.as_str().replace('_', "").parse().ok(),
                    DeValue::Integer(_) => whole(value).map(|n| n as f32),
                    _ => None,
                };
                *of(settings) = share(number, &given())?;
            }
            Field::Switch(of) => {
                *of(settings) = value.as_bool().ok_or_else(|| wants("true or false, without quotes"))?;
            }
            Field::List(of) => {
                let list = value.as_array().and_then(|a| {
                    a.iter().map(|v| v.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
                });
                *of(settings) = list.ok_or_else(|| wants("a list of texts, such as [\"one\", \"two\"]"))?;
            }
            Field::Destinations(of) => {
                let list = value.as_array().ok_or_else(|| wants("tables [[backup.destinations]]"))?;
                let list = list.iter().map(|table| Destination::of_toml(table.get_ref()));
                *of(settings) = list.collect::<Result<_, _>>()?;
            }
        }
        Ok(())
    }
}

fn number<T: PartialOrd + std::fmt::Display + Copy>(
    number: Option<T>,
    range: &RangeInclusive<T>,
    given: &str,
) -> Result<T, String> {
    number.filter(|n| range.contains(n)).ok_or_else(|| {
        format!("{given} does not fit: it must be a whole number from {} to {}.", range.start(), range.end())
    })
}

fn share(number: Option<f32>, given: &str) -> Result<f32, String> {
    number
        .filter(|n| (0.0..=1.0).contains(n))
        .ok_or_else(|| format!("{given} does not fit: it must be a number from 0 to 1, such as 0.85."))
}

fn switch(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(s) => format!("\"{s}\""),
        DeValue::Integer(n) => n.as_str().to_owned(),
        DeValue::Float(n) => n.as_str().to_owned(),
        DeValue::Boolean(b) => b.to_string(),
        DeValue::Datetime(d) => d.to_string(),
        DeValue::Array(_) => "A list".into(),
        DeValue::Table(_) => "A table".into(),
    }
}
