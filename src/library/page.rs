//! Lists in pages: what a client may ask for, and the shape of the answer.
//!
//! `cursor` continues behind the last row of the page before, whatever was added or removed in between; `page` counts
//! from 1 and may show a row twice or never when the list changes meanwhile.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};

use super::naming;
use crate::db::Sql;
use crate::error::{Error, Result};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 100;
/// Beyond any list; keeps offsets far from overflow.
const MAX_PAGE: i64 = 1_000_000;

/// One page of a list, as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: T,
    /// How many rows the whole list has.
    pub total: i64,
    /// As asked.
    pub page: i64,
    /// As asked.
    pub limit: i64,
    /// Asks for the rows behind these; null on the last page.
    pub next_cursor: Option<String>,
}

/// `?page&limit&cursor&letter&artist_id`, as sent: texts, so that each can be refused by name.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Which page, from 1; `cursor` is better in a list that changes.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1_000_000)]
    page: Option<String>,
    /// How many rows a page has; 50 when it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before; then `page` is only repeated.
    cursor: Option<String>,
    /// Only names that begin so; `#` for all that begin with no letter from A to Z. Where a list has names.
    #[param(min_length = 1, max_length = 1)]
    letter: Option<String>,
    /// Only of this artist. Where a list has albums.
    #[param(value_type = Option<i64>, minimum = 1)]
    artist_id: Option<String>,
}

/// What a client asked for, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Counts from 1.
    pub page: i64,
    /// How many rows a page has: 1 to 100.
    pub limit: i64,
    /// Behind this row; then `page` is only repeated.
    pub after: Option<Cursor>,
    /// Only sort keys from (inclusive) – to (exclusive).
    pub letter: Option<(String, String)>,
    /// Only of this artist.
    pub artist_id: Option<i64>,
}

impl PageQuery {
    /// Checks it.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn check(self) -> Result<Asked> {
        let after = Cursor::of_query(self.cursor.as_deref())?;
        Ok(Asked {
            page: number("page", self.page.as_deref(), 1, MAX_PAGE)?.unwrap_or(1),
            limit: number("limit", self.limit.as_deref(), 1, MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT),
            after,
            letter: self.letter.as_deref().filter(|l| !l.is_empty()).map(letter).transpose()?,
            artist_id: number("artist_id", self.artist_id.as_deref(), 1, i64::MAX)?,
        })
    }
}

impl Asked {
    /// The sort keys that are asked for: from (inclusive) – to (exclusive).
    pub fn range(&self) -> (String, String) {
        self.letter.clone().unwrap_or_else(|| naming::prefix_range(String::new()))
    }

    /// The answer to it.
    pub fn answer<T>(&self, items: T, total: i64, next_cursor: Option<String>) -> Page<T> {
        Page { items, total, page: self.page, limit: self.limit, next_cursor }
    }

    /// How many names begin with the letter: one number that the triggers keep, or for what no letter is (`ß` sorts as
    /// `ss`) a count of a few. Both take from and to.
    pub(super) async fn total_of_letter(
        &self,
        client: &impl Sql,
        kept: &'static str,
        counted: &'static str,
    ) -> Result<i64> {
        let (from, to) = self.range();
        let sql = if has_total(&from) { kept } else { counted };
        Ok(client.row(sql, &[&from, &to]).await?.get(0))
    }

    /// How many rows stand before this page, when no cursor says where it begins.
    pub fn rows_before(&self) -> i64 {
        (self.page - 1) * self.limit
    }
}

/// A whole number in a range, from a query.
pub fn number(field: &'static str, text: Option<&str>, min: i64, max: i64) -> Result<Option<i64>> {
    let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(n) if (min..=max).contains(&n) => Ok(Some(n)),
        Ok(n) if n < min => {
            Err(Error::Parameter { field, message: format!("must be greater than or equal to {min}") })
        }
        Ok(_) => Err(Error::Parameter { field, message: format!("must be less than or equal to {max}") }),
        Err(_) => Err(Error::Parameter { field, message: "must be a whole number".into() }),
    }
}

fn letter(text: &str) -> Result<(String, String)> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => naming::letter_range(c),
        _ => None,
    }
    .ok_or_else(|| Error::Parameter {
        field: "letter",
        message: "must be one letter, or # for all others".into(),
    })
}

/// Where a page ended: the key that the list is ordered by, and the row's id for ties. Opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The sort key; empty in lists that are ordered by id alone.
    pub key: String,
    /// The id.
    pub id: i64,
}

impl Cursor {
    /// The one in a query, if there is one.
    ///
    /// # Errors
    /// `Field` when it is not one of ours.
    pub fn of_query(text: Option<&str>) -> Result<Option<Self>> {
        let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
        let not_ours =
            || Error::Parameter { field: "cursor", message: "is not one that this server gave".into() };
        Self::parse(text).map(Some).ok_or_else(not_ours)
    }

    fn parse(text: &str) -> Option<Self> {
        if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect::<Option<_>>()?;
        let plain = String::from_utf8(bytes).ok().filter(|t| !t.contains('\0'))?;
        let (id, key) = plain.split_once(':')?;
        Some(Self { key: key.to_owned(), id: id.parse().ok()? })
    }

    /// As clients carry it: hexadecimal, so that it needs no escaping in a URL.
    pub fn text(&self) -> String {
        use std::fmt::Write;
        let plain = format!("{}:{}", self.id, self.key);
        plain.bytes().fold(String::with_capacity(plain.len() * 2), |mut hex, b| {
            write!(hex, "{b:02x}").expect("writing to a string cannot fail");
            hex
        })
    }
}

/// Whether `letter_total` says how many names come before and how many begin so.
fn has_total(from: &str) -> bool {
    from.chars().count() <= if from.starts_with('#') { 2 } else { 1 }
}

/// The row behind which a page in the order of (sort key, id) begins: the cursor, or (for `page` alone) the last row of
/// the page before, from a range and an offset. The first statement finds it at the same cost for each page, by what is
/// kept of where names stand (migration 0019); the second counts. None: the list is over before that page.
pub(super) async fn page_start(
    client: &impl Sql,
    (kept, counted): (&'static str, &'static str),
    asked: &Asked,
) -> Result<Option<Cursor>> {
    let (from, to) = asked.range();
    match &asked.after {
        Some(after) if after.key >= from => Ok(Some(after.clone())),
        Some(_) => Ok(Some(Cursor { key: from, id: 0 })),
        None if asked.page == 1 => Ok(Some(Cursor { key: from, id: 0 })),
        None => {
            let sql = if has_total(&from) { kept } else { counted };
            let row = client.maybe_row(sql, &[&from, &to, &(asked.rows_before() - 1)]).await?;
            Ok(row.map(|row| Cursor { key: row.get(0), id: row.get(1) }))
        }
    }
}

/// Takes away the row that was read only to see whether there is more; the cursor behind the last one left. The id is
/// column 0.
pub(super) fn cut(mut rows: Vec<Row>, limit: i64, key_column: usize) -> (Vec<Row>, Option<String>) {
    let is_more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let last = rows.last().filter(|_| is_more);
    let cursor = last.map(|row| Cursor { key: row.get(key_column), id: row.get(0) }.text());
    (rows, cursor)
}

/// JSON in one buffer that is large enough from the start for a page of rows.
pub fn json(body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(24 * 1024);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(e) => Error::Internal(e.into()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked> {
        let uri = format!("/?{query}").parse().expect("a URI");
        axum::extract::Query::<PageQuery>::try_from_uri(&uri).expect("a query").0.check()
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let asked = asked("").expect("fine");
        assert_eq!((asked.page, asked.limit, asked.after, asked.letter), (1, 50, None, None));
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        for (query, name) in [
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=99999999999999999999", "page"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=ten", "limit"),
            ("letter=ab", "letter"),
            ("letter=%20", "letter"),
            ("cursor=zz", "cursor"),
            ("cursor=abc", "cursor"),
            ("cursor=00ff", "cursor"),
            ("artist_id=x", "artist_id"),
        ] {
            let error = asked(query).expect_err(query);
            assert!(matches!(error, Error::Parameter { field, .. } if field == name), "{query}: {error}");
        }
    }

    #[test]
    fn a_cursor_survives_the_way_to_the_client_and_back() {
        for key in ["", "abba", "#ленинград", "a:b", "#()"] {
            let cursor = Cursor { key: key.into(), id: 7 };
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
    }
}
