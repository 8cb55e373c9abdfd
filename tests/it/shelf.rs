//! Lists of albums as somebody wants to see them: some of them, in any order, each once, and letters that add up.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::collection::{Collection, Member, each, new_album};

const SWITCHES: &[&str] = &["lossy", "hires", "incomplete", "no_cover", "recent", "hearted"];

/// Twelve albums that differ in all that a shelf asks for.
async fn stocked() -> (Collection, Member) {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let albums: Vec<_> = (0..12_i32)
        .map(|n| {
            let artist = ["Абба", "Björk", "The Cure", "Zappa"][n as usize % 4];
            let mut album =
                new_album(artist, ["Same", "Other", "Zen"][n as usize % 3], 1990 + n, &["One", "Two"]);
            album.year = (n != 5).then_some(1990 + n / 2);
            album.source = ["import", "qobuz", "bandcamp"][n as usize / 4].into();
            album.total_tracks = if n % 5 == 0 { 3 } else { 2 };
            album.artwork_path = album.artwork_path.filter(|_| n % 3 != 0);
            album.tracks[1].is_lossy = n % 4 == 1;
            album.tracks[0].bit_depth = Some(if n % 4 == 2 { 24 } else { 16 });
            album
        })
        .collect();
    let recorded = collection.record(&albums).await;
    for album in recorded.iter().step_by(5) {
        ada.client.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
    }
    let old =
        "update album set created_at = now() - interval '40 days' - id * interval '1 hour' where id % 2 = 0";
    collection.town.execute(old).await;
    (collection, ada)
}

async fn all(member: &Member, query: &str, limit: usize) -> (Vec<Value>, i64) {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = member.client.get(&format!("/api/albums?limit={limit}&{query}{cursor}")).await.expect(200);
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, page["total"].as_i64().unwrap()),
        }
    }
}

#[tokio::test]
async fn every_filter_and_its_opposite_are_all_albums() {
    let (_collection, ada) = stocked().await;
    for switch in SWITCHES {
        let (with, total_with) = all(&ada, &format!("{switch}=true"), 5).await;
        let (without, total_without) = all(&ada, &format!("{switch}=false"), 5).await;
        assert!(!with.is_empty() && !without.is_empty(), "{switch}");
        assert_eq!((with.len() as i64, without.len() as i64), (total_with, total_without), "{switch}");
        let ids: HashSet<i64> = with.iter().chain(&without).map(|a| a["id"].as_i64().unwrap()).collect();
        assert_eq!((ids.len(), with.len() + without.len()), (12, 12), "{switch}");
    }
    for (field, switch) in [("is_lossy", "lossy"), ("is_hires", "hires"), ("is_hearted", "hearted")] {
        let (with, _) = all(&ada, &format!("{switch}=true"), 100).await;
        assert!(with.iter().all(|album| album[field] == json!(true)), "{with:?}");
    }
    let (of_qobuz, _) = all(&ada, "source=qobuz", 100).await;
    assert!(of_qobuz.len() == 4 && of_qobuz.iter().all(|album| album["source"] == "qobuz"));
}

#[tokio::test]
async fn every_order_shows_every_album_once_whatever_else_is_asked_for() {
    let (_collection, ada) = stocked().await;
    for sort in ["title", "artist", "year", "added"] {
        for filter in
            ["", "&lossy=false", "&no_cover=true&recent=false", "&hearted=true&source=import", "&letter=o"]
        {
            let by_one = all(&ada, &format!("sort={sort}{filter}"), 1).await;
            let at_once = all(&ada, &format!("sort={sort}{filter}"), 100).await;
            assert_eq!(by_one, at_once, "{sort}{filter}");
            assert_eq!(at_once.0.len() as i64, at_once.1, "{sort}{filter}");
            for limit in [1, 5] {
                let mut by_page = Vec::new();
                for page in 1..=13 {
                    let path = format!("/api/albums?limit={limit}&page={page}&sort={sort}{filter}");
                    let page = ada.client.get(&path).await.expect(200);
                    by_page.extend(page["items"].as_array().unwrap().clone());
                    let is_more =
                        !page["items"].as_array().unwrap().is_empty() && by_page.len() < at_once.0.len();
                    assert_eq!(page["next_cursor"].is_string(), is_more, "{path}");
                }
                assert_eq!(by_page, at_once.0, "{sort}{filter} by pages of {limit}");
            }
        }
    }
}

#[tokio::test]
async fn orders_are_what_they_are_called() {
    let (_collection, ada) = stocked().await;
    let (by_artist, _) = all(&ada, "sort=artist", 100).await;
    let names: Vec<(&str, &str)> = by_artist
        .iter()
        .map(|a| (a["artist_name"].as_str().unwrap(), a["title"].as_str().unwrap()))
        .collect();
    assert_eq!(names[..3], [("Абба", "Other"), ("Абба", "Same"), ("Абба", "Zen")]);
    assert_eq!((names[3].0, names[11].0), ("Björk", "Zappa"));
    let (by_year, _) = all(&ada, "sort=year", 100).await;
    let years: Vec<i64> = by_year.iter().map(|a| a["year"].as_i64().unwrap_or(0)).collect();
    assert!(years.is_sorted_by(|a, b| a >= b) && years[11] == 0, "{years:?}");
    let (newest, _) = all(&ada, "sort=added&recent=false", 100).await;
    let ids: Vec<i64> = newest.iter().map(|a| a["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted() && ids.len() == 6, "the larger the id, the older it was made: {ids:?}");
}

#[tokio::test]
async fn letters_add_up_to_the_list() {
    let (_collection, ada) = stocked().await;
    for query in ["", "sort=artist", "lossy=true", "sort=artist&no_cover=true", "hearted=true", "artist_id=1"]
    {
        let letters = ada.client.get(&format!("/api/albums/letters?{query}")).await.expect(200);
        let sum: i64 = letters.as_array().unwrap().iter().map(|l| l["count"].as_i64().unwrap()).sum();
        assert_eq!(sum, all(&ada, query, 100).await.1, "{query}");
        for letter in letters.as_array().unwrap() {
            let of_letter =
                format!("{query}&letter={}", letter["letter"].as_str().unwrap().replace('#', "%23"));
            assert_eq!(all(&ada, &of_letter, 100).await.1, letter["count"].as_i64().unwrap(), "{of_letter}");
        }
    }
    let artists = ada.client.get("/api/artists/letters").await.expect(200);
    assert_eq!(each(&artists, "letter"), ["#", "B", "C", "Z"]);
}

#[tokio::test]
async fn ones_own_library_is_filtered_and_sorted_alike() {
    let (_collection, ada) = stocked().await;
    let plain = ada.client.get("/api/me/library").await.expect(200);
    let by_title = ada.client.get("/api/me/library?sort=title").await.expect(200);
    assert_eq!((&plain["total"], &by_title["total"]), (&json!(3), &json!(3)));
    assert_eq!(by_title["albums"], by_title["items"]);
    assert!(each(&by_title["items"], "title").is_sorted());
    let whole = ada.client.get("/api/me/library?incomplete=true").await.expect(200);
    assert_eq!(whole["total"], 3);
    let some = ada.client.get("/api/me/library?source=qobuz").await.expect(200);
    assert_eq!((&some["total"], &some["items"][0]["source"]), (&json!(1), &json!("qobuz")));
}

#[tokio::test]
async fn the_overview_knows_which_filters_would_find_something() {
    let (collection, ada) = stocked().await;
    let now = ada.client.get("/api/library").await.expect(200);
    assert_eq!((&now["albums"], &now["my_albums"], &now["artists"]), (&json!(12), &json!(3), &json!(4)));
    let sources: HashSet<&str> =
        now["sources"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    assert_eq!(sources, HashSet::from(["import", "qobuz", "bandcamp"]));
    assert!(now["has"].as_object().unwrap().values().all(|has| *has == json!(true)), "{now}");
    collection.town.execute("update track set is_lossy = false; update album set total_tracks = 0").await;
    let now = ada.client.get("/api/library").await.expect(200);
    assert_eq!((&now["has"]["lossy"], &now["has"]["incomplete"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_by_name() {
    let (_collection, ada) = stocked().await;
    let title = ada.client.get("/api/albums?limit=1").await.expect(200);
    let cursor = title["next_cursor"].as_str().unwrap();
    for (query, field) in [
        ("sort=size".to_owned(), "sort"),
        ("lossy=perhaps".into(), "lossy"),
        ("source=napster".into(), "source"),
        (format!("sort=year&cursor={cursor}"), "cursor"),
    ] {
        let refused = ada.client.get(&format!("/api/albums?{query}")).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"][1], field, "{refused}");
    }
}
