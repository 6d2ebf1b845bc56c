use std::io::Cursor;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::EntryType;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::driver::sources;

/// An entry as it stands, whatever its name.
fn entry(archive: &mut Vec<u8>, name: &str, kind: EntryType, size: u64, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
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

fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Vec::new();
    files.iter().for_each(|(name, text)| entry(&mut tar, name, EntryType::Regular, text.len() as u64, text.as_bytes()));
    tar.extend([0; 1024]);
    tar
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What opening an archive of this name gives: names and contents, or the message.
async fn opened(file: &str, bytes: &[u8], folder: &str) -> Result<Vec<(String, String)>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(file);
    std::fs::write(&path, bytes).unwrap();
    let from = format!("{}{folder}", path.display());
    let opened = sources::open(&from, "*.jar", &CancellationToken::new()).await;
    let opened = opened.map_err(|error| crate::model::causes(&error).join(": "))?;
    let read = |(name, path): &(String, PathBuf)| (name.clone(), std::fs::read_to_string(path).unwrap());
    let found = opened.files.iter().map(read).collect();
    let places: Vec<PathBuf> = opened.files.iter().map(|(_, path)| path.clone()).collect();
    drop(opened);
    assert!(places.iter().all(|path| !path.exists()), "what was unpacked is gone");
    Ok(found)
}

const FILES: &[(&str, &str)] =
    &[("lib/b.jar", "bb"), ("./lib/a.jar", "a"), ("lib/.x.jar", ""), ("lib/deep/c.jar", "c"), ("lib/README", "r")];

#[tokio::test]
async fn jars_come_out_of_each_kind_of_archive_by_their_own_names() {
    let (tar, zip) = (tar_of(FILES), zip_of(FILES));
    let two = Ok([("a.jar", "a"), ("b.jar", "bb")].map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec());
    for (name, bytes) in [("l.tar", tar.clone()), ("l.tgz", gzip(&tar)), ("L.TAR.GZ", gzip(&tar)), ("l.zip", zip)] {
        assert_eq!(opened(name, &bytes, "#lib").await, two, "{name}");
        let message = opened(name, &bytes, "").await.unwrap_err();
        assert!(message.contains("no file in the top folder matches `*.jar`"), "{message}");
        assert!(message.contains("2 in `lib`, 1 in `lib/deep`: add that folder after a #"), "{message}");
    }
    // Several gzips behind each other, as parallel packers write them.
    let (first, second) = tar.split_at(700);
    assert_eq!(opened("l.tgz", &[gzip(first), gzip(second)].concat(), "#lib").await, two);
}

#[tokio::test]
async fn a_folder_may_be_named_like_an_archive_and_a_jar_is_no_source() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("x.zip/in")).unwrap();
    std::fs::write(at("x.zip/in/a.jar"), "a").unwrap();
    let open = async |text: String| {
        let opened = sources::open(&text, "*.jar", &CancellationToken::new()).await;
        opened.map(|opened| opened.files.len()).map_err(|error| error.to_string())
    };
    assert_eq!(open(format!("{}#in", at("x.zip").display())).await, Ok(1));
    let message = open(at("x.zip/in/a.jar").display().to_string()).await.unwrap_err();
    assert!(message.contains("a.jar is a file: specify its folder"), "{message}");
    // What `git clone` leaves without git-lfs.
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    std::fs::write(at("x.zip/in/a.jar"), pointer).unwrap();
    assert!(open(at("x.zip/in").display().to_string()).await.unwrap_err().contains("git lfs pull"));
}

#[tokio::test]
async fn what_leads_out_is_a_link_or_is_there_twice_is_refused() {
    use EntryType::{Block, Fifo, Link, Regular, Symlink};
    for (name, kind, what) in [
        ("../a.jar", Regular, "leads out"),
        ("lib/../../a.jar", Regular, "leads out"),
        ("/etc/cron.d/a.jar", Regular, "leads out"),
        ("lib\\..\\a.jar", Regular, "leads out"),
        ("lib/a\n.jar", Regular, "leads out"),
        ("lib/l.jar", Symlink, "is a link or not a file"),
        ("lib/l.jar", Link, "is a link or not a file"),
        ("lib/p.jar", Fifo, "is a link or not a file"),
        ("lib/d.jar", Block, "is a link or not a file"),
        ("lib/./a.jar", Regular, "duplicate"),
        ("lib/a:b.jar", Regular, "cannot be uploaded to HDFS"),
    ] {
        let mut tar = Vec::new();
        entry(&mut tar, "lib/a.jar", Regular, 1, b"1");
        entry(&mut tar, name, kind, if kind == Regular { 1 } else { 0 }, if kind == Regular { b"1" } else { b"" });
        tar.extend([0; 1024]);
        let message = opened("l.tar", &tar, "#lib").await.unwrap_err();
        assert!(message.contains(what), "{name}: {message}");
    }
    // Links beside what is wanted are left where they are.
    let mut tar = Vec::new();
    entry(&mut tar, "bin/latest", Symlink, 0, b"");
    tar.extend(tar_of(&[("lib/a.jar", "a")]));
    assert_eq!(opened("l.tar", &tar, "#lib").await.unwrap().len(), 1);
    for (name, what) in [("../a.jar", "leads out"), ("/a.jar", "leads out"), ("lib/a:b.jar", "HDFS")] {
        let message = opened("l.zip", &zip_of(&[("lib/x.jar", "x"), (name, "a")]), "#lib").await.unwrap_err();
        assert!(message.contains(what), "{name}: {message}");
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("lib/a.jar", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let message = opened("l.zip", &zip.finish().unwrap().into_inner(), "#lib").await.unwrap_err();
    assert!(message.contains("is a link or not a file"), "{message}");
}

#[tokio::test]
async fn what_is_cut_off_or_damaged_is_never_taken_for_the_whole() {
    let files = [("lib/a.jar", "a"), ("lib/b.jar", "b")];
    let tar = tar_of(&files);
    // At the end of a file, where only the end's mark is missing.
    assert!(opened("l.tar", &tar[..2048], "#lib").await.unwrap_err().contains("unexpected end"));
    assert!(opened("l.tar", &tar[..1024], "#lib").await.unwrap_err().contains("unexpected end"));
    assert!(opened("l.tar", b"", "").await.unwrap_err().contains("unexpected end"));
    let packed = gzip(&tar);
    for cut in [packed.len() - 1, packed.len() - 9, packed.len() / 2, 5, 0] {
        assert!(opened("l.tgz", &packed[..cut], "#lib").await.unwrap_err().contains("truncated"), "{cut}");
    }
    let zip = zip_of(&files);
    assert!(opened("l.zip", &zip[..zip.len() - 30], "#lib").await.unwrap_err().contains("truncated"));
    assert!(opened("l.zip", b"<html>not found</html>", "").await.unwrap_err().contains("not an archive"));
    let mut stored = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    stored.start_file("a.jar", options).unwrap();
    stored.write_all(b"content").unwrap();
    let mut stored = stored.finish().unwrap().into_inner();
    let at = stored.windows(7).position(|bytes| bytes == b"content").unwrap();
    stored[at] ^= 1;
    assert!(opened("l.zip", &stored, "").await.unwrap_err().contains("damaged"), "the checksum counts");
    // Two entries of one name, of which programs see one or the other.
    let twice: Vec<u8> = zip.iter().map(|byte| if *byte == b'b' { b'a' } else { *byte }).collect();
    let message = opened("l.zip", &twice, "#lia").await.unwrap_err();
    assert!(message.contains("same name"), "{message}");
}

#[test]
fn bombs_are_not_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let filter =
        || FileFilter::new("", &NamePattern::parse("*.jar").unwrap(), dir.path().to_owned(), CancellationToken::new());
    let mut full = filter();
    full.bytes = BYTES - 3;
    assert!(full.take("a.jar".to_owned(), &b"four"[..]).unwrap_err().to_string().contains("the limit of "));
    let mut many = filter();
    many.entries = ENTRIES;
    assert!(
        many.wants("a.jar", EntryKind::File).unwrap_err().to_string().contains("exceeds the limit of 100000 entries")
    );
    // A name that never ends is not read into memory.
    let mut tar = Vec::new();
    entry(&mut tar, "././@LongLink", EntryType::GNULongName, 2 * HEADER, &vec![b'a'; 2 * HEADER as usize]);
    let message = super::tar(Cursor::new(tar), &mut filter()).unwrap_err().to_string();
    assert!(message.contains("names and attributes"), "{message}");
    // A file that says to be larger than what is there.
    let mut tar = Vec::new();
    entry(&mut tar, "b.jar", EntryType::Regular, 1 << 40, b"x");
    assert!(super::tar(Cursor::new(tar), &mut filter()).is_err());
    let stopped = filter();
    stopped.stop.cancel();
    let mut stopped = stopped;
    assert!(matches!(stopped.wants("a.jar", EntryKind::File), Err(UnpackError::Stopped)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Valid archives with a few bytes changed, and anything at all: files by their own names in the one folder, or an error.
    #[test]
    fn whatever_comes_is_unpacked_in_place_or_refused(
        kind in 0..3_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        any in proptest::option::weighted(0.2, proptest::collection::vec(any::<u8>(), 0..2000)),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("to");
        std::fs::create_dir(&to).unwrap();
        let files = [("lib/a.jar", "a"), ("lib/../lib/b.jar", "b"), ("c.jar", "c")];
        let mut bytes = if kind == 0 { zip_of(&files[..1]) } else { tar_of(&files) };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let bytes = any.unwrap_or(bytes);
        let (packing, bytes) = match kind {
            0 => (Packing::Zip, bytes),
            1 => (Packing::Tar, bytes),
            _ => (Packing::TarGz, gzip(&bytes)),
        };
        let path = dir.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        let mut filter = FileFilter::new("lib", &NamePattern::parse("*.jar").unwrap(), to.clone(), CancellationToken::new());
        let _ = unpack(File::open(&path).unwrap(), packing, &mut filter);
        for entry in std::fs::read_dir(&to).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            prop_assert!(name.ends_with(".jar") && !name.starts_with('.'), "{name}");
        }
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing beside");
    }
}
