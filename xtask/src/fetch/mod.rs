//! Bringing a file or a folder from elsewhere so that a kill at any moment leaves nothing that a later run would trust wrongly.
//!
//! Every artefact goes the same way: under the cache's lock, into `*.partial`, checked, synced to the disk, and renamed into place whole.

mod checksum;
mod download;
mod install;
mod lock;
mod unpack;

pub(crate) use checksum::{Digest, sha256};
pub(crate) use download::{Tool, download, host};
pub(crate) use install::{Staging, replace_link, sweep};
pub(crate) use lock::CacheLock;
pub(crate) use unpack::{Take, unpack};
