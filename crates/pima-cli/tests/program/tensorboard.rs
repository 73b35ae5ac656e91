//! TensorBoard's event files, decoded here by hand, and by TensorBoard's own reader where Python has it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pima_cli::{MetricsRecord, RunDirectory};

use crate::harness::{Bench, TINY, skipped, text};

/// What a record says.
#[derive(Debug, Default, PartialEq)]
struct Record {
    wall_time: f64,
    step: u64,
    version: Option<String>,
    begins: bool,
    scalars: BTreeMap<String, f32>,
}

/// The fields of a message: number and wire type with the value's bytes, after the tables of the Protocol Buffers encoding.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, bytes[..length].to_vec()));
        bytes = &bytes[length..];
    }
    found
}

/// CRC-32C bit by bit, and TensorFlow's mask.
fn masked(data: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
    }
    let crc = !crc;
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn records(file: &Path) -> Vec<Record> {
    let bytes = fs::read(file).unwrap();
    let mut rest = &bytes[..];
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(word(&rest[8..]), masked(&rest[..8]), "the checksum of the length");
        let data = &rest[12..12 + length];
        assert_eq!(word(&rest[12 + length..]), masked(data), "the checksum of the data");
        rest = &rest[16 + length..];
        let mut record = Record::default();
        for (number, value) in fields(data) {
            match number {
                1 => record.wall_time = f64::from_le_bytes(value.try_into().unwrap()),
                2 => record.step = u64::from_le_bytes(value.try_into().unwrap()),
                3 => record.version = Some(text(&value)),
                5 => record.scalars.extend(fields(&value).into_iter().map(|(number, value)| {
                    assert_eq!(number, 1);
                    let of = |wanted| fields(&value).into_iter().find(|(number, _)| *number == wanted).unwrap().1;
                    (text(&of(1)), f32::from_le_bytes(of(2).try_into().unwrap()))
                })),
                7 => record.begins = fields(&value) == [(1, 1_u64.to_le_bytes().to_vec())],
                other => panic!("field {other}"),
            }
        }
        records.push(record);
    }
    records
}

/// The run's event files, in the order in which they are read.
fn event_files(run: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(run.join("tensorboard")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_scalars_are_those_of_the_metrics_and_a_resumed_run_goes_on() {
    let bench = Bench::new(&TINY.replace("epochs = 3", "epochs = 6"));
    // Killed in the third epoch, or later where this process slept meanwhile.
    let long = "train tiny.toml --device cpu --threads 1 --out run -q";
    let mut child =
        bench.start_and_wait(&format!("{long} --tensorboard"), "run", |metrics| metrics.contains("\"epoch\":2,"));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "ended by the signal");
    bench.ok(&format!("{long} --resume"));

    let files = event_files(&bench.path("run"));
    assert_eq!(files.len(), 2, "a file a session, unasked for the second: {files:?}");
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("events.out.tfevents."), "{name}");
    let mut scalars: BTreeMap<u64, BTreeMap<String, f32>> = BTreeMap::new();
    for (session, file) in files.iter().enumerate() {
        let records = records(file);
        assert_eq!(records[0].version.as_deref(), Some("brain.Event:2"));
        assert!(records.iter().all(|record| record.wall_time > 1.7e9));
        assert_eq!(records[1].begins, session > 0, "later sessions say from which step they go on");
        if session > 0 {
            // What a reader drops, and what comes in its place.
            scalars.retain(|step, _| *step < records[1].step);
        }
        scalars.extend(records.into_iter().filter(|r| !r.scalars.is_empty()).map(|r| (r.step, r.scalars)));
    }
    assert!(scalars.keys().copied().eq(1..=6), "{:?}", scalars.keys());
    let metrics = RunDirectory::open(bench.path("run")).unwrap().read_metrics().unwrap();
    for record in metrics {
        let MetricsRecord::Epoch(epoch) = record else { continue };
        let logged = &scalars[&(epoch.epoch as u64)];
        let validation = epoch.validation.as_ref().unwrap();
        for (tag, value) in [
            ("loss/train", epoch.train.loss),
            ("loss/validation", validation.loss),
            ("entropy/train", epoch.train.entropy),
            ("recon_line/validation", validation.recon_by_modality.get("line").copied()),
            ("accuracy/validation", validation.accuracy),
            ("learning_rate", epoch.learning_rate),
        ] {
            assert_eq!(logged[tag], value.unwrap() as f32, "{tag}");
        }
    }
    read_by_tensorboard(&bench.path("run/tensorboard"));
    bench.ok(&format!("{long} --force"));
    assert!(
        !bench.path("run/tensorboard").exists(),
        "only when asked, and a run that is replaced takes its own with it"
    );
}

/// The same by TensorBoard's own reader.
fn read_by_tensorboard(folder: &Path) {
    const READ: &str = "
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
print([scalar.step for scalar in events.Scalars('loss/train')])
";
    let has = Command::new("python3").args(["-c", "import tensorboard"]).output().is_ok_and(|o| o.status.success());
    if !has {
        skipped("python3 has no tensorboard to read the event files with");
        return;
    }
    let output = Command::new("python3").args(["-c", READ]).arg(folder).output().unwrap();
    assert_eq!(text(&output.stdout), "[1, 2, 3, 4, 5, 6]\n", "{}", text(&output.stderr));
}
