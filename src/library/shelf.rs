//! Albums as somebody wants to see them: only some of them, in another order than by title, and how many begin with which
//! letter. The text of a statement is put together from constants, never from what was sent.
//!
//! Each order has an index, so that a page is read where it begins; what few albums have has an index of those few, and
//! what most have is met at every step. PostgreSQL chooses by what it knows of both, so each statement is planned with its
//! values, which takes less than a plan that does not fit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use utoipa::{IntoParams, ToSchema};

use super::Albums;
use super::page::{Asked, Cursor, Page};
use crate::db::Sql;
use crate::error::{Error, Result};

/// What is new is new for so long.
const RECENT: &str = "a.created_at > now() - interval '30 days'";

/// `?sort&source&lossy&…`, as sent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShelfQuery {
    /// `title` (from A to Z, unless something else is said), `artist` (from A to Z), `year` or `added` (the newest first).
    #[param(pattern = "^(title|artist|year|added)$")]
    sort: Option<String>,
    /// Only from there: `import`, `qobuz`, `bandcamp`, …
    source: Option<String>,
    /// `true`: only albums with a track that is lossy; `false`: only those without.
    #[param(value_type = Option<bool>)]
    lossy: Option<String>,
    /// Only albums with a track that has more than a CD holds, or only those without.
    #[param(value_type = Option<bool>)]
    hires: Option<String>,
    /// Only albums of which tracks are missing, or only whole ones.
    #[param(value_type = Option<bool>)]
    incomplete: Option<String>,
    /// Only albums without a cover, or only those with one.
    #[param(value_type = Option<bool>)]
    no_cover: Option<String>,
    /// Only what came within the last thirty days, or only what was there before.
    #[param(value_type = Option<bool>)]
    recent: Option<String>,
    /// Only what the user has hearted, or only what they have not.
    #[param(value_type = Option<bool>)]
    hearted: Option<String>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Title,
    Artist,
    Year,
    Added,
}

/// What somebody wants to see, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    sort: Sort,
    source: Option<String>,
    /// Each is SQL about `a`, an album.
    only: Vec<&'static str>,
    /// Whether the user's hearts decide.
    hearted: Option<bool>,
}

/// Yes-or-no filters, each with what a yes and what a no says of an album.
const SWITCHES: [(&str, &str, &str); 5] = [
    ("lossy", "a.lossy_tracks > 0", "a.lossy_tracks = 0"),
    ("hires", "a.hires_tracks > 0", "a.hires_tracks = 0"),
    ("incomplete", "a.available_tracks < a.total_tracks", "a.available_tracks >= a.total_tracks"),
    ("no_cover", "a.artwork_path is null", "a.artwork_path is not null"),
    ("recent", RECENT, "a.created_at <= now() - interval '30 days'"),
];

const SOURCES: &[&str] = &["qobuz", "lidarr", "bandcamp", "youtube", "soundcloud", "url", "import"];

impl ShelfQuery {
    /// Whether the order of titles was asked for, where another one is usual.
    pub fn is_by_title(&self) -> bool {
        self.sort.as_deref() == Some("title")
    }

    /// Checks it; none when nothing is asked for but all albums by title.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn check(self) -> Result<Option<Shelf>> {
        let sort = match self.sort.as_deref().filter(|sort| !sort.is_empty()) {
            None => None,
            Some("title") => Some(Sort::Title),
            Some("artist") => Some(Sort::Artist),
            Some("year") => Some(Sort::Year),
            Some("added") => Some(Sort::Added),
            Some(_) => return Err(refused("sort", "must be title, artist, year or added")),
        };
        let source = self.source.filter(|source| !source.is_empty());
        if source.as_deref().is_some_and(|source| !SOURCES.contains(&source)) {
            return Err(refused("source", &format!("must be one of {}", SOURCES.join(", "))));
        }
        let mut only = Vec::new();
        let said = [&self.lossy, &self.hires, &self.incomplete, &self.no_cover, &self.recent];
        for ((field, yes, no), said) in SWITCHES.into_iter().zip(said) {
            only.extend(switch(field, said.as_deref())?.map(|is_wanted| if is_wanted { yes } else { no }));
        }
        let hearted = switch("hearted", self.hearted.as_deref())?;
        let is_plain = only.is_empty() && source.is_none() && hearted.is_none();
        if is_plain && matches!(sort, None | Some(Sort::Title)) {
            return Ok(None);
        }
        Ok(Some(Shelf { sort: sort.unwrap_or(Sort::Title), source, only, hearted }))
    }
}

fn refused(field: &'static str, message: &str) -> Error {
    Error::Parameter { field, message: message.into() }
}

/// Yes, no, or not said.
fn switch(field: &'static str, said: Option<&str>) -> Result<Option<bool>> {
    match said.unwrap_or_default() {
        "" => Ok(None),
        "true" | "True" | "1" | "yes" | "on" => Ok(Some(true)),
        "false" | "False" | "0" | "no" | "off" => Ok(Some(false)),
        _ => Err(refused(field, "must be true or false")),
    }
}

/// A statement as it grows, with what it asks for.
#[derive(Default)]
struct Question<'a> {
    conditions: Vec<String>,
    values: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Question<'a> {
    /// Adds a condition; `{}` in it is the place of the value.
    fn and(&mut self, condition: &str, value: &'a (dyn ToSql + Sync)) {
        self.values.push(value);
        self.conditions.push(condition.replace("{}", &format!("${}", self.values.len())));
    }

    fn place(&mut self, value: &'a (dyn ToSql + Sync)) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn text(&self) -> String {
        if self.conditions.is_empty() { "true".into() } else { self.conditions.join(" and ") }
    }
}

impl Shelf {
    /// The same, of what the user has hearted; everything by title when nothing else was asked for.
    pub fn hearted(shelf: Option<Self>) -> Self {
        let all = || Self { sort: Sort::Title, source: None, only: Vec::new(), hearted: None };
        Self { hearted: Some(true), ..shelf.unwrap_or_else(all) }
    }

    /// What is asked for, of an artist or of all, as conditions.
    fn question<'a>(
        &'a self,
        user_id: &'a i64,
        asked: &'a Asked,
        range: &'a (String, String),
    ) -> Question<'a> {
        let mut question = Question::default();
        question.conditions.extend(self.only.iter().map(|only| (*only).to_owned()));
        if let Some(source) = &self.source {
            question.and("a.source = {}", source);
        }
        if let Some(artist_id) = &asked.artist_id {
            question.and("a.artist_id = {}", artist_id);
        }
        let hearts = "(select h.album_id from heart h where h.user_id = {} and h.album_id is not null)";
        match self.hearted {
            None => {}
            Some(true) => question.and(&format!("a.id in {hearts}"), user_id),
            Some(false) => {
                let none =
                    "coalesce((select false from heart h where h.user_id = {} and h.album_id = a.id), true)";
                question.and(none, user_id);
            }
        }
        if asked.letter.is_some() {
            question.and(&format!("{} >= {{}}", self.name()), &range.0);
            question.and(&format!("{} < {{}}", self.name()), &range.1);
        }
        question
    }

    /// All albums but those of which this holds, when nothing else is asked for: they are the fewer, and have an index.
    fn all_but(&self) -> Option<&'static str> {
        let [only] = self.only[..] else { return None };
        SWITCHES.iter().find(|(_, _, no)| *no == only).map(|(_, yes, _)| *yes)
    }

    /// Whether all albums are in it.
    fn is_whole(&self) -> bool {
        self.only.is_empty() && self.source.is_none() && self.hearted.is_none()
    }

    /// What a letter is one of.
    fn name(&self) -> &'static str {
        if self.sort == Sort::Artist { "r.sort_key" } else { "a.sort_key" }
    }

    fn tables(&self) -> &'static str {
        if self.sort == Sort::Artist { "artist r join album a on a.artist_id = r.id" } else { "album a" }
    }

    /// A page of it.
    pub async fn page(&self, client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Page<Albums>> {
        let range = asked.range();
        let total = self.total(client, user_id, asked, &range).await?;
        let after = asked.after.as_ref().map(|cursor| Behind::read(self.sort, cursor)).transpose()?;
        let (first, skipped) = self.skipped(client, asked).await?;
        let mut question = self.question(&user_id, asked, &range);
        if skipped > 0 {
            question.and("r.sort_key >= {}", &first);
        }
        if let Some(after) = &after {
            self.behind(after, &mut question);
        }
        let window = Window::of(after.is_some(), asked.rows_before() - skipped, asked.limit, total - skipped);
        let (order, key) = self.order(window.is_from_the_end);
        let sql = format!(
            "select a.id, {key} from {} where {} order by {order} limit {} offset {}",
            self.tables(),
            question.text(),
            window.limit,
            window.offset,
        );
        let mut rows = client.query(&sql, &question.values).await?;
        if window.is_from_the_end {
            rows.reverse();
        }
        let is_more = window.is_more.unwrap_or(rows.len() as i64 > asked.limit);
        rows.truncate(asked.limit as usize);
        let next_cursor = rows.last().filter(|_| is_more).map(|row| self.cursor(row).text());
        let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        Ok(asked.answer(Albums::by_ids(client, user_id, &ids).await?, total, next_cursor))
    }

    /// A page by its number among all albums by their artists begins with a letter: that, and how many albums come before
    /// it, as the triggers keep them.
    async fn skipped(&self, client: &impl Sql, asked: &Asked) -> Result<(String, i64)> {
        let is_of_all = self.is_whole() && asked.artist_id.is_none() && asked.letter.is_none();
        if self.sort != Sort::Artist || !is_of_all || asked.after.is_some() || asked.rows_before() == 0 {
            return Ok((String::new(), 0));
        }
        let row = client.maybe_row(LETTER_OF_PAGE, &[&asked.rows_before()]).await?;
        Ok(row.map_or_else(|| (String::new(), 0), |row| (row.get(0), row.get(1))))
    }

    /// What it is ordered by, and what a cursor tells of a row.
    fn order(&self, is_reversed: bool) -> (String, &'static str) {
        let (columns, is_descending, key): (&[&str], _, _) = match self.sort {
            Sort::Title => (&["a.sort_key", "a.id"], false, "a.sort_key"),
            // The artist's row is the number of the first key: two artists may have one name.
            Sort::Artist => (
                &["r.sort_key", "r.id", "a.sort_key", "a.id"],
                false,
                "r.id || ':' || r.sort_key || E'\\n' || a.sort_key",
            ),
            Sort::Year => (&["coalesce(a.year, 0)", "a.id"], true, "coalesce(a.year, 0)::text"),
            Sort::Added => (&["a.created_at", "a.id"], true, "a.created_at"),
        };
        let way = if is_descending == is_reversed { "" } else { " desc" };
        (columns.iter().map(|column| format!("{column}{way}")).collect::<Vec<_>>().join(", "), key)
    }

    async fn total(
        &self,
        client: &impl Sql,
        user_id: i64,
        asked: &Asked,
        range: &(String, String),
    ) -> Result<i64> {
        let question = self.question(&user_id, asked, range);
        if question.conditions.is_empty() {
            return Ok(client.row(ALBUM_COUNT, &[]).await?.get(0));
        }
        if let ([_], Some(few)) = (&question.conditions[..], self.all_but()) {
            let sql = format!("select (select album_count from library) - count(*) from album a where {few}");
            return Ok(client.query_one(&sql, &[]).await?.get(0));
        }
        let tables = if asked.letter.is_some() { self.tables() } else { "album a" };
        let sql = format!("select count(*) from {tables} where {}", question.text());
        Ok(client.query_one(&sql, &question.values).await?.get(0))
    }

    fn behind<'a>(&self, after: &'a Behind, question: &mut Question<'a>) {
        let (key, id) = match after {
            Behind::Name(key, id) => (question.place(key), question.place(id)),
            Behind::Year(year, id) => (question.place(year), question.place(id)),
            Behind::Time(time, id) => (question.place(time), question.place(id)),
            Behind::Artist { artist, artist_id, title, id } => {
                let [artist, artist_id] = [question.place(artist), question.place(artist_id)];
                let [title, id] = [question.place(title), question.place(id)];
                // The first is for the index, the second for the albums of the artist in whose midst the page ended.
                question.conditions.push(format!("(r.sort_key, r.id) >= ({artist}, {artist_id})"));
                question.conditions.push(format!(
                    "(r.sort_key, r.id, a.sort_key, a.id) > ({artist}, {artist_id}, {title}, {id})"
                ));
                return;
            }
        };
        question.conditions.push(match self.sort {
            Sort::Title | Sort::Artist => format!("(a.sort_key, a.id) > ({key}, {id})"),
            Sort::Year => format!("(coalesce(a.year, 0), a.id) < ({key}, {id})"),
            Sort::Added => format!("(a.created_at, a.id) < ({key}, {id})"),
        });
    }

    fn cursor(&self, row: &Row) -> Cursor {
        let key = match self.sort {
            Sort::Added => row.get::<_, Timestamp>(1).to_string(),
            Sort::Title | Sort::Artist | Sort::Year => row.get(1),
        };
        Cursor { key, id: row.get(0) }
    }

    /// How many of it begin with each letter.
    async fn letters(&self, client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Vec<Letter>> {
        let range = asked.range();
        let question = self.question(&user_id, asked, &range);
        let sql = format!(
            "select left({}, 1), count(*) from {} where {} group by 1 order by 1",
            self.name(),
            self.tables(),
            question.text(),
        );
        let rows = client.query(&sql, &question.values).await?;
        Ok(rows.iter().map(Letter::from).collect())
    }
}

const LETTER_OF_PAGE: &str = "select letter, before from (
        select letter, (sum(names) over (order by letter) - names)::bigint as before from letter_total
        where kind = 'album by artist' and names > 0) l
    where before <= $1 order by letter desc limit 1";
const ALBUM_COUNT: &str = "select album_count from library";

/// Which rows a page reads. One by its number skips the rows before it, or those behind it where they are fewer.
#[derive(Debug, PartialEq, Eq)]
struct Window {
    is_from_the_end: bool,
    limit: i64,
    offset: i64,
    /// Whether rows follow; unknown: one more than the page has was asked for, to see.
    is_more: Option<bool>,
}

impl Window {
    fn of(has_cursor: bool, rows_before: i64, limit: i64, total: i64) -> Self {
        let offset = if has_cursor { 0 } else { rows_before };
        let behind = (total - offset - limit).max(0);
        if offset <= behind || offset == 0 {
            return Self { is_from_the_end: false, limit: limit + 1, offset, is_more: None };
        }
        let limit = limit.min(total - offset).max(0);
        Self { is_from_the_end: true, limit, offset: behind, is_more: Some(behind > 0) }
    }
}

/// Where a page ended, as its order tells.
enum Behind {
    Name(String, i64),
    Artist { artist: String, artist_id: i64, title: String, id: i64 },
    Year(i32, i64),
    Time(Timestamp, i64),
}

impl Behind {
    /// # Errors
    /// When the cursor is one of another order.
    fn read(sort: Sort, Cursor { key, id }: &Cursor) -> Result<Self> {
        let read = match sort {
            Sort::Title => Some(Self::Name(key.clone(), *id)),
            Sort::Year => key.parse().ok().map(|year| Self::Year(year, *id)),
            Sort::Added => key.parse().ok().map(|time| Self::Time(time, *id)),
            Sort::Artist => key.split_once('\n').and_then(|(artist, title)| {
                let (artist_id, artist) = artist.split_once(':')?;
                let (artist, title) = (artist.to_owned(), title.to_owned());
                Some(Self::Artist { artist, artist_id: artist_id.parse().ok()?, title, id: *id })
            }),
        };
        read.ok_or_else(|| refused("cursor", "is one of a list in another order"))
    }
}

/// A letter, and how many names begin with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Letter {
    /// `A` to `Z`, or `#` for all that begin otherwise; as `letter` of a list takes it.
    letter: String,
    /// How many.
    count: i64,
}

impl From<&Row> for Letter {
    fn from(row: &Row) -> Self {
        Self { letter: row.get::<_, &str>(0).to_uppercase(), count: row.get(1) }
    }
}

const LETTERS: &str = "select left(letter, 1), sum(names)::bigint from letter_total
    where kind = $1 and names > 0 group by 1 order by 1";

/// How many albums begin with each letter, `#` first: all of them, or those of a shelf.
pub(super) async fn album_letters(
    client: &impl Sql,
    user_id: i64,
    shelf: Option<Shelf>,
    asked: &Asked,
) -> Result<Vec<Letter>> {
    match shelf {
        None if asked.artist_id.is_none() => kept_letters(client, "album").await,
        Some(shelf) if shelf.is_whole() && asked.artist_id.is_none() && asked.letter.is_none() => {
            kept_letters(client, if shelf.sort == Sort::Artist { "album by artist" } else { "album" }).await
        }
        shelf => {
            let all = Shelf { sort: Sort::Title, source: None, only: Vec::new(), hearted: None };
            shelf.unwrap_or(all).letters(client, user_id, asked).await
        }
    }
}

/// How many artists begin with each letter, `#` first.
pub(super) async fn artist_letters(client: &impl Sql) -> Result<Vec<Letter>> {
    kept_letters(client, "artist").await
}

async fn kept_letters(client: &impl Sql, kind: &str) -> Result<Vec<Letter>> {
    let rows = client.rows(LETTERS, &[&kind]).await?;
    Ok(rows.iter().map(Letter::from).collect())
}

/// What a library has, as far as a page needs to know it before it draws its filters.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// How many.
    artists: i64,
    /// How many.
    albums: i64,
    /// How many.
    tracks: i64,
    /// How many albums the user has hearted.
    my_albums: i64,
    /// Of how many artists the user has hearted something.
    my_artists: i64,
    /// From where there are albums.
    sources: Vec<String>,
    /// Which of the filters would find something.
    has: Has,
}

/// Of what there is at least one.
#[derive(Debug, Serialize, ToSchema)]
struct Has {
    lossy: bool,
    hires: bool,
    incomplete: bool,
    no_cover: bool,
    recent: bool,
}

const OVERVIEW: &str = "select artist_count, album_count, track_count,
        coalesce((select album_count from loved where user_id = $1), 0),
        (select count(*) from loved_artist where user_id = $1),
        array(select source from unnest($2::text[]) source where exists (select from album a where a.source = source.source)),
        exists (select from album where lossy_tracks > 0), exists (select from album where hires_tracks > 0),
        exists (select from album where available_tracks < total_tracks),
        exists (select from album where artwork_path is null),
        exists (select from album where created_at > now() - interval '30 days')
    from library";

/// In one call.
pub(super) async fn overview(client: &impl Sql, user_id: i64) -> Result<Overview> {
    let row = client.row(OVERVIEW, &[&user_id, &SOURCES]).await?;
    Ok(Overview {
        artists: row.get(0),
        albums: row.get(1),
        tracks: row.get(2),
        my_albums: row.get(3),
        my_artists: row.get(4),
        sources: row.get(5),
        has: Has {
            lossy: row.get(6),
            hires: row.get(7),
            incomplete: row.get(8),
            no_cover: row.get(9),
            recent: row.get(10),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(query: &str) -> Result<Option<Shelf>> {
        let uri = format!("/?{query}").parse().expect("a URI");
        axum::extract::Query::<ShelfQuery>::try_from_uri(&uri).expect("a query").0.check()
    }

    #[test]
    fn all_albums_by_title_are_no_shelf() {
        for query in ["", "sort=title", "sort=&lossy=&source="] {
            assert_eq!(shelf(query).expect("fine"), None, "{query}");
        }
        for query in ["sort=year", "lossy=true", "lossy=false", "source=qobuz", "hearted=true"] {
            assert!(shelf(query).expect("fine").is_some(), "{query}");
        }
    }

    #[test]
    fn what_most_albums_have_is_counted_by_those_that_have_it_not() {
        let few = |query| shelf(query).expect("fine").and_then(|shelf| shelf.all_but());
        assert_eq!(few("lossy=false"), Some("a.lossy_tracks > 0"));
        assert_eq!(few("no_cover=false&sort=year"), Some("a.artwork_path is null"));
        for query in ["lossy=true", "lossy=false&hires=false", "sort=artist"] {
            assert_eq!(few(query), None, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        for (query, name) in [
            ("sort=size", "sort"),
            ("lossy=maybe", "lossy"),
            ("no_cover=2", "no_cover"),
            ("source=napster", "source"),
            ("source=import%27", "source"),
        ] {
            let error = shelf(query).expect_err(query);
            assert!(matches!(error, Error::Parameter { field, .. } if field == name), "{query}: {error}");
        }
    }

    #[test]
    fn a_page_by_its_number_skips_the_fewer_rows() {
        let read = |rows_before, limit, total| {
            let window = Window::of(false, rows_before, limit, total);
            (window.is_from_the_end, window.offset, window.limit)
        };
        assert_eq!(read(0, 50, 20), (false, 0, 51));
        assert_eq!(read(400, 100, 1_000), (false, 400, 101));
        assert_eq!(read(500, 100, 1_000), (true, 400, 100));
        assert_eq!(read(950, 100, 1_000), (true, 0, 50));
        assert_eq!(read(1_000, 100, 1_000), (true, 0, 0), "behind the end nothing is read");
        assert_eq!(Window::of(true, 500, 100, 1_000).offset, 0, "a cursor skips by itself");
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let of_title = Cursor { key: "abba".into(), id: 7 };
        assert!(Behind::read(Sort::Title, &of_title).is_ok());
        for sort in [Sort::Artist, Sort::Year, Sort::Added] {
            assert!(Behind::read(sort, &of_title).is_err(), "{sort:?}");
        }
    }
}
