//! One file by HTTP(S): resumed after cuts, its length and checksum compared before it gets its name.

use super::checksum::Checksum;
use super::http::{self, Patience, Redirects, Trouble};
use super::partial::Partial;
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use crate::text;
use std::io::Read;
use std::path::Path;
use ureq::Agent;

/// What is known of a file's length, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Exactly(u64),
    /// Not known; whatever sends more than this is not believed.
    AtMost(u64),
}

/// A file to fetch.
#[derive(Clone, Debug)]
pub struct Download<'a> {
    pub url: &'a str,
    pub path: &'a Path,
    pub size: Size,
    /// Without one, a download is resumed only within one run of the program, and only if the server says that the
    /// file is the same: nothing else could tell whether two halves belong together.
    pub checksum: Option<Checksum>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Fetched,
    AlreadyThere,
}

/// Fetches `file`, unless it is there already and whole.
///
/// Fails with the file's name, what was expected and what came, and leaves nothing under that name: what has arrived
/// so far stays in `NAME.partial` for the next try, but for bytes that cannot be the file's.
pub fn download(file: &Download, patience: &Patience, progress: &dyn Progress) -> Result<Outcome> {
    if std::fs::symlink_metadata(file.path).is_ok() {
        return check_existing(file, progress).map(|()| Outcome::AlreadyThere);
    }
    let folder = file.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).doing("make the folder for a download", folder)?;
    let mut partial = Partial::open(file.path)?;
    let longest = match file.size {
        Size::Exactly(size) | Size::AtMost(size) => size,
    };
    if file.checksum.is_none() || partial.length() > longest {
        partial.clear()?;
    }
    if let Size::Exactly(size) = file.size {
        check_room(folder, size - partial.length()).map_err(|e| e.at(file.path))?;
    }
    match receive_all(file, &mut partial, patience, progress) {
        Ok(()) => {}
        Err(Failure::Keep(error)) => {
            if partial.length() == 0 || file.checksum.is_none() {
                partial.discard();
            }
            return Err(error.at(file.path));
        }
        Err(Failure::Discard(error)) => {
            partial.discard();
            return Err(error.at(file.path));
        }
    }
    if let Some(wanted) = &file.checksum {
        let found = wanted.same_kind_of(partial.path(), progress)?;
        if found != *wanted {
            partial.discard();
            return Err(Error::new(format!("what came is not the file: expected {wanted}, got {found}"))
                .at(file.path)
                .cure("try again: it starts anew; if it happens twice, the server's file is another one"));
        }
    }
    partial.finish(file.path)?;
    Ok(Outcome::Fetched)
}

/// A file of that name is there: it must be the right one, for nothing is overwritten.
fn check_existing(file: &Download, progress: &dyn Progress) -> Result<()> {
    let wrong = |what: String| {
        Error::new(what).at(file.path).cure("move or delete the file, then try again; nothing was overwritten")
    };
    let about = std::fs::metadata(file.path).doing("look at a file that is there", file.path)?;
    if !about.is_file() {
        return Err(wrong("something that is no file has this name".into()));
    }
    match file.size {
        Size::Exactly(size) if about.len() != size => {
            return Err(wrong(format!("another file is there: expected {size} bytes, found {}", about.len())));
        }
        _ => {}
    }
    let Some(wanted) = &file.checksum else { return Ok(()) };
    let found = wanted.same_kind_of(file.path, progress)?;
    if found == *wanted {
        Ok(())
    } else {
        Err(wrong(format!("another file is there: expected {wanted}, found {found}")))
    }
}

/// Fails where the file system of `folder` has no room for `bytes` more.
pub(super) fn check_room(folder: &Path, bytes: u64) -> Result<()> {
    // Where the system does not tell, writing will.
    let Ok(about) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    if free >= bytes {
        return Ok(());
    }
    Err(Error::new(format!("there is no room: {bytes} bytes are to come, {free} are free"))
        .cure("free some disk space, or choose another place"))
}

/// Why a download ended, and whether what has arrived is of use to the next try.
enum Failure {
    Keep(Error),
    Discard(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Keep(error)
    }
}

/// Asks until the whole file is in `partial`, or patience ends.
fn receive_all(
    file: &Download,
    partial: &mut Partial,
    patience: &Patience,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let agent = http::agent(file.url, patience, Redirects::Follow);
    let mut most = partial.length();
    let mut tries = 0;
    let mut tag = None;
    while file.size != Size::Exactly(partial.length()) {
        match receive(&agent, file, partial, &mut tag, progress) {
            Ok(()) => break,
            Err(End::Failed(failure)) => return Err(failure),
            Err(End::Passing(error)) => {
                if partial.length() > most {
                    (most, tries) = (partial.length(), 0);
                }
                if tries >= patience.retries {
                    let kept = format!("try again: the {} bytes that have arrived are kept", partial.length());
                    let none = file.checksum.is_none() || partial.length() == 0;
                    return Err(Failure::Keep(if none { error } else { error.cure(kept) }));
                }
                std::thread::sleep(patience.pause_before(tries));
                tries += 1;
            }
        }
    }
    Ok(())
}

enum End {
    Passing(Error),
    Failed(Failure),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(error) => End::Passing(error),
            Trouble::Final(error) => End::Failed(Failure::Keep(error)),
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        End::Failed(Failure::Keep(error))
    }
}

/// One request: appends what comes to `partial`; `Ok` once the file is whole.
fn receive(
    agent: &Agent,
    file: &Download,
    partial: &mut Partial,
    tag: &mut Option<String>,
    progress: &dyn Progress,
) -> Result<(), End> {
    if file.checksum.is_none() && tag.is_none() {
        partial.clear()?;
    }
    let mut request = agent.get(file.url).header("accept-encoding", "identity");
    if partial.length() > 0 {
        request = request.header("range", format!("bytes={}-", partial.length()));
        if let Some(tag) = tag {
            request = request.header("if-range", tag.as_str());
        }
    }
    let response = request.call().map_err(|e| http::no_answer(file.url, e))?;
    let total = match response.status().as_u16() {
        200 => {
            partial.clear()?;
            http::content_length(&response)
        }
        206 => match http::content_range(response.headers()) {
            Some((first, total)) if first == partial.length() => total,
            _ => {
                partial.clear()?;
                return Err(End::Passing(says(file, "the server sends another part than it was asked for")));
            }
        },
        416 => {
            partial.clear()?;
            return Err(End::Passing(says(file, "the server's file is shorter than what has arrived")));
        }
        _ => return Err(http::refusal(file.url, response.status()).into()),
    };
    // A weak tag (`W/`) does not promise equal bytes.
    *tag = http::header(response.headers(), "etag").filter(|tag| tag.starts_with('"')).map(str::to_owned);

    let discard = |what: String| End::Failed(Failure::Discard(says(file, &what).cure("check the address")));
    let longest = match (file.size, total) {
        (Size::Exactly(size), Some(total)) if total != size => {
            return Err(discard(format!("the server's file has {total} bytes, expected {size}")));
        }
        (Size::AtMost(most), Some(total)) if total > most => {
            return Err(discard(format!("the server's file has {total} bytes, at most {most} were expected")));
        }
        (Size::Exactly(size) | Size::AtMost(size), _) => size,
    };
    let whole = if let Size::Exactly(size) = file.size { Some(size) } else { total };

    let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    progress.begin_bytes(&format!("downloading {name}"), whole.unwrap_or(0));
    progress.advance(partial.length());
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    let cut = |arrived: u64| match whole {
        Some(whole) => format!("the connection ended after {arrived} of {whole} bytes"),
        None => format!("the connection ended after {arrived} bytes"),
    };
    loop {
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) if partial.length() + n as u64 > longest => {
                return Err(discard(format!("the server sends more than the {longest} bytes that were expected")));
            }
            Ok(n) => {
                partial.append(&buffer[..n])?;
                progress.advance(n as u64);
            }
            Err(_) if whole == Some(partial.length()) => break,
            Err(e) => return Err(End::Passing(says(file, &cut(partial.length())).because(e))),
        }
    }
    match whole {
        Some(whole) if partial.length() < whole => Err(End::Passing(says(file, &cut(partial.length())))),
        _ => Ok(()),
    }
}

fn says(file: &Download, what: &str) -> Error {
    Error::new(format!("{what} ({})", text::line(file.url))).cure("try again later")
}
