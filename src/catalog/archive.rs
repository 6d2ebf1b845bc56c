//! Packed charts: a `.tgz` as `helm package` writes it, read within bounds. No I/O.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::model::{bounded, entry_parts, entry_shown};

/// What an archive may hold: as much as a folder.
const FILES: usize = 10_000;
const BYTES: u64 = 64 << 20;
const DEPTH: usize = 32;

/// Headers and padding of so many files.
const STREAM: u64 = BYTES + FILES as u64 * 2048;

/// Why an archive is not read as a chart.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is not a gzip or a tar, or it is truncated.
    #[error("not a valid .tgz of a chart: {0}")]
    Broken(std::io::Error),
    /// It holds more than is ever read.
    #[error("more than the limit of {0}")]
    Large(String),
    /// A file would lie outside of the chart.
    #[error("`{0}` is outside of the chart")]
    Outside(String),
    /// A link, a device or the like.
    #[error("`{0}` is not a regular file: `helm package` writes only regular files")]
    Special(String),
    /// A name is there twice.
    #[error("duplicate file `{0}`")]
    Twice(String),
    /// No Chart.yaml below its one folder.
    #[error("Chart.yaml not found in its top folder: is it a chart?")]
    NoChart,
}

/// The files of a packed chart, without the folder that all are in.
///
/// # Errors
/// It is not a chart, holds more than is unpacked, or a file outside of the chart.
pub fn unpack(packed: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    if packed.len() as u64 > bounded::CHART {
        return Err(ArchiveError::Large(bounded::size(bounded::CHART)));
    }
    let mut stream = MultiGzDecoder::new(packed).take(STREAM);
    let files = entries(&mut stream);
    // What was cut off reads as an archive that ends too early.
    if stream.limit() == 0 {
        return Err(ArchiveError::Large(bounded::size(BYTES)));
    }
    let files = files?;
    if !files.contains_key("Chart.yaml") {
        return Err(ArchiveError::NoChart);
    }
    Ok(files.into_iter().collect())
}

fn entries(stream: &mut impl Read) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut archive = tar::Archive::new(stream);
    let (mut files, mut bytes) = (BTreeMap::new(), 0);
    for (count, entry) in archive.entries().map_err(ArchiveError::Broken)?.enumerate() {
        let mut entry = entry.map_err(ArchiveError::Broken)?;
        if count >= FILES {
            return Err(ArchiveError::Large(format!("{FILES} files")));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let Some(path) = within(&name) else { return Err(ArchiveError::Outside(entry_shown(&name))) };
        if kind.is_dir() {
            continue;
        }
        if !kind.is_file() && !kind.is_contiguous() {
            return Err(ArchiveError::Special(entry_shown(&name)));
        }
        // Beside the chart's folder is nothing of the chart.
        let Some(path) = path else { continue };
        if path.split('/').count() > DEPTH {
            return Err(ArchiveError::Large(format!("{DEPTH} nested folders")));
        }
        let content = bounded::capped(&mut entry, BYTES - bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::FileTooLarge => ArchiveError::Large(bounded::size(BYTES)),
            _ => ArchiveError::Broken(error),
        })?;
        bytes += content.len() as u64;
        if files.insert(path.clone(), content).is_some() {
            return Err(ArchiveError::Twice(entry_shown(&path)));
        }
    }
    Ok(files)
}

/// The path within the chart's folder; `Some(None)` for what is not in any folder, `None` for what leads out.
fn within(name: &str) -> Option<Option<String>> {
    let parts = entry_parts(name)?;
    Some((parts.len() > 1).then(|| parts[1..].join("/")))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    /// An entry as it stands, whatever its name.
    fn entry(archive: &mut Vec<u8>, name: &str, kind: tar::EntryType, size: u64, content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name_literal("../../etc/passwd").unwrap();
        }
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }

    fn packed(tar: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(tar).unwrap();
        gzip.write_all(&[0; 1024]).unwrap();
        gzip.finish().unwrap()
    }

    fn with(name: &str, kind: tar::EntryType) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut tar = Vec::new();
        entry(&mut tar, "x/Chart.yaml", tar::EntryType::Regular, 8, b"name: x\n");
        entry(&mut tar, name, kind, 1, b"1");
        unpack(&packed(&tar)).map_err(|error| error.to_string())
    }

    #[test]
    fn files_come_without_their_folder() {
        use tar::EntryType::{Directory, Regular};
        let names = |name: &str, kind| {
            with(name, kind).map(|files| files.into_iter().map(|(path, _)| path).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("x/templates/a.yaml", Regular), Ok("Chart.yaml templates/a.yaml".to_owned()));
        assert_eq!(names("./x/values.yaml", Regular), Ok("Chart.yaml values.yaml".to_owned()));
        assert_eq!(names("x/templates/", Directory), Ok("Chart.yaml".to_owned()));
        assert_eq!(names("beside", Regular), Ok("Chart.yaml".to_owned()));
    }

    #[test]
    fn what_is_outside_or_not_a_file_is_refused() {
        use tar::EntryType::{Block, Fifo, Link, Regular, Symlink};
        for (name, kind, what) in [
            ("../Chart.yaml", Regular, "is outside"),
            ("x/../../etc/cron.d/x", Regular, "is outside"),
            ("/etc/passwd", Regular, "is outside"),
            ("x\\..\\y", Regular, "is outside"),
            ("x/a\nb", Regular, "is outside"),
            ("x/templates/l", Symlink, "not a regular file"),
            ("x/templates/h", Link, "not a regular file"),
            ("x/p", Fifo, "not a regular file"),
            ("x/b", Block, "not a regular file"),
            ("y/Chart.yaml", Regular, "duplicate"),
        ] {
            let error = with(name, kind).unwrap_err();
            assert!(error.contains(what), "{name}: {error}");
        }
    }

    #[test]
    fn bombs_are_not_unpacked() {
        let error = |tar: &[u8]| unpack(&packed(tar)).unwrap_err().to_string();
        let mut tar = Vec::new();
        entry(&mut tar, "x/Chart.yaml", tar::EntryType::Regular, STREAM + 1, &vec![0; (STREAM + 1) as usize]);
        assert!(error(&tar).contains("more than the limit of 64 MiB"), "{}", error(&tar));
        let mut tar = Vec::new();
        (0..=FILES).for_each(|at| entry(&mut tar, &format!("x/{at}"), tar::EntryType::Regular, 0, b""));
        assert!(error(&tar).contains("more than the limit of 10000 files"));
        // A long name that never ends.
        let mut tar = Vec::new();
        entry(&mut tar, "././@LongLink", tar::EntryType::GNULongName, STREAM + 1, &vec![b'a'; (STREAM + 1) as usize]);
        assert!(error(&tar).contains("more than the limit of 64 MiB"), "{}", error(&tar));
        let mut tar = Vec::new();
        entry(&mut tar, "x/Chart.yaml", tar::EntryType::Regular, 1 << 40, b"name: x\n");
        assert!(error(&tar).contains("not a valid .tgz of a chart"), "{}", error(&tar));
        assert!(unpack(b"<html>").unwrap_err().to_string().contains("not a valid .tgz"));
        assert!(unpack(&packed(b"")).unwrap_err().to_string().contains("Chart.yaml not found"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_is_a_chart_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..2000), gzip: bool) {
            let bytes = if gzip { packed(&bytes) } else { bytes };
            for (path, _) in unpack(&bytes).unwrap_or_default() {
                prop_assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."));
            }
        }
    }
}
