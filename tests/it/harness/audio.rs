//! Real sound files, made by ffmpeg: each with its own tone, so that each has its own essence.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file format, as a person would name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Flac16,
    Flac24,
    Mp3,
    Vorbis,
    Opus,
    Aac,
    Alac,
    Wav,
}

impl Format {
    pub const ALL: [Self; 8] =
        [Self::Flac16, Self::Flac24, Self::Mp3, Self::Vorbis, Self::Opus, Self::Aac, Self::Alac, Self::Wav];

    pub fn extension(self) -> &'static str {
        match self {
            Self::Flac16 | Self::Flac24 => "flac",
            Self::Mp3 => "mp3",
            Self::Vorbis => "ogg",
            Self::Opus => "opus",
            Self::Aac | Self::Alac => "m4a",
            Self::Wav => "wav",
        }
    }

    /// What ffmpeg is told to make it.
    pub fn codec(self) -> &'static [&'static str] {
        match self {
            Self::Flac16 => &["-c:a", "flac", "-sample_fmt", "s16", "-ar", "44100"],
            Self::Flac24 => {
                &["-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-ar", "96000"]
            }
            Self::Mp3 => &["-c:a", "libmp3lame", "-b:a", "192k", "-ar", "44100"],
            Self::Vorbis => &["-c:a", "libvorbis", "-q:a", "4", "-ar", "44100"],
            Self::Opus => &["-c:a", "libopus", "-b:a", "96k", "-ar", "48000"],
            Self::Aac => &["-c:a", "aac", "-b:a", "128k", "-ar", "44100"],
            Self::Alac => &["-c:a", "alac", "-ar", "44100"],
            Self::Wav => &["-c:a", "pcm_s16le", "-ar", "44100"],
        }
    }
}

/// A song to be written: `Song::new("Title").artist("…").album("…").track(1, 9).write(folder)`.
#[derive(Debug, Clone)]
pub struct Song {
    pub format: Format,
    pub tone_hz: u32,
    pub milliseconds: u32,
    tags: Vec<(String, String)>,
    file_name: Option<String>,
}

impl Song {
    pub fn new(title: &str) -> Self {
        let tone_hz =
            200 + title.bytes().fold(7_u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into())) % 4000;
        Self { format: Format::Flac16, tone_hz, milliseconds: 400, tags: Vec::new(), file_name: None }
            .tag("title", title)
    }

    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    pub fn tone(mut self, tone_hz: u32) -> Self {
        self.tone_hz = tone_hz;
        self
    }

    pub fn artist(self, name: &str) -> Self {
        self.tag("artist", name)
    }

    pub fn album_artist(self, name: &str) -> Self {
        self.tag("album_artist", name)
    }

    pub fn album(self, title: &str) -> Self {
        self.tag("album", title)
    }

    pub fn year(self, year: u32) -> Self {
        self.tag("date", &year.to_string())
    }

    pub fn track(self, number: u32, total: u32) -> Self {
        self.tag("track", &format!("{number}/{total}"))
    }

    /// Any tag, by ffmpeg's name for it.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.retain(|(k, _)| k != key);
        self.tags.push((key.into(), value.into()));
        self
    }

    /// Without this tag.
    pub fn without(mut self, key: &str) -> Self {
        self.tags.retain(|(k, _)| k != key);
        self
    }

    /// The file's name without its ending; by default the title.
    pub fn named(mut self, name: &str) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Makes the file in a folder (which is made too); its path.
    pub fn write(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let title = self.tags.iter().find(|(k, _)| k == "title").map(|(_, v)| v.replace('/', "_"));
        let name = self.file_name.clone().or(title).unwrap_or_else(|| format!("{} Hz", self.tone_hz));
        let path = folder.join(format!("{name}.{}", self.format.extension()));
        let seconds = f64::from(self.milliseconds) / 1000.0;
        let tone = format!("sine=frequency={}:duration={seconds}", self.tone_hz);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args([
            "-nostdin",
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &tone,
            "-ac",
            "2",
            "-map_metadata",
            "-1",
        ]);
        ffmpeg.args(self.format.codec());
        for (key, value) in &self.tags {
            ffmpeg.arg("-metadata").arg(format!("{key}={value}"));
        }
        // Ogg carries tags with the stream, not with the container.
        if matches!(self.format, Format::Vorbis | Format::Opus) {
            for (key, value) in &self.tags {
                ffmpeg.arg("-metadata:s:a:0").arg(format!("{key}={value}"));
            }
        }
        let made =
            ffmpeg.arg(&path).stdin(Stdio::null()).status().expect("ffmpeg is installed: `./dev setup`");
        assert!(made.success(), "ffmpeg could not make {}", path.display());
        path
    }
}

/// An album of `count` songs, each with all tags, in one folder: `01 - Song 1.flac`, …
pub fn album(folder: &Path, artist: &str, title: &str, year: u32, count: u32) -> Vec<PathBuf> {
    (1..=count)
        .map(|n| {
            Song::new(&format!("Song {n} of {title}"))
                .artist(artist)
                .album_artist(artist)
                .album(title)
                .year(year)
                .track(n, count)
                .named(&format!("{n:02} - Song {n}"))
                .write(folder)
        })
        .collect()
}

/// A small JPEG.
pub fn cover(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "color=c=teal:s=64x64",
            "-frames:v",
            "1",
        ])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}
