//! What a run says of itself, one flat JSON object a line.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 0 without a gap.
    pub seq: u64,
    #[serde(with = "milliseconds")]
    pub time: Timestamp,
    #[serde(flatten)]
    pub body: Body,
}

/// What happened. Kinds that a later version writes are read as `Other`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    Queued(Queued),
    Started(Started),
    Epoch(Epoch),
    Step(Step),
    System(System),
    Checkpoint(Checkpoint),
    Warning(Warning),
    Paused(Place),
    /// Work goes on from there: whatever the log says of later steps is superseded.
    Resumed(Place),
    Stopped(Place),
    Finished(Finished),
    Failed(Failed),
    #[serde(other)]
    Other,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queued {}

/// A worker has begun: on what, with what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Started {
    pub pid: u32,
    pub host: String,
    pub device: String,
    pub threads: u64,
    pub kernels: String,
    pub model: String,
    pub trainable: u64,
    pub precision: String,
    /// What became of pre-trained weights, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<String>,
    pub train_images: u64,
    pub validation_images: u64,
    pub test_images: u64,
    pub epochs: u64,
    pub steps_per_epoch: u64,
}

/// A finished epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Epoch {
    /// From 1.
    pub epoch: u64,
    /// How many are planned at most.
    pub epochs: u64,
    /// Steps since the run began.
    pub step: u64,
    pub lr: f64,
    /// Wall time of the epoch, evaluation included.
    pub seconds: f64,
    /// Training images per second of training time.
    pub images_per_second: f64,
    /// Mean over the epoch, on the scaled target; `None` where not finite.
    pub train_loss: Option<f64>,
    pub val_loss: Option<f64>,
    /// No epoch before had a lower monitored figure.
    pub best: bool,
    /// `val_mae_px`, `val_mae_px_sd`, `val_mae_mm`, `val_rmse_px`, `val_r2`, `val_pmae` …
    #[serde(flatten)]
    pub metrics: BTreeMap<String, Option<f64>>,
}

impl Epoch {
    /// A metric by name; `None` if absent or not finite.
    pub fn metric(&self, name: &str) -> Option<f64> {
        match name {
            "val_loss" => self.val_loss,
            "train_loss" => self.train_loss,
            _ => self.metrics.get(name).copied().flatten(),
        }
    }
}

/// A training step; at most ten a second are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// The epoch under way, from 1.
    pub epoch: u64,
    /// Steps since the run began, this one included.
    pub step: u64,
    pub loss: Option<f64>,
}

/// What the worker uses, every two seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct System {
    /// Of one core: 200 is two cores busy.
    pub cpu_percent: f64,
    pub rss_bytes: u64,
    /// On a card: its number, and what NVML says of it; each absent where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_percent: Option<f64>,
    /// In use, by whomever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_power_watts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_temperature_c: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
    pub epoch: u64,
    pub step: u64,
    /// `last` or `best`.
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Warning {
    pub message: String,
}

/// Where the run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Whole epochs done.
    pub epoch: u64,
    /// Steps done since the run began.
    pub step: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finished {
    pub epoch: u64,
    pub step: u64,
    /// `epochs` or `patience`.
    pub reason: String,
    pub best_epoch: u64,
    /// The best epoch's figures; `test_…` too where the split has a test part.
    #[serde(flatten)]
    pub metrics: BTreeMap<String, Option<f64>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failed {
    /// The error chain, whole.
    pub error: String,
}

/// RFC 3339 in UTC with exactly three decimals.
mod milliseconds {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object_and_reads_back() {
        let metrics = BTreeMap::from([("val_mae_px".to_owned(), Some(4.5)), ("val_r2".to_owned(), Some(f64::NAN))]);
        let body = Body::Epoch(Epoch { epoch: 3, train_loss: Some(0.041), metrics, ..Epoch::default() });
        let event = Event { seq: 7, time: "2026-11-21T03:15:09.12Z".parse().unwrap(), body };
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.starts_with(r#"{"seq":7,"time":"2026-11-21T03:15:09.120Z","kind":"epoch","epoch":3,"#), "{line}");
        assert!(line.contains(r#""train_loss":0.041"#) && line.contains(r#""val_r2":null"#), "{line}");
        let back: Event = serde_json::from_str(&line).unwrap();
        let Body::Epoch(epoch) = &back.body else { panic!("{back:?}") };
        assert_eq!((back.seq, back.time, epoch.metric("val_mae_px")), (7, event.time, Some(4.5)));
        assert_eq!(epoch.metrics.len(), 2);
        assert_eq!(epoch.metric("val_r2"), None);
    }

    #[test]
    fn a_card_is_in_the_line_only_where_there_is_one() {
        let line = |system: System| serde_json::to_string(&Body::System(system)).unwrap();
        let plain = System { cpu_percent: 190.0, rss_bytes: 1 << 20, ..System::default() };
        assert_eq!(line(plain.clone()), r#"{"kind":"system","cpu_percent":190.0,"rss_bytes":1048576}"#);
        let card = System { gpu: Some(0), gpu_percent: Some(97.0), gpu_memory_bytes: Some(61 << 30), ..plain.clone() };
        let end = r#""rss_bytes":1048576,"gpu":0,"gpu_percent":97.0,"gpu_memory_bytes":65498251264}"#;
        assert!(line(card.clone()).ends_with(end), "{}", line(card.clone()));
        for system in [plain, card] {
            assert_eq!(serde_json::from_str::<Body>(&line(system.clone())).unwrap(), Body::System(system));
        }
    }

    #[test]
    fn kinds_of_a_later_version_are_read_as_other() {
        let line = r#"{"seq":1,"time":"2026-11-21T03:15:09.120Z","kind":"volcano","x":1}"#;
        assert_eq!(serde_json::from_str::<Event>(line).unwrap().body, Body::Other);
    }
}
