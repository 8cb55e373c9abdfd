//! Search finds what people mean, in every script, best first, and never falls over what they type.

use barbossa::library::NewAlbum;
use http::StatusCode;
use serde_json::{Value, json};

use crate::collection::{Collection, Member, each, new_album};

const ALBUMS: &[(&str, &str, i32, &[&str])] = &[
    ("Björk", "Homogenic", 1997, &["Jóga", "Hunter"]),
    ("Pink Floyd", "The Wall", 1979, &["Another Brick in the Wall", "Mother"]),
    ("Pink Floyd", "Wish You Were Here", 1975, &["Wish You Were Here"]),
    ("Oasis", "Wonderwall Singles", 1995, &["Wonderwall"]),
    ("AC/DC", "Back in Black", 1980, &["Hells Bells"]),
    ("Ленинград", "Рыба", 2005, &["Шнурок"]),
    ("宇多田ヒカル", "初恋", 2018, &["光"]),
    ("Ed Sheeran", "÷", 2017, &["Castle on the Hill"]),
    ("Sigur Rós", "( )", 2002, &["Vaka"]),
    ("!!!", "Myth Takes", 2007, &["Heart of Hearts"]),
    ("Guns N' Roses", "Appetite for Destruction", 1987, &["Sweet Child O' Mine"]),
    ("Øyafestivalen", "Straße", 2010, &["Один"]),
];

async fn town() -> (Collection, Member) {
    let collection = Collection::new().await;
    let albums: Vec<NewAlbum> = ALBUMS.iter().map(|(a, t, y, tracks)| new_album(a, t, *y, tracks)).collect();
    collection.record(&albums).await;
    let ada = collection.member("ada").await;
    (collection, ada)
}

fn encoded(typed: &str) -> String {
    typed.bytes().map(|b| format!("%{b:02X}")).collect()
}

async fn found(member: &Member, typed: &str) -> Value {
    member.client.get(&format!("/api/search?q={}", encoded(typed))).await.expect(200)
}

#[tokio::test]
async fn names_are_found_in_every_script_and_without_accents() {
    let (_collection, ada) = town().await;
    for (typed, name) in [
        ("bjork", "Björk"),
        ("BJÖRK", "Björk"),
        ("bj", "Björk"),
        ("ленин", "Ленинград"),
        ("ЛЕНИНГРАД", "Ленинград"),
        ("宇多田", "宇多田ヒカル"),
        ("宇", "宇多田ヒカル"),
        ("多田", "宇多田ヒカル"),
        ("ヒカル", "宇多田ヒカル"),
        ("ﾋｶﾙ", "宇多田ヒカル"),
        ("acdc", "AC/DC"),
        ("ac/dc", "AC/DC"),
        ("!!!", "!!!"),
        ("sigur ros", "Sigur Rós"),
        ("roses guns", "Guns N' Roses"),
        ("oya", "Øyafestivalen"),
        ("pnik floyd", "Pink Floyd"),
    ] {
        let found = found(&ada, typed).await;
        assert_eq!(each(&found["artists"], "name").first(), Some(&name), "{typed}: {found}");
    }
    for (typed, title) in [
        ("÷", "÷"),
        ("( )", "( )"),
        ("()", "( )"),
        ("初", "初恋"),
        ("strasse", "Straße"),
        ("wall floyd", "The Wall"),
        ("the wall", "The Wall"),
    ] {
        let found = found(&ada, typed).await;
        assert_eq!(each(&found["albums"], "title").first(), Some(&title), "{typed}: {found}");
    }
    for (typed, title) in
        [("sweet child o mine", "Sweet Child O' Mine"), ("joga", "Jóga"), ("光", "光"), ("один", "Один")]
    {
        let found = found(&ada, typed).await;
        assert_eq!(each(&found["tracks"], "title").first(), Some(&title), "{typed}: {found}");
    }
}

#[tokio::test]
async fn the_name_itself_goes_before_names_that_begin_so_and_those_before_words() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let titles = ["Into the Blue", "Bluebird", "Blue", "Blue Train", "Kind of Blue"];
    let albums: Vec<NewAlbum> =
        titles.iter().map(|title| new_album("Someone", title, 1970, &["x"])).collect();
    collection.record(&albums).await;
    let found = found(&ada, "blue").await;
    let titles = each(&found["albums"], "title");
    assert_eq!(titles[..3], ["Blue", "Blue Train", "Bluebird"]);
    assert_eq!(titles.len(), 5);
}

#[tokio::test]
async fn nothing_that_is_typed_makes_search_fall_over() {
    let (_collection, ada) = town().await;
    let long = "x".repeat(900);
    for typed in [
        " ",
        "   ",
        "'",
        "''",
        "\"",
        "\\",
        "&",
        "|",
        "!",
        ":*",
        "a:*b",
        "& | ! <->",
        "(",
        "%",
        "_",
        "--",
        "' or 1=1",
        "\u{200b}",
        "\u{feff}",
        "\u{fffd}",
        "🎵",
        "a\tb\nc",
        "e\u{301}",
        &long,
    ] {
        for path in ["/api/search", "/api/search/unified"] {
            let answer = ada.client.get(&format!("{path}?q={}", encoded(typed))).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} {typed:?}");
        }
    }
    for query in ["", "?q=", "?q=x&limit=0", "?q=x&limit=51", "?q=x&type=playlist", "?q=%00"] {
        for path in ["/api/search", "/api/search/unified"] {
            let answer = ada.client.get(&format!("{path}{query}")).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn a_search_is_for_what_was_asked() {
    let (_collection, ada) = town().await;
    let only = ada.client.get("/api/search?q=wall&type=track").await.expect(200);
    assert_eq!(each(&only["tracks"], "title"), ["Another Brick in the Wall", "Mother"]);
    assert_eq!((&only["artists"], &only["albums"]), (&json!([]), &json!([])));
    let one = ada.client.get("/api/search?q=wish&limit=1").await.expect(200);
    assert_eq!((one["albums"].as_array().unwrap().len(), one["tracks"].as_array().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn unified_search_has_its_shape_and_asks_elsewhere_only_when_nothing_is_here() {
    let (_collection, ada) = town().await;
    let unified =
        async |query: &str| ada.client.get(&format!("/api/search/unified?{query}")).await.expect(200);
    let here = unified("q=the%20wall&include_external=true").await;
    assert_eq!(
        (&here["query"], &here["type"], &here["external"]),
        (&json!("the wall"), &json!("album"), &Value::Null)
    );
    let album = &here["local"]["albums"][0];
    assert_eq!(
        (&album["title"], &album["artist_name"], &album["status"]),
        (&json!("The Wall"), &json!("Pink Floyd"), &json!("complete"))
    );
    let artists = unified("q=pink&type=artist").await;
    assert_eq!(
        (&artists["local"]["count"], &artists["local"]["artists"][0]["album_count"]),
        (&json!(1), &json!(2))
    );
    let tracks = unified("q=hunter&type=track").await;
    assert_eq!(tracks["local"]["tracks"][0]["quality"], "16/44");
    let nowhere = unified("q=zzzzzz&include_external=true").await;
    assert_eq!(
        nowhere["external"],
        json!({"source": "qobuz", "count": 0, "items": [], "error": "not_configured"})
    );
    assert_eq!(unified("q=zzzzzz").await["external"], Value::Null);
}

#[tokio::test]
async fn words_that_thousands_of_tracks_have_are_found_among_some_of_them_and_rare_ones_among_all() {
    let (collection, ada) = town().await;
    let album = new_album("Nobody", "Zzz", 2000, &["Winter in the silver ghost town"]);
    let album_id = collection.record(&[album]).await[0].album_id;
    let many = format!(
        "insert into track (album_id, title, title_key, sort_key, track_number, path, size_bytes, modified_at, format, is_lossy, search)
            select album_id, title, title_key, sort_key, n, path || n, 1, now(), format, is_lossy, search
            from track, generate_series(2, 6000) n where album_id = {album_id}"
    );
    collection.town.execute(&many).await;
    collection.record(&[new_album("Somebody", "Yyy", 2000, &["A silver ghost of quartz"])]).await;
    let common = found(&ada, "ghost silver").await;
    let ids: Vec<i64> =
        common["tracks"].as_array().unwrap().iter().map(|t| t["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), 20);
    assert!(ids.iter().all(|id| id % 16 == 0), "not all were collected: {ids:?}");
    assert_eq!(found(&ada, "ghost silver").await, common, "the same again");
    let rare = found(&ada, "quartz ghost").await;
    assert_eq!(rare["tracks"].as_array().unwrap().len(), 1);
    assert_eq!(rare["tracks"][0]["title"], "A silver ghost of quartz");
}
