//! Losses of overlap: Dice and kappa, functions of three sums over a channel of the whole batch.

/// Which overlap; each is 0 where prediction and truth are both empty (and kappa where both are full).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Overlap {
    Dice,
    Kappa,
    KappaPrinted,
}

/// Sums over the positions of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shared {
    /// Of prediction times truth.
    pub common: f64,
    pub prediction: f64,
    pub truth: f64,
}

/// What a position adds to the gradient: `common * truth + prediction`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slope {
    pub common: f64,
    pub prediction: f64,
}

impl Overlap {
    /// Loss and slope, with I = sum(p t), P = sum(p), T = sum(t) and n positions: N * H * W, the pixels of the batch.
    pub fn of(self, sums: Shared, n: f64) -> (f64, Slope) {
        let Shared { common: i, prediction: p, truth: t } = sums;
        match self {
            // 1 - 2 I / U with U = P + T
            Overlap::Dice => {
                let all = p + t;
                if all == 0.0 {
                    return Default::default();
                }
                (1.0 - 2.0 * i / all, Slope { common: -2.0 / all, prediction: 2.0 * i / (all * all) })
            }
            // 1 - (2 I - 2 P T / n) / (P + T - 2 P T / n) = (P + T - 2 I) / D
            Overlap::Kappa => {
                // In this form no rounding makes it negative.
                let chance = p * (1.0 - t / n) + t * (1.0 - p / n);
                if chance <= 0.0 {
                    return Default::default();
                }
                let apart = p + t - 2.0 * i;
                let prediction = 1.0 / chance - apart * (1.0 - 2.0 * t / n) / (chance * chance);
                (apart / chance, Slope { common: -2.0 / chance, prediction })
            }
            // 1 - (2 I - P T / n) / (P + T - 2 I / n)
            Overlap::KappaPrinted => {
                let (above, below) = (2.0 * i - p * t / n, p + t - 2.0 * i / n);
                if below <= 0.0 {
                    return Default::default();
                }
                let square = below * below;
                let common = -(2.0 * below + 2.0 * above / n) / square;
                (1.0 - above / below, Slope { common, prediction: (t / n * below + above) / square })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Overlap; 3] = [Overlap::Dice, Overlap::Kappa, Overlap::KappaPrinted];

    #[test]
    fn equation_2_as_printed_is_no_kappa() {
        // A head over 23 % of 10,000 pixels: a perfect prediction, one half everywhere, the inverse.
        let (n, truth) = (1e4, 0.23e4);
        let perfect = Shared { common: truth, prediction: truth, truth };
        let half = Shared { common: truth / 2.0, prediction: n / 2.0, truth };
        let inverted = Shared { common: 0.0, prediction: n - truth, truth };
        for (sums, correct, printed) in [(perfect, 0.0, 0.1149), (half, 1.0, 0.8425), (inverted, 1.549, 1.177)] {
            assert!((Overlap::Kappa.of(sums, n).0 - correct).abs() < 6e-4);
            assert!((Overlap::KappaPrinted.of(sums, n).0 - printed).abs() < 6e-4);
        }
    }

    #[test]
    fn where_nothing_is_to_be_found_and_nothing_was_the_loss_is_zero() {
        for overlap in ALL {
            assert_eq!(overlap.of(Shared::default(), 100.0), (0.0, Slope::default()));
        }
        let full = Shared { common: 100.0, prediction: 100.0, truth: 100.0 };
        assert_eq!(Overlap::Kappa.of(full, 100.0), (0.0, Slope::default()));
        assert!(Overlap::Kappa.of(Shared { prediction: f64::NAN, ..full }, 100.0).0.is_nan());
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        let (sums, n, h) = (Shared { common: 12.0, prediction: 20.0, truth: 17.0 }, 50.0, 1e-6);
        for overlap in ALL {
            let slope = overlap.of(sums, n).1;
            let value = |common: f64, prediction: f64| {
                overlap.of(Shared { common: 12.0 + common, prediction: 20.0 + prediction, ..sums }, n).0
            };
            let numeric = [(value(h, 0.0) - value(-h, 0.0)) / (2.0 * h), (value(0.0, h) - value(0.0, -h)) / (2.0 * h)];
            assert!((numeric[0] - slope.common).abs() < 1e-9, "{overlap:?}: {numeric:?} {slope:?}");
            assert!((numeric[1] - slope.prediction).abs() < 1e-9, "{overlap:?}: {numeric:?} {slope:?}");
        }
    }
}
