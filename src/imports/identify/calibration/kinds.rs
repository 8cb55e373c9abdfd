//! The kinds of folders that there are: well tagged ones, and all the ways in which they go wrong.

use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::*;

/// Folders of each kind; kinds that nobody could tell apart from good ones are as rare as they are in life.
const OF_EACH: usize = 120;

/// How a folder came to be; none as truth where no single release is in it.
pub(super) type Made = (Candidate, Option<Truth>);

pub(super) struct Kind {
    pub name: &'static str,
    /// A person would call it well tagged.
    pub is_clean: bool,
    pub count: usize,
    pub make: fn(&mut Dice) -> Made,
}

const fn clean(name: &'static str, make: fn(&mut Dice) -> Made) -> Kind {
    Kind { name, is_clean: true, count: OF_EACH, make }
}

const fn dirty(name: &'static str, make: fn(&mut Dice) -> Made) -> Kind {
    Kind { name, is_clean: false, count: OF_EACH, make }
}

const fn rare(name: &'static str, make: fn(&mut Dice) -> Made) -> Kind {
    Kind { name, is_clean: false, count: 2, make }
}

fn with(dice: &mut Dice, change: impl FnOnce(&mut Candidate, &mut Truth, &mut Dice)) -> Made {
    let mut truth = truth(dice);
    let mut made = candidate(&truth, dice);
    change(&mut made, &mut truth, dice);
    (made, Some(truth))
}

fn by_many(dice: &mut Dice, change: impl FnOnce(&mut Candidate, &mut Truth, &mut Dice)) -> Made {
    let mut truth = compilation(dice);
    let mut made = candidate(&truth, dice);
    change(&mut made, &mut truth, dice);
    (made, Some(truth))
}

pub(super) const KINDS: &[Kind] = &[
    clean("full tags", |d| with(d, |_, _, _| {})),
    clean("full tags, bought: barcode and ISRCs", |d| {
        with(d, |c, _, d| {
            each(c, |n, t| {
                t.isrc = Some(format!("DEA12{:07}", n as u64 + d.roll() % 9_000_000));
                t.barcode = Some("4006381333931".into());
            });
        })
    }),
    clean("full tags, by Picard", |d| {
        with(d, |c, _, d| {
            let release = uuid(d);
            each(c, |_, t| (t.release_id, t.recording_id) = (Some(release), Some(uuid(d))));
        })
    }),
    clean("no album artist", |d| with(d, |c, _, _| each(c, |_, t| t.album_artist = None))),
    clean("no totals, no year", |d| {
        with(d, |c, _, _| each(c, |_, t| (t.track_total, t.year) = (None, None)))
    }),
    clean("guests on some tracks", |d| {
        with(d, |c, _, d| {
            each(c, |n, t| {
                if n % 3 == 1 {
                    t.artist = t.artist.as_ref().map(|a| format!("{a} feat. {}", d.pick(FAMILY)));
                }
                t.album_artist = None;
            });
        })
    }),
    clean("compilation, album artist told", |d| by_many(d, |_, _, _| {})),
    clean("compilation, flag only", |d| {
        by_many(d, |c, _, _| each(c, |_, t| (t.album_artist, t.is_compilation) = (None, true)))
    }),
    clean("two discs, tagged", |d| {
        let mut truth = truth(d);
        two_discs(&mut truth, d);
        (candidate(&truth, d), Some(truth))
    }),
    clean("two discs, by folders", |d| {
        let mut truth = truth(d);
        two_discs(&mut truth, d);
        let mut c = candidate(&truth, d);
        for (track, song) in c.tracks.iter_mut().zip(&truth.songs) {
            track.sound.tags.disc_number = None;
            track.file.relative = format!("CD{}/{}", song.disc, track.file.relative.display()).into();
        }
        (c, Some(truth))
    }),
    clean("two discs, in the album's title", |d| {
        let mut truth = truth(d);
        two_discs(&mut truth, d);
        let mut c = candidate(&truth, d);
        let style = d.below(3);
        for (track, song) in c.tracks.iter_mut().zip(&truth.songs) {
            let title = match style {
                0 => format!("{} (Disc {})", truth.title, song.disc),
                1 => format!("{} [CD{}]", truth.title, song.disc),
                _ => format!("{} CD {}", truth.title, song.disc),
            };
            (track.sound.tags.disc_number, track.sound.tags.album) = (None, Some(title));
        }
        (c, Some(truth))
    }),
    clean("an edition", |d| {
        let mut truth = truth(d);
        truth.title =
            format!("{} {}", truth.title, d.pick(&["(Deluxe Edition)", "(Remastered)", "[Explicit]"]));
        (candidate(&truth, d), Some(truth))
    }),
    clean("some files decomposed (NFD), some in capitals", |d| {
        with(d, |c, _, _| {
            each(c, |n, t| {
                if n % 2 == 1 {
                    t.album = t.album.as_ref().map(|a| a.nfd().collect());
                    t.album_artist = t.album_artist.as_ref().map(|a| a.to_uppercase());
                }
            });
        })
    }),
    clean("soundtrack without album artist", |d| {
        let mut truth = compilation(d);
        (truth.artist, truth.title) = ("Soundtrack".into(), format!("{} (Original Soundtrack)", words(d, 2)));
        let mut c = candidate(&truth, d);
        c.name = on_disk(&truth.title);
        each(&mut c, |_, t| t.album_artist = None);
        (c, Some(truth))
    }),
    clean("a hidden track before the first", |d| {
        let mut truth = truth(d);
        for song in &mut truth.songs {
            song.number -= 1;
        }
        (candidate(&truth, d), Some(truth))
    }),
    clean("some tracks not here yet", |d| {
        let mut truth = truth(d);
        let mut c = candidate(&truth, d);
        let keep = truth.songs.len().div_ceil(2);
        c.tracks.truncate(keep);
        truth.songs.truncate(keep);
        (c, Some(truth))
    }),
    dirty("no tags; named well", |d| {
        with(d, |c, t, d| {
            c.name = format!("{} - {} ({})", on_disk(&t.artist), on_disk(&t.title), t.year);
            let style = d.below(3);
            rename(c, t, style, d);
            each(c, |_, t| *t = Tags::default());
        })
    }),
    dirty("no tags; named badly", |d| {
        with(d, |c, t, d| {
            c.name = junk(d);
            rename(c, t, 5, d);
            each(c, |_, t| *t = Tags::default());
        })
    }),
    dirty("no album tag", |d| with(d, |c, _, _| each(c, |_, t| t.album = None))),
    dirty("no tags on some files", |d| {
        with(d, |c, _, _| {
            each(c, |n, t| {
                if n % 3 == 2 {
                    *t = Tags::default();
                }
            });
        })
    }),
    dirty("a slip in the album of one file", |d| {
        with(d, |c, _, d| {
            let last = c.tracks.len() - 1;
            if last > 1 {
                let tags = &mut c.tracks[last].sound.tags;
                tags.album = tags.album.as_ref().map(|a| slip(a, d));
            }
        })
    }),
    dirty("a slip in the artist of all files, folder right", |d| {
        with(d, |c, t, d| {
            c.name = format!("{} - {} ({})", on_disk(&t.artist), on_disk(&t.title), t.year);
            let slipped = slip(&t.artist, d);
            each(c, |_, t| (t.artist, t.album_artist) = (Some(slipped.clone()), Some(slipped.clone())));
        })
    }),
    dirty("artist and title of the tracks swapped", |d| {
        with(d, |c, _, _| {
            each(c, |_, t| {
                std::mem::swap(&mut t.artist, &mut t.title);
                t.album_artist = None;
            });
        })
    }),
    dirty("artist and album swapped, folder right", |d| {
        with(d, |c, t, _| {
            c.name = format!("{} - {}", on_disk(&t.artist), on_disk(&t.title));
            each(c, |_, t| {
                std::mem::swap(&mut t.album_artist, &mut t.album);
                t.artist.clone_from(&t.album_artist);
            });
        })
    }),
    dirty("two albums of one artist in one folder", |d| {
        let (one, mut two) = (truth(d), truth(d));
        two.artist.clone_from(&one.artist);
        two.songs.iter_mut().for_each(|s| s.artist.clone_from(&one.artist));
        let (mut c, other) = (candidate(&one, d), candidate(&two, d));
        c.tracks.extend(other.tracks);
        (c, None)
    }),
    dirty("a song of another album among the others", |d| {
        let (one, two) = (truth(d), truth(d));
        let (mut c, mut other) = (candidate(&one, d), candidate(&two, d));
        c.tracks.extend(other.tracks.pop());
        (c, None)
    }),
    dirty("songs of many albums in one folder", |d| {
        let mut c = candidate(&truth(d), d);
        for _ in 0..8 {
            let other = truth(d);
            c.tracks.extend(candidate(&other, d).tracks.pop());
        }
        (c, None)
    }),
    dirty("numbers doubled", |d| {
        with(d, |c, _, _| each(c, |n, t| t.track_number = Some(if n > 0 { n as u32 } else { 1 })))
    }),
    dirty("no numbers, files sorted by title", |d| {
        with(d, |c, t, _| {
            each(c, |_, t| (t.track_number, t.track_total) = (None, None));
            for (track, song) in c.tracks.iter_mut().zip(&t.songs) {
                track.file.relative = format!("{}.flac", on_disk(&song.title)).into();
            }
            let mut pairs: Vec<(TrackFile, Song)> = c.tracks.drain(..).zip(t.songs.drain(..)).collect();
            pairs.sort_by(|a, b| a.0.file.relative.cmp(&b.0.file.relative));
            (c.tracks, t.songs) = pairs.into_iter().unzip();
        })
    }),
    dirty("numbers shuffled, files' names right", |d| {
        with(d, |c, t, d| {
            rename(c, t, 0, d);
            let count = c.tracks.len() as u32;
            each(c, |n, t| t.track_number = Some((n as u32 + 2) % count + 1));
            if count == 1 {
                t.songs[0].number = 1;
            }
        })
    }),
    dirty("tags of another album, names right", |d| {
        with(d, |c, t, d| {
            c.name = format!("{} - {} ({})", on_disk(&t.artist), on_disk(&t.title), t.year);
            rename(c, t, 0, d);
            wrong_match(c, d);
        })
    }),
    dirty("tags of another album, folder right, files named by nothing", |d| {
        with(d, |c, t, d| {
            c.name = format!("{} - {} ({})", on_disk(&t.artist), on_disk(&t.title), t.year);
            rename(c, t, 5, d);
            wrong_match(c, d);
        })
    }),
    dirty("tags of another album, files' names right, folder named by nothing", |d| {
        with(d, |c, t, d| {
            c.name = junk(d);
            rename(c, t, 2, d);
            wrong_match(c, d);
        })
    }),
    dirty("tags right, folder of another's", |d| {
        with(d, |c, t, d| {
            c.name = match d.below(5) {
                0 => format!(
                    "{} - {}",
                    on_disk(&t.artist),
                    d.pick(&["Discography 1990-2004", "all of it", "Studio"])
                ),
                1 => format!("{} - old disk", d.pick(FAMILY)),
                2 => format!("{} - {}", d.pick(FAMILY), d.pick(&["favourites", "for the car", "wedding"])),
                // Written in another alphabet.
                _ => format!("{} - {}", words(d, 2), words(d, 2)),
            };
        })
    }),
    dirty("tags right, files named by something else", |d| {
        with(d, |c, t, d| {
            rename(c, t, 4, d);
            for (n, track) in c.tracks.iter_mut().enumerate() {
                track.file.relative = format!("{:02} {}.flac", n + 1, words(d, 2)).into();
            }
        })
    }),
    rare("tags of another album, names of nothing (nobody could know)", |d| {
        with(d, |c, t, d| {
            c.name = junk(d);
            rename(c, t, 5, d);
            wrong_match(c, d);
        })
    }),
    dirty("rip without a database", |d| {
        with(d, |c, t, d| {
            c.name = "Unknown Album (11.22.2003 10_11_12 PM)".into();
            rename(c, t, 4, d);
            each(c, |n, t| {
                let number = t.track_number;
                *t = Tags {
                    title: Some(format!("Track {}", n + 1)),
                    artist: Some("Unknown Artist".into()),
                    album: Some("Unknown Album (11/22/2003 10:11:12 PM)".into()),
                    track_number: number,
                    ..Tags::default()
                };
            });
        })
    }),
    dirty("titles say nothing", |d| {
        with(d, |c, t, d| {
            rename(c, t, 4, d);
            each(c, |n, t| t.title = Some(format!("Track {:02}", n + 1)));
        })
    }),
    dirty("compilation that nothing marks", |d| by_many(d, |c, _, _| each(c, |_, t| t.album_artist = None))),
    dirty("an artist with others, no album artist", |d| {
        with(d, |c, _, d| {
            each(c, |n, t| {
                t.album_artist = None;
                if n % 2 == 1 {
                    t.artist = t.artist.as_ref().map(|a| format!("{a} & {}", d.pick(FAMILY)));
                }
            });
        })
    }),
    dirty("two artists halve an album, no album artist", |d| {
        let (mut c, _) = with(d, |_, _, _| {});
        each(&mut c, |n, t| {
            t.album_artist = None;
            t.artist = Some(if n % 2 == 0 { "Ann Amber".into() } else { "Bob River".into() });
        });
        if c.tracks.len() == 1 {
            c.tracks.clear();
        }
        (c, None)
    }),
    dirty("cut at thirty letters (ID3v1), folder whole", |d| {
        let mut truth = truth(d);
        truth.title = format!("The {} and the {} of the {}", d.pick(LATIN), d.pick(LATIN), d.pick(LATIN));
        let mut c = candidate(&truth, d);
        c.name = format!("{} - {} ({})", on_disk(&truth.artist), truth.title, truth.year);
        each(&mut c, |_, t| {
            t.album = t.album.as_ref().map(|a| a.chars().take(30).collect::<String>().trim_end().to_owned());
            t.album_artist = None;
        });
        (c, Some(truth))
    }),
];

/// What a database of discs answers for the wrong one: as many tracks, and all else another album's.
fn wrong_match(c: &mut Candidate, dice: &mut Dice) {
    let mut other = truth(dice);
    while other.songs.len() < c.tracks.len() {
        let n = 1 + dice.below(4);
        let (number, title) = (other.songs.len() as u32 + 1, words(dice, n));
        other.songs.push(Song { disc: 1, number, title, artist: other.artist.clone() });
    }
    other.songs.truncate(c.tracks.len());
    for (track, song) in c.tracks.iter_mut().zip(&other.songs) {
        track.sound.tags = tags_of(&other, song);
    }
}

fn uuid(dice: &mut Dice) -> Uuid {
    Uuid::from_u64_pair(dice.roll(), dice.roll())
}
