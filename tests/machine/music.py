"""Real audio to try things with: short tones in every format that people have, tagged, with covers.

`DEMO` is the crate of albums that `./dev up` puts into the inbox; the tests make their own with `Album(…).make(dir)`.
"""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import trees

# Format → extension and what ffmpeg needs to make it. Ogg and Opus have the cover beside them, not inside.
FORMATS = {
    "flac16": ("flac", ["-c:a", "flac", "-sample_fmt", "s16", "-ar", "44100"]),
    "flac24": ("flac", ["-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-ar", "96000"]),
    "mp3": ("mp3", ["-c:a", "libmp3lame", "-b:a", "320k", "-id3v2_version", "4"]),
    "ogg": ("ogg", ["-c:a", "libvorbis", "-q:a", "5"]),
    "opus": ("opus", ["-c:a", "libopus", "-b:a", "128k"]),
    "m4a": ("m4a", ["-c:a", "aac", "-b:a", "256k"]),
}
COVER_INSIDE = ("flac", "mp3", "m4a")


@dataclass(frozen=True)
class Album:
    """An album to be made. `discs` holds the titles of each disc's tracks."""

    artist: str
    title: str
    year: int
    format: str
    discs: tuple = field(default=(("One", "Two"),))
    seconds: float = 3
    # Any other tags, by ffmpeg's names: (("MUSICBRAINZ_ALBUMID", "…"),).
    tags: tuple = ()

    def make(self, parent: Path) -> Path:
        """Make the album as a folder in `parent`, the way a ripper would leave it, and return the folder."""
        folder = parent / f"{self.artist} - {self.title}".replace("/", "_")
        folder.mkdir(parents=True)
        cover = folder / "cover.jpg"
        _ffmpeg(["-f", "lavfi", "-i", f"color=c=0x{self._number('colour') & 0xffffff:06x}:s=600x600,drawbox=x=150:y=150:w=300:h=300:t=40:c=white", "-frames:v", "1", str(cover)])
        for disc, titles in enumerate(self.discs, 1):
            disc_dir = folder / f"CD{disc}" if len(self.discs) > 1 else folder
            disc_dir.mkdir(exist_ok=True)
            for track, title in enumerate(titles, 1):
                self._make_track(disc_dir, disc, track, title, cover)
        return folder

    @property
    def track_count(self) -> int:
        return sum(map(len, self.discs))

    def _make_track(self, disc_dir: Path, disc: int, track: int, title: str, cover: Path) -> None:
        extension, codec = FORMATS[self.format]
        # Fine enough that no two tracks sound the same by chance: the same audio would be recognised.
        pitch_hz = 110 + self._number(f"{disc}/{track}/{title}") % 7_700_000 / 10_000
        argv = ["-f", "lavfi", "-i", f"aevalsrc=0.4*sin(2*PI*{pitch_hz}*t)|0.4*sin(2*PI*{pitch_hz * 1.5:g}*t):s=48000:d={self.seconds}"]
        if extension in COVER_INSIDE:
            argv += ["-i", str(cover), "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic"]
        tags = {
            "title": title, "artist": self.artist, "album": self.title, "album_artist": self.artist, "date": self.year,
            "track": f"{track}/{len(self.discs[disc - 1])}", "disc": f"{disc}/{len(self.discs)}", "genre": "Shanty",
            **dict(self.tags),
        }
        for name, value in tags.items():
            argv += ["-metadata", f"{name}={value}"]
        name = f"{track:02} - {title}".replace("/", "_")
        _ffmpeg([*argv, *codec, str(disc_dir / f"{name}.{extension}")])

    def _number(self, what: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.artist}/{self.title}/{what}".encode()).digest()[:4])


DEMO = (
    Album("Ada Holloway", "Silver Harbour", 2019, "flac16", (("Cast Off", "The Long Reach", "Landfall"),), 20),
    Album("Кино и море", "Полночь на рейде", 1988, "flac24", (("Якорь", "Туман"), ("Маяк", "Рассвет")), 10),
    Album("The Paper Lanterns", "÷", 2017, "mp3", (("Halves", "Remainder"),), 20),
    Album("椎名 海", "夜の航海", 2021, "ogg", (("出航", "灯台", "凪"),), 20),
    Album("Zoë Ørsted", "Ágætis dagar", 2015, "opus", (("Jökull", "Þoka"),), 20),
    Album("Otto Brandt", "Harbour Lights", 1998, "m4a", (("Lamplighter", "Last Ferry"),), 20),
)


def demo_dir() -> Path:
    """The folder with the demo albums, made once per recipe."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    folder = trees.cache_dir() / "music" / recipe
    with trees.locked("music"):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            for album in DEMO:
                album.make(partial)
            partial.rename(folder)
    return folder


def _ffmpeg(argv: list) -> None:
    subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1", *argv],
        check=True, stdin=subprocess.DEVNULL,
    )
