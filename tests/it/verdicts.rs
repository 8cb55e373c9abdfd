//! What a person decides about an import that was set aside: the same row goes back into the one way in.

use barbossa::error::Error;
use barbossa::imports::{self, Approval, WhenThere};
use barbossa::jobs::End;

use crate::harness::audio::{Format, Song};
use crate::harness::eventually;
use crate::imports::Inbox;

/// The id of a person to decide.
pub async fn somebody(inbox: &Inbox) -> i64 {
    let password = "correct horse battery".to_owned().into();
    let new = barbossa::auth::NewUser { username: "ada", password: &password, is_admin: true };
    barbossa::auth::create_user(&inbox.app.db.get().await.unwrap(), new).await.unwrap().id
}

pub async fn last_id(inbox: &Inbox) -> i64 {
    inbox.town.value("select max(id) from import").await
}

pub async fn approved(inbox: &Inbox, id: i64, approval: &Approval) -> End {
    let job = imports::approve(&inbox.app.db.get().await.unwrap(), id, approval).await.unwrap();
    inbox.ended(job).await
}

/// A folder that only a person can name, in review.
async fn unknown(inbox: &Inbox) -> i64 {
    Song::new("x").without("title").named("01 - One").write(&inbox.folder("Ann - Demo (2003)"));
    inbox.import("Ann - Demo (2003)").await;
    assert!(inbox.last().await.starts_with("review: "), "{}", inbox.last().await);
    last_id(inbox).await
}

/// One song that is there already with other audio, in review.
async fn rival(inbox: &Inbox) -> i64 {
    let song = |tone| Song::new("One").artist("Ann").album("Album").year(1999).track(1, 1).tone(tone);
    song(300).named("1").write(&inbox.folder("old"));
    inbox.import("old").await;
    song(3000).format(Format::Mp3).named("1").write(&inbox.folder("new"));
    inbox.import("new").await;
    assert!(inbox.last().await.starts_with("review: "), "{}", inbox.last().await);
    last_id(inbox).await
}

#[tokio::test]
async fn an_approved_folder_is_filed_under_the_names_that_the_person_gave() {
    let inbox = Inbox::new().await;
    let (id, by) = (unknown(&inbox).await, Some(somebody(&inbox).await));
    let album = Some("Demo Tape".into());
    let approval = Approval { album, year: Some(2004), by, ..Approval::default() };
    assert!(matches!(approved(&inbox, id, &approval).await, End::Completed(_)));
    assert_eq!(inbox.last().await, "done: ");
    assert_eq!(last_id(&inbox).await, id, "the same row");
    assert_eq!(inbox.filed(), ["Ann/Demo Tape (2004)/01 - One.flac"]);
    assert!(inbox.beneath("import").is_empty());
    let arrived: String = inbox.town.value("select arrived_path from import").await;
    assert_eq!(arrived, "import/pending/Ann - Demo (2003)");
    let told: i64 = inbox
        .town
        .value("select count(*) from activity where action = 'import_approved' and user_id is not null")
        .await;
    assert_eq!(told, 1);
    let file = inbox.town.music().join("artists/Ann/Demo Tape (2004)/01 - One.flac");
    eventually("the files say the approved names", || async {
        barbossa::audio::read(&file).is_ok_and(|sound| sound.tags.album.as_deref() == Some("Demo Tape"))
    })
    .await;
    let again = imports::approve(&inbox.app.db.get().await.unwrap(), id, &approval).await;
    assert!(matches!(again, Err(Error::Invalid(m)) if m == "Item already processed"));
    let nothing = imports::approve(&inbox.app.db.get().await.unwrap(), 9999, &approval).await;
    assert!(matches!(nothing, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn nobody_imports_what_waits_for_a_person_without_asking_one() {
    let inbox = Inbox::new().await;
    unknown(&inbox).await;
    let end = inbox.import_path("import/review/Ann - Demo (2003)").await;
    assert!(matches!(end, End::Cancelled(_)), "{end:?}");
    assert_eq!(inbox.beneath("import/review").len(), 1);
}

#[tokio::test]
async fn what_was_rejected_lies_with_its_reason_and_can_be_put_back_and_approved() {
    let inbox = Inbox::new().await;
    let (id, by) = (unknown(&inbox).await, Some(somebody(&inbox).await));
    let client = inbox.app.db.get().await.unwrap();
    let job = imports::reject(&client, id, by, Some("not ours"), false).await.unwrap();
    inbox.ended(job).await;
    assert_eq!(inbox.last().await, "rejected: not ours");
    assert_eq!(
        inbox.beneath("import/rejected"),
        ["Ann - Demo (2003)/01 - One.flac", "Ann - Demo (2003)/REASON.txt"]
    );
    let job = imports::put_back(&client, id, by).await.unwrap();
    inbox.ended(job).await;
    assert_eq!(inbox.last().await, "review: a person has put it back");
    assert_eq!(inbox.beneath("import"), ["review/Ann - Demo (2003)/01 - One.flac"]);
    let approval = Approval { by, ..Approval::default() };
    approved(&inbox, id, &approval).await;
    assert_eq!(inbox.filed(), ["Ann/Demo (2003)/01 - One.flac"]);
}

#[tokio::test]
async fn what_is_rejected_into_the_trash_can_still_be_brought_back() {
    let inbox = Inbox::new().await;
    let (id, by) = (unknown(&inbox).await, Some(somebody(&inbox).await));
    let client = inbox.app.db.get().await.unwrap();
    let job = imports::reject(&client, id, by, None, true).await.unwrap();
    inbox.ended(job).await;
    assert_eq!(inbox.beneath(".trash"), ["imports/Ann - Demo (2003)/01 - One.flac"]);
    let entry: String = inbox.town.value("select concat_ws('|', kind, artist, title, path) from trash").await;
    assert_eq!(entry, "deleted|Ann|Demo|.trash/imports/Ann - Demo (2003)");
    inbox.ended(imports::put_back(&client, id, by).await.unwrap()).await;
    assert_eq!(inbox.beneath("import/review").len(), 1);
    assert_eq!(inbox.count("trash").await, 0);
}

#[tokio::test]
async fn approving_what_has_a_rival_asks_again_until_the_person_says_how() {
    let inbox = Inbox::new().await;
    let (id, by) = (rival(&inbox).await, Some(somebody(&inbox).await));
    approved(&inbox, id, &Approval { by, ..Approval::default() }).await;
    assert!(inbox.last().await.starts_with("review: "), "{}", inbox.last().await);
    assert_eq!(inbox.beneath("import/review"), ["new/1.mp3"], "it stays where it was");
    let beside = Approval { when_there: WhenThere::Beside, by, ..Approval::default() };
    approved(&inbox, id, &beside).await;
    assert_eq!(inbox.last().await, "done: ");
    assert_eq!(inbox.filed(), ["Ann/Album (1999)/01 - One.flac", "Ann/Album (2) (1999)/01 - One.mp3"]);
    assert_eq!(inbox.count("album").await, 2);
}
