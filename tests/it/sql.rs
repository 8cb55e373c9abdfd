//! Every SQL constant in the source is one that PostgreSQL can prepare against the migrated schema.

use barbossa::db::Db;

use crate::harness::postgres;
use crate::tidy::{SourceFile, source_files};

#[tokio::test]
async fn every_sql_constant_fits_the_schema() {
    let db = Db::new(&postgres().fresh_database().await, "sql", 1).unwrap();
    let client = db.get().await.unwrap();
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in source_files() {
        for (name, sql) in constants(&file) {
            seen += 1;
            if let Err(error) = client.prepare(&sql).await {
                let message =
                    error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
                wrong.push(format!("{}: {name}: {message}", file.path));
            }
        }
    }
    assert!(seen > 0, "no SQL was found: has the way constants are written changed?");
    assert!(wrong.is_empty(), "{} of {seen} do not fit:\n{}", wrong.len(), wrong.join("\n"));
}

/// `const NAME: &str = "select …";` (also raw), with the escapes of a Rust literal undone.
fn constants(file: &SourceFile) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in file.text.match_indices("const ") {
        let rest = &file.text[at + 6..];
        let Some((name, rest)) = rest.split_once(": &str =") else { continue };
        if !name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
            continue;
        }
        let rest = rest.trim_start();
        let literal = if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.split_once("\"#").map(|(s, _)| s.to_owned())
        } else if let Some(raw) = rest.strip_prefix("r\"") {
            raw.split_once('"').map(|(s, _)| s.to_owned())
        } else {
            rest.strip_prefix('"').map(unescaped)
        };
        let Some(sql) = literal else { continue };
        if ["select ", "select\n", "insert ", "update ", "delete ", "with "]
            .iter()
            .any(|k| sql.trim_start().starts_with(k))
        {
            found.push((name.to_owned(), sql));
        }
    }
    found
}

fn unescaped(literal: &str) -> String {
    let mut out = String::new();
    let mut chars = literal.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                Some(other) => out.push(other),
                None => break,
            },
            c => out.push(c),
        }
    }
    out
}
