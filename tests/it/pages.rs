//! The pages and the server speak of the same API.

use std::io::Write;
use std::process::{Command, Stdio};

use barbossa::roles::api;

#[test]
fn the_types_of_the_pages_are_those_of_the_document() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/web/types.mjs");
    let mut check = Command::new("node")
        .args([script, "--check", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Debian's nodejs is installed: `./dev setup`");
    let document = api::document().to_string();
    check.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let ended = check.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
