// Made by `npm run types` from the API's OpenAPI document. Not written by hand.

/** What answers here. */
export type About = {
  /** Where to read on. */
  docs: string;
  name: string;
  /** Of the program. */
  version: string;
};

/** Who did what. */
export type Activity = {
  /** `heart`, `delete`, `quality_upgrade`, … */
  action: string;
  created_at: string;
  /** What a reader would ask next: before and after, `artist`, `title`. */
  details?: unknown | undefined;
  entity_id?: number | null;
  /** `album`, `track`, `artist`, `user`, … */
  entity_type?: string | null;
  id: number;
  ip_address?: string | null;
  /** Null for what the house did by itself. */
  user_id?: number | null;
  username?: string | null;
};

/** Whom to add. */
export type AddArtist = {
  /** MusicBrainz artist. */
  mbid: string;
  /** The same. */
  metadata_profile_id?: number | null;
  name: string;
  /** Lidarr's own; the root folder's or the first when it is not said. */
  quality_profile_id?: number | null;
  /** As Lidarr sees it; its first when it is not said. */
  root_folder?: string | null;
  /** Whether it looks for their albums at once; so unless it is said otherwise. */
  search_for_missing?: boolean | null;
};

/** What is at an address. */
export type AddressInfo = {
  /** The album, or the playlist that it is. */
  album?: string | null;
  /** Whose it is; empty when the page does not tell. */
  artist: string;
  /** Seconds. */
  duration?: number | null;
  /** Something of the sound was lost there: fetching it has to be confirmed. */
  is_lossy: boolean;
  /** `youtube`, `soundcloud`, `url`. */
  source: string;
  /** A picture's address. */
  thumbnail?: string | null;
  /** Its title. */
  title: string;
  /** How many tracks. */
  tracks: number;
};

/** An album, as one user sees it. */
export type Album = {
  /** The album artist. */
  artist_id: number;
  /** The album artist's name. */
  artist_name: string;
  /** The cover, relative to MUSIC_PATH. */
  artwork_path?: string | null;
  /** Names the cover's content. `/albums/{id}/artwork?size=200&v=…` with it may be kept for good: another cover has another. Null while there is no cover, or none that was made small yet. */
  artwork_version?: string | null;
  /** How many of them are here. */
  available_tracks: number;
  /** The row. */
  id: number;
  /** The user has a heart on the album itself. */
  is_hearted: boolean;
  /** A track of it has more than a CD holds. */
  is_hires: boolean;
  /** A track of it is lossy. */
  is_lossy: boolean;
  /** The folder, relative to MUSIC_PATH. */
  path: string;
  /** `import`, `qobuz`, … */
  source: string;
  /** As written. */
  title: string;
  /** How many tracks the release has. */
  total_tracks: number;
  /** Of release. */
  year?: number | null;
};

/** Fields that are not given, or are `null`, stay; a blank text (a year of 0) takes the value away where there may be none. */
export type AlbumChange = {
  /** Another album artist: one that is there, or a new one. */
  artist?: string | null;
  /** EAN or UPC: 8 to 14 digits. */
  barcode?: string | null;
  /** The label's number. */
  catalog_number?: string | null;
  /** Also of the tracks that had the album's. */
  genre?: string | null;
  /** Record label. */
  label?: string | null;
  /** `album`, `single`, `ep`, … */
  release_type?: string | null;
  /** Never blank. */
  title?: string | null;
  /** 1000 to 9999. */
  year?: number | null;
};

/** An album with its tracks, as clients see it. */
export type AlbumDetail = Album & {
  /** The album artist. */
  artist: ArtistOfAlbum;
  /** When it came into the library. */
  created_at: string;
  /** How many discs the release has. */
  disc_count: number;
  /** As tagged. */
  genre?: string | null;
  /** Record label. */
  label?: string | null;
  /** MusicBrainz release id. */
  musicbrainz_id?: string | null;
  /** By disc and number. */
  tracks: TracksOfAlbum;
};

/** Where the tracks of an album came from. */
export type AlbumHistory = {
  album_id: number;
  tracks: TrackHistory[];
};

/** An album that was found. */
export type AlbumHit = {
  artist_id: number;
  artist_name: string;
  artwork_path?: string | null;
  artwork_version?: string | null;
  id: number;
  is_hearted: boolean;
  source: string;
  /** `complete` or `incomplete`. */
  status: string;
  title: string;
  year?: number | null;
};

/** Some albums, in order; each row is read only when it is written out. */
export type Albums = Album[];

/** What came of all artists without a picture, as far as it is known yet. */
export type AllArtwork = {
  fetched: number;
  /** The job. */
  job_id: number;
  not_found: number;
  /** It goes on after this answer: ask for the job. */
  pending: boolean;
  results: ArtistArtwork[];
  total: number;
};

/** A token, as its owner sees it afterwards. */
export type ApiToken = {
  /** When it was made. */
  created_at: string;
  /** When it ends by itself, if it does. */
  expires_at?: string | null;
  /** The row. */
  id: number;
  /** When it was last used, to five minutes. */
  last_used_at?: string | null;
  /** What it is for, in its owner's words. */
  name: string;
  /** What it may. */
  scope: TokenScope;
};

/** What a person may say of a folder; a body that is not there says nothing. */
export type Approval = {
  /** Instead of what was suggested. */
  album?: string | null;
  /** Instead of what was suggested. */
  artist?: string | null;
  /** It is what came second. */
  use_runner_up?: boolean | undefined;
  /** When the album is there already. */
  when_there?: WhenThere | undefined;
  /** Instead of what was suggested. */
  year?: number | null;
};

/** An artist, as one user sees it. */
export type Artist = {
  /** The picture, relative to MUSIC_PATH. */
  artwork_path?: string | null;
  /** Names the content of the portrait, or of the cover that is shown without one. `/artists/{id}/artwork?size=200&v=…` with it may be kept for good. Null while there is neither, or none that was made small yet. */
  artwork_version?: string | null;
  /** The row. */
  id: number;
  /** The user follows the artist, or has a heart on an album or a track. */
  is_hearted: boolean;
  /** MusicBrainz artist id. */
  musicbrainz_id?: string | null;
  /** As written. */
  name: string;
  /** The folder, relative to MUSIC_PATH, when all albums lie in one. */
  path?: string | null;
  /** As sorted: `Beatles, The`. */
  sort_name: string;
};

/** What came of one artist. */
export type ArtistArtwork = {
  artist_id: number;
  error?: string | null;
  name: string;
  path?: string | null;
  /** `fetched`, `not_found` or `error`. */
  status: string;
};

/** An artist's new name. */
export type ArtistChange = {
  /** When there is an artist of that name: their albums become one artist's. */
  merge?: boolean | undefined;
  /** Never blank. */
  name?: string | undefined;
  /** As it sorts; else made from the name. */
  sort_name?: string | null;
};

/** An artist that was found. */
export type ArtistHit = {
  album_count: number;
  artwork_path?: string | null;
  artwork_version?: string | null;
  id: number;
  is_hearted: boolean;
  name: string;
  sort_name: string;
};

export type ArtistOfAlbum = {
  /** The row. */
  id: number;
  /** As written. */
  name: string;
};

/** Some artists, in order; each row is read only when it is written out. */
export type Artists = Artist[];

/** What became of a picture. */
export type ArtworkAnswer = {
  /** The job that stores it. */
  job_id?: number | null;
  /** Where it lies, relative to MUSIC_PATH. */
  path?: string | null;
  /** It is on its way, but not there yet. */
  pending?: boolean | null;
  /** `uploaded`, `restored` or `accepted`. */
  status: string;
};

/** A picture in a form. */
export type ArtworkForm = {
  /** JPEG, PNG or WebP, at most 10 MB. */
  artwork: string;
};

export type AskImport = {
  /** A folder beneath `import/pending` or `downloads`: relative to MUSIC_PATH, or as the path is on this machine. */
  path: string;
};

/** No body asks for everything. */
export type AskRescan = {
  /** Whatever is gone is gone, however much it is. */
  accept_missing?: boolean | undefined;
  /** `artists` or beneath it: relative to MUSIC_PATH, or as the path is on this machine. */
  dir?: string | null;
  /** Only say what would be done: the job's result. */
  dry_run?: boolean | undefined;
};

export type AskTicket = {
  purpose: TicketPurpose;
};

/** Backups, the newest first. */
export type BackupHistory = {
  items: BackupRun[];
};

/** One run. */
export type BackupRun = {
  /** When it was last read again from its first byte to its last. */
  checked_at?: string | null;
  completed_at?: string | null;
  created_at: string;
  /** The folder. */
  destination: string;
  /** `local` */
  destination_type: string;
  /** Why it failed. */
  error_message?: string | null;
  /** One, when it is complete. */
  files_backed_up: number;
  id: number;
  /** What is not in it, and why; sentences. */
  left_out: string[];
  /** Its folder; a dump in the backups of earlier versions. */
  path?: string | null;
  /** What was wrong with it then. */
  problem?: string | null;
  /** When it was let go, as the settings (`backup.keep_…`) have it. */
  removed_at?: string | null;
  /** When it was last restored beside the database and found whole. */
  restored_at?: string | null;
  /** Of its manifest, which has those of all parts; in hexadecimal. */
  sha256?: string | null;
  started_at: string;
  /** `running`, `complete` (written, and read back to its end) or `failed`. */
  status: string;
  /** Bytes. */
  total_size?: number | null;
};

/** A backup that was begun. */
export type BackupStarted = {
  /** Its row in the history. */
  backup_id: number;
  /** The folder. */
  destination: string;
  /** The job. */
  job_id: number;
  /** `started` */
  status: string;
  /** The job, as clients of the first version read it. */
  task_id: string;
};

/** How backups are. */
export type BackupStatus = Proof & {
  /** Where backups are carried besides, and how that went. */
  destinations: DestinationState[];
  last_backup?: BackupRun | null;
  /** The backup of the music. */
  music: MusicState;
};

/** What is to be asked about; of the newest tracks, when nothing is said. */
export type Batch = {
  album_id?: number | null;
  artist_id?: number | null;
  /** `false`: the answer waits for a while. */
  background?: boolean | null;
  /** At most so many tracks, up to 500; 100 when it is not said. */
  limit?: number | null;
};

/** It may come. */
export type Begun = Upload & {
  /** What has no place in a library, and is not to be sent. */
  left_out: string[];
};

/** What Lidarr has brought. */
export type Brought = {
  artist?: string | null;
  /** Why it failed, and what to do. */
  error?: string | null;
  /** Where it lay. */
  folder: string;
  found_at: string;
  id: number;
  /** `found`, `handed_over` (to the imports) or `failed`. */
  status: string;
  title: string;
};

/** What was done. */
export type Cancelled = {
  /** Which. */
  id: number;
  /** `cancelled` */
  status: string;
};

export type ChangePassword = {
  current_password: string;
  new_password: string;
};

export type ChangeUser = {
  is_admin?: boolean | null;
  password?: string | null;
};

/** A backup that was carried somewhere. */
export type Copy = {
  /** Why it failed. */
  error?: string | null;
  /** When it ended. */
  finished_at?: string | null;
  /** The backup's name. */
  name: string;
  /** Bytes. */
  size_bytes?: number | null;
  /** When it began. */
  started_at: string;
  /** `running`, `complete` (carried, and compared with what was carried) or `failed`. */
  state: string;
};

export type CreateUser = {
  is_admin?: boolean | undefined;
  password: string;
  /** Also the name of their folder. */
  username: string;
};

/** A damage that has not ended. */
export type Damage = {
  /** Its album's title. */
  album_title: string;
  /** Its album's artist. */
  artist_name: string;
  /** What was expected and what was found. */
  details: unknown;
  /** When it was found. */
  found_at: string;
  /** Its row. */
  id: number;
  /** `audio_rot`, `tag_rot`, `truncated`, `unreadable`, `missing`, `replaced`. */
  kind: string;
  /** The file, relative to MUSIC_PATH. */
  path: string;
  /** The track's title. */
  title: string;
  /** Whose file. */
  track_id: number;
  /** Where a good copy may be, the likeliest first. */
  ways: Way[];
};

/** A page of damages. */
export type Damages = {
  /** Asks for what follows; null on the last page. */
  before?: number | null;
  items: Damage[];
};

/** How a destination is. */
export type DestinationState = {
  /** Whether none has come there for three days, in a house that is older than that. */
  is_overdue: boolean;
  /** How many backups lie there, as far as the rows know. */
  kept: number;
  /** `folder` or `remote`. */
  kind: string;
  last?: Copy | null;
  /** When a backup last came there whole. */
  last_complete_at?: string | null;
  /** Its name. */
  name: string;
  /** Its folder, or the remote of rclone. */
  to: string;
};

/** A sentence for people, or (with the code `validation`) the part of the request that does not fit. */
export type Detail = string | FieldProblem[];

/** How full a disk is. */
export type Disk = {
  /** Days until it is full, if it goes on as in the last three months; only of the music, and once it can be told. */
  days_left?: number | null;
  free_bytes: number;
  /** Where it is written to. */
  path: string;
  total_bytes: number;
  /** `music`, `uploads` or `backups`. */
  what: string;
};

/** As clients see it. */
export type Download = {
  /** Whose music it is, once that is known. */
  artist?: string | null;
  /** Its job, as clients of the first version read it. */
  celery_task_id?: string | null;
  /** When it ended. */
  completed_at?: string | null;
  /** Music that has lost something is welcome, too. */
  confirm_lossy: boolean;
  /** When it was asked for. */
  created_at: string;
  /** Why it failed, or why the last attempt did. */
  error_message?: string | null;
  /** `01:30` */
  eta?: string | null;
  /** The album whose gaps it fills. */
  fills_album_id?: number | null;
  /** The row. */
  id: number;
  /** Its job. */
  job_id?: number | null;
  /** The last lines that its program wrote, when it failed. */
  output?: string | null;
  /** Percent. */
  progress: number;
  /** 0 to 4. */
  quality: number;
  /** The album that it became, or that was there already. */
  result_album_id?: number | null;
  /** The import that waits for a person. */
  result_review_id?: number | null;
  /** What was searched for. */
  search_query?: string | null;
  /** `artist`, `album`, `track`, `playlist`. */
  search_type?: string | null;
  /** Bytes, once it is here. */
  size?: number | null;
  /** `qobuz`, `lidarr`, `youtube`, `soundcloud`, `bandcamp`, `url`. */
  source: string;
  /** Its page. */
  source_url?: string | null;
  /** `2.5 MiB/s` */
  speed?: string | null;
  /** When it began. */
  started_at?: string | null;
  /** `pending`, `downloading`, `importing`, `complete`, `duplicate`, `failed`, `cancelled`, `pending_review`. */
  status: string;
  /** What it is, once that is known. */
  title?: string | null;
  /** Who asked. */
  user_id: number;
};

/** What was done. */
export type DownloadDone = {
  /** Which. */
  id: number;
  /** `cancelled`, `deleted` */
  status: string;
};

/** How far a download is. */
export type DownloadStatus = {
  error_message?: string | null;
  eta?: string | null;
  id: number;
  progress: number;
  result_album_id?: number | null;
  speed?: string | null;
  status: string;
};

/** A try to restore one. */
export type Drill = {
  /** Why it failed. */
  error?: string | null;
  /** Tracks whose audio was read and held against the restored rows. */
  files_checked?: number | null;
  /** When it ended. */
  finished_at?: string | null;
  /** The backup's name. */
  name: string;
  /** The rows that came back. */
  rows_restored?: number | null;
  /** When it began. */
  started_at: string;
  /** `running`, `proven` or `failed`. */
  state: string;
  /** How long it took, in milliseconds. */
  took_ms?: number | null;
};

/** An edit as people see it. */
export type Edit = {
  /** Whether it may be undone, as far as the journal knows. */
  can_undo: boolean;
  /** Entity, id, name, field, before, after. */
  changes: unknown;
  /** When it was asked for. */
  created_at: string;
  /** The row of it. */
  entity_id: number;
  /** `artist`, `album` or `track`. */
  entity_type: string;
  /** How many files were written or renamed. */
  files: number;
  /** When it ended. */
  finished_at?: string | null;
  /** The row. */
  id: number;
  /** `albums`, `track`, `artist`, `write_tags`, `undo`. */
  kind: string;
  /** Sentences. */
  notes: string[];
  /** Why it failed or waits. */
  reason?: string | null;
  /** `waiting`, …, `done`, `failed`. */
  state: string;
  /** `Artist – Album`. */
  title: string;
  /** The edit that this one took back. */
  undoes?: number | null;
  /** The edit that took this one back. */
  undone_by?: number | null;
  /** Who; none for the house. */
  user_id?: number | null;
  /** Who. */
  username?: string | null;
};

/** What became of a change, or with `?preview=true` what would become of it. */
export type EditAnswer = {
  /** Of a preview: entity, id, name, field, before, after. */
  changes?: unknown | undefined;
  /** The edit in the journal; null when nothing was to be changed. */
  edit_id?: number | null;
  /** Of a preview: `track_id`, `from`, `to`, `tags`. */
  files?: unknown[] | null;
  /** Of a preview: from where to where. */
  folders?: unknown | undefined;
  /** The job that carries it out. */
  job_id?: number | null;
  /** Of an artist. */
  new_name?: string | null;
  /** Sentences. */
  notes?: string[] | null;
  /** Of an artist. */
  old_name?: string | null;
  /** It is on its way, but not there yet. */
  pending?: boolean | null;
  /** `updated`, `undone`, `accepted` or `preview`. */
  status: string;
};

/** What came of it. */
export type EnrichedTrack = {
  message: string;
  /** Whether there are words now. */
  success: boolean;
  track_id: number;
};

/** How much is known of the tracks. */
export type EnrichmentStats = {
  /** Percent, with one decimal. */
  lyrics_coverage_pct: number;
  missing_composer: number;
  missing_isrc: number;
  missing_lyrics: number;
  total_tracks: number;
};

/** Work that was begun, or done. */
export type EnrichmentTask = {
  /** The job. */
  job_id: number;
  message: string;
  /** The job; `sync` when it is done already. */
  task_id: string;
};

/** By what right. */
export type Entitlement = {
  /** `own_recording`, `free_licence` or `permission` (of whoever holds the rights). */
  right: string;
  /** In one's own words: whose recording it is, which licence, who permitted it. From 10 to 2000 characters. */
  statement: string;
};

/** One reason to believe, or not to. */
export type Evidence = {
  /** What it leaves of the confidence, in [0, 1]. */
  factor: number;
  /** `artist`, `album`, `titles`, `order`, `year`, `track_count`, `durations`, `release_id`, `recording_ids`, `barcode`, `isrc`, `fingerprint`, `folder_name`, `file_names`. */
  field: string;
  /** Why the factor is less than 1, or what a person may want to know, as a sentence. */
  note?: string | null;
  /** The share of its own doubt that a catalogue has settled, in [0, 1]. */
  settled?: number | undefined;
  /** The share of the tags' own doubt that it takes away, in [0, 1]. */
  support?: number | undefined;
  /** What it says. */
  value?: string | null;
  /** Who says so. */
  witness: Witness;
};

/** As clients see it. */
export type Export = {
  /** When it ended. */
  completed_at?: string | null;
  /** When it was asked for. */
  created_at: string;
  /** A folder, or `zip`. */
  destination: string;
  /** Where to get it, when it is a zip. */
  download_url?: string | null;
  /** Why it failed, and what to do. */
  error_message?: string | null;
  /** Seconds that it may still take. */
  eta?: number | null;
  /** How many are done. */
  exported_albums: number;
  /** Bytes that are there. */
  exported_size: number;
  /** `flac`, `mp3`, `both`. */
  format: string;
  /** The row. */
  id: number;
  /** Covers, scans. */
  include_artwork: boolean;
  /** `.lrc` */
  include_lyrics: boolean;
  /** `.m3u8` */
  include_playlist: boolean;
  /** What could not be exported, and why. */
  problems: string[];
  /** Percent. */
  progress: number;
  /** Files that are not hearted any more are deleted. */
  prune: boolean;
  /** Files of an earlier export that are not hearted any more; with `prune` they are gone. */
  removed: string[];
  /** When it began. */
  started_at?: string | null;
  /** `pending`, `running`, `complete`, `failed`, `cancelled`. */
  status: string;
  /** How many there are. */
  total_albums: number;
  /** Bytes, once they were counted. */
  total_size?: number | null;
  /** Whose hearts. */
  user_id: number;
  /** Their name. */
  username: string;
};

export type ExportToImport = {
  /** The export's folder, as its path is on the server. */
  path: string;
};

/** What another catalogue has. */
export type External = {
  /** How many things. */
  count: number;
  /** Why there are none: `not_configured`, or a sentence about the source. */
  error?: string | null;
  /** Them. */
  items: ExternalItem[];
  /** `qobuz` */
  source: string;
};

/** Something that was found and can be fetched. */
export type ExternalHit = {
  artist: string;
  id: string;
  /** `24/96` */
  quality?: string | null;
  title: string;
  /** For `POST /downloads/qobuz`. */
  url: string;
  year?: number | null;
};

/** Something that can be fetched. */
export type ExternalItem = {
  artist: string;
  id: string;
  /** The library has an album of this artist and title. */
  in_library: boolean;
  /** That one. */
  local_album_id?: number | null;
  /** `24/96` */
  quality?: string | null;
  title: string;
  /** For `POST /downloads/qobuz`. */
  url: string;
  year?: number | null;
};

/** It was fetched. */
export type FetchedArtwork = {
  /** Where it lies, relative to the music folder. */
  path?: string | null;
  /** `fetched` */
  status: string;
};

/** What is wrong with one part of a request. */
export type FieldProblem = {
  /** The way to the part: `["query", "limit"]`, `["body", "ids", 0]`. First `path`, `query` or `body`. */
  loc: Step[];
  /** What is wrong with it. */
  msg: string;
  /** `value_error`, `missing` or `json_invalid`. */
  type: string;
};

/** Folders to choose from. */
export type Folders = {
  current_path: string;
  /** The names of the folders in it, hidden ones left out, sorted. */
  directories: string[];
};

/** How tracks are kept. */
export type Format = "flac" | "mp3" | "both";

/** What was found, each list ranked. */
export type Found = {
  /** By title, or by artist. */
  albums: Albums;
  /** By name. */
  artists: Artists;
  /** By title, or by artist or album. */
  tracks: Tracks;
};

/** Which gaps. */
export type Gaps = {
  /** Only of this album of ours; of all that are not whole, when it is not said. */
  album_id?: number | null;
};

/** Tracks that are, or may be, one recording. */
export type Group = {
  /** Bytes that would be free if only the best of them were kept. */
  can_be_freed: number;
  /** The best first. */
  tracks: unknown[];
  /** Why. */
  why: Why;
};

/** Of what there is at least one. */
export type Has = {
  hires: boolean;
  incomplete: boolean;
  lossy: boolean;
  no_cover: boolean;
  recent: boolean;
};

/** How the whole is, and each part. */
export type Health = {
  /** For each part `ok`, or a short code for what is the matter. */
  checks: Record<string, string>;
  /** `healthy`, `degraded` or `unhealthy`. */
  status: string;
  /** Of the program. */
  version: string;
};

/** What a click is answered with. */
export type HeartAnswer = {
  message: string;
  /** The links are on their way, but do not stand yet. */
  pending?: boolean | undefined;
  /** Why there are no links, although the heart is kept. */
  warning?: string | null;
};

/** One import, whatever its state. */
export type Import = {
  /** The title that it was taken for. */
  album?: string | null;
  /** The album that it became. */
  album_id?: number | null;
  /** The album artist that it was taken for. */
  artist?: string | null;
  /** In [0, 1]. */
  confidence?: number | null;
  /** When it was found. */
  created_at: string;
  /** What outside catalogues added, or why they could not. */
  enrichment?: unknown | undefined;
  /** Why, field by field. */
  evidence: Evidence[];
  /** When it ended. */
  finished_at?: string | null;
  /** The row. */
  id: number;
  /** The job that carries it. */
  job_id?: number | null;
  /** What else a person may want to know. */
  notes?: string | null;
  /** Where the files are now. */
  path?: string | null;
  /** Of the first track. */
  quality?: unknown | undefined;
  /** Why it waits, was rejected, or failed. */
  reason?: string | null;
  /** Who asked for it. */
  requested_by?: number | null;
  runner_up?: RunnerUp | null;
  /** `import`, `qobuz`, … */
  source: string;
  /** Where the folder lay when it was asked for, relative to MUSIC_PATH. */
  source_path: string;
  /** `waiting`, `planned`, …, `done`, `review`, `rejected`, `duplicate`, `failed`. */
  state: string;
  /** How many files of audio. */
  track_count?: number | null;
  /** The year that it was taken for. */
  year?: number | null;
};

/** An album that is not whole. */
export type Incomplete = {
  /** The row. */
  album_id: number;
  /** The album artist. */
  artist: string;
  /** How many of them are here. */
  available_tracks: number;
  /** What is missing, disc by disc. */
  missing: Missing[];
  /** The folder, relative to MUSIC_PATH. */
  path: string;
  /** As written. */
  title: string;
  /** How many tracks the release has, as far as is known. */
  total_tracks: number;
  /** Tracks that are missing and have no number that could be named. */
  unnamed: number;
  /** Of release. */
  year?: number | null;
};

/** All of it. */
export type Integrity = {
  /** Why rescans change nothing, when they do not. */
  alarm?: string | null;
  /** The end of the newest verification. */
  counted_at: string;
  /** How many damages have not ended, by kind. */
  damages: Record<string, number>;
  /** Tracks whose file is away. */
  missing: number;
  /** When the next slice is due. */
  next_slice_at?: string | null;
  /** The longest that a file has not been read; when it was read last. As of `counted_at`. */
  oldest_read_at?: string | null;
  /** Everything is read within so many days. */
  period_days: number;
  /** Tracks whose checksum is known. */
  read: number;
  /** Tracks in the library. */
  tracks: number;
  /** Tracks that were held against their checksum within the period, as of `counted_at`. */
  verified: number;
  /** Percent of those that are there. */
  verified_pct: number;
};

/** The only time that the token is told. */
export type IssuedToken = ApiToken & {
  /** For `Authorization: Bearer …`. */
  token: string;
};

/** A job, as clients read it. */
export type Job = {
  /** Which attempt this is; 0 before the first. */
  attempt: number;
  /** When the last attempt began. */
  attempted_at?: string | null;
  /** Somebody wants it to end. */
  cancel_requested: boolean;
  /** When it was asked for. */
  created_at: string;
  /** Why the last attempt failed, or why it was cancelled. */
  error?: string | null;
  /** When it ended. */
  finished_at?: string | null;
  /** Its row. */
  id: number;
  /** `room.verb`. */
  kind: string;
  /** After so many it is discarded. */
  max_attempts: number;
  /** What it was given; for admins. */
  payload?: unknown | undefined;
  /** How far it is, in its own words; often `{"done", "total"}`. */
  progress?: unknown | undefined;
  /** `imports`, `exports`, `maintenance`, `downloads`, `network`. */
  queue: string;
  /** What came of it; for admins. */
  result?: unknown | undefined;
  /** Not before this. */
  run_at: string;
  /** `available` (waits), `running`, `completed`, `cancelled`, `discarded` (failed for the last time). */
  state: string;
};

/** Some jobs. */
export type JobPage = {
  items: Job[];
  /** As asked. */
  limit: number;
  /** Asks for what follows; null on the last page. */
  next_before?: number | null;
};

/** What was done with a job. */
export type JobStatus = {
  id: number;
  /** `cancelled` or `queued`. */
  status: string;
};

/** A page of the journal. */
export type Journal = {
  items: Edit[];
  /** As asked. */
  limit: number;
  /** Asks for what follows, as `before`; null on the last page. */
  next_before?: number | null;
};

/** A letter, and how many names begin with it. */
export type Letter = {
  /** How many. */
  count: number;
  /** `A` to `Z`, or `#` for all that begin otherwise; as `letter` of a list takes it. */
  letter: string;
};

/** How the library is. */
export type LibraryHealth = {
  /** `import`, `qobuz`, …: how many albums came from there. */
  albums_by_source: Record<string, number>;
  /** Albums of which tracks are missing, as far as their totals tell. */
  incomplete_albums: number;
  quality: LibraryQuality;
  /** `healthy` */
  status: string;
  summary: LibrarySummary;
};

/** How good it is. */
export type LibraryQuality = {
  lossless: number;
  /** Percent, to one place. */
  lossless_pct: number;
  lossy: number;
};

/** How much there is. */
export type LibrarySummary = {
  albums: number;
  artists: number;
  total_size_bytes: number;
  /** Of 2^30 bytes, to two places. */
  total_size_gb: number;
  tracks: number;
  users: number;
};

/** What became of an artist. */
export type LidarrAdded = {
  /** Lidarr's own. */
  artist_id: number;
  name: string;
  /** `added`, or `exists` when it was there already. */
  status: string;
};

/** An album that Lidarr wants. */
export type LidarrAlbum = {
  artist?: string | null;
  /** Lidarr's own. */
  id: number;
  /** MusicBrainz release group. */
  mbid: string;
  title: string;
};

/** An artist that Lidarr has. */
export type LidarrArtist = {
  album_count: number;
  /** Lidarr's own. */
  id: number;
  /** MusicBrainz artist. */
  mbid: string;
  monitored: boolean;
  name: string;
};

/** Artists that Lidarr has. */
export type LidarrArtists = {
  /** The same, as clients of the first version read it. */
  artists?: LidarrArtist[] | undefined;
  count: number;
  items: LidarrArtist[];
};

/** What a search found. */
export type LidarrFound = {
  count: number;
  query?: string | undefined;
  /** At most twenty. */
  results: LidarrFoundArtist[];
};

/** An artist that Lidarr could look for. */
export type LidarrFoundArtist = {
  genres: string[];
  /** Whether it has them already. */
  in_lidarr: boolean;
  /** MusicBrainz artist. */
  mbid: string;
  name: string;
  /** Some words about them. */
  overview: string;
};

/** Something that happened in Lidarr. */
export type LidarrHappened = {
  album?: string | null;
  artist?: string | null;
  date: string;
  /** `grabbed`, `trackFileImported`, `downloadFailed`, … */
  event_type: string;
  id: number;
};

/** What happened in Lidarr. */
export type LidarrHistory = {
  count: number;
  items: LidarrHappened[];
};

/** A profile of Lidarr's. */
export type LidarrProfile = {
  id: number;
  name: string;
};

/** What an artist may be added with. */
export type LidarrProfiles = {
  metadata_profiles: LidarrProfile[];
  quality_profiles: LidarrProfile[];
  /** Paths, as Lidarr sees them. */
  root_folders: string[];
};

/** What Lidarr is fetching. */
export type LidarrQueue = {
  count: number;
  items: LidarrQueued[];
};

/** Something that Lidarr is fetching. */
export type LidarrQueued = {
  album?: string | null;
  artist?: string | null;
  error?: string | null;
  /** `00:03:20` */
  eta?: string | null;
  id: number;
  /** Percent. */
  progress: number;
  /** `downloading`, `importPending`, … */
  state?: string | null;
  /** `downloading`, `completed`, … */
  status: string;
  title: string;
};

/** Whether Lidarr answers. */
export type LidarrStatus = {
  connected: boolean;
  /** Why it does not. */
  error?: string | null;
  /** Its address, for admins. */
  url?: string | null;
  version?: string | null;
};

/** Albums that Lidarr wants and does not have whole. */
export type LidarrWanted = {
  count: number;
  items: LidarrAlbum[];
};

/** Lines, the newest first. */
export type Lines = {
  items: Activity[];
  /** As asked. */
  limit: number;
  /** As asked. */
  offset: number;
};

export type ListedSession = Session & {
  /** The one by which this was asked. */
  is_current: boolean;
};

/** That the process answers. */
export type Liveness = {
  alive: boolean;
  /** Of the program. */
  version: string;
};

/** What is here. */
export type Local = {
  /** By title, or by artist. */
  albums: AlbumHit[];
  /** By name. */
  artists: ArtistHit[];
  /** How many things. */
  count: number;
  /** By title, or by artist or album. */
  tracks: TrackHit[];
};

/** A session has begun. */
export type LoggedIn = {
  /** For `Authorization: Bearer`; also set as a cookie. */
  token: string;
  user: User;
};

export type Login = {
  password: string;
  username: string;
};

/** What to look for: albums, or all of an artist's. */
export type Look = {
  /** Lidarr's own ids, at most a hundred. */
  album_ids?: number[] | undefined;
  /** Lidarr's own id. */
  artist_id?: number | null;
};

/** Lidarr looks. */
export type Looking = {
  /** Lidarr's own. */
  command_id: number;
  /** `started` */
  status: string;
};

/** Who asks. Root at the local socket has neither a row nor a day when it was made. */
export type Me = {
  created_at?: string | null;
  id?: number | null;
  is_admin: boolean;
  username: string;
};

/** A sentence. */
export type Message = {
  /** For people; programs read the status and the other fields. */
  message: string;
};

/** What is missing of a disc. */
export type Missing = {
  /** Counts from 1. */
  disc: number;
  /** No track of the disc is here. */
  is_whole_disc: boolean;
  /** The numbers; none when the disc is missing whole. */
  tracks: number[];
};

/** A track that is missing. */
export type MissingTrack = {
  /** Whose it is, when that is not the release's artist. */
  artist?: string | null;
  /** Counts from 1. */
  disc_number: number;
  /** Seconds. */
  duration?: number | null;
  /** As MusicBrainz has it, when the release is known there. */
  title?: string | null;
  /** On its disc. */
  track_number: number;
};

/** What is missing of an album. */
export type MissingTracks = {
  /** Discs of which nothing is here and no track is known. */
  discs: number[];
  /** By disc and number. */
  tracks: MissingTrack[];
  /** Tracks that are missing and of which nothing is known. */
  unnamed: number;
};

export type Much = "all" | "slice";

/** A backup of the music, or a look at its repository. */
export type MusicRun = {
  /** Bytes that the repository grew by. */
  bytes_added?: number | null;
  /** Why it failed. */
  error?: string | null;
  /** Files in it. */
  files?: number | null;
  /** When it ended. */
  finished_at?: string | null;
  /** Files that were not backed up over their last good copy, since somebody else has changed them. */
  held_back?: number | null;
  /** Its row. */
  id: number;
  /** How far it is: `files_done`, `total_files`, `bytes_done`, `total_bytes`. */
  progress?: unknown | undefined;
  /** What restic calls what was made. */
  snapshot?: string | null;
  /** When it began. */
  started_at: string;
  /** `running`, `complete` or `failed`. */
  state: string;
};

/** How the backup of the music is. */
export type MusicState = {
  /** Whether none has come to its end for more than two periods, in a house that is older than that. */
  is_overdue: boolean;
  last?: MusicRun | null;
  /** When one last came to its end. */
  last_complete_at?: string | null;
  last_verified?: MusicRun | null;
  /** The repository's address; none: the music is not backed up from here. */
  repository?: string | null;
};

/** A page of hearted albums. Clients of the first version read `items`, those of its description `albums`. */
export type MyAlbums = {
  /** The same. */
  albums: Albums;
  /** The albums. */
  items: Albums;
  /** As asked. */
  limit: number;
  /** Asks for what follows. */
  next_cursor?: string | null;
  /** As asked. */
  page: number;
  /** How many there are. */
  total: number;
};

/** What is to be fetched. */
export type NewDownload = {
  /** Music that has lost something is welcome, too. */
  confirm_lossy?: boolean | undefined;
  /** The best quality to ask for: 0 = MP3 128, 1 = MP3 320, 2 = FLAC 16/44.1, 3 = FLAC to 24/96, 4 = FLAC to 24/192. */
  quality?: number | undefined;
  /** `artist`, `album`, `track`, `playlist`: what it was found as. */
  search_type?: string | null;
  /** Its page. */
  url: string;
};

export type NewExport = {
  /** A folder beneath an allowed root, or `zip`; empty: the user's own folder beneath the first root. */
  destination?: string | undefined;
  /** `flac`: as the library has the tracks; `mp3`: of 320 kbit/s; or `both`. */
  format?: Format | undefined;
  /** Covers, scans. */
  include_artwork?: boolean | undefined;
  /** `.lrc` beside the tracks. */
  include_lyrics?: boolean | undefined;
  /** `.m3u8`, for each album and for all. */
  include_playlist?: boolean | undefined;
  /** Delete what an earlier export has put there and is not hearted any more. */
  prune?: boolean | undefined;
  /** Somebody else's, for admins. */
  user_id?: number | null;
};

/** What a person wants. */
export type NewTarget = {
  /** Of the webhook, of the topic at ntfy (`https://ntfy.sh/topic`), of the person. */
  address: string;
  /** What to tell by it; all that concerns this person, when it is not said. */
  events?: string[] | null;
  /** Whether anything is told; so unless it is said otherwise. */
  is_enabled?: boolean | null;
  /** `webhook`, `ntfy`, `email`. */
  kind: string;
};

export type NewToken = {
  /** Days until it ends by itself; left out: it does not. */
  expires_in_days?: number | null;
  /** What it is for, in one's own words. */
  name: string;
  /** What it may. */
  scope?: TokenScope | undefined;
};

/** What is to come. */
export type NewUpload = {
  /** All files, with the folders that they lie in. */
  files: NewUploadFile[];
  /** The folder that it will be in the inbox; left out: the one that all files lie in, or the first file's name. */
  name?: string | null;
};

/** A file that is to come. */
export type NewUploadFile = {
  /** `Album/CD1/01.flac` */
  path: string;
  /** In bytes. */
  size: number;
};

/** Something that can be told. */
export type NotificationEvent = {
  /** As a sentence. */
  meaning: string;
  name: string;
};

/** How I am told, and of what I could be. */
export type Notifications = {
  /** What concerns me. */
  events: NotificationEvent[];
  /** `webhook`, `ntfy`, `email`. */
  kinds: string[];
  targets: Target[];
};

/** How much is asked of the process that answers, and how fast it answers. */
export type Numbers = {
  /** Answers of the last hour that said that it is the server's fault (5xx). */
  errors_last_hour: number;
  /** How much of the last hour this process has seen. */
  known_seconds: number;
  /** WebSockets that are open now. */
  live_connections: number;
  /** 95 of 100 requests of the last hour took no longer; null when there was none. */
  p95_ms?: number | null;
  /** Of the last five minutes. */
  requests_per_minute: number;
};

/** Where to go on. */
export type OidcConnect = {
  /** At the provider, for the browser. */
  url: string;
};

/** Whether a button for it makes sense. */
export type OidcOffer = {
  enabled: boolean;
  /** Where a browser begins; null without a provider. */
  start?: string | null;
};

/** What a library has, as far as a page needs to know it before it draws its filters. */
export type Overview = {
  /** How many. */
  albums: number;
  /** How many. */
  artists: number;
  /** Which of the filters would find something. */
  has: Has;
  /** How many albums the user has hearted. */
  my_albums: number;
  /** Of how many artists the user has hearted something. */
  my_artists: number;
  /** From where there are albums. */
  sources: string[];
  /** How many. */
  tracks: number;
};

/** One page of a list, as clients see it. */
export type Page_Albums = {
  /** Some albums, in order; each row is read only when it is written out. */
  items: Album[];
  /** As asked. */
  limit: number;
  /** Asks for the rows behind these; null on the last page. */
  next_cursor?: string | null;
  /** As asked. */
  page: number;
  /** How many rows the whole list has. */
  total: number;
};

/** One page of a list, as clients see it. */
export type Page_Artists = {
  /** Some artists, in order; each row is read only when it is written out. */
  items: Artist[];
  /** As asked. */
  limit: number;
  /** Asks for the rows behind these; null on the last page. */
  next_cursor?: string | null;
  /** As asked. */
  page: number;
  /** How many rows the whole list has. */
  total: number;
};

/** Something that has arrived and is not in the library yet. */
export type PendingImport = {
  /** When something in it changed last. */
  changed_at?: string | null;
  /** How many. */
  files: number;
  /** The folder, relative to the music folder. */
  path: string;
  /** Why, as a sentence. */
  reason: string;
  /** Bytes in them. */
  size: number;
  /** `import`, `qobuz`, … */
  source: string;
  /** `waiting`, `queued`, `importing`, `review`, `rejected`, `failed` or `imported`. */
  status: string;
};

/** A library for music in Plex. */
export type PlexSection = {
  key: string;
  /** Where its files lie, as Plex sees them. */
  paths: string[];
  title: string;
};

/** How Plex is. */
export type PlexStatus = {
  connected: boolean;
  /** Why it is not connected. */
  error?: string | null;
  /** As its people call it. */
  name?: string | null;
  /** The key of the library that is told. */
  section?: string | null;
  /** Its libraries for music. */
  sections: PlexSection[];
  /** Whether our library lies in a folder of that section; if not, `plex.path_map` says where Plex sees it. */
  sees_the_library: boolean;
  /** Its address, for admins. */
  url?: string | null;
  version?: string | null;
};

/** What an answer says that is no success. */
export type Problem = {
  /** A stable word for programs: `not_found`, `conflict`, `validation`, … */
  code: string;
  /** What is the matter, and where it helps, what to do. */
  detail: Detail;
};

/** What is known of whether backups can be restored. */
export type Proof = {
  /** Whether that is longer than nine days ago, in a house that is older than that. */
  is_overdue: boolean;
  last_drill?: Drill | null;
  /** When one was last restored and found whole. */
  last_proven_restore?: string | null;
};

/** Where one file of a track came from. */
export type Provenance = {
  /** When it came. */
  arrived_at: string;
  /** BLAKE3 of the file as it came, before anybody changed its tags; null for what was here before Barbossa. */
  checksum?: string | null;
  /** Of its audio alone. */
  essence?: string | null;
  /** It took the place of the one before. */
  is_replacement: boolean;
  /** What fetched it. */
  program?: string | null;
  /** Its version. */
  program_version?: string | null;
  /** What it is at its source. */
  reference?: string | null;
  /** Who asked for it, by the name of then; nobody, when it was found. */
  requested_by?: string | null;
  /** `import`, `qobuz`, `youtube`, … */
  source: string;
  /** The page. */
  source_url?: string | null;
};

/** An album of the catalogue. */
export type QobuzAlbum = QobuzAlbumFacts & {
  /** The library has an album of this artist and title. */
  in_library: boolean;
  /** That one. */
  local_album_id?: number | null;
};

/** An album. */
export type QobuzAlbumFacts = {
  /** Qobuz's own. */
  artist_id: string;
  /** As written there. */
  artist_name: string;
  /** An address. */
  artwork_large?: string | null;
  /** An address. */
  artwork_small?: string | null;
  /** An address. */
  artwork_thumbnail?: string | null;
  /** The largest of them. */
  artwork_url?: string | null;
  /** UPC. */
  barcode?: string | null;
  /** Seconds. */
  duration: number;
  /** It has a warning on it. */
  explicit: boolean;
  /** One. */
  genre?: string | null;
  /** Better than a CD. */
  hires: boolean;
  /** And to be had so. */
  hires_streamable: boolean;
  /** Qobuz's own. */
  id: string;
  /** Record label. */
  label?: string | null;
  /** Bits a sample. */
  maximum_bit_depth?: number | null;
  /** kHz. */
  maximum_sampling_rate?: number | null;
  /** By its own measure. */
  popularity?: number | null;
  /** As written there. */
  title: string;
  /** How many. */
  track_count: number;
  /** Its page. */
  url: string;
  /** Four digits; empty when it is not known. */
  year: string;
};

/** An album of the catalogue with its tracks. */
export type QobuzAlbumPage = QobuzAlbum & {
  tracks: QobuzTrackFacts[];
};

/** An artist of the catalogue. */
export type QobuzArtist = QobuzArtistFacts & {
  albums: QobuzAlbum[];
};

/** An artist. */
export type QobuzArtistFacts = {
  /** How many. */
  album_count: number;
  /** A text, with tags of HTML in it. */
  biography?: string | null;
  /** Qobuz's own. */
  id: string;
  /** An address. */
  image_large?: string | null;
  /** An address. */
  image_medium?: string | null;
  /** An address. */
  image_small?: string | null;
  /** The largest of them. */
  image_url?: string | null;
  /** As written there. */
  name: string;
};

/** What the catalogue has of a name. */
export type QobuzHits = {
  albums: QobuzAlbum[];
  artists: QobuzArtistFacts[];
  count: number;
  query: string;
  tracks: QobuzTrackFacts[];
  type: string;
};

/** A track. */
export type QobuzTrackFacts = {
  /** An address. */
  album_artwork?: string | null;
  /** What it is on. */
  album_id: string;
  /** As written there. */
  album_title: string;
  /** As written there. */
  artist_name: string;
  /** Counts from 1. */
  disc_number: number;
  /** Seconds. */
  duration: number;
  /** Better than a CD. */
  hires: boolean;
  /** Qobuz's own. */
  id: string;
  /** Twelve characters. */
  isrc?: string | null;
  /** Bits a sample. */
  maximum_bit_depth?: number | null;
  /** kHz. */
  maximum_sampling_rate?: number | null;
  /** Half a minute of it. */
  preview_url?: string | null;
  /** As written there. */
  title: string;
  /** Counts from 1. */
  track_number: number;
};

/** A queue's length. */
export type QueueLength = {
  /** Have failed for the last time. */
  failed: number;
  /** Since when the oldest that is ready could have begun. */
  oldest?: string | null;
  /** Nothing of it is begun until an admin lets it go on. */
  paused: boolean;
  /** Wait for their time. */
  put_off: number;
  queue: string;
  /** Could begin now. */
  ready: number;
  /** Are being done. */
  running: number;
};

/** What a queue does now. */
export type QueueStatus = {
  queue: string;
  /** `paused` or `running`. */
  status: string;
};

/** It will be done. */
export type Queued = {
  job_id: number;
  path: string;
  /** `queued` */
  status: string;
};

/** All queues. */
export type Queues = {
  items: QueueLength[];
};

/** Whether requests can be served. */
export type Readiness = {
  ready: boolean;
};

/** `{reason?, delete_files=false}` */
export type Rejection = {
  /** Into the trash, instead of `import/rejected`. */
  delete_files?: boolean | undefined;
  /** For whoever looks at it later. */
  reason?: string | null;
};

/** Whether a release is there. */
export type ReleaseCheck = {
  exists: boolean;
  release_name: string;
  safe_to_upload: boolean;
};

/** What will make each user's folder equal to their hearts. */
export type Relinking = {
  /** The jobs, one a user; their results say what was mended. */
  job_ids: number[];
  /** `started` */
  status: string;
};

/** A page of a report. */
export type Report_Group = {
  items: {
    /** Bytes that would be free if only the best of them were kept. */
    can_be_freed: number;
    /** The best first. */
    tracks: unknown[];
    /** Why. */
    why: Why;
  }[];
  /** As asked. */
  limit: number;
  /** Asks for what follows; null on the last page. */
  next_cursor?: string | null;
};

/** A page of a report. */
export type Report_Incomplete = {
  items: {
    /** The row. */
    album_id: number;
    /** The album artist. */
    artist: string;
    /** How many of them are here. */
    available_tracks: number;
    /** What is missing, disc by disc. */
    missing: Missing[];
    /** The folder, relative to MUSIC_PATH. */
    path: string;
    /** As written. */
    title: string;
    /** How many tracks the release has, as far as is known. */
    total_tracks: number;
    /** Tracks that are missing and have no number that could be named. */
    unnamed: number;
    /** Of release. */
    year?: number | null;
  }[];
  /** As asked. */
  limit: number;
  /** Asks for what follows; null on the last page. */
  next_cursor?: string | null;
};

/** What another attempt may do that the first was not allowed to. */
export type RetryDownload = {
  /** Music that has lost something is welcome, too. */
  confirm_lossy?: boolean | undefined;
};

/** An import that waits for a person, or has, as the first version's clients know it. */
export type Review = {
  /** The album that it became. */
  album_id?: number | null;
  /** As `confidence`, by its old name. */
  beets_confidence?: number | null;
  /** In [0, 1]. */
  confidence?: number | null;
  /** When it was found. */
  created_at: string;
  /** The reason, when it failed. */
  error_message?: string | null;
  /** Why it is taken for that, field by field. */
  evidence?: unknown | undefined;
  /** The import's row. */
  id: number;
  /** What else a person may want to know. */
  notes?: string | null;
  /** Where its files are, relative to MUSIC_PATH. */
  path?: string | null;
  /** Of the first track. */
  quality_info?: unknown | undefined;
  /** Why it waits, was rejected, or failed. */
  reason?: string | null;
  /** What it may be instead. */
  runner_up?: unknown | undefined;
  /** `import`, `qobuz`, … */
  source: string;
  /** `pending`, `approved`, `rejected`, `failed`, `duplicate`; `importing` when it is on its way again. */
  status: string;
  /** What it is taken for. */
  suggested_album?: string | null;
  /** What it is taken for. */
  suggested_artist?: string | null;
  /** What it is taken for. */
  suggested_year?: number | null;
  /** How many files of audio. */
  track_count?: number | null;
};

/** Where a decision has led. */
export type ReviewDecided = {
  /** The album that it became. */
  album_id?: number | null;
  /** The job that carries it out. */
  job_id: number;
  /** Where the files are now. */
  path?: string | null;
  /** It is on its way, but not there yet. */
  pending?: boolean | undefined;
  /** `approved`, `rejected` or `pending`. */
  status: string;
};

/** One of them, with all that a decision rests on. */
export type ReviewDetail = Review & {
  /** Each file: `name`, `size`, and of audio `title`, `artist`, `track_number`, `disc_number`, `duration`, `quality`, or why it cannot be read (`problem`). */
  files: unknown[];
  /** The album of the library that it is, or may be: `id`, `artist`, `title`, `year`, `path`, `likeness`, `tracks`. */
  in_library?: unknown | undefined;
  /** When somebody sent a picture for it (`/artwork`); it becomes the album's cover. */
  picture_sent_at?: string | null;
};

/** A process, in its own words. */
export type RoleStatus = {
  host: string;
  /** Whether that is not long ago. */
  is_alive: boolean;
  pid: number;
  /** `api`, `worker`, `fetch`, `beat`, `watcher`. */
  role: string;
  /** Its last sign of life. */
  seen_at: string;
  started_at: string;
  /** What `systemctl status` shows of it. */
  status: string;
  /** The unit, for `journalctl -u`. */
  unit: string;
  version: string;
};

/** What the files may be instead. Where it names nothing else, it is as in the release that won. */
export type RunnerUp = {
  /** The album artist. */
  artist: string;
  /** In [0, 1]; with that of the winner never more than 1. */
  confidence: number;
  /** Where it comes from, as a sentence. */
  note: string;
  /** MusicBrainz release. */
  release_id?: string | null;
  /** The title. */
  title: string;
  /** Who reads it so. */
  witness: Witness;
  /** Year of release. */
  year?: number | null;
};

/** What Plex is to look at. */
export type Scan = {
  /** A folder of the library, relative to the music folder or a whole path; without it, all. */
  path?: string | null;
};

/** A session, as its owner sees it. */
export type Session = {
  /** From where. */
  address?: string | null;
  /** When it was logged in. */
  created_at: string;
  /** When it ends, unless it is used. */
  expires_at: string;
  /** The row. */
  id: number;
  /** When it was last used, to five minutes. */
  last_seen_at: string;
  /** The program. */
  user_agent?: string | null;
};

/** A sentence, and how many sessions were ended. */
export type SessionsEnded = {
  message: string;
  sessions_ended: number;
};

/** One setting. */
export type Setting = {
  /** As TOML writes it. */
  default: string;
  /** What it means. */
  meaning: string;
  /** `imports.min_confidence` */
  name: string;
  /** Units to be started again after a change; none: it holds at once. */
  restart: string[];
  /** As TOML writes it. */
  value: string;
};

/** The settings, without secrets. */
export type Settings = {
  bandcamp_enabled: boolean;
  /** As it was when somebody looked last: at most ten minutes ago. */
  lidarr_connected?: boolean | null;
  lidarr_enabled: boolean;
  lidarr_url: string;
  music_database: string;
  music_downloads: string;
  music_export: string;
  music_import: string;
  music_library: string;
  /** The same: there is no container. */
  music_path_container: string;
  /** The music folder on this machine. */
  music_path_host: string;
  music_users: string;
  plex_auto_scan: boolean;
  /** The same. */
  plex_connected?: boolean | null;
  plex_enabled: boolean;
  plex_url: string;
  /** Two characters, stars, and what stands after `@`. */
  qobuz_email: string;
  qobuz_enabled: boolean;
  qobuz_quality: number;
  /** Every setting that can be changed, by its own name. */
  settings: Setting[];
  torrentleech_enabled: boolean;
};

/** Only what is given is changed: these, and every name of `settings` in the answer of `GET`, such as `"imports.min_confidence": 0.9`. */
export type SettingsChange = Record<string, unknown> & {
  /** Must be what it is: the music is moved by `barbossa setup music-path DIR`. */
  music_library?: string | null;
  /** Must be what it is. */
  music_users?: string | null;
};

/** What became of a change. */
export type SettingsChanged = {
  /** Units to be started again: `systemctl restart UNIT`. None when everything holds at once. */
  restart: string[];
  /** `updated` */
  status: string;
};

/** One change for several albums. */
export type SeveralAlbumsChange = Record<string, unknown> & {
  /** Which. */
  ids: number[];
};

/** An outside program or service. */
export type Source = {
  /** When somebody looked last. */
  checked_at?: string | null;
  /** `qobuz`, `yt_dlp`, `plex`, … */
  name: string;
  /** What it is for. */
  purpose: string;
  /** Since when it is so; null while nobody has looked. */
  since?: string | null;
  /** `off`: nobody has set it up; `ok`; `down`: it should work and does not. */
  state: string;
  /** As people call it. */
  title: string;
  /** Its own version, when it tells. */
  version?: string | null;
  /** A sentence: why it is not `ok`. */
  why?: string | null;
};

/** Work that was begun and goes on after this answer. */
export type Started = {
  /** The job. */
  job_id: number;
  /** `started` */
  status: string;
  /** The job, as clients of the first version read it. */
  task_id: string;
};

/** One word. */
export type Status = {
  /** `updated`, `deleted`, … */
  status: string;
};

/** One step on the way to a part of a request. */
export type Step = string | number;

/** How the machine is. */
export type System = Health & {
  /** The disks that Barbossa writes to. */
  disks: Disk[];
  /** Every process that has given a sign of life lately. */
  roles: RoleStatus[];
};

/** As clients see it. */
export type Target = {
  /** Of the webhook, of the topic at ntfy (`https://ntfy.sh/topic`), of the person. */
  address: string;
  /** When it was made. */
  created_at: string;
  /** What is told by it. */
  events: string[];
  /** The row. */
  id: number;
  /** Whether anything is. */
  is_enabled: boolean;
  /** `webhook`, `ntfy`, `email`. */
  kind: string;
  /** Why that failed, if it did. */
  last_error?: string | null;
  /** When something was told last. */
  last_sent_at?: string | null;
};

/** What became of a test. */
export type TestResult = {
  /** Why not. */
  error?: string | null;
  id: number;
  /** Whether it was taken there. */
  sent: boolean;
};

/** Whether it answers. */
export type Tested = {
  connected: boolean;
  /** Why not. */
  error?: string | null;
  version?: string | null;
};

/** As it is given out. */
export type Ticket = {
  /** When it ends. */
  expires_at: string;
  /** For `?ticket=`. */
  ticket: string;
};

/** What a ticket is good for. */
export type TicketPurpose = "ws" | "stream" | "download";

/** What a token may, each more than the one before. */
export type TokenScope = "read" | "write" | "admin";

/** A track by itself, as one user sees it. */
export type Track = {
  /** Its album. */
  album_id: number;
  /** Its album's title. */
  album_title: string;
  /** Its own artist, else the album's. */
  artist_name: string;
  /** The album's cover, relative to MUSIC_PATH. */
  artwork_path?: string | null;
  /** Of the album's cover, as in `Album`. */
  artwork_version?: string | null;
  /** Bits. */
  bit_depth?: number | null;
  /** kbit/s. */
  bitrate?: number | null;
  /** Counts from 1. */
  disc_number: number;
  /** Seconds. */
  duration?: number | null;
  /** `FLAC`, `MP3`, … */
  format: string;
  /** The row. */
  id: number;
  /** It was fetched to fill a gap of its album. */
  is_filling: boolean;
  /** The user has a heart on the track or on its album. */
  is_hearted: boolean;
  /** By format or by source. */
  is_lossy: boolean;
  /** Its file is away. */
  missing: boolean;
  /** The file, relative to MUSIC_PATH. */
  path: string;
  /** `16/44kHz FLAC` */
  quality_display: string;
  /** Hz. */
  sample_rate?: number | null;
  /** `import`, `qobuz`, … */
  source: string;
  /** `16/44 FLAC`, `320kbps MP3` */
  source_quality?: string | null;
  /** As written. */
  title: string;
  /** Counts from 1. */
  track_number: number;
};

/** A track within its album; the fields are those of `Track`. */
export type TrackBrief = {
  /** Where it is not the album's. */
  artist_name?: string | null;
  /** Bits. */
  bit_depth?: number | null;
  /** kbit/s. */
  bitrate?: number | null;
  disc_number: number;
  /** Seconds. */
  duration?: number | null;
  format: string;
  id: number;
  /** It was fetched to fill a gap of the album; marked when it is lossy. */
  is_filling: boolean;
  is_hearted: boolean;
  is_lossy: boolean;
  /** Its file is away. */
  missing: boolean;
  /** The file, relative to MUSIC_PATH. */
  path: string;
  /** `16/44kHz FLAC` */
  quality_display: string;
  /** Hz. */
  sample_rate?: number | null;
  title: string;
  track_number: number;
};

/** See [`AlbumChange`]. */
export type TrackChange = {
  /** Where it is not the album's. */
  artist?: string | null;
  /** As tagged. */
  composer?: string | null;
  /** 1 to 99. */
  disc_number?: number | null;
  /** As tagged. */
  genre?: string | null;
  /** Twelve letters and digits. */
  isrc?: string | null;
  /** Never blank. */
  title?: string | null;
  /** 0 to 9999. */
  track_number?: number | null;
};

/** Where a track came from, the latest file first. */
export type TrackHistory = {
  disc_number: number;
  history: Provenance[];
  /** Lossy by its format or by its source. */
  is_lossy: boolean;
  title: string;
  track_id: number;
  track_number: number;
};

/** A track that was found. */
export type TrackHit = {
  album_id: number;
  album_title: string;
  artist_name: string;
  artwork_version?: string | null;
  duration?: number | null;
  id: number;
  is_hearted: boolean;
  /** `16/44` */
  quality?: string | null;
  source: string;
  title: string;
  track_number: number;
};

/** The words of a song. */
export type TrackLyrics = {
  /** Lines. */
  plain?: string | null;
  /** `found`, `instrumental`, `none`, or `unknown` when nobody has asked yet. */
  status: string;
  /** Lines with times, as in an `.lrc`. */
  synced?: string | null;
  track_id: number;
};

/** A track without lyrics. */
export type TrackWithoutLyrics = {
  album_id: number;
  album_title: string;
  artist_name: string;
  id: number;
  title: string;
};

/** Something that was to be uploaded. */
export type TrackerUpload = {
  album_id?: number | null;
  created_at: string;
  error?: string | null;
  id: number;
  release_name: string;
  requested_by?: string | null;
  /** `own_recording`, `free_licence`, `permission`. */
  right: string;
  statement: string;
  /** Its number there; null when it was not taken. */
  torrent_id?: number | null;
};

/** Some tracks, in order; each row is read only when it is written out. */
export type Tracks = Track[];

/** The tracks within an album's detail. */
export type TracksOfAlbum = TrackBrief[];

export type TracksToVerify = {
  /** These tracks. */
  ids?: number[] | null;
  scope?: Much | null;
};

/** What became of it: a `status` or a `message`, and what the job says. */
export type TrashAnswer = {
  /** The job that carries it out. */
  job_id: number;
  /** For people. */
  message?: string | null;
  /** It is on its way, but not there yet. */
  pending?: boolean | null;
  /** `restored`, `removed` or `emptied`. */
  status?: string | null;
};

/** One line of the list. */
export type TrashItem = {
  /** The album it was of. */
  album_id?: number | null;
  /** Whose album it was. */
  artist?: string | null;
  /** When it will be gone for good. */
  expires_at: string;
  /** How many files. */
  file_count: number;
  /** The row. */
  id: number;
  /** `replaced`, `deleted` or `duplicate`. */
  kind: string;
  /** A sentence. */
  reason: string;
  /** Bytes in them. */
  size: number;
  /** `kept`, or what is being done with it: `filling`, `restoring`, `removing`. */
  state: string;
  /** The album's or the track's title, or the folder's name. */
  title: string;
  /** When. */
  trashed_at: string;
  /** Who did it; none for the house. */
  trashed_by?: string | null;
};

/** One thing in the trash, as clients see it. */
export type TrashItemDetail = TrashItem & {
  /** `name`, `original_path`, `size`; of tracks also `track_id`, `title`, `track_number`, `disc_number`, `quality`. */
  files: unknown[];
  /** How many hearts come back with it. */
  hearts: number;
  /** The import that put it there. */
  import_id?: number | null;
  /** Whether the album is in the library (for what was replaced, and for single tracks). */
  is_album_there: boolean;
  /** Where it lies, relative to MUSIC_PATH. */
  path: string;
};

/** Some of the trash, newest first. */
export type TrashItems = TrashItem[];

/** A page of the trash. */
export type TrashPage = {
  items: TrashItems;
  /** As asked. */
  limit: number;
  /** Asks for what follows; null on the last page. */
  next_cursor?: string | null;
  /** How many entries the whole list has. */
  total: number;
  /** Bytes in them. */
  total_size: number;
};

/** What a unified search found. */
export type Unified = {
  external?: External | null;
  /** What is here. */
  local: Local;
  /** As typed. */
  query: string;
  /** `artist`, `album` or `track`. */
  type: string;
};

/** Files that come together. */
export type Upload = {
  /** When it began. */
  created_at: string;
  /** Its files, while more is to come. */
  files: UploadFile[];
  /** The folder in the inbox, relative to the music folder, once it is there. */
  folder?: string | null;
  /** The row. */
  id: number;
  /** The job that takes it. */
  job_id?: number | null;
  /** The folder that it will be in the inbox. */
  name: string;
  /** Why it failed, as a sentence. */
  problem?: string | null;
  /** So many of them are here. */
  received_bytes: number;
  /** `open` (more is to come), `taking` (the worker puts it into the inbox), `done` or `failed`. */
  state: string;
  /** Of all its files. */
  total_bytes: number;
};

/** One file of it. */
export type UploadFile = {
  /** The row; it is sent to `/api/import/upload/{id}`. */
  id: number;
  /** How much of it is here: the next piece begins there. */
  offset: number;
  /** Where it belongs in the upload. */
  path: string;
  /** How large it is. */
  size: number;
};

/** It is uploaded. */
export type Uploaded = {
  job_id: number;
  release_name: string;
  /** `uploaded`, or `started` when it takes longer. */
  status: string;
  /** Its number there. */
  torrent_id?: number | null;
  /** Its row here: `/api/tl/uploads/{id}/torrent` has the file to seed. */
  upload_id: number;
};

/** A person who may log in. */
export type User = {
  /** When it was made. */
  created_at: string;
  /** The row. */
  id: number;
  /** May change settings, users, and what cannot be undone. */
  is_admin: boolean;
  /** As written when it was made; also the folder's name beneath `users/`. */
  username: string;
};

/** A way back. */
export type Way = {
  /** `member_folder`, `duplicate`, `trash`, `music_backup`, `download`. */
  kind: string;
  /** Relative to MUSIC_PATH; after its snapshot and a colon in the music's backup; an address for a download. */
  place: string;
};

/** What to do when the library has other audio in the same place. */
export type WhenThere = "ask" | "replace" | "beside" | "extend";

/** Which one is tried. */
export type Which = {
  /** Only this one; all of mine, when it is not said. */
  id?: number | null;
};

/** Why tracks are taken for one recording; the surest first. */
export type Why = "essence" | "recording" | "isrc" | "maybe";

/** Who said it. */
export type Witness = "tags" | "folder_name" | "file_names" | "audio" | "musicbrainz" | "acoustid" | "person" | "rule";

/** Every route: what goes with a request, and what comes back. */
export interface Routes {
  /** What answers here. */
  "GET /": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: About;
  };
  /** What everybody did, the newest first. */
  "GET /api/admin/activity": {
    path: Record<never, never>;
    query: { limit?: number | null; offset?: number | null; action?: string | null };
    body: undefined;
    answer: Lines;
  };
  /** The backups that were made, the newest first. */
  "GET /api/admin/backup/history": {
    path: Record<never, never>;
    query: { limit?: number | null };
    body: undefined;
    answer: BackupHistory;
  };
  /** The newest backup, when one was last restored into a scratch database and found whole, and the copies elsewhere. */
  "GET /api/admin/backup/status": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: BackupStatus;
  };
  /** Makes a backup of the database now. The history tells how it ended. */
  "POST /api/admin/backup/trigger": {
    path: Record<never, never>;
    query: { destination?: string | null };
    body: undefined;
    answer: BackupStarted;
  };
  /** How much there is, how good it is, and where it came from. */
  "GET /api/admin/health": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: LibraryHealth;
  };
  /** How well the library is looked after, in numbers. */
  "GET /api/admin/integrity": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Integrity;
  };
  /** Damaged files with their ways back, the newest first. */
  "GET /api/admin/integrity/damages": {
    path: Record<never, never>;
    query: { limit?: number | null; before?: number | null };
    body: undefined;
    answer: Damages;
  };
  /** Takes the file as it is now for the right one. */
  "POST /api/admin/integrity/damages/{id}/accept": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: unknown;
  };
  /** Brings a good copy back, if there is one. */
  "POST /api/admin/integrity/damages/{id}/repair": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: unknown;
  };
  /** Reads files again and holds them against their checksums: everything, this night's part, or some tracks. */
  "POST /api/admin/integrity/verify": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: TracksToVerify | null;
    answer: Started;
  };
  /** Requests, their times, errors and live connections, of the process that answers. */
  "GET /api/admin/numbers": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Numbers;
  };
  /** Has the folders of all users looked at and made equal to their hearts. */
  "POST /api/admin/relink": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Relinking;
  };
  /** Looks at the library, or a part of it, for what others changed in it. Asking twice is asking once, until it has begun. */
  "POST /api/admin/rescan": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: AskRescan | null;
    answer: Started;
  };
  /** How the machine is: its parts, its processes, its disks. */
  "GET /api/admin/system": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: System;
  };
  /** Everyone, by name. */
  "GET /api/admin/users": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: User[];
  };
  /** Makes an account. */
  "POST /api/admin/users": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: CreateUser;
    answer: User;
  };
  /** Removes an account with its hearts and folder; the music stays. */
  "DELETE /api/admin/users/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Status;
  };
  /** One account. */
  "GET /api/admin/users/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: User;
  };
  /** Changes what is given; a new password ends the sessions of whoever knew the old one. */
  "PUT /api/admin/users/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: ChangeUser;
    answer: User;
  };
  /** All albums, by title; or only some of them, or in another order. */
  "GET /api/albums": {
    path: Record<never, never>;
    query: { page?: number | null; limit?: number | null; cursor?: string | null; letter?: string | null; artist_id?: number | null; sort?: string | null; source?: string | null; lossy?: boolean | null; hires?: boolean | null; incomplete?: boolean | null; no_cover?: boolean | null; recent?: boolean | null; hearted?: boolean | null };
    body: undefined;
    answer: Page_Albums;
  };
  /** How many albums begin with each letter; of those that the other parameters choose, by their artists' letters when that is the order. */
  "GET /api/albums/letters": {
    path: Record<never, never>;
    query: { page?: number | null; limit?: number | null; cursor?: string | null; letter?: string | null; artist_id?: number | null; sort?: string | null; source?: string | null; lossy?: boolean | null; hires?: boolean | null; incomplete?: boolean | null; no_cover?: boolean | null; recent?: boolean | null; hearted?: boolean | null };
    body: undefined;
    answer: Letter[];
  };
  /** Puts an album into the trash. */
  "DELETE /api/albums/{id}": {
    path: { id: number };
    query: { delete_files?: boolean | null };
    body: undefined;
    answer: TrashAnswer;
  };
  /** One album with its tracks. */
  "GET /api/albums/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: AlbumDetail;
  };
  /** Brings back the first picture of the album. */
  "DELETE /api/albums/{id}/artwork": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: ArtworkAnswer;
  };
  /** An album's cover. */
  "GET /api/albums/{id}/artwork": {
    path: { id: number };
    query: { size?: number | null; v?: string | null };
    body: undefined;
    answer: Blob;
  };
  /** Stores a picture of the album: the field `artwork` of a form, or the body itself. */
  "PUT /api/albums/{id}/artwork": {
    path: { id: number };
    query: Record<never, never>;
    body: FormData | Blob;
    answer: ArtworkAnswer;
  };
  /** Has the missing tracks of an album fetched from the best source that has them; what is better there comes along. */
  "POST /api/albums/{id}/fill-gaps": {
    path: { id: number };
    query: { confirm_lossy?: string | null };
    body: undefined;
    answer: Started;
  };
  /** The tracks of an album that are not here, by number, and by name where the release is known. */
  "GET /api/albums/{id}/missing": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: MissingTracks;
  };
  /** Where the tracks of an album came from. */
  "GET /api/albums/{id}/provenance": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: AlbumHistory;
  };
  /** The tracks of an album, by disc and number. */
  "GET /api/albums/{id}/tracks": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Tracks;
  };
  /** All artists, by sort name. */
  "GET /api/artists": {
    path: Record<never, never>;
    query: { page?: number | null; limit?: number | null; cursor?: string | null; letter?: string | null; artist_id?: number | null };
    body: undefined;
    answer: Page_Artists;
  };
  /** How many artists begin with each letter. */
  "GET /api/artists/letters": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Letter[];
  };
  /** Puts all albums of an artist into the trash. */
  "DELETE /api/artists/{id}": {
    path: { id: number };
    query: { delete_files?: boolean | null };
    body: undefined;
    answer: TrashAnswer;
  };
  /** One artist. */
  "GET /api/artists/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Artist;
  };
  /** The albums of an artist, the newest first. */
  "GET /api/artists/{id}/albums": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Albums;
  };
  /** Brings back the first picture of the artist. */
  "DELETE /api/artists/{id}/artwork": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: ArtworkAnswer;
  };
  /** An artist's portrait, else the cover of the newest album. */
  "GET /api/artists/{id}/artwork": {
    path: { id: number };
    query: { size?: number | null; v?: string | null };
    body: undefined;
    answer: Blob;
  };
  /** Stores a picture of the artist: the field `artwork` of a form, or the body itself. */
  "PUT /api/artists/{id}/artwork": {
    path: { id: number };
    query: Record<never, never>;
    body: FormData | Blob;
    answer: ArtworkAnswer;
  };
  /** Fetches a picture of an artist, as MusicBrainz and Wikimedia Commons have it. */
  "POST /api/artists/{id}/artwork/fetch": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: FetchedArtwork;
  };
  /** Fetches pictures of artists that have none, two hundred at once. What takes longer goes on after the answer. */
  "POST /api/artwork/artists/fetch-all": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: AllArtwork;
  };
  /** Logs in, for a program by the token, for a browser by the cookie. */
  "POST /api/auth/login": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Login;
    answer: LoggedIn;
  };
  /** Ends this session. */
  "POST /api/auth/logout": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Message;
  };
  /** Who is logged in. */
  "GET /api/auth/me": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Me;
  };
  /** Whether people may log in at an OpenID provider. */
  "GET /api/auth/oidc": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: OidcOffer;
  };
  /** Where the provider sends the browser back to. */
  "GET /api/auth/oidc/callback": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** Connects whoever is logged in here with their account at the provider: the address there to go to. */
  "POST /api/auth/oidc/connect": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: OidcConnect;
  };
  /** Sends the browser to the provider. */
  "GET /api/auth/oidc/start": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** Changes one's own password, and ends all other sessions. */
  "PUT /api/auth/password": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: ChangePassword;
    answer: SessionsEnded;
  };
  /** Ends all of one's own sessions but this one. */
  "DELETE /api/auth/sessions": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: SessionsEnded;
  };
  /** One's own sessions, the last used first. */
  "GET /api/auth/sessions": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: ListedSession[];
  };
  /** Ends one of one's own sessions. */
  "DELETE /api/auth/sessions/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Message;
  };
  /** A ticket for one purpose, good for a short time, where neither header nor cookie can be sent. */
  "POST /api/auth/ticket": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: AskTicket;
    answer: Ticket;
  };
  /** One's own tokens for programs, the newest first. */
  "GET /api/auth/tokens": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: ApiToken[];
  };
  /** Makes a token for a program. It is told this once. */
  "POST /api/auth/tokens": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: NewToken;
    answer: IssuedToken;
  };
  /** Ends one of one's own tokens, at once and everywhere. */
  "DELETE /api/auth/tokens/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Message;
  };
  /** One's own downloads, the newest first. */
  "GET /api/downloads": {
    path: Record<never, never>;
    query: { status?: string | null; limit?: number | null };
    body: undefined;
    answer: Download[];
  };
  /** Asks for something at Qobuz. Of a track the whole album comes. */
  "POST /api/downloads/qobuz": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: NewDownload;
    answer: Download;
  };
  /** What of one's own is on its way, failed or waits for a person, the oldest first. */
  "GET /api/downloads/queue": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Download[];
  };
  /** Searches Qobuz. */
  "GET /api/downloads/search/qobuz": {
    path: Record<never, never>;
    query: { q: string; type?: string | null; limit?: number | null };
    body: undefined;
    answer: ExternalHit[];
  };
  /** Asks for what is at an address. It is fetched, imported, and told of as it goes. */
  "POST /api/downloads/url": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: NewDownload;
    answer: Download;
  };
  /** What is at an address; nothing is fetched. */
  "GET /api/downloads/url/info": {
    path: Record<never, never>;
    query: { url: string };
    body: undefined;
    answer: AddressInfo;
  };
  /** Forgets a download that has ended. One that waits for a person is rejected with it; what was imported stays. */
  "DELETE /api/downloads/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: DownloadDone;
  };
  /** One download. */
  "GET /api/downloads/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Download;
  };
  /** Ends a download that waits or runs. */
  "POST /api/downloads/{id}/cancel": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: DownloadDone;
  };
  /** Tries a download again that has failed, in the best quality that there is. */
  "POST /api/downloads/{id}/retry": {
    path: { id: number };
    query: Record<never, never>;
    body: RetryDownload | null;
    answer: Download;
  };
  /** How far a download is. */
  "GET /api/downloads/{id}/status": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: DownloadStatus;
  };
  /** The journal of edits, the newest first. */
  "GET /api/edits": {
    path: Record<never, never>;
    query: { entity?: string | null; id?: number | null; before?: number | null; limit?: number | null };
    body: undefined;
    answer: Journal;
  };
  /** One edit. */
  "GET /api/edits/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Edit;
  };
  /** Makes everything again what it was before an edit. */
  "POST /api/edits/{id}/undo": {
    path: { id: number };
    query: { preview?: boolean | null };
    body: undefined;
    answer: EditAnswer;
  };
  /** Asks for the lyrics of an album's tracks. */
  "POST /api/enrichment/album/{id}": {
    path: { id: number };
    query: { background?: boolean | null };
    body: undefined;
    answer: EnrichmentTask;
  };
  /** Asks for the lyrics of many tracks that have none. */
  "POST /api/enrichment/batch": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Batch | null;
    answer: EnrichmentTask;
  };
  /** How much is known of the tracks: lyrics, ISRC, composer. */
  "GET /api/enrichment/stats": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: EnrichmentStats;
  };
  /** Asks for the lyrics of one track. */
  "POST /api/enrichment/track/{id}": {
    path: { id: number };
    query: { background?: boolean | null };
    body: undefined;
    answer: EnrichedTrack;
  };
  /** Tracks without lyrics, the newest first. */
  "GET /api/enrichment/tracks/missing-lyrics": {
    path: Record<never, never>;
    query: { limit?: number | null; album_id?: number | null };
    body: undefined;
    answer: TrackWithoutLyrics[];
  };
  /** One's own exports, or for an admin anyone's, the newest first; for root at the local socket all of them. */
  "GET /api/exports": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Export[];
  };
  /** Asks for an export. A zip waits for its download; all else is written by the worker. */
  "POST /api/exports": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: NewExport;
    answer: Export;
  };
  /** Makes a library of an export again: albums, with what the manifest knows of them, their history, and the hearts. */
  "POST /api/exports/import": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: ExportToImport;
    answer: Started;
  };
  /** One export. */
  "GET /api/exports/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Export;
  };
  /** Ends an export; what is whole stays where it is. */
  "POST /api/exports/{id}/cancel": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Cancelled;
  };
  /** The export as a zip, made while it is sent. A folder's export can be had this way, too: it is the same music. */
  "GET /api/exports/{id}/download": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** Lets an export that failed or was cancelled go on, when the drive is plugged in again. */
  "POST /api/exports/{id}/resume": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Export;
  };
  /** Lets an export that failed or was cancelled go on; what is there and right is not written again. */
  "POST /api/exports/{id}/retry": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Export;
  };
  /** Imports, the newest first: an admin's view of all, a member's of their own. */
  "GET /api/import": {
    path: Record<never, never>;
    query: { state?: string | null; album_id?: number | null; before?: number | null; limit?: number | null };
    body: undefined;
    answer: Import[];
  };
  /** Imports a folder. The folder is imported as soon as it has settled; asking twice is asking once. */
  "POST /api/import": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: AskImport;
    answer: Queued;
  };
  /** What lies in the inbox and the download folders, and what each waits for. */
  "GET /api/import/pending": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: PendingImport[];
  };
  /** Imports that wait for a person, or have waited, the newest first. */
  "GET /api/import/review": {
    path: Record<never, never>;
    query: { status?: string | null; before?: number | null; limit?: number | null };
    body: undefined;
    answer: Review[];
  };
  /** Imports that failed, the newest first. */
  "GET /api/import/review/failed": {
    path: Record<never, never>;
    query: { status?: string | null; before?: number | null; limit?: number | null };
    body: undefined;
    answer: Review[];
  };
  /** One of them with evidence, files, and what the library has beside it. */
  "GET /api/import/review/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: ReviewDetail;
  };
  /** Files it as suggested, or as the body says. */
  "POST /api/import/review/{id}/approve": {
    path: { id: number };
    query: Record<never, never>;
    body: Approval | null;
    answer: ReviewDecided;
  };
  /** Takes the picture back that somebody sent for it. */
  "DELETE /api/import/review/{id}/artwork": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Status;
  };
  /** The picture that somebody sent for it. */
  "GET /api/import/review/{id}/artwork": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** Keeps a picture for what waits for a decision: it becomes the album's cover when it is filed. The field `artwork` of a form, or the body itself. */
  "PUT /api/import/review/{id}/artwork": {
    path: { id: number };
    query: Record<never, never>;
    body: FormData | Blob;
    answer: Status;
  };
  /** Files it as the body says; the same as `approve`. */
  "POST /api/import/review/{id}/manual": {
    path: { id: number };
    query: Record<never, never>;
    body: Approval | null;
    answer: ReviewDecided;
  };
  /** What was rejected waits for a person again. */
  "POST /api/import/review/{id}/put-back": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: ReviewDecided;
  };
  /** Keeps it out of the library. */
  "POST /api/import/review/{id}/reject": {
    path: { id: number };
    query: Record<never, never>;
    body: Rejection | null;
    answer: ReviewDecided;
  };
  /** Takes the last decision back: what was approved leaves the library, with the tags that it had, and waits for a person again, and so does what was rejected; what was put back is rejected again. */
  "POST /api/import/review/{id}/undo": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: ReviewDecided;
  };
  /** Looks at the inbox now, instead of at the next sweep: everything in it that has settled is imported. */
  "POST /api/import/trigger": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Started;
  };
  /** Begins an upload of one file, as tus does: `Upload-Length`, and its name in `Upload-Metadata`. `Location` is where its pieces go. */
  "POST /api/import/upload": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** Leaves a file out of its upload, which goes on without it. */
  "DELETE /api/import/upload/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** How much of a file is here. */
  "HEAD /api/import/upload/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** Sends the next piece of a file, which begins at `Upload-Offset`. */
  "PATCH /api/import/upload/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: FormData | Blob;
    answer: undefined;
  };
  /** One's own latest uploads, the newest first; those that are open with how far each file is. */
  "GET /api/import/uploads": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Upload[];
  };
  /** Begins an upload of a folder, of several files, or of a zip. Each file is then sent to `/api/import/upload/{id}` by its own id, in pieces of any size; with the last byte of the last one, all of it goes to the inbox. */
  "POST /api/import/uploads": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: NewUpload;
    answer: Begun;
  };
  /** Cancels an upload: what came of it is removed. One that is being put into the inbox is asked to stop. */
  "DELETE /api/import/uploads/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Status;
  };
  /** One of one's own uploads. */
  "GET /api/import/uploads/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Upload;
  };
  /** One import with its evidence. */
  "GET /api/import/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Import;
  };
  /** Jobs, the newest first. */
  "GET /api/jobs": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: JobPage;
  };
  /** How long the queues are. */
  "GET /api/jobs/queues": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Queues;
  };
  /** Lets a queue stand still: its jobs wait until it goes on. */
  "POST /api/jobs/queues/{queue}/pause": {
    path: { queue: string };
    query: Record<never, never>;
    body: undefined;
    answer: QueueStatus;
  };
  /** Lets a queue go on. */
  "POST /api/jobs/queues/{queue}/resume": {
    path: { queue: string };
    query: Record<never, never>;
    body: undefined;
    answer: QueueStatus;
  };
  /** One job. Whoever has been told its number may see how far it is; what it is about is for admins. */
  "GET /api/jobs/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Job;
  };
  /** Ends a job; one that runs ends at its next safe place. */
  "POST /api/jobs/{id}/cancel": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: JobStatus;
  };
  /** Gives a job that failed or was cancelled all its attempts again. */
  "POST /api/jobs/{id}/retry": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: JobStatus;
  };
  /** What there is, in numbers, and which filters would find something. */
  "GET /api/library": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Overview;
  };
  /** The same music more than once, and what could be freed. */
  "GET /api/library/duplicates": {
    path: Record<never, never>;
    query: { why?: string | null; limit?: number | null; cursor?: string | null };
    body: undefined;
    answer: Report_Group;
  };
  /** Albums of which tracks are missing, and which. */
  "GET /api/library/incomplete": {
    path: Record<never, never>;
    query: { why?: string | null; limit?: number | null; cursor?: string | null };
    body: undefined;
    answer: Report_Incomplete;
  };
  /** Artists that Lidarr has. */
  "GET /api/lidarr/artists": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: LidarrArtists;
  };
  /** Has Lidarr look for an artist's albums, by its own profiles and folders unless others of them are named. */
  "POST /api/lidarr/artists": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: AddArtist;
    answer: LidarrAdded;
  };
  /** Looks now for what Lidarr has downloaded, instead of within five minutes. */
  "POST /api/lidarr/collect": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Started;
  };
  /** What was brought from Lidarr, the newest first. */
  "GET /api/lidarr/downloads": {
    path: Record<never, never>;
    query: { limit?: number | null };
    body: undefined;
    answer: Brought[];
  };
  /** Has Lidarr look for what is missing of our albums, as far as it wants them too. */
  "POST /api/lidarr/gaps": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Gaps | null;
    answer: Started;
  };
  /** What happened in Lidarr, the newest first. */
  "GET /api/lidarr/history": {
    path: Record<never, never>;
    query: { limit?: number | null };
    body: undefined;
    answer: LidarrHistory;
  };
  /** Lidarr's profiles and root folders. */
  "GET /api/lidarr/profiles": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: LidarrProfiles;
  };
  /** What Lidarr is fetching, and how far it is. */
  "GET /api/lidarr/queue": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: LidarrQueue;
  };
  /** Artists that there are, as Lidarr finds them. */
  "GET /api/lidarr/search": {
    path: Record<never, never>;
    query: { q: string };
    body: undefined;
    answer: LidarrFound;
  };
  /** Has Lidarr look for albums now. */
  "POST /api/lidarr/search": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Look;
    answer: Looking;
  };
  /** Whether Lidarr answers. */
  "GET /api/lidarr/status": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: LidarrStatus;
  };
  /** Albums that Lidarr wants and does not have whole. */
  "GET /api/lidarr/wanted": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: LidarrWanted;
  };
  /** Takes what Lidarr's webhook tells. When it has imported an album, that is brought from the folder that both see. */
  "POST /api/lidarr/webhook": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Record<string, unknown>;
    answer: Status;
  };
  /** What I did, the newest first. */
  "GET /api/me/activity": {
    path: Record<never, never>;
    query: { limit?: number | null; offset?: number | null; action?: string | null };
    body: undefined;
    answer: Lines;
  };
  /** One's own exports, the newest first. */
  "GET /api/me/export": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Export[];
  };
  /** Asks for an export of one's own. */
  "POST /api/me/export": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: NewExport;
    answer: Export;
  };
  /** Hearted albums, the newest heart first; or only some of them, or in another order. */
  "GET /api/me/library": {
    path: Record<never, never>;
    query: { page?: number | null; limit?: number | null; cursor?: string | null; letter?: string | null; artist_id?: number | null; sort?: string | null; source?: string | null; lossy?: boolean | null; hires?: boolean | null; incomplete?: boolean | null; no_cover?: boolean | null; recent?: boolean | null; hearted?: boolean | null };
    body: undefined;
    answer: MyAlbums;
  };
  /** Takes the album out of my library. */
  "DELETE /api/me/library/albums/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: HeartAnswer;
  };
  /** Puts the album into my library. */
  "POST /api/me/library/albums/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: HeartAnswer;
  };
  /** Artists with a hearted album or track. */
  "GET /api/me/library/artists": {
    path: Record<never, never>;
    query: { page?: number | null; limit?: number | null; cursor?: string | null; letter?: string | null; artist_id?: number | null };
    body: undefined;
    answer: Page_Artists;
  };
  /** Takes the artist out of my library. */
  "DELETE /api/me/library/artists/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: HeartAnswer;
  };
  /** Puts the artist into my library. Later albums follow. */
  "POST /api/me/library/artists/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: HeartAnswer;
  };
  /** The albums of an artist that are hearted or have a hearted track. */
  "GET /api/me/library/artists/{id}/albums": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Albums;
  };
  /** The tracks of hearted albums and those hearted by themselves, the newest heart first. */
  "GET /api/me/library/tracks": {
    path: Record<never, never>;
    query: { page?: number | null; limit?: number | null; cursor?: string | null; letter?: string | null; artist_id?: number | null };
    body: undefined;
    answer: Tracks;
  };
  /** Takes the track out of my library. */
  "DELETE /api/me/library/tracks/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: HeartAnswer;
  };
  /** Puts the track into my library. */
  "POST /api/me/library/tracks/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: HeartAnswer;
  };
  /** How I am told of what needs me, and of what I could be. */
  "GET /api/me/notifications": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Notifications;
  };
  /** Adds a way to tell me: a webhook (POST with JSON), a topic at ntfy, or an e-mail address. */
  "POST /api/me/notifications": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: NewTarget;
    answer: Target;
  };
  /** Sends me a test message, by one way or by all of mine; each at most every ten seconds. */
  "POST /api/me/notifications/test": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Which | null;
    answer: TestResult[];
  };
  /** Forgets a way to tell me. */
  "DELETE /api/me/notifications/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Status;
  };
  /** Changes a way to tell me. */
  "PUT /api/me/notifications/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: NewTarget;
    answer: Target;
  };
  /** Makes one change to several albums. */
  "PUT /api/metadata/albums": {
    path: Record<never, never>;
    query: { preview?: boolean | null };
    body: SeveralAlbumsChange;
    answer: EditAnswer;
  };
  /** Changes an album's metadata. */
  "PUT /api/metadata/albums/{id}": {
    path: { id: number };
    query: { preview?: boolean | null };
    body: AlbumChange;
    answer: EditAnswer;
  };
  /** Writes into the files' tags what the rows say. */
  "POST /api/metadata/albums/{id}/write-tags": {
    path: { id: number };
    query: { preview?: boolean | null };
    body: undefined;
    answer: EditAnswer;
  };
  /** Renames an artist, and with it folders and tags. */
  "PUT /api/metadata/artists/{id}": {
    path: { id: number };
    query: { preview?: boolean | null };
    body: ArtistChange;
    answer: EditAnswer;
  };
  /** Changes a track's metadata. */
  "PUT /api/metadata/tracks/{id}": {
    path: { id: number };
    query: { preview?: boolean | null };
    body: TrackChange;
    answer: EditAnswer;
  };
  /** This document. */
  "GET /api/openapi.json": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: unknown;
  };
  /** Has Plex look at a folder, or at all. */
  "POST /api/plex/scan": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: Scan | null;
    answer: Status;
  };
  /** How Plex is, and which of its libraries are for music. */
  "GET /api/plex/status": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: PlexStatus;
  };
  /** An album of the catalogue, with its tracks. */
  "GET /api/qobuz/album/{album}": {
    path: { album: string };
    query: Record<never, never>;
    body: undefined;
    answer: QobuzAlbumPage;
  };
  /** An artist of the catalogue, with their albums. */
  "GET /api/qobuz/artist/{artist}": {
    path: { artist: string };
    query: { sort?: string | null; explicit_only?: string | null };
    body: undefined;
    answer: QobuzArtist;
  };
  /** Searches the catalogue, with a mark at what is here already. */
  "GET /api/qobuz/search": {
    path: Record<never, never>;
    query: { q: string; type?: string | null; limit?: number | null };
    body: undefined;
    answer: QobuzHits;
  };
  /** Searches as you type: exact names first, then beginnings, then all that have the words. */
  "GET /api/search": {
    path: Record<never, never>;
    query: { q: string; type?: string | null; limit?: number | null; include_external?: string | null };
    body: undefined;
    answer: Found;
  };
  /** Searches here, and elsewhere when nothing is here. */
  "GET /api/search/unified": {
    path: Record<never, never>;
    query: { q: string; type?: string | null; limit?: number | null; include_external?: string | null };
    body: undefined;
    answer: Unified;
  };
  /** The settings, without secrets. */
  "GET /api/settings": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Settings;
  };
  /** Changes settings together: all of them, or none when one does not fit. Secrets go in and never come out. */
  "PUT /api/settings": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: SettingsChange;
    answer: SettingsChanged;
  };
  /** Has what was bought at Bandcamp, and is not here yet, fetched. */
  "POST /api/settings/bandcamp/sync": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Started;
  };
  /** Folders to choose from, beneath `api.browse_roots` and the music folder. */
  "GET /api/settings/browse": {
    path: Record<never, never>;
    query: { path?: string | null };
    body: undefined;
    answer: Folders;
  };
  /** Whether Jellyfin answers, at this address and with this key or as it is set. */
  "POST /api/settings/test/jellyfin": {
    path: Record<never, never>;
    query: { url?: string | null; token?: string | null };
    body: undefined;
    answer: Tested;
  };
  /** Whether Lidarr answers, at this address and with this key or as it is set. */
  "POST /api/settings/test/lidarr": {
    path: Record<never, never>;
    query: { url?: string | null; api_key?: string | null };
    body: undefined;
    answer: LidarrStatus;
  };
  /** Whether Navidrome answers, at this address and with this password or as it is set. */
  "POST /api/settings/test/navidrome": {
    path: Record<never, never>;
    query: { url?: string | null; token?: string | null };
    body: undefined;
    answer: Tested;
  };
  /** Whether Plex answers, at this address and with this token or as it is set. */
  "POST /api/settings/test/plex": {
    path: Record<never, never>;
    query: { url?: string | null; token?: string | null };
    body: undefined;
    answer: Tested;
  };
  /** Where music comes from and who else is told, and how each of them is. */
  "GET /api/sources": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Source[];
  };
  /** Has all of them looked at now. */
  "POST /api/sources/check": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Started;
  };
  /** Whether there is a release of this name at TorrentLeech. */
  "GET /api/tl/check/{release_name}": {
    path: { release_name: string };
    query: Record<never, never>;
    body: undefined;
    answer: ReleaseCheck;
  };
  /** Uploads an album: only what the family holds the right to share, which is stated for each upload and recorded. */
  "POST /api/tl/upload/{id}": {
    path: { id: number };
    query: { tags?: string | null };
    body: Entitlement;
    answer: Uploaded;
  };
  /** What was uploaded and by what right, the newest first. */
  "GET /api/tl/uploads": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: TrackerUpload[];
  };
  /** The `.torrent` of an upload, for the program that seeds it. */
  "GET /api/tl/uploads/{id}/torrent": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** Puts a track into the trash. */
  "DELETE /api/tracks/{id}": {
    path: { id: number };
    query: { delete_files?: boolean | null };
    body: undefined;
    answer: TrashAnswer;
  };
  /** One track. */
  "GET /api/tracks/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Track;
  };
  /** The words of a song, as far as they are known. */
  "GET /api/tracks/{id}/lyrics": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: TrackLyrics;
  };
  /** Changes a track's metadata; the same as `/metadata/tracks/{id}`. */
  "PUT /api/tracks/{id}/metadata": {
    path: { id: number };
    query: { preview?: boolean | null };
    body: TrackChange;
    answer: EditAnswer;
  };
  /** The first minute and a half of a track as MP3, for what a browser cannot play. */
  "GET /api/tracks/{id}/preview": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** Where a track came from: each file that it has had, the latest first. */
  "GET /api/tracks/{id}/provenance": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: TrackHistory;
  };
  /** The sound of a track, whole or in ranges. */
  "GET /api/tracks/{id}/stream": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** What was replaced, deleted or came twice, the newest first. */
  "GET /api/trash": {
    path: Record<never, never>;
    query: { kind?: string | null; q?: string | null; limit?: number | null; cursor?: string | null };
    body: undefined;
    answer: TrashPage;
  };
  /** Removes for good what has expired, or everything. */
  "POST /api/trash/empty": {
    path: Record<never, never>;
    query: { all?: boolean | null };
    body: undefined;
    answer: TrashAnswer;
  };
  /** Removes it for good. */
  "DELETE /api/trash/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: TrashAnswer;
  };
  /** One thing in it, with its files. */
  "GET /api/trash/{id}": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: TrashItemDetail;
  };
  /** Brings it back, with its hearts. */
  "POST /api/trash/{id}/restore": {
    path: { id: number };
    query: Record<never, never>;
    body: undefined;
    answer: TrashAnswer;
  };
  /** A page that shows this document. */
  "GET /docs": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** Script and style of that page. */
  "GET /docs/{part}": {
    path: { part: string };
    query: Record<never, never>;
    body: undefined;
    answer: Blob;
  };
  /** How the parts are. */
  "GET /health": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Health;
  };
  /** The same as `/live`. */
  "GET /health/live": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Liveness;
  };
  /** The same as `/ready`. */
  "GET /health/ready": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Readiness;
  };
  /** That the process answers. */
  "GET /live": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Liveness;
  };
  /** This document, where the first version had it. */
  "GET /openapi.json": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: unknown;
  };
  /** Whether requests can be served. */
  "GET /ready": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: Readiness;
  };
  /** Where the first version had another page of the kind. */
  "GET /redoc": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  /** Live events over a WebSocket. Who it is: the cookie, `Authorization`, a ticket, or the first message. */
  "GET /ws": {
    path: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
}
