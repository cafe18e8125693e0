//! Losses by the words that recipes use.

use super::Loss;
use crate::error::{Error, Result};

/// Every word, in the order in which they are offered.
pub const WORDS: [&str; 10] =
    ["mae", "mse", "huber", "dice", "kappa", "kappa-printed", "focal", "focal-kappa", "bce", "dice-bce"];

/// The numbers that some losses need; the others leave them alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Where Huber's loss turns from square to linear.
    pub huber_delta: f64,
    /// The focal loss's weight of positives; negatives have the rest.
    pub focal_alpha: f64,
    /// The focal loss's exponent.
    pub focal_gamma: f64,
    /// Kappa's share in focal + kappa.
    pub kappa_share: f64,
}

impl Default for Settings {
    /// S1's delta; Lin and others' alpha and gamma; a lambda with "more weight on Kappa", as the preprint says.
    fn default() -> Settings {
        Settings { huber_delta: 0.5, focal_alpha: 0.25, focal_gamma: 2.0, kappa_share: 0.7 }
    }
}

impl Settings {
    fn check(&self) -> Result<()> {
        let Settings { huber_delta, focal_alpha, focal_gamma, kappa_share } = *self;
        for (name, value, range) in [
            ("the focal loss's alpha", focal_alpha, 0.0..=1.0),
            ("the focal loss's gamma", focal_gamma, 0.0..=10.0),
            ("kappa's share lambda", kappa_share, 0.0..=1.0),
            ("Huber's delta", huber_delta, f64::MIN_POSITIVE..=f64::MAX),
        ] {
            if !range.contains(&value) {
                let cure = match name {
                    "Huber's delta" => "choose a number above 0".to_owned(),
                    _ => format!("choose a number from {} to {}", range.start(), range.end()),
                };
                return Err(Error::usage(format!("{name} cannot be {value}")).cure(cure));
            }
        }
        Ok(())
    }
}

impl Loss {
    /// The loss of that word; a wrong word or setting is a usage error.
    pub fn parse(word: &str, settings: &Settings) -> Result<Loss> {
        settings.check()?;
        let Settings { huber_delta: delta, focal_alpha: alpha, focal_gamma: gamma, kappa_share: lambda } = *settings;
        Ok(match word {
            "mae" => Loss::Mae,
            "mse" => Loss::Mse,
            "huber" => Loss::Huber { delta },
            "dice" => Loss::Dice,
            "kappa" => Loss::Kappa,
            "kappa-printed" => Loss::KappaPrinted,
            "focal" => Loss::Focal { alpha, gamma },
            "focal-kappa" => Loss::FocalKappa { lambda, alpha, gamma },
            "bce" => Loss::Bce,
            "dice-bce" => Loss::DiceBce,
            _ => {
                return Err(Error::usage(format!("there is no loss called {}", crate::text::line(word)))
                    .cure(format!("use one of {}", WORDS.join(", "))));
            }
        })
    }

    /// The word that [`Loss::parse`] knows it by.
    pub fn word(self) -> &'static str {
        match self {
            Loss::Mae => "mae",
            Loss::Mse => "mse",
            Loss::Huber { .. } => "huber",
            Loss::Dice => "dice",
            Loss::Kappa => "kappa",
            Loss::KappaPrinted => "kappa-printed",
            Loss::Focal { .. } => "focal",
            Loss::FocalKappa { .. } => "focal-kappa",
            Loss::Bce => "bce",
            Loss::DiceBce => "dice-bce",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn every_loss_has_a_word_of_its_own() {
        for word in WORDS {
            assert_eq!(Loss::parse(word, &Settings::default()).unwrap().word(), word);
        }
        let error = Loss::parse("jaccard", &Settings::default()).unwrap_err();
        assert!(error.kind == Kind::Usage && error.cure.unwrap().contains("dice-bce"));
    }

    #[test]
    fn settings_that_make_no_loss_are_refused() {
        let usual = Settings::default();
        for wrong in [
            Settings { focal_alpha: 1.5, ..usual },
            Settings { focal_gamma: -1.0, ..usual },
            Settings { kappa_share: f64::NAN, ..usual },
            Settings { huber_delta: 0.0, ..usual },
        ] {
            assert_eq!(Loss::parse("dice", &wrong).unwrap_err().kind, Kind::Usage);
        }
    }
}
