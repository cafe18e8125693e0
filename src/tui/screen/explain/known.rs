//! What is known of a run's images: their maps, perturbations and audits, each asked for once.

use crate::explain::perturb::Order;
use crate::nn::network::AuditRow;
use crate::tui::explained::{Answer, Explained, Played, Wish};
use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

/// Images of which everything is kept.
const IMAGES_KEPT: usize = 32;

type Analyzer = &'static str;
type Answers<K, V> = HashMap<K, Result<V, String>>;

#[derive(Default)]
pub struct Known {
    maps: Answers<(String, Analyzer), Explained>,
    played: Answers<(String, Analyzer, &'static str), Arc<Played>>,
    audits: Answers<(String, Analyzer), Vec<AuditRow>>,
    /// Images in the order in which they were looked at.
    looked_at: Vec<String>,
    /// The last wish of each kind: the background does the newest only, so what was asked before may come again.
    asked: HashMap<Discriminant<Wish>, Wish>,
}

impl Known {
    pub fn map(&self, file: &str, analyzer: Analyzer) -> Option<&Result<Explained, String>> {
        self.maps.get(&(file.to_owned(), analyzer))
    }

    pub fn played(&self, file: &str, analyzer: Analyzer, order: Order) -> Option<&Result<Arc<Played>, String>> {
        self.played.get(&(file.to_owned(), analyzer, order.word()))
    }

    pub fn audited(&self, file: &str, analyzer: Analyzer) -> Option<&Result<Vec<AuditRow>, String>> {
        self.audits.get(&(file.to_owned(), analyzer))
    }

    /// What of a wish is to be asked: nothing where all is known or asked already.
    pub fn ask(&mut self, wish: Wish) -> Option<Wish> {
        let wish = match wish {
            Wish::Maps(subject, analyzers) => {
                let missing: Vec<_> =
                    analyzers.into_iter().filter(|analyzer| self.map(&subject.file, analyzer).is_none()).collect();
                (!missing.is_empty()).then_some(Wish::Maps(subject, missing))
            }
            Wish::Play(subject, analyzer, order) => {
                let missing = self.played(&subject.file, analyzer, order).is_none();
                missing.then_some(Wish::Play(subject, analyzer, order))
            }
            Wish::Audit(subject, analyzer) => {
                let missing = self.audited(&subject.file, analyzer).is_none();
                missing.then_some(Wish::Audit(subject, analyzer))
            }
        }?;
        let new = match (self.asked.get(&discriminant(&wish)), &wish) {
            // Some of these maps have come since; the others are on their way.
            (Some(Wish::Maps(before, all)), Wish::Maps(subject, missing)) => {
                before != subject || missing.iter().any(|analyzer| !all.contains(analyzer))
            }
            (before, wish) => before != Some(wish),
        };
        if new {
            self.asked.insert(discriminant(&wish), wish.clone());
        }
        new.then_some(wish)
    }

    /// What the background found of an image.
    pub fn take(&mut self, file: String, answer: Answer) {
        match answer {
            Answer::Map(analyzer, map) => drop(self.maps.insert((file, analyzer), map)),
            Answer::Play(analyzer, order, played) => {
                drop(self.played.insert((file, analyzer, order.word()), played));
            }
            Answer::Audit(analyzer, rows) => drop(self.audits.insert((file, analyzer), rows)),
        }
    }

    /// The image that is shown now; what was looked at long ago is forgotten.
    pub fn look_at(&mut self, file: &str) {
        if self.looked_at.last().is_some_and(|last| last == file) {
            return;
        }
        self.looked_at.retain(|f| f != file);
        self.looked_at.push(file.to_owned());
        if self.looked_at.len() > IMAGES_KEPT {
            let old = self.looked_at.remove(0);
            self.maps.retain(|(f, _), _| *f != old);
            self.played.retain(|(f, ..), _| *f != old);
            self.audits.retain(|(f, _), _| *f != old);
        }
    }
}
