//! What an import hands to the library: one album with its tracks, already filed on the disk.

use jiff::Timestamp;
use uuid::Uuid;

/// An album that stands on the disk and is not in the rows yet, or only in part.
#[derive(Debug, Clone, Default)]
pub struct NewAlbum {
    /// The album artist, as written.
    pub artist: String,
    /// How the artist sorts, when the tags say so.
    pub artist_sort: Option<String>,
    /// MusicBrainz artist id.
    pub artist_musicbrainz_id: Option<Uuid>,
    /// The title, as written.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// The folder, relative to MUSIC_PATH: `artists/Artist/Album (Year)`.
    pub path: String,
    /// The cover file, relative to MUSIC_PATH.
    pub artwork_path: Option<String>,
    /// How many tracks the release has, when the tags tell; else how many there are.
    pub total_tracks: i32,
    /// How many discs.
    pub disc_count: i32,
    /// As tagged.
    pub genre: Option<String>,
    /// As tagged.
    pub label: Option<String>,
    /// As tagged.
    pub catalog_number: Option<String>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// MusicBrainz release id.
    pub musicbrainz_id: Option<Uuid>,
    /// `album`, `single`, `ep`, `compilation`, `soundtrack`, `live`, …
    pub release_type: Option<String>,
    /// Tracks by several artists.
    pub is_compilation: bool,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Who asked for it.
    pub imported_by: Option<i64>,
    /// Its tracks.
    pub tracks: Vec<NewTrack>,
}

/// One file of a [`NewAlbum`].
#[derive(Debug, Clone)]
pub struct NewTrack {
    /// The title, as written.
    pub title: String,
    /// The track's artist, where it is not the album's.
    pub artist_name: Option<String>,
    /// Counts from 1.
    pub disc_number: i32,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: i32,
    /// Length.
    pub duration_ms: Option<i64>,
    /// The file, relative to MUSIC_PATH.
    pub path: String,
    /// Size of the file.
    pub size_bytes: i64,
    /// Its modification time.
    pub modified_at: Timestamp,
    /// `FLAC`, `MP3`, `AAC`, `ALAC`, `Vorbis`, `Opus`, `WAV`, `AIFF`, …
    pub format: String,
    /// Samples a second.
    pub sample_rate_hz: Option<i32>,
    /// Bits a sample; none for lossy formats.
    pub bit_depth: Option<i32>,
    /// kbit/s.
    pub bitrate_kbps: Option<i32>,
    /// 1, 2, 6, …
    pub channels: Option<i32>,
    /// By format or by source.
    pub is_lossy: bool,
    /// BLAKE3 of the whole file, when it was read whole.
    pub checksum: Option<[u8; 32]>,
    /// Of the audio alone: `flac-md5:<hex>` or `blake3:<hex>`.
    pub essence: Option<String>,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// As tagged.
    pub composer: Option<String>,
    /// As tagged.
    pub genre: Option<String>,
    /// MusicBrainz recording id.
    pub musicbrainz_id: Option<Uuid>,
}
