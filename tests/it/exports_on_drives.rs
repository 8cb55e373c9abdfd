//! Exports to the file system that drives are sold with: it has no links, knows no rename that refuses to replace, keeps
//! times to two seconds, and tells no `Ä` from `ä`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::json;

use crate::exports::{Household, manifest, require_whole};
use crate::harness::files_beneath;

/// An exFAT file system in a file, mounted by the driver that Debian has for programs of its own; taken down when dropped.
struct ExFat {
    device: String,
    folder: PathBuf,
}

impl ExFat {
    fn at(folder: &Path, image: &Path, bytes: u64) -> Self {
        File::create(image).unwrap().set_len(bytes).unwrap();
        ran("mkfs.exfat", &[Path::new("--boundary-align=64K"), image]);
        let device = ran("losetup", &[Path::new("--find"), Path::new("--show"), image]).trim().to_owned();
        fs::create_dir_all(folder).unwrap();
        let drive = Self { device, folder: folder.to_owned() };
        drive.plug_in();
        drive
    }

    fn plug_in(&self) {
        ran("mount.exfat-fuse", &[Path::new(&self.device), &self.folder]);
    }

    fn pull_out(&self) {
        ran("umount", &[&self.folder]);
    }
}

impl Drop for ExFat {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
    }
}

fn ran(program: &str, arguments: &[&Path]) -> String {
    let out = Command::new(program).args(arguments).output().expect("installed by `./dev setup`");
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn written(folder: &Path) -> BTreeMap<String, SystemTime> {
    let time = |name: String| {
        let at = folder.join(&name).metadata().unwrap().modified().unwrap();
        (name, at)
    };
    files_beneath(folder).into_iter().filter(|n| n.contains('/')).map(time).collect()
}

#[tokio::test]
async fn an_exfat_drive_takes_an_export_whole_and_goes_on_where_it_was() {
    let home = Household::with_music().await;
    let folder = home.destination();
    let drive = ExFat::at(&folder, &home.town.music().parent().unwrap().join("drive.exfat"), 64 << 20);
    let export = home.export(json!({"format": "both"})).await;
    assert_eq!(export["status"], "complete", "{export}");
    drive.pull_out();
    assert_eq!(files_beneath(&folder), [""; 0], "it lies on the drive and not beneath it");
    drive.plug_in();
    require_whole(&folder);
    let before = written(&folder);
    assert!(before.contains_key("MP3/Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.mp3"), "{before:?}");
    // What is there and right stays as it is; what is loved since comes; what has another name moves.
    home.heart("tracks", "select id from track where title = 'Song 3'").await;
    home.town.execute("update album set title = 'DEBUT: 1/2?' where title like 'Debut%'").await;
    let again = home.export(json!({"format": "both"})).await;
    assert_eq!(again["status"], "complete", "{again}");
    require_whole(&folder);
    assert_eq!(manifest(&folder)["left"], json!([]));
    let after = written(&folder);
    let song = "FLAC/AC_DC/CON (1980)/02 - Song 2.mp3";
    assert_eq!(after[song], before[song]);
    assert!(after.contains_key("FLAC/AC_DC/CON (1980)/03 - Song 3.flac"), "{after:?}");
}

#[tokio::test]
async fn a_drive_that_is_too_small_is_told_before_anything_is_written() {
    let home = Household::with_music().await;
    let folder = home.destination();
    let _drive = ExFat::at(&folder, &home.town.music().parent().unwrap().join("drive.exfat"), 2 << 20);
    home.town.execute("update track set size_bytes = 3000000000").await;
    let export = home.export(json!({})).await;
    assert_eq!(export["status"], "failed", "{export}");
    assert!(export["error_message"].as_str().unwrap().contains("make room"), "{export}");
    assert_eq!(files_beneath(&folder), [""; 0]);
}
