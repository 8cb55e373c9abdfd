//! How each format calls a tag: Vorbis comments (xiph.org), ID3v2.4 frames, iTunes atoms, APEv2 items, RIFF INFO, AIFF
//! text, ID3v1. The names are those that MusicBrainz Picard writes ("Appendix B: Tag Mapping").

use std::fs::File;

use lofty::TextEncoding;
use lofty::ape::{ApeFile, ApeItem, ApeTag};
use lofty::config::WriteOptions;
use lofty::file::AudioFile;
use lofty::flac::FlacFile;
use lofty::id3::v1::{GENRES, Id3v1Tag};
use lofty::id3::v2::{Frame, FrameId, Id3v2Tag, TextInformationFrame};
use lofty::iff::aiff::{AiffFile, AiffTextChunks};
use lofty::iff::wav::{RiffInfoList, WavFile};
use lofty::mp4::{Atom, AtomData, AtomIdent, Ilst, Mp4File};
use lofty::mpeg::MpegFile;
use lofty::ogg::tag::VorbisComments;
use lofty::ogg::{OpusFile, VorbisFile};
use lofty::tag::items::Timestamp;
use lofty::tag::{Accessor, ItemValue};
use lofty::wavpack::WavPackFile;

use super::{Changes, Field, Unwritable, like, read};

type Done = Result<(), Unwritable>;

fn save(file: &mut File, tagged: &impl AudioFile, options: WriteOptions) -> Done {
    tagged.save_to(file, options).map_err(|e| Unwritable::Refused(e.to_string()))
}

pub fn flac(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: FlacFile = read(file)?;
    match tagged.vorbis_comments_mut() {
        Some(tag) => comments(tag, changes),
        None => {
            let mut tag = VorbisComments::new();
            comments(&mut tag, changes);
            tagged.set_vorbis_comments(tag);
        }
    }
    // Read by nobody and writable by no library: a foreign ID3v2 tag before a FLAC stream goes with its first edit.
    tagged.remove_id3v2();
    save(file, &tagged, WriteOptions::new())
}

pub fn vorbis(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: VorbisFile = read(file)?;
    comments(tagged.vorbis_comments_mut(), changes);
    save(file, &tagged, WriteOptions::new())
}

pub fn opus(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: OpusFile = read(file)?;
    comments(tagged.vorbis_comments_mut(), changes);
    save(file, &tagged, WriteOptions::new())
}

pub fn mpeg(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: MpegFile = read(file)?;
    if let Some(tag) = tagged.id3v1_mut() {
        id3v1(tag, changes);
    }
    if let Some(tag) = tagged.ape_mut() {
        ape_items(tag, changes);
    }
    let mut tag = tagged.remove_id3v2().unwrap_or_default();
    frames(&mut tag, changes);
    let options = like(Some(&tag));
    tagged.set_id3v2(tag);
    save(file, &tagged, options)
}

pub fn aac(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: lofty::aac::AacFile = read(file)?;
    if let Some(tag) = tagged.id3v1_mut() {
        id3v1(tag, changes);
    }
    let mut tag = tagged.remove_id3v2().unwrap_or_default();
    frames(&mut tag, changes);
    let options = like(Some(&tag));
    tagged.set_id3v2(tag);
    save(file, &tagged, options)
}

pub fn wav(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: WavFile = read(file)?;
    if let Some(tag) = tagged.riff_info_mut() {
        riff(tag, changes);
    }
    let mut tag = tagged.remove_id3v2().unwrap_or_default();
    frames(&mut tag, changes);
    let options = like(Some(&tag));
    tagged.set_id3v2(tag);
    save(file, &tagged, options)
}

pub fn aiff(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: AiffFile = read(file)?;
    if let Some(tag) = tagged.text_chunks_mut() {
        aiff_text(tag, changes);
    }
    let mut tag = tagged.remove_id3v2().unwrap_or_default();
    frames(&mut tag, changes);
    let options = like(Some(&tag));
    tagged.set_id3v2(tag);
    save(file, &tagged, options)
}

pub fn mp4(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: Mp4File = read(file)?;
    let mut tag = tagged.remove_ilst().unwrap_or_default();
    atoms(&mut tag, changes);
    tagged.set_ilst(tag);
    save(file, &tagged, WriteOptions::new())
}

pub fn wavpack(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: WavPackFile = read(file)?;
    if let Some(tag) = tagged.id3v1_mut() {
        id3v1(tag, changes);
    }
    let mut tag = tagged.remove_ape().unwrap_or_default();
    ape_items(&mut tag, changes);
    tagged.set_ape(tag);
    save(file, &tagged, WriteOptions::new())
}

pub fn ape(file: &mut File, changes: &Changes) -> Done {
    let mut tagged: ApeFile = read(file)?;
    if let Some(tag) = tagged.id3v1_mut() {
        id3v1(tag, changes);
    }
    let mut tag = tagged.remove_ape().unwrap_or_default();
    ape_items(&mut tag, changes);
    tagged.set_ape(tag);
    save(file, &tagged, WriteOptions::new())
}

/// `3/12` stays of twelve: the total is not ours to forget.
fn keeping_total(old: Option<&str>, number: &str) -> String {
    match old.and_then(|old| old.split_once('/')) {
        Some((_, total)) => format!("{number}/{total}"),
        None => number.to_owned(),
    }
}

// -- Vorbis comments

/// The names that are read for a field; the first is written when none is there.
fn comment_names(field: Field) -> &'static [&'static str] {
    match field {
        Field::Title => &["TITLE"],
        Field::Artist => &["ARTIST"],
        Field::Album => &["ALBUM"],
        Field::AlbumArtist => &["ALBUMARTIST", "ALBUM ARTIST"],
        Field::AlbumArtistSort => &["ALBUMARTISTSORT"],
        Field::TrackNumber => &["TRACKNUMBER"],
        Field::DiscNumber => &["DISCNUMBER"],
        Field::Year => &["DATE", "YEAR", "RELEASEDATE"],
        Field::Genre => &["GENRE"],
        Field::Label => &["LABEL", "ORGANIZATION", "PUBLISHER"],
        Field::CatalogNumber => &["CATALOGNUMBER"],
        Field::Barcode => &["BARCODE"],
        Field::Composer => &["COMPOSER"],
        Field::Isrc => &["ISRC"],
        Field::ReleaseType => &["RELEASETYPE"],
    }
}

fn comments(tag: &mut VorbisComments, changes: &Changes) {
    for (field, value) in changes {
        let names = comment_names(*field);
        let there: Vec<&str> = names.iter().copied().filter(|n| tag.get(n).is_some()).collect();
        let Some(value) = value else {
            for name in there {
                drop(tag.remove(name));
            }
            continue;
        };
        for name in if there.is_empty() { &names[..1] } else { &there } {
            let is_number = matches!(field, Field::TrackNumber | Field::DiscNumber);
            let value = if is_number { keeping_total(tag.get(name), value) } else { value.clone() };
            tag.insert((*name).to_owned(), value);
        }
    }
}

// -- ID3v2

/// A frame of its own, or a text with a description (`TXXX`).
enum Id3 {
    Text(&'static str),
    User(&'static str),
}

fn frame_of(field: Field) -> Id3 {
    match field {
        Field::Title => Id3::Text("TIT2"),
        Field::Artist => Id3::Text("TPE1"),
        Field::Album => Id3::Text("TALB"),
        Field::AlbumArtist => Id3::Text("TPE2"),
        Field::AlbumArtistSort => Id3::Text("TSO2"),
        Field::TrackNumber => Id3::Text("TRCK"),
        Field::DiscNumber => Id3::Text("TPOS"),
        Field::Year => Id3::Text("TDRC"),
        Field::Genre => Id3::Text("TCON"),
        Field::Label => Id3::Text("TPUB"),
        Field::CatalogNumber => Id3::User("CATALOGNUMBER"),
        Field::Barcode => Id3::User("BARCODE"),
        Field::Composer => Id3::Text("TCOM"),
        Field::Isrc => Id3::Text("TSRC"),
        Field::ReleaseType => Id3::User("MusicBrainz Album Type"),
    }
}

fn frames(tag: &mut Id3v2Tag, changes: &Changes) {
    for (field, value) in changes {
        match (frame_of(*field), value) {
            (Id3::User(name), Some(value)) => drop(tag.insert_user_text(name.into(), value.clone())),
            (Id3::User(name), None) => drop(tag.remove_user_text(name)),
            (Id3::Text(id), value) => {
                let Ok(id) = FrameId::new(id) else { continue };
                if *field == Field::Year {
                    year(tag, value.as_deref());
                    continue;
                }
                let Some(value) = value else {
                    drop(tag.remove(&id));
                    continue;
                };
                let is_number = matches!(field, Field::TrackNumber | Field::DiscNumber);
                let value = if is_number { keeping_total(tag.get_text(&id), value) } else { value.clone() };
                tag.insert(Frame::Text(TextInformationFrame::new(id, TextEncoding::UTF8, value)));
            }
        }
    }
}

fn year(tag: &mut Id3v2Tag, value: Option<&str>) {
    // What 2.3 calls the year, and the day of release, would be read when the recording time is not there.
    for id in ["TYER", "TDAT", "TDRL"] {
        if let Ok(id) = FrameId::new(id) {
            drop(tag.remove(&id));
        }
    }
    match value.and_then(|v| v.parse().ok()) {
        Some(year) => tag.set_date(Timestamp { year, ..Timestamp::default() }),
        None => tag.remove_date(),
    }
}

// -- iTunes atoms

fn atom_of(field: Field) -> AtomIdent<'static> {
    let itunes =
        |name: &'static str| AtomIdent::Freeform { mean: "com.apple.iTunes".into(), name: name.into() };
    match field {
        Field::Title => AtomIdent::Fourcc(*b"\xa9nam"),
        Field::Artist => AtomIdent::Fourcc(*b"\xa9ART"),
        Field::Album => AtomIdent::Fourcc(*b"\xa9alb"),
        Field::AlbumArtist => AtomIdent::Fourcc(*b"aART"),
        Field::AlbumArtistSort => AtomIdent::Fourcc(*b"soaa"),
        Field::TrackNumber => AtomIdent::Fourcc(*b"trkn"),
        Field::DiscNumber => AtomIdent::Fourcc(*b"disk"),
        Field::Year => AtomIdent::Fourcc(*b"\xa9day"),
        Field::Genre => AtomIdent::Fourcc(*b"\xa9gen"),
        Field::Composer => AtomIdent::Fourcc(*b"\xa9wrt"),
        Field::Label => itunes("LABEL"),
        Field::CatalogNumber => itunes("CATALOGNUMBER"),
        Field::Barcode => itunes("BARCODE"),
        Field::Isrc => itunes("ISRC"),
        Field::ReleaseType => itunes("MusicBrainz Album Type"),
    }
}

fn atoms(tag: &mut Ilst, changes: &Changes) {
    for (field, value) in changes {
        let number = || value.as_deref().and_then(|v| v.parse::<u16>().ok()).map(u32::from);
        match (field, value) {
            (Field::TrackNumber, Some(_)) => tag.set_track(number().unwrap_or_default()),
            (Field::DiscNumber, Some(_)) => tag.set_disk(number().unwrap_or_default()),
            (_, Some(value)) => tag.replace_atom(Atom::new(atom_of(*field), AtomData::UTF8(value.clone()))),
            (_, None) => drop(tag.remove(&atom_of(*field))),
        }
    }
}

// -- APEv2

fn ape_name(field: Field) -> &'static str {
    match field {
        Field::Title => "Title",
        Field::Artist => "Artist",
        Field::Album => "Album",
        Field::AlbumArtist => "Album Artist",
        Field::AlbumArtistSort => "ALBUMARTISTSORT",
        Field::TrackNumber => "Track",
        Field::DiscNumber => "Disc",
        Field::Year => "Year",
        Field::Genre => "Genre",
        Field::Label => "Label",
        Field::CatalogNumber => "CatalogNumber",
        Field::Barcode => "Barcode",
        Field::Composer => "Composer",
        Field::Isrc => "ISRC",
        Field::ReleaseType => "MUSICBRAINZ_ALBUMTYPE",
    }
}

fn ape_items(tag: &mut ApeTag, changes: &Changes) {
    for (field, value) in changes {
        let name = ape_name(*field);
        let Some(value) = value else {
            tag.remove(name);
            continue;
        };
        let old = tag.get(name).and_then(|item| match item.value() {
            ItemValue::Text(text) => Some(text.clone()),
            _ => None,
        });
        let is_number = matches!(field, Field::TrackNumber | Field::DiscNumber);
        let value = if is_number { keeping_total(old.as_deref(), value) } else { value.clone() };
        if let Ok(item) = ApeItem::new(name.into(), ItemValue::Text(value)) {
            tag.insert(item);
        }
    }
}

// -- the small ones: they say a part of what an ID3v2 tag beside them says in full

fn riff(tag: &mut RiffInfoList, changes: &Changes) {
    for (field, value) in changes {
        let names: &[&str] = match field {
            Field::Title => &["INAM"],
            Field::Artist => &["IART"],
            Field::Album => &["IPRD"],
            Field::TrackNumber => &["IPRT", "ITRK"],
            Field::Year => &["ICRD"],
            Field::Genre => &["IGNR"],
            Field::Composer => &["IMUS"],
            _ => continue,
        };
        for name in names {
            match value {
                Some(value) if tag.get(name).is_some() => {
                    let value = keeping_total(tag.get(name), value);
                    tag.insert((*name).to_owned(), value);
                }
                Some(_) => {}
                None => drop(tag.remove(name)),
            }
        }
    }
}

fn aiff_text(tag: &mut AiffTextChunks, changes: &Changes) {
    if let (Some(value), true) = (changes.get(&Field::Title), tag.name.is_some()) {
        tag.name.clone_from(value);
    }
    if let (Some(value), true) = (changes.get(&Field::Artist), tag.author.is_some()) {
        tag.author.clone_from(value);
    }
}

fn id3v1(tag: &mut Id3v1Tag, changes: &Changes) {
    for (field, value) in changes {
        match field {
            Field::Title => tag.title.clone_from(value),
            Field::Artist => tag.artist.clone_from(value),
            Field::Album => tag.album.clone_from(value),
            Field::Year => tag.year = value.as_deref().and_then(|v| v.parse().ok()),
            Field::TrackNumber => tag.track_number = value.as_deref().and_then(|v| v.parse().ok()),
            Field::Genre => {
                let known = |name: &str| GENRES.iter().position(|g| g.eq_ignore_ascii_case(name));
                tag.genre = value.as_deref().and_then(known).and_then(|n| u8::try_from(n).ok());
            }
            _ => {}
        }
    }
}
