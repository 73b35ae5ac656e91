//! Paths in a config: relative to the file that they stand in.

use super::{ExperimentConfig, SourceConfig};
use std::path::{Path, PathBuf};

impl ExperimentConfig {
    /// Reads every path as one from the folder of the config `file`.
    pub(super) fn resolve_paths(&mut self, file: &Path) {
        let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return };
        // An absolute path stays what it is; `folder = "."` is the folder, and not `it/.`.
        self.for_each_path(|path| *path = folder.join(&*path).components().collect());
    }

    /// The same config for whatever folder it is written to.
    #[must_use]
    pub fn with_absolute_paths(&self) -> Self {
        let mut config = self.clone();
        // Fails only for an empty path, or without a working directory: then the path stays what it is, and reading it fails.
        config.for_each_path(|path| *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone()));
        config
    }

    /// Every file or folder that the config names.
    fn for_each_path(&mut self, mut change: impl FnMut(&mut PathBuf)) {
        let data = &mut self.data;
        data.file.iter_mut().chain(&mut data.folder).chain(&mut data.scratch).for_each(&mut change);
        if let Some(spectra) = &mut data.spectra {
            change(&mut spectra.spectra);
            change(&mut spectra.stress);
        }
        for names in data.labels.iter_mut().chain(&mut data.groups) {
            change(&mut names.path);
            names.ids.iter_mut().for_each(&mut change);
        }
        for modality in &mut self.modalities {
            match &mut modality.source {
                SourceConfig::Npz(source) => change(&mut source.path),
                SourceConfig::Npy(source) => {
                    change(&mut source.path);
                    source.ids.iter_mut().for_each(&mut change);
                }
                SourceConfig::Hdf5(source) => change(&mut source.path),
                SourceConfig::Table(source) => change(&mut source.path),
                SourceConfig::TableFolder(source) => change(&mut source.path),
                SourceConfig::ImageFolder(source) => change(&mut source.path),
                SourceConfig::Images {}
                | SourceConfig::Data {}
                | SourceConfig::Line { .. }
                | SourceConfig::Oscillator(_) => {}
            }
            modality.axis.iter_mut().filter_map(|axis| axis.path.as_mut()).for_each(&mut change);
        }
    }
}
