//! How a command prints what it was answered: a table for people, JSON or comma-separated values for programs.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::terminal;

/// How to print.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// Print JSON
    #[arg(long, default_value_ifs([("format", "json", Some("true")), ("format", "csv", Some("true"))]))]
    pub json: bool,
    /// How to print: table; json; csv, which is for lists, and JSON for all else
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json", hide_possible_values = true)]
    pub format: Option<Shape>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    Table,
    Json,
    Csv,
}

impl Output {
    /// For programs: a list as comma-separated values where that was asked for, else JSON.
    pub fn print(&self, answer: &impl Serialize) -> anyhow::Result<()> {
        if self.format != Some(Shape::Csv) {
            return terminal::print_json(answer);
        }
        let answer = serde_json::to_value(answer)?;
        match answer.get("items").unwrap_or(&answer).as_array() {
            Some(items) => Ok(terminal::print(terminal::csv(items).trim_end())?),
            None => terminal::print_json(&answer),
        }
    }
}

/// How to print where `--format` says something else.
#[derive(Debug, Clone, Copy, Args)]
pub struct JsonOutput {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl From<JsonOutput> for Output {
    fn from(output: JsonOutput) -> Self {
        Self { json: output.json, format: None }
    }
}
