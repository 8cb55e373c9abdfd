// Routes that are described and not yet in the API's document. What `schema.ts` has holds; then the one here can go.

import type { Health } from "./schema";

/** A download, as its owner sees it. */
export type Download = {
  id: number;
  source: string;
  source_url?: string | null;
  search_query?: string | null;
  /** `pending`, `downloading`, `importing`, `complete`, `duplicate`, `failed`, `cancelled`, `pending_review`. */
  status: string;
  /** Percent. */
  progress: number;
  speed?: string | null;
  eta?: string | null;
  error_message?: string | null;
  /** The last lines that its program wrote. */
  output?: string | null;
  result_album_id?: number | null;
  result_review_id?: number | null;
  artist?: string | null;
  title?: string | null;
  size?: number | null;
  confirm_lossy?: boolean;
  completed_at?: string | null;
  created_at: string;
};

/** What is at an address. */
export type AddressInfo = {
  title: string;
  artist: string;
  album?: string | null;
  /** Seconds. */
  duration?: number | null;
  is_lossy: boolean;
  thumbnail?: string | null;
  source: string;
  tracks?: number;
};

export type AskedDownload = { url: string; quality?: number; confirm_lossy?: boolean; search_type?: string | null };

export type CatalogueAlbum = {
  id: string;
  title: string;
  artist_name: string;
  year?: string | null;
  track_count?: number | null;
  hires?: boolean;
  maximum_bit_depth?: number | null;
  maximum_sampling_rate?: number | null;
  artwork_small?: string | null;
  url: string;
  in_library: boolean;
  local_album_id?: number | null;
};

/** A way to tell somebody of what needs them. */
export type Target = {
  id: number;
  kind: string;
  address: string;
  events: string[];
  is_enabled: boolean;
  last_sent_at?: string | null;
  last_error?: string | null;
};

export type Notifications = { targets: Target[]; events: { name: string; meaning: string }[]; kinds: string[] };

export type NewTarget = { kind: string; address: string; events?: string[] | null; is_enabled?: boolean | null };

export type CatalogueArtist = { id: string; name: string; album_count: number; image_small?: string | null };

export type CatalogueTrack = { id: string; title: string; track_number: number; duration?: number | null };

/** An artist that Lidarr knows. */
export type LidarrArtist = { name: string; mbid: string; overview: string; genres: string[]; in_lidarr?: boolean };

/** What Lidarr is fetching. */
export type LidarrQueued = {
  id: number;
  title: string;
  artist?: string | null;
  album?: string | null;
  status: string;
  progress: number;
  eta?: string | null;
  error?: string | null;
};

/** How the machine is. */
export type System = Health & {
  /** Every process that has given a sign of life lately. */
  roles: { role: string; host: string; status: string; started_at: string; seen_at: string; is_alive: boolean; unit: string }[];
  disks: { what: string; path: string; free_bytes: number; total_bytes: number; days_left?: number | null }[];
};

/** Where backups are carried besides, and how that went. */
export type BackupCopies = {
  destinations?: { name: string; to: string; last?: { error?: string | null } | null; last_complete_at?: string | null; is_overdue: boolean }[];
  music?: { repository?: string | null; last?: { error?: string | null } | null; last_complete_at?: string | null; is_overdue: boolean };
};

type Nothing = Record<never, never>;
type Of<Path, Query, Body, Answer> = { path: Path; query: Query; body: Body; answer: Answer };
type Id = { id: number };

export interface Coming {
  "GET /api/downloads": Of<Nothing, { status?: string | null; limit?: number | null }, undefined, Download[]>;
  "GET /api/downloads/queue": Of<Nothing, Nothing, undefined, Download[]>;
  "GET /api/downloads/url/info": Of<Nothing, { url: string }, undefined, AddressInfo>;
  "POST /api/downloads/url": Of<Nothing, Nothing, AskedDownload, Download>;
  "POST /api/downloads/qobuz": Of<Nothing, Nothing, AskedDownload, Download>;
  "POST /api/downloads/{id}/cancel": Of<Id, Nothing, undefined, { id: number; status: string }>;
  "POST /api/downloads/{id}/retry": Of<Id, Nothing, { confirm_lossy?: boolean } | null, Download>;
  "DELETE /api/downloads/{id}": Of<Id, Nothing, undefined, { id: number; status: string }>;
  "POST /api/settings/bandcamp/sync": Of<Nothing, Nothing, undefined, { status: string }>;
  "GET /api/lidarr/search": Of<Nothing, { q: string }, undefined, { results: LidarrArtist[] }>;
  "POST /api/lidarr/artists": Of<Nothing, Nothing, { mbid: string; name: string; search_for_missing?: boolean }, { status: string; name: string }>;
  "GET /api/lidarr/queue": Of<Nothing, Nothing, undefined, { items: LidarrQueued[] }>;
  "GET /api/admin/system": Of<Nothing, Nothing, undefined, System>;
  "POST /api/jobs/queues/{queue}/pause": Of<{ queue: string }, Nothing, undefined, { status: string }>;
  "POST /api/jobs/queues/{queue}/resume": Of<{ queue: string }, Nothing, undefined, { status: string }>;
  "GET /api/qobuz/search": Of<Nothing, { q: string; type?: string; limit?: number }, undefined, { albums: CatalogueAlbum[]; artists: CatalogueArtist[] }>;
  "GET /api/qobuz/artist/{artist}": Of<{ artist: string }, Nothing, undefined, CatalogueArtist & { albums: CatalogueAlbum[] }>;
  "GET /api/qobuz/album/{album}": Of<{ album: string }, Nothing, undefined, CatalogueAlbum & { tracks: CatalogueTrack[] }>;
  "GET /api/me/notifications": Of<Nothing, Nothing, undefined, Notifications>;
  "POST /api/me/notifications": Of<Nothing, Nothing, NewTarget, Target>;
  "PUT /api/me/notifications/{id}": Of<Id, Nothing, NewTarget, Target>;
  "DELETE /api/me/notifications/{id}": Of<Id, Nothing, undefined, { status: string }>;
  "POST /api/me/notifications/test": Of<Nothing, Nothing, { id?: number | null } | null, { id: number; sent: boolean; error?: string | null }[]>;
}
