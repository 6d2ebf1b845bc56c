//! What an offline bundle brings along: its charts, what its archives may hold, and for which platform its programs are.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path};

use super::exit::{Exit, Failed};
use super::trust::{is_damaged, reading};
use crate::driver::bundle::{Bundle, CreateError};
use crate::model::images_lock::LockedFiles;
use crate::model::oci::Digest;
use crate::model::{ChartRef, FileTree};

/// What the program that installs charts is called in an offline bundle.
pub(super) const HELM: &str = "helm";

/// The most bytes of a chart.
const CHART: u64 = 64 << 20;

/// The charts of an offline bundle: by component the source that was named, and its files.
#[derive(Debug, Default)]
pub(super) struct BundledCharts(BTreeMap<String, (String, FileTree)>);

impl BundledCharts {
    /// Those that have to be fetched from elsewhere; the others are in the binary.
    pub(super) fn of(bundle: &Bundle) -> Result<Self, Failed> {
        let mut found = BTreeMap::new();
        for (id, locked) in &bundle.lock().charts {
            if !ChartRef::is_remote(&locked.from) {
                continue;
            }
            let Some((digest, _)) = place(locked) else { continue };
            let packed = bundle.small(digest, CHART).map_err(reading)?;
            let tree = tree(&packed).map_err(|error| broken(bundle, &format!("the chart of {id}"), error))?;
            found.insert(id.clone(), (locked.from.clone(), tree));
        }
        Ok(Self(found))
    }

    /// A component's chart, if it is the one that is named.
    pub(super) fn get(&self, component: &str, chart: &ChartRef) -> Option<&FileTree> {
        self.0.get(component).filter(|(from, _)| *from == chart.to_string()).map(|(_, tree)| tree)
    }
}

/// This machine's platform, as images name it.
pub(super) fn own_platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{architecture}")
}

/// The archive's digest and size, where the offline bundle has it.
pub(super) fn place(locked: &LockedFiles) -> Option<(Digest, u64)> {
    Some((locked.digest.parse().ok()?, locked.size?))
}

pub(super) fn broken(bundle: &Bundle, what: &str, error: impl Into<anyhow::Error>) -> Failed {
    let text = format!("failed to read {what} in {}", bundle.files().name);
    let error = error.into();
    let damaged = matches!(error.downcast_ref::<CreateError>(), Some(CreateError::Bundle(error)) if is_damaged(error));
    let exit = if damaged { Exit::VerifyFailed } else { Exit::BadInput };
    Failed { exit, error: error.context(text) }
}

/// The path of an entry, if it stays below its folder.
pub(super) fn inside(path: &Path) -> io::Result<&Path> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain && path.components().next().is_some() {
        return Ok(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is not a path below the folder", path.display())))
}

pub(super) fn regular<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<()> {
    if entry.header().entry_type().is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the archive holds an entry that is not a file"))
}

fn tree(packed: &[u8]) -> io::Result<FileTree> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(packed).entries()? {
        let mut entry = entry?;
        regular(&entry)?;
        let path = entry.path()?.into_owned();
        let name = inside(&path)?.to_str().map(str::to_owned);
        let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a file name is not UTF-8"))?;
        let mut bytes = Vec::new();
        // No more than all of it: the archive's size is bounded.
        (&mut entry).take(CHART).read_to_end(&mut bytes)?;
        files.push((name, bytes));
    }
    Ok(FileTree::new(files))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(entries: &[(&str, tar::EntryType)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, kind) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(if kind.is_file() { 1 } else { 0 });
            header.set_mode(0o644);
            // As an attacker would: past the checks of the writer.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, if kind.is_file() { &b"x"[..] } else { &[] }).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn a_chart_is_files_below_its_folder_and_nothing_else() {
        let file = tar::EntryType::Regular;
        let chart = tree(&packed(&[("Chart.yaml", file), ("templates/a.yaml", file)])).unwrap();
        assert_eq!(chart.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["Chart.yaml", "templates/a.yaml"]);
        for (name, kind) in
            [("../evil", file), ("/etc/passwd", file), ("a/../../b", file), ("link", tar::EntryType::Symlink)]
        {
            assert!(tree(&packed(&[(name, kind)])).is_err(), "{name}");
        }
    }
}
