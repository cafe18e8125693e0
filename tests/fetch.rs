//! Downloads from servers that misbehave: a file is whole and checked under its name, or it is not there.

#[path = "common/server.rs"]
mod server;

use hcwb::fetch::{Checksum, Download, Outcome, Patience, Size, download, hub};
use hcwb::progress::Silent;
use hcwb::{Error, Result};
use server::{Reply, Server, Then};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// 100,000 bytes without a period that could hide a shift.
fn content() -> Vec<u8> {
    (0u32..25_000).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// Of [`content`], by Python's hashlib.
const SHA256: &str = "7da779de1eaa52d07827c90101567e1078ae7ed48cb4c9ce41e4895882115028";
const MD5: &str = "329213f56262219797239dcc76b55f28";

fn quick() -> Patience {
    let ms = Duration::from_millis;
    Patience { connect: ms(2000), silence: ms(150), retries: 2, pause: ms(1) }
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }
    fn path(&self) -> PathBuf {
        self.folder.path().join("a.bin")
    }
    fn partial(&self) -> PathBuf {
        self.folder.path().join("a.bin.partial")
    }
    fn get(&self, url: &str) -> Result<Outcome> {
        self.get_as(url, Size::Exactly(100_000), Checksum::sha256(SHA256))
    }
    fn get_as(&self, url: &str, size: Size, checksum: Option<Checksum>) -> Result<Outcome> {
        download(&Download { url, path: &self.path(), size, checksum }, &quick(), &Silent)
    }
    fn assert_whole(&self) {
        assert_eq!(std::fs::read(self.path()).unwrap(), content());
        assert!(!self.partial().exists());
    }
    /// The error names the file and a cure, and nothing has its name.
    fn assert_none(&self, error: &Error) {
        assert_eq!(error.file.as_deref(), Some(self.path().as_path()), "{error:?}");
        assert!(error.cure.is_some(), "{error:?}");
        assert!(!self.path().exists());
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn a_file_is_fetched_once_and_then_already_there() {
    let (place, server) = (Place::new(), Server::start(|_, _| Reply::whole(&content())));
    assert_eq!(place.get(&server.url("/a")).unwrap(), Outcome::Fetched);
    place.assert_whole();
    assert_eq!(place.get(&server.url("/a")).unwrap(), Outcome::AlreadyThere);
    assert_eq!(server.asked().len(), 1);
    let md5 = Some(Checksum::Md5(MD5.into()));
    assert_eq!(place.get_as(&server.url("/a"), Size::Exactly(100_000), md5).unwrap(), Outcome::AlreadyThere);
}

#[test]
fn another_file_of_that_name_is_named_and_not_overwritten() {
    let (place, server) = (Place::new(), Server::start(|_, _| Reply::whole(&content())));
    for other in [vec![7; 5], vec![7; 100_000]] {
        std::fs::write(place.path(), &other).unwrap();
        let error = place.get(&server.url("/a")).unwrap_err();
        assert!(error.what.contains("expected") && error.what.contains("found"), "{error}");
        assert_eq!(std::fs::read(place.path()).unwrap(), other);
    }
    assert!(server.asked().is_empty());
}

#[test]
fn after_a_cut_only_the_rest_is_asked_for() {
    let server = Server::start(|n, asked| match n {
        0 => Reply::whole(&content()).cut(30_000),
        1 => Reply::part(asked, &content()).cut(20_000),
        _ => Reply::part(asked, &content()),
    });
    let place = Place::new();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
    let from: Vec<_> = server.asked().iter().map(|asked| asked.from()).collect();
    assert_eq!(from, [None, Some(30_000), Some(50_000)]);
}

#[test]
fn the_next_run_of_the_program_goes_on_where_the_last_one_was_cut() {
    let place = Place::new();
    let first = Server::start(|n, asked| match n {
        0 => Reply::part(asked, &content()).cut(40_000),
        _ => Reply::part(asked, &content()).cut(0),
    });
    let error = place.get(&first.url("/a")).unwrap_err();
    place.assert_none(&error);
    assert!(error.cure.as_ref().unwrap().contains("40000 bytes that have arrived are kept"), "{error:?}");
    assert_eq!(length(&place.partial()), 40_000);
    assert_eq!(first.asked().len(), 3, "one try, then as many as it has patience for");
    let second = Server::start(|_, asked| Reply::part(asked, &content()));
    place.get(&second.url("/a")).unwrap();
    place.assert_whole();
    assert_eq!(second.asked()[0].from(), Some(40_000));
}

#[test]
fn a_partial_file_that_is_whole_already_needs_no_server() {
    let (place, server) = (Place::new(), Server::start(|_, _| Reply::whole(&[])));
    std::fs::write(place.partial(), content()).unwrap();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
    assert!(server.asked().is_empty());
}

#[test]
fn a_server_that_ignores_the_range_is_taken_from_the_beginning() {
    let (place, server) = (Place::new(), Server::start(|_, _| Reply::whole(&content())));
    std::fs::write(place.partial(), &content()[..10_000]).unwrap();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
    assert_eq!(server.asked()[0].from(), Some(10_000));
}

#[test]
fn a_part_that_was_not_asked_for_is_not_joined_on() {
    let server = Server::start(|n, asked| match n {
        0 => Reply::new("206 Partial Content", "Content-Range: bytes 5-99999/100000\r\n", &content()[5..]),
        1 => Reply::part(asked, &content()),
        _ => unreachable!("whole by now"),
    });
    let place = Place::new();
    std::fs::write(place.partial(), &content()[..10_000]).unwrap();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
    assert_eq!(server.asked()[1].from(), None);
}

#[test]
fn a_part_that_is_out_of_range_starts_anew() {
    let server = Server::start(|n, asked| match n {
        0 => Reply::new("416 Range Not Satisfiable", "Content-Range: bytes */500\r\n", &[]),
        _ => Reply::part(asked, &content()),
    });
    let place = Place::new();
    std::fs::write(place.partial(), &content()[..10_000]).unwrap();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
    assert_eq!(server.asked()[1].from(), None);
}

#[test]
fn a_wrong_length_is_refused_with_both_numbers_before_it_is_fetched() {
    for length in [99_999, 100_001] {
        let server = Server::start(move |_, _| Reply::whole(&vec![0; length]));
        let place = Place::new();
        let error = place.get(&server.url("/a")).unwrap_err();
        place.assert_none(&error);
        assert!(error.what.contains("100000") && error.what.contains(&length.to_string()), "{error}");
        assert!(!place.partial().exists());
        assert_eq!(server.asked().len(), 1, "asking again would not help");
    }
}

#[test]
fn a_wrong_checksum_is_refused_with_both_and_the_next_try_starts_anew() {
    let place = Place::new();
    let mut wrong = content();
    wrong[50_000] ^= 1;
    let bad = Server::start(move |_, _| Reply::whole(&wrong));
    let error = place.get(&bad.url("/a")).unwrap_err();
    place.assert_none(&error);
    assert!(error.what.contains(SHA256) && error.what.matches("sha256").count() == 2, "{error}");
    assert!(!place.partial().exists());
    let good = Server::start(|_, asked| Reply::part(asked, &content()));
    place.get(&good.url("/a")).unwrap();
    place.assert_whole();
    assert_eq!(good.asked()[0].from(), None);
}

#[test]
fn a_file_that_is_not_there_is_asked_for_once() {
    let (place, server) = (Place::new(), Server::start(|_, _| Reply::new("404 Not Found", "", b"no")));
    let error = place.get(&server.url("/a")).unwrap_err();
    place.assert_none(&error);
    assert!(error.what.contains("404"), "{error}");
    assert_eq!(server.asked().len(), 1);
    assert!(!place.partial().exists());
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let server = Server::start(|n, _| match n {
        0 => Reply::new("500 Internal Server Error", "", b""),
        1 => Reply::new("503 Service Unavailable", "", b""),
        _ => Reply::whole(&content()),
    });
    let place = Place::new();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
}

#[test]
fn a_silent_server_is_given_up_and_asked_for_the_rest() {
    let server = Server::start(|n, asked| match n {
        0 => Reply::part(asked, &content()).cut(60_000).then(Then::Hang),
        _ => Reply::part(asked, &content()),
    });
    let place = Place::new();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
    assert_eq!(server.asked()[1].from(), Some(60_000));
}

#[test]
fn an_endless_body_is_stopped_at_the_expected_size() {
    let server = Server::start(|_, _| Reply::new("200 OK", "", &content()).then(Then::Repeat));
    let place = Place::new();
    for size in [Size::Exactly(100_000), Size::AtMost(250_000)] {
        let error = place.get_as(&server.url("/a"), size, None).unwrap_err();
        place.assert_none(&error);
        assert!(error.what.contains("sends more than"), "{error}");
        assert!(!place.partial().exists());
    }
}

#[test]
fn redirects_are_followed_and_keep_the_range() {
    let server = Server::start(|_, asked| match asked.path.as_str() {
        "/a" => Reply::new("302 Found", "Location: /b\r\n", b""),
        "/b" => Reply::part(asked, &content()),
        _ => Reply::new("302 Found", "Location: /circle\r\n", b""),
    });
    let place = Place::new();
    std::fs::write(place.partial(), &content()[..1000]).unwrap();
    place.get(&server.url("/a")).unwrap();
    place.assert_whole();
    assert_eq!(server.asked()[1].from(), Some(1000));
    let error = Place::new().get(&server.url("/circle")).unwrap_err();
    assert!(error.what.contains("no answer"), "{error}");
}

#[test]
fn without_a_checksum_halves_are_joined_only_where_the_server_says_they_belong_together() {
    // A tag that stays: the rest is asked for, on the condition that the tag is still the same.
    let tagged = |asked: &server::Asked| {
        let status = if asked.from().is_some() { "206 Partial Content" } else { "200 OK" };
        let from = asked.from().unwrap_or(0);
        let range = format!("Content-Range: bytes {from}-99999/100000\r\n");
        let headers = format!("ETag: \"v1\"\r\nContent-Length: {}\r\n{range}", 100_000 - from);
        Reply::new(status, &headers, &content()[from..])
    };
    let server = Server::start(move |n, asked| if n == 0 { tagged(asked).cut(30_000) } else { tagged(asked) });
    let place = Place::new();
    std::fs::write(place.partial(), [9; 5000]).unwrap();
    place.get_as(&server.url("/a"), Size::AtMost(1 << 20), None).unwrap();
    place.assert_whole();
    let asked = server.asked();
    assert_eq!((asked[0].from(), asked[1].from()), (None, Some(30_000)));
    assert_eq!(asked[1].header("if-range"), Some("\"v1\""));
    // No tag: from the beginning.
    let server = Server::start(|n, asked| match n {
        0 => Reply::part(asked, &content()).cut(30_000),
        _ => Reply::part(asked, &content()),
    });
    let place = Place::new();
    place.get_as(&server.url("/a"), Size::AtMost(1 << 20), None).unwrap();
    place.assert_whole();
    assert_eq!(server.asked()[1].from(), None);
}

#[test]
fn without_room_on_the_disk_nothing_is_asked_for() {
    let (place, server) = (Place::new(), Server::start(|_, _| Reply::whole(&content())));
    let error = place.get_as(&server.url("/a"), Size::Exactly(1 << 60), None).unwrap_err();
    place.assert_none(&error);
    assert!(error.what.contains("there is no room"), "{error}");
    assert!(server.asked().is_empty());
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::new();
    let error = place.get(&url).unwrap_err();
    place.assert_none(&error);
    assert!(error.what.contains(&url), "{error}");
}

#[test]
fn two_processes_never_write_the_same_download() {
    let (place, server) = (Place::new(), Server::start(|_, _| Reply::whole(&content())));
    let held = std::fs::File::create(place.partial()).unwrap();
    held.lock().unwrap();
    let error = place.get(&server.url("/a")).unwrap_err();
    assert!(error.what.contains("another process"), "{error}");
    drop(held);
    place.get(&server.url("/a")).unwrap();
}

#[test]
fn the_hub_tells_size_and_sha256_before_it_redirects_to_the_storage() {
    let server = Server::start(|_, asked| match asked.path.as_str() {
        "/old" => Reply::new("307 Temporary Redirect", "Location: /new\r\n", b""),
        "/new" => {
            let linked = format!("X-Linked-Size: 100000\r\nX-Linked-Etag: \"{SHA256}\"\r\n");
            Reply::new("302 Found", &format!("{linked}Location: http://127.0.0.1:1/elsewhere\r\n"), b"")
        }
        "/plain" => Reply::whole(&content()),
        _ => Reply::new("404 Not Found", "", b""),
    });
    let known = hub::ask(&server.url("/old"), &quick()).unwrap();
    assert_eq!(known, hub::Known { size: Some(100_000), sha256: Checksum::sha256(SHA256) });
    let plain = hub::ask(&server.url("/plain"), &quick()).unwrap();
    assert_eq!(plain, hub::Known { size: Some(100_000), sha256: None });
    assert!(hub::ask(&server.url("/none"), &quick()).unwrap_err().what.contains("404"));
    assert!(server.asked().iter().all(|asked| asked.method == "HEAD"));
}
