//! What the Hugging Face hub says of a file before sending it: its size and sha256.
//!
//! The answer that redirects to the file's storage carries both: `X-Linked-Size`, and in `X-Linked-Etag` the sha256
//! of the file as large-file storage knows it.

use super::checksum::Checksum;
use super::http::{self, Patience, Redirects, Trouble};
use crate::error::{Error, Result};
use crate::text;
use ureq::http::Uri;

/// What is known of a file before it is downloaded; a plain server tells less than the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub size: Option<u64>,
    pub sha256: Option<Checksum>,
}

/// Asks the hub for the size and the sha256 of the file at `url`, without fetching it.
pub fn ask(url: &str, patience: &Patience) -> Result<Known> {
    let mut tries = 0;
    loop {
        match ask_once(url, patience) {
            Ok(known) => return Ok(known),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Passing(error)) if tries == patience.retries => return Err(error),
            Err(Trouble::Passing(_)) => std::thread::sleep(patience.pause_before(tries)),
        }
        tries += 1;
    }
}

fn ask_once(url: &str, patience: &Patience) -> Result<Known, Trouble> {
    let mut url = url.to_owned();
    // A repository that was renamed is redirected within the hub first.
    for _ in 0..5 {
        let agent = http::agent(&url, patience, Redirects::Show);
        let request = agent.head(&url).header("accept-encoding", "identity");
        let response = request.call().map_err(|e| http::no_answer(&url, e))?;
        let headers = response.headers();
        let linked = |name| http::header(headers, name).map(|v| v.trim_start_matches("W/").trim_matches('"'));
        if let (Some(size), sha256) = (linked("x-linked-size"), linked("x-linked-etag")) {
            return Ok(Known { size: size.parse().ok(), sha256: sha256.and_then(Checksum::sha256) });
        }
        let status = response.status();
        match (status.as_u16(), http::header(headers, "location").and_then(|to| within(&url, to))) {
            (300..=399, Some(next)) => url = next,
            // A server that does not know HEAD, or sends people elsewhere without a word.
            (300..=399 | 405 | 501, _) => return Ok(Known::default()),
            (200..=299, _) => return Ok(Known { size: http::content_length(&response), sha256: None }),
            _ => return Err(http::refusal(&url, status)),
        }
    }
    Err(Trouble::Final(
        Error::new(format!("redirected in circles from {}", text::line(&url))).cure("check the address"),
    ))
}

/// Where `to` leads, if that is on the same server as `url`.
fn within(url: &str, to: &str) -> Option<String> {
    let from: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", from.scheme_str()?, from.authority()?);
    if to.starts_with('/') && !to.starts_with("//") {
        return Some(format!("{origin}{to}"));
    }
    to.strip_prefix(&origin).filter(|rest| rest.starts_with('/')).map(|_| to.to_owned())
}
