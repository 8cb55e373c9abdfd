//! Printing: to people as sentences, tables and progress; to programs as JSON; to a closed pipe without a panic.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::exit::{Status, failure};

/// One line, or several, to standard output.
pub fn print(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// One line, or several, to standard error. Nobody is left to be told when that is closed.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// JSON, for programs.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(print(text)?)
}

/// A list as comma-separated values (RFC 4180) beneath the names of its fields; lists and objects in it as JSON.
pub fn csv(items: &[Value]) -> String {
    let mut names: Vec<&String> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(|item| item.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let line =
        |cells: Vec<String>| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n";
    let head = line(names.iter().map(|name| (*name).clone()).collect());
    let rows =
        items.iter().map(|item| line(names.iter().map(|name| text_of(&item[name.as_str()])).collect()));
    std::iter::once(head).chain(rows).collect()
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Rows beneath a head; the columns named in `right` hold numbers.
pub fn table(head: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.iter().map(|h| h.to_uppercase()));
    table.add_rows(rows);
    let last = head.len().saturating_sub(1);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if i == last { 0 } else { 2 }));
        if right.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A line that shows that something is going on; on anything but a terminal, nothing.
pub fn spinner() -> ProgressBar {
    let spinner = shown(ProgressBar::new_spinner());
    spinner.set_style(style("{spinner} {msg}"));
    spinner
}

/// A bar of things done; on anything but a terminal, nothing.
pub fn bar(noun: &str) -> ProgressBar {
    let bar = shown(ProgressBar::new(0));
    bar.set_style(style(&format!("{{bar:40}} {{pos}}/{{len}} {noun}, {{per_sec}}, {{eta}} left")));
    bar
}

fn shown(bar: ProgressBar) -> ProgressBar {
    if !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates in this file are well-formed")
}

/// `12.3 MiB`.
pub fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

/// `2026-11-22 11:39:00`, in the time zone of this machine.
pub fn time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same of a time in an answer; nothing of what is none.
pub fn time_of(value: &Value) -> String {
    value.as_str().and_then(|text| text.parse().ok()).map(time).unwrap_or_default()
}

/// A text in an answer; nothing of what is none.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `3 s`, `5 min`, `2 h`, `9 d`: the largest unit that fits.
pub fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `1 file`, `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The first line of standard input, or asked for unseen.
pub fn asked_once(from_stdin: bool) -> anyhow::Result<SecretString> {
    if from_stdin {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    if !io::stdin().is_terminal() {
        let message = "There is no terminal to ask for the password: use --password-stdin.";
        return Err(failure(Status::Usage, message));
    }
    Ok(rpassword::prompt_password("Password: ").context("asking for the password")?.into())
}

/// Asks for a yes; without a terminal to ask, `--yes` has to be given.
pub fn confirmed(question: impl Display) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(failure(Status::Usage, "There is no terminal to ask: use --yes."));
    }
    print(format_args!("{question} Type yes:"))?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_the_largest_unit_that_fits() {
        let told = [0, 59, 60, 7199, 86_399, 86_400 * 9].map(|s| span(Duration::from_secs(s)));
        assert_eq!(told, ["0 s", "59 s", "1 min", "1 h", "23 h", "9 d"]);
    }

    #[test]
    fn a_table_has_its_numbers_at_the_right_and_no_blanks_at_the_end() {
        let shown =
            table(&["name", "n"], &[1], [vec!["a".into(), "1".into()], vec!["bc".into(), "22".into()]]);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines, ["NAME   N", "a      1", "bc    22"]);
    }
}
