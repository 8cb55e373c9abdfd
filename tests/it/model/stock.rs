//! The records that can be bought: each album in three qualities, made once and copied from then on.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::harness::Folder;
use crate::harness::audio::{Format, Song};
use crate::imports::essences;

/// How good a copy is; the order is the domain's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Lossy,
    Cd,
    HiRes,
}

impl Grade {
    pub const ALL: [Self; 3] = [Self::Lossy, Self::Cd, Self::HiRes];

    fn format(self) -> Format {
        match self {
            Self::Lossy => Format::Mp3,
            Self::Cd => Format::Flac16,
            Self::HiRes => Format::Flac24,
        }
    }
}

/// Albums: artist, title, year, and whether its files carry MusicBrainz ids.
pub const ALBUMS: &[(&str, &str, u32, bool)] = &[
    ("Weezer", "Weezer (Blue Album)", 1994, true),
    ("Weezer", "Weezer (Green Album)", 2001, true),
    ("Ed Sheeran", "÷", 2017, true),
    ("Ed Sheeran", "×", 2014, true),
    ("Кино", "Группа крови", 1988, true),
    ("椎名林檎", "無罪モラトリアム", 1999, true),
    ("Sigur Rós", "( )", 2002, false),
];
pub const TRACKS: u32 = 2;

/// One file that can be bought.
pub struct Copy {
    pub album: usize,
    pub track: u32,
    pub grade: Grade,
    pub path: PathBuf,
    pub essence: String,
}

/// All of them.
pub struct Stock {
    /// Kept as long as the stock.
    folder: Folder,
    pub copies: Vec<Copy>,
}

/// Made with the first use, for all lives.
pub fn stock() -> &'static Stock {
    static STOCK: OnceLock<Stock> = OnceLock::new();
    STOCK.get_or_init(Stock::make)
}

impl Stock {
    fn make() -> Self {
        let folder = Folder::new("barbossa-test-stock-", &std::env::temp_dir());
        let mut copies = Vec::new();
        for (album, (artist, title, year, has_ids)) in ALBUMS.iter().enumerate() {
            for track in 1..=TRACKS {
                for (nth, grade) in Grade::ALL.into_iter().enumerate() {
                    let number = u32::try_from(album).unwrap() * 10 + track;
                    let mut song = Song::new(&format!("Song {track} of {title}"))
                        .artist(artist)
                        .album_artist(artist)
                        .album(title)
                        .year(*year)
                        .track(track, TRACKS)
                        .format(grade.format())
                        .tone(300 + number * 13 + u32::try_from(nth).unwrap())
                        .named(&format!("{track:02} - Song {track} of {title}"));
                    song.milliseconds = 150;
                    if *has_ids {
                        let is_id3 = grade == Grade::Lossy;
                        let key = |vorbis: &'static str, id3: &'static str| if is_id3 { id3 } else { vorbis };
                        let id = |kind: u32, n: u32| format!("0000{kind:04x}-0000-4000-8000-{n:012x}");
                        song = song
                            .tag(key("MUSICBRAINZ_ALBUMID", "MusicBrainz Album Id"), &id(1, album as u32))
                            .tag(key("MUSICBRAINZ_TRACKID", "MusicBrainz Recording Id"), &id(2, number));
                    }
                    let path = song.write(&folder.path().join(format!("{album} {grade:?}")));
                    let essence = essence_of(&path);
                    copies.push(Copy { album, track, grade, path, essence });
                }
            }
        }
        Self { folder, copies }
    }

    /// The files of one album in one quality.
    pub fn album(&self, album: usize, grade: Grade) -> Vec<&Copy> {
        self.copies.iter().filter(|c| c.album == album && c.grade == grade).collect()
    }

    /// Which copy has this essence.
    pub fn by_essence(&self, essence: &str) -> Option<&Copy> {
        self.copies.iter().find(|c| c.essence == essence)
    }
}

pub fn essence_of(path: &Path) -> String {
    barbossa::audio::checksum_and_essence(path).unwrap().essence
}

#[test]
fn no_two_copies_of_the_stock_sound_alike() {
    let folder = stock().folder.path();
    let essences = essences(folder);
    assert_eq!(essences.len(), stock().copies.len());
}
