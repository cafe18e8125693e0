//! Requests: who waits how long, which failures pass, and what an answer's headers say.

use crate::error::Error;
use crate::text;
use std::time::Duration;
use ureq::http::{HeaderMap, Response, StatusCode, Uri};
use ureq::{Agent, Body};

/// How long a server is waited for, and how often it is asked again.
#[derive(Clone, Debug)]
pub struct Patience {
    pub connect: Duration,
    /// The longest silence in the middle of an answer.
    pub silence: Duration,
    /// Failures in a row, without a byte more having arrived, before giving up.
    pub retries: u32,
    /// Before the first retry; doubled for each further one, at most half a minute.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Patience { connect: seconds(20), silence: seconds(60), retries: 4, pause: seconds(1) }
    }
}

impl Patience {
    pub fn pause_before(&self, retry: u32) -> Duration {
        self.pause.saturating_mul(1 << retry.min(16)).min(Duration::from_secs(30))
    }
}

/// A failure that a later try may not meet, or one that it will.
pub enum Trouble {
    Passing(Error),
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Final(error)
    }
}

/// Whether redirects are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    Follow,
    Show,
}

/// Ready to ask for `url`: by the environment's proxy (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) unless it is this very
/// machine, and never from https on to plain http.
pub fn agent(url: &str, patience: &Patience, redirects: Redirects) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(url.starts_with("https:"))
        .user_agent(concat!("hcwb/", env!("CARGO_PKG_VERSION")))
        .max_redirects(if redirects == Redirects::Follow { 10 } else { 0 })
        .max_redirects_will_error(redirects == Redirects::Follow)
        .timeout_connect(Some(patience.connect))
        .timeout_resolve(Some(patience.connect))
        .timeout_per_read(Some(patience.silence))
        .timeout_per_write(Some(patience.silence));
    if url.parse::<Uri>().ok().and_then(|uri| uri.host().map(is_here)).unwrap_or(false) {
        config = config.proxy(None);
    }
    config.build().into()
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.") || host == "[::1]"
}

/// What a failed request means.
pub fn no_answer(url: &str, error: ureq::Error) -> Trouble {
    use ureq::Error as E;
    let passing =
        matches!(error, E::Io(_) | E::Timeout(_) | E::ConnectionFailed | E::Protocol(_) | E::ConnectProxyFailed(_));
    let said = Error::new(format!("no answer from {}", text::line(url))).cure(match error {
        E::BadUri(_) | E::Http(_) => "check the address",
        _ => "check the connection; behind a proxy, set HTTPS_PROXY",
    });
    let said = said.because(error);
    if passing { Trouble::Passing(said) } else { Trouble::Final(said) }
}

/// What an answer means that is neither the file nor a part of it.
pub fn refusal(url: &str, status: StatusCode) -> Trouble {
    let error = Error::new(format!("the server answers {status} for {}", text::line(url)));
    match status.as_u16() {
        408 | 425 | 429 | 500..=599 => Trouble::Passing(error.cure("try again later")),
        404 | 410 => Trouble::Final(error.cure("check the address; the file may have moved")),
        401 | 403 => Trouble::Final(error.cure("check the address; this server gives the file only to those it knows")),
        _ => Trouble::Final(error.cure("check the address")),
    }
}

/// A header's value, where it is there and readable.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The length of the body, in bytes.
pub fn content_length(response: &Response<Body>) -> Option<u64> {
    header(response.headers(), "content-length")?.trim().parse().ok()
}

/// First byte and, where told, the whole file's length of `bytes 5-9/10`.
pub fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = header(headers, "content-range")?.trim().strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-')?.0.trim().parse().ok()?;
    match total.trim() {
        "*" => Some((first, None)),
        total => Some((first, Some(total.parse().ok()?))),
    }
}
