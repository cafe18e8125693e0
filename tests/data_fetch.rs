//! Published data brought and unpacked: from a server on this machine, with made-up files in the published names.

mod common;
#[path = "common/server.rs"]
mod server;

use common::Sandbox;
use hcwb::dataset::fetch::{self, Published, PublishedFile};
use hcwb::fetch::{Outcome, Patience, Size, Unpacked};
use hcwb::progress::Silent;
use md5::{Digest, Md5};
use server::{Reply, Server};
use std::io::{Cursor, Write};

fn zip() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.add_directory("training_set", options).unwrap();
    for name in ["001_HC.png", "001_HC_Annotation.png"] {
        zip.start_file(format!("training_set/{name}"), options).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn md5(bytes: &[u8]) -> &'static str {
    let hex: String = Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    hex.leak()
}

#[test]
fn a_published_set_is_fetched_checked_unpacked_and_then_left_alone() {
    let (table, archive) = (b"filename,pixel size(mm)\n".to_vec(), zip());
    let file = |name, bytes: &[u8]| PublishedFile {
        name,
        size: Size::Exactly(bytes.len() as u64),
        md5: Some(md5(bytes)),
        address: "unused",
    };
    let files = vec![file("table.csv", &table), file("training_set.zip", &archive)];
    let data = Published { files, ..fetch::published("hc18").unwrap() };
    let server = Server::start(move |_, asked| match asked.path.as_str() {
        "/mirror/table.csv" => Reply::part(asked, &table),
        "/mirror/training_set.zip" => Reply::part(asked, &archive),
        _ => Reply::new("404 Not Found", "", b""),
    });
    let sandbox = Sandbox::new();
    let to = sandbox.path().join("HC18");
    let get = || fetch::fetch(&data, &to, Some(&server.url("/mirror/")), &Patience::default(), &Silent).unwrap();
    let first = get();
    assert_eq!((first[0].outcome, first[0].unpacked), (Outcome::Fetched, None));
    assert_eq!(first[1].unpacked, Some(Unpacked { new: 2, same: 0 }));
    let image = to.join("training_set/001_HC.png");
    assert_eq!(std::fs::read(&image).unwrap(), b"001_HC.png");
    std::fs::remove_file(&image).unwrap();
    let again = get();
    assert_eq!((again[1].outcome, again[1].unpacked), (Outcome::AlreadyThere, Some(Unpacked { new: 1, same: 1 })));
    assert!(image.is_file());
    assert_eq!(server.asked().len(), 2, "each file was asked for once");
}

#[test]
fn hc18_that_is_not_the_published_one_is_refused_with_both_sizes() {
    let server = Server::start(|_, _| Reply::whole(b"not the table"));
    let sandbox = Sandbox::new();
    let to = sandbox.path().join("HC18");
    let said = sandbox.fails(1, &["data", "fetch", "hc18", to.to_str().unwrap(), "--base-url", &server.url("")]);
    assert!(said.contains("33688") && said.contains("13 bytes") && said.contains("training_set_pixel"), "{said}");
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0);
    let said = sandbox.fails(2, &["data", "fetch", "hc19", to.to_str().unwrap()]);
    assert!(said.contains("hc18 or acdc"), "{said}");
}

#[test]
fn acdc_comes_with_its_licence_its_citation_and_the_next_command() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let name = "ACDC/database/training/patient001/Info.cfg";
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"ED: 1\n").unwrap();
    let archive = zip.finish().unwrap().into_inner();
    // A server that tells no length, as the publisher's.
    let server = Server::start(move |_, _| Reply::new("200 OK", "", &archive));
    let sandbox = Sandbox::new();
    let to = sandbox.path().join("raw");
    let output = sandbox.output(&["data", "fetch", "acdc", to.to_str().unwrap(), "--base-url", &server.url("")]);
    let (said, remarked) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{remarked}");
    assert!(remarked.contains("no checksum was published for acdc.zip"), "{remarked}");
    let root = to.join("ACDC/database");
    assert!(said.contains("CC BY-NC-SA 4.0") && said.contains("Bernard"), "{said}");
    assert!(said.ends_with(&format!("next: hcwb data add acdc {} --name acdc\n", root.display())), "{said}");
    assert_eq!(std::fs::read(to.join(name)).unwrap(), b"ED: 1\n");
}
