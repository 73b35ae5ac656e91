//! TensorBoard's event files: losses and accuracy by epoch, for those who watch their trainings there.
//!
//! A file is a sequence of records: length (u64, little-endian), its masked CRC-32C, the bytes of a Protocol Buffers `Event`, their masked CRC-32C. Only
//! the fields that are used here are declared; their numbers are those of TensorFlow's `event.proto` and `summary.proto`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use pima_model::{EpochRecord, LossRecord, RefitRecord};
use prost::Message;

/// The version of the format: from the second on, the start of a session makes readers drop what an earlier one logged of later steps.
const VERSION: &str = "brain.Event:2";

/// One record.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

/// What a record is about.
#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    Session(Session),
}

/// Values of one step.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

/// A scalar.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    // A member of a `oneof`: written also where it is zero.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// That a session begins, with status 1.
#[derive(Clone, PartialEq, Message)]
struct Session {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// An event file that is being written.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a new file in `folder`, which is made where it is not there. Beside the files of earlier sessions, of which `done` epochs count, readers are
    /// told from which step on this one takes their place.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn begin(folder: &Path, done: usize) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Readers take the files in the order of their names: nanoseconds keep a session that follows at once in its place.
        let name =
            format!("events.out.tfevents.{:010}.{:09}.{}.pima", now.as_secs(), now.subsec_nanos(), std::process::id());
        let path = folder.join(name);
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot make the directory", folder.display()))?;
        let earlier = std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some());
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let file = file.with_context(|| format!("{}: cannot write", path.display()))?;
        let mut events = Self { path, file };
        events.write(0, What::FileVersion(VERSION.to_owned()))?;
        if earlier {
            events.write(done as i64 + 1, What::Session(Session { status: 1 }))?;
        }
        Ok(events)
    }

    /// Writes the scalars of an epoch.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        let mut scalars = terms("train", &record.train);
        scalars.extend(record.validation.iter().flat_map(|terms_of| terms("validation", terms_of)));
        scalars.push(("learning_rate".to_owned(), record.learning_rate));
        scalars.push(("gradient_norm".to_owned(), record.gradient_norm));
        scalars.push(("seconds".to_owned(), record.seconds));
        self.scalars(record.epoch, scalars)
    }

    /// Writes the scalars of an epoch of a refit.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn refit(&mut self, record: &RefitRecord) -> Result<()> {
        let name = |split: &str| format!("refit_{}/{split}", record.modality);
        let mut scalars = vec![(name("train"), record.loss)];
        scalars.extend(record.validation.map(|loss| (name("validation"), loss)));
        self.scalars(record.epoch, scalars)
    }

    fn scalars(&mut self, step: usize, scalars: Vec<(String, f64)>) -> Result<()> {
        let value = scalars.into_iter().map(|(tag, value)| Value { tag, simple_value: Some(value as f32) }).collect();
        self.write(step as i64, What::Summary(Summary { value }))
    }

    fn write(&mut self, step: i64, what: What) -> Result<()> {
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let record = framed(&Event { wall_time, step, what: Some(what) }.encode_to_vec());
        // One write a record, so that a reader never meets the half of one unless the machine fails.
        self.file.write_all(&record).with_context(|| format!("{}: cannot write", self.path.display()))
    }
}

/// The terms of the loss on a split; what they are comes first, so that TensorBoard shows the splits of each side by side.
fn terms(split: &str, terms: &LossRecord) -> Vec<(String, f64)> {
    let named = [
        ("loss", terms.loss),
        ("recon", terms.recon),
        ("cluster", terms.cluster),
        ("categorical", terms.categorical),
        ("entropy", terms.entropy),
    ];
    let mut scalars: Vec<_> = named.into_iter().map(|(name, value)| (format!("{name}/{split}"), value)).collect();
    scalars.extend(terms.accuracy.map(|accuracy| (format!("accuracy/{split}"), accuracy)));
    scalars.extend(terms.recon_by_modality.iter().map(|(name, value)| (format!("recon_{name}/{split}"), *value)));
    scalars
}

fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

/// The checksum as it is stored: a CRC of data that hold a CRC would be weak.
fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_tensorflow_writes() {
        // Fields by number and wire type: 1 as a double, 3 as a string.
        let event = Event { wall_time: 1.5, step: 0, what: Some(What::FileVersion(VERSION.to_owned())) };
        let data = event.encode_to_vec();
        assert_eq!(data, [&[0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x1a, 13][..], VERSION.as_bytes()].concat());
        // Every event file begins with these twelve bytes: the length of such a record, 24, and its checksum.
        let record = framed(&data);
        assert_eq!(record[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!((&record[12..36], record.len()), (&data[..], 40));
    }

    #[test]
    fn a_scalar_of_zero_is_written() {
        let value = Value { tag: "a".to_owned(), simple_value: Some(0.0) };
        assert_eq!(value.encode_to_vec(), [0x0a, 1, b'a', 0x15, 0, 0, 0, 0]);
    }
}
