//! The one error type: what went wrong, in which file, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Who has to act: the person who typed the command, or the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request itself was wrong: exit code 2.
    Usage,
    /// The request was fine and failed: exit code 1.
    Failure,
}

/// What went wrong, in which file, what to do, and what lies beneath.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    pub what: String,
    pub file: Option<PathBuf>,
    pub cure: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure: exit code 1.
    pub fn new(what: impl Into<String>) -> Self {
        Error { kind: Kind::Failure, what: what.into(), file: None, cure: None, source: None }
    }

    /// A wrong request: exit code 2.
    pub fn usage(what: impl Into<String>) -> Self {
        Error { kind: Kind::Usage, ..Error::new(what) }
    }

    /// Names the file or folder concerned.
    pub fn at(mut self, file: impl AsRef<Path>) -> Self {
        self.file = Some(file.as_ref().to_path_buf());
        self
    }

    /// Says what to do about it, as a sentence in the imperative.
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Keeps the error beneath.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// An operating-system error on `file`, with the cure for the common ones.
    pub fn io(doing: &str, file: impl AsRef<Path>, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let cure = match source.kind() {
            ErrorKind::NotFound => Some("check the path; nothing is there"),
            ErrorKind::PermissionDenied => Some("check who owns it and its permissions, or choose another place"),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Some("free some disk space, or choose another place with --workspace")
            }
            ErrorKind::ReadOnlyFilesystem => Some("choose a place that can be written, for instance with --workspace"),
            _ => None,
        };
        let mut error = Error::new(format!("cannot {doing}")).at(file).because(source);
        error.cure = cure.map(str::to_owned);
        error
    }

    /// The same error for another who asks, where it is kept; what lay beneath is part of what it says.
    pub fn again(&self) -> Error {
        let (file, cure) = (self.file.clone(), self.cure.clone());
        let mut what = self.what.clone();
        let mut below = std::error::Error::source(self);
        while let Some(error) = below {
            what += &format!(": {error}");
            below = error.source();
        }
        Error { kind: self.kind, what, file, cure, source: None }
    }

    /// Every message of the chain, outermost first, on one line.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut below = std::error::Error::source(self);
        while let Some(error) = below {
            line.push_str(": ");
            line.push_str(&error.to_string());
            below = error.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(file) = &self.file {
            write!(f, " [{}]", file.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

/// Adds what was being done, and to which file, to an operating-system error.
pub trait IoContext<T> {
    fn doing(self, doing: &str, file: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn doing(self, doing: &str, file: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| Error::io(doing, file, e))
    }
}
