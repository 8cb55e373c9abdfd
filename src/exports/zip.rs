//! An export as one zip, made while it is sent: nothing lies on a disk, nothing is compressed (music does not become
//! smaller), files and archive may be larger than 4 GiB (zip64), and the memory that it takes is that of the manifest.
//!
//! The archive is written by a thread that reads the library and waits for whoever takes the bytes. When something goes
//! wrong in the middle of a file the connection is broken off, so that nobody takes half an archive for a whole one.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::choose::{self, Chosen};
use super::drive::{Hasher, Sums};
use super::encode::{self, Target};
use super::export::{Ending, Export, Progress};
use super::layout::{Item, Layout, Line, PLAYLIST, lay_out, playlist, reserve, sort_for_people};
use super::manifest::{Album, CHECKSUMS, FORMAT, FileEntry, Kind, MANIFEST, Manifest, VERSION, checksums};
use super::names::Names;
use super::settle::{entry_of, open_source, warning};
use crate::app::App;
use crate::error::{Error, Result};
use crate::files::text_to_path;

/// How much goes to the client at once.
const CHUNK_BYTES: usize = 128 * 1024;
/// How many of those may wait for a slow client.
const CHUNKS: usize = 8;
/// A file that may become larger than what 32 bits count is written with 64 of them.
const LARGE_BYTES: u64 = u32::MAX as u64 - (64 << 20);
/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Whose archives this process is sending.
#[derive(Default)]
pub struct Sending(Mutex<HashSet<i64>>);

/// One of them; it ends when this is dropped.
struct Turn(Arc<Sending>, i64);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// Starts to send an export; the archive, piece by piece.
///
/// # Errors
/// `Conflict` while another archive of the same user is being sent.
pub fn send(app: &App, export: Export) -> Result<mpsc::Receiver<io::Result<Bytes>>> {
    let sending = app.kept::<Sending>();
    let is_first = sending.0.lock().unwrap_or_else(PoisonError::into_inner).insert(export.user_id);
    if !is_first {
        let message = "Another export of this user is being downloaded: wait for it or cancel it.";
        return Err(Error::Conflict(message.into()));
    }
    let turn = Turn(sending, export.user_id);
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let (app, runtime) = (app.clone(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let is_broken = Arc::new(AtomicBool::new(false));
        let outlet = Outlet {
            sender: sender.clone(),
            buffer: Vec::with_capacity(CHUNK_BYTES),
            is_broken: Arc::clone(&is_broken),
        };
        let mut packer = Packer::new(app, runtime, export, outlet);
        let ended = packer.pack();
        if ended.is_err() {
            // An archive that is dropped puts an end to itself as if it were whole: that must reach nobody.
            is_broken.store(true, Ordering::Relaxed);
            let _ = sender.blocking_send(Err(io::Error::other("the export was broken off")));
        }
        packer.tell_end(ended);
    });
    Ok(receiver)
}

/// What is written goes to the client.
struct Outlet {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
    is_broken: Arc<AtomicBool>,
}

impl Outlet {
    fn pass_on(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        if self.is_broken.load(Ordering::Relaxed) || self.sender.blocking_send(Ok(full.into())).is_err() {
            self.is_broken.store(true, Ordering::Relaxed);
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"));
        }
        Ok(())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        if self.buffer.len() == CHUNK_BYTES {
            self.pass_on()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.pass_on() }
    }
}

struct Packer {
    app: App,
    runtime: Handle,
    export: Export,
    /// None once it was put an end to, or must not be.
    zip: Option<ZipWriter<StreamWriter<Outlet>>>,
    albums: Vec<Album>,
    texts: Vec<FileEntry>,
    problems: Vec<String>,
    progress: Progress,
    started: Instant,
    told: Instant,
}

type Packed<T> = std::result::Result<T, Error>;

impl Packer {
    fn new(app: App, runtime: Handle, export: Export, outlet: Outlet) -> Self {
        let now = Instant::now();
        Self {
            app,
            runtime,
            export,
            zip: Some(ZipWriter::new_stream(outlet)),
            albums: Vec::new(),
            texts: Vec::new(),
            problems: Vec::new(),
            progress: Progress::default(),
            started: now,
            told: now,
        }
    }

    fn pack(&mut self) -> Packed<Ending> {
        let runtime = self.runtime.clone();
        let (album_ids, following, library) = runtime.block_on(async {
            let client = self.app.db.get().await?;
            let ids = choose::albums(&client, self.export.user_id).await?;
            if self.export.is_zip() {
                self.export.begin(&client, ids.len(), None).await?;
            }
            let following = choose::following(&client, self.export.user_id).await?;
            Ok::<_, Error>((ids, following, choose::library(&client).await?))
        })?;
        let wants = self.export.wants();
        let (mut names, mut lines) = (Names::default(), Vec::<(&'static str, Vec<Line>)>::new());
        reserve(&mut names, &wants);
        for (tree, _) in wants.format.trees() {
            lines.push((tree, Vec::new()));
        }
        for album_id in album_ids {
            let chosen = runtime.block_on(async {
                choose::album(&self.app.db.get().await?, self.export.user_id, album_id).await
            })?;
            let Some(chosen) = chosen else { continue };
            self.progress.album = format!("{} – {}", chosen.album.artist, chosen.album.title);
            let layout = lay_out(self.app.music(), &chosen, &wants, &mut names);
            self.pack_album(chosen, &layout, &mut lines)?;
            self.progress.albums += 1;
        }
        if wants.playlist {
            for (tree, mut lines) in lines {
                sort_for_people(&mut lines);
                let text = playlist(tree, &lines.iter().collect::<Vec<_>>());
                self.pack_text(format!("{tree}{PLAYLIST}"), &text, Kind::Playlist)?;
            }
        }
        let manifest = Manifest {
            format: FORMAT.into(),
            version: VERSION,
            barbossa: env!("CARGO_PKG_VERSION").into(),
            created_at: self.app.clock.now(),
            library,
            user: self.export.username.clone(),
            kept_as: self.export.format.clone(),
            following,
            albums: std::mem::take(&mut self.albums),
            playlists: std::mem::take(&mut self.texts),
            left: Vec::new(),
        };
        self.close(&manifest)
    }

    fn close(&mut self, manifest: &Manifest) -> Packed<Ending> {
        let text = serde_json::to_string_pretty(manifest).map_err(anyhow::Error::from)?;
        self.pack_text(MANIFEST.into(), &text, Kind::Extra)?;
        let all = manifest.files().chain(&self.texts);
        let sums = checksums(all.map(|f| (f.path.as_str(), f.sha256.as_str())));
        self.pack_text(CHECKSUMS.into(), &sums, Kind::Extra)?;
        let Some(zip) = self.zip.take() else { return Err(gone()) };
        zip.finish().map_err(refused)?.flush()?;
        Ok(Ending {
            albums: manifest.albums.len().try_into().unwrap_or(i32::MAX),
            bytes: self.progress.bytes,
            problems: std::mem::take(&mut self.problems),
            removed: Vec::new(),
        })
    }

    fn pack_album(
        &mut self,
        mut chosen: Chosen,
        layout: &Layout,
        lines: &mut [(&'static str, Vec<Line>)],
    ) -> Packed<()> {
        let mut entries = Vec::with_capacity(layout.items.len());
        for item in &layout.items {
            entries.push(if item.kind == Kind::Mp3 {
                self.pack_mp3(item, &chosen)?
            } else {
                self.pack_file(item)?
            });
        }
        for (list, (tree, all)) in layout.playlists.iter().zip(lines) {
            let of = |n: &usize| {
                let (item, entry): (&Item, &Option<FileEntry>) = (&layout.items[*n], &entries[*n]);
                Some(Line::of(&entry.as_ref()?.path, &chosen.album.artist, &chosen.album.tracks[item.track?]))
            };
            let own: Vec<Line> = list.items.iter().filter_map(of).collect();
            let folder = list.path.rsplit_once('/').map_or(*tree, |(folder, _)| &list.path[..=folder.len()]);
            let text = playlist(folder, &own.iter().collect::<Vec<_>>());
            self.pack_text(list.path.clone(), &text, Kind::Playlist)?;
            all.extend(own);
        }
        for (item, entry) in layout.items.iter().zip(entries) {
            match (item.track, entry) {
                (_, None) => {}
                (Some(n), Some(entry)) => chosen.album.tracks[n].files.push(entry),
                (None, Some(entry)) => chosen.album.files.push(entry),
            }
        }
        chosen.album.tracks.retain(|track| !track.files.is_empty());
        if !chosen.album.tracks.is_empty() {
            self.albums.push(chosen.album);
        }
        Ok(())
    }

    /// A file of the library as it is; none when it cannot be read, which is noted.
    fn pack_file(&mut self, item: &Item) -> Packed<Option<FileEntry>> {
        let (mut source, about) = match open_source(self.app.music(), &item.source) {
            Ok(opened) => opened,
            Err(error) => {
                self.problems.push(format!("{} was not exported: {error}", item.source));
                return Ok(None);
            }
        };
        self.begin(&item.path, about.len().max(item.expected_bytes), about.modified().ok())?;
        let written = self.pour(&mut source, Vec::new())?;
        self.problems.extend(warning(item, &written));
        Ok(Some(entry_of(item, &written, written.blake3.clone())))
    }

    /// What ffmpeg makes of a file; none when it makes nothing of it.
    fn pack_mp3(&mut self, item: &Item, chosen: &Chosen) -> Packed<Option<FileEntry>> {
        let Some(track) = item.track.map(|n| &chosen.album.tracks[n]) else { return Ok(None) };
        let tags = encode::tags(&chosen.album, track);
        let of = encode::made_of(item.checksum.as_deref().unwrap_or_default(), &tags);
        let (reader, writer) = io::pipe()?;
        let (mut reader, writer) = (File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer)));
        let (source, duration_ms) = (self.app.music().join(text_to_path(&item.source)), track.duration_ms);
        // Ends with this function, whatever happens: dropping it kills ffmpeg.
        let encoding =
            tokio_util::task::AbortOnDropHandle::new(self.runtime.spawn(async move {
                encode::encode(&source, &tags, duration_ms, Target::Pipe(writer)).await
            }));
        // A file of which nothing can be made must not begin.
        let mut first = vec![0; CHUNK_BYTES];
        let count = reader.read(&mut first)?;
        first.truncate(count);
        let written = if count > 0 {
            self.begin(&item.path, item.expected_bytes, None)?;
            Some(self.pour(&mut reader, first)?)
        } else {
            None
        };
        drop(reader);
        let ended = self.runtime.clone().block_on(encoding).map_err(anyhow::Error::from)?;
        if let Err(failed) = ended {
            let how = if written.is_some() { "may be cut off" } else { "was not exported" };
            self.problems.push(format!("{} {how}: {failed}", item.source));
        }
        Ok(written.map(|written| entry_of(item, &written, of)))
    }

    fn pack_text(&mut self, path: String, text: &str, kind: Kind) -> Packed<()> {
        self.begin(&path, text.len() as u64, None)?;
        let mut hasher = Hasher::default();
        hasher.update(text.as_bytes());
        self.zip()?.write_all(text.as_bytes())?;
        let Sums { size, sha256, .. } = hasher.finish();
        self.texts.push(FileEntry { path, kind, size, sha256, of: String::new(), id: 0 });
        Ok(())
    }

    fn zip(&mut self) -> Packed<&mut ZipWriter<StreamWriter<Outlet>>> {
        self.zip.as_mut().ok_or_else(gone)
    }

    fn begin(&mut self, path: &str, size: u64, modified: Option<std::time::SystemTime>) -> Packed<()> {
        let at = modified.and_then(|at| jiff::Timestamp::try_from(at).ok()).unwrap_or(self.export.created_at);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .unix_permissions(0o644)
            .large_file(size >= LARGE_BYTES)
            .last_modified_time(dos_time(at));
        self.zip()?.start_file(path, options).map_err(refused)
    }

    /// All that `first` and the reader hold.
    fn pour(&mut self, source: &mut File, first: Vec<u8>) -> Packed<Sums> {
        let (mut hasher, mut buffer, mut count) = (Hasher::default(), first, 0);
        let mut is_first = !buffer.is_empty();
        if is_first {
            count = buffer.len();
        } else {
            buffer = vec![0; CHUNK_BYTES];
        }
        loop {
            if !is_first {
                buffer.resize(CHUNK_BYTES, 0);
                count = match source.read(&mut buffer) {
                    Ok(count) => count,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e.into()),
                };
            }
            is_first = false;
            if count == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..count]);
            self.zip()?.write_all(&buffer[..count])?;
            self.progress.bytes += count as i64;
            self.tell()?;
        }
    }

    // -- telling

    /// # Errors
    /// When somebody has cancelled it.
    fn tell(&mut self) -> Packed<()> {
        // A folder's export tells of itself.
        if !self.export.is_zip() || self.told.elapsed() < TELL_EVERY {
            return Ok(());
        }
        self.told = Instant::now();
        let elapsed = self.started.elapsed().as_secs_f64().max(1.0);
        self.progress.speed = (self.progress.bytes as f64 / elapsed) as i64;
        let told = self.runtime.clone().block_on(async {
            let mut client = self.app.db.get().await?;
            let tx = client.transaction().await?;
            let goes_on = self.export.tell(&tx, &self.progress).await?;
            tx.commit().await?;
            Ok::<bool, Error>(goes_on)
        });
        match told {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Conflict("the export was cancelled".into())),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "progress could not be told");
                Ok(())
            }
        }
    }

    fn tell_end(&mut self, ended: Packed<Ending>) {
        drop(self.zip.take());
        if !self.export.is_zip() {
            return;
        }
        let told = self.runtime.clone().block_on(async {
            let mut client = self.app.db.get().await?;
            let tx = client.transaction().await?;
            match &ended {
                Ok(ending) => drop(self.export.complete(&tx, ending).await?),
                Err(error) => {
                    tracing::info!(export_id = self.export.id, "a download ended early: {error}");
                    self.export.fail(&tx, "The download ended early: download it again.").await?;
                }
            }
            tx.commit().await?;
            Ok::<(), Error>(())
        });
        if let Err(error) = told {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the end of an export could not be told"
            );
        }
    }
}

fn refused(error: zip::result::ZipError) -> Error {
    match error {
        zip::result::ZipError::Io(error) => error.into(),
        other => anyhow::Error::from(other).into(),
    }
}

fn gone() -> Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the archive has ended").into()
}

/// What a zip can say of a time: two seconds, from 1980 on, in no time zone.
fn dos_time(at: jiff::Timestamp) -> DateTime {
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let two = |n: i8| n.unsigned_abs();
    DateTime::from_date_and_time(
        at.year().unsigned_abs(),
        two(at.month()),
        two(at.day()),
        two(at.hour()),
        two(at.minute()),
        two(at.second()),
    )
    .unwrap_or_default()
}
