//! Archives that somebody made to do harm, or that a medium damaged: each is refused by name.

use std::path::Path;

use windlass::driver::bundle::format::{self, Layout};
use windlass::driver::bundle::{Bundle, verify};

use super::fixture::{Site, made};

/// A small sound archive.
async fn sound(folder: &Path) -> (Vec<u8>, Layout) {
    let path = folder.join("sound.tar");
    made(&Site::new(), &path).await;
    let layout = Bundle::open(std::slice::from_ref(&path)).unwrap().layout().clone();
    (std::fs::read(path).unwrap(), layout)
}

/// What opening and verifying it says.
fn said(folder: &Path, bytes: &[u8]) -> Option<String> {
    let path = folder.join("hostile.tar");
    std::fs::write(&path, bytes).unwrap();
    let chain = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(one) = source {
            text.push_str(&format!(": {one}"));
            source = one.source();
        }
        text
    };
    match Bundle::open(&[path]) {
        Err(error) => Some(chain(&error)),
        Ok(bundle) => verify(&bundle, &|_| ()).err().map(|errors| chain(&errors[0])),
    }
}

/// A header with a right checksum and something else in it.
fn header(name: &str, size: u64, kind: u8) -> [u8; 512] {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.as_mut_bytes()[156] = kind;
    header.set_cksum();
    *header.as_bytes()
}

#[tokio::test]
async fn entries_that_do_not_belong_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, layout) = sound(folder.path()).await;
    assert_eq!(said(folder.path(), &bytes), None);
    let place = |index: usize| usize::try_from(layout.entries[index].header).unwrap();
    let (first, second) = (layout.entries[3].clone(), layout.entries[4].clone());
    let replaced = |at: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + new.len()].copy_from_slice(new);
        changed
    };
    let inserted = |at: usize, new: &[u8]| [&bytes[..at], new, &bytes[at..]].concat();
    let huge = 20 << 30;
    for (what, archive, expected) in [
        ("out of it", replaced(place(3), &header("../../etc/cron.d/x", first.size, b'0')), "leads out"),
        ("absolute", replaced(place(3), &header("/etc/cron.d/x", first.size, b'0')), "leads out"),
        ("symbolic link", replaced(place(3), &header(&first.name, first.size, b'2')), "symbolic link"),
        ("hard link", replaced(place(3), &header(&first.name, first.size, b'1')), "hard link"),
        ("device", replaced(place(3), &header(&first.name, first.size, b'3')), "device"),
        ("folder", replaced(place(3), &header("blobs/", 0, b'5')), "a folder"),
        ("PAX", inserted(place(3), &[&header("x", 512, b'x')[..], &[b' '; 512]].concat()), "PAX"),
        ("PAX for all", inserted(0, &[&header("g", 512, b'g')[..], &[b' '; 512]].concat()), "PAX"),
        (
            "long name",
            inserted(place(3), &[&header("././@LongLink", 512, b'L')[..], &[b'a'; 512]].concat()),
            "long name",
        ),
        ("twice", replaced(place(4), &header(&first.name, second.size, b'0')), "duplicate entry"),
        ("order", replaced(place(3), &header(&second.name, second.size, b'0')), "out of order"),
        ("unknown", replaced(place(3), &header("install.sh", first.size, b'0')), "unexpected entry"),
        ("size", replaced(place(3), &header(&first.name, first.size + 1, b'0')), "expected"),
        ("huge index", replaced(place(2), &header("index.json", huge, b'0')), "the limit of 64 MiB"),
        ("huge lock", replaced(0, &header("images.lock", huge, b'0')), "the limit of 64 MiB"),
        ("overrun", replaced(0, &header("images.lock", 60 << 20, b'0')), "truncated"),
        ("another", replaced(0, &header("manifest.json", 5, b'0')), "unexpected entry"),
        ("short", bytes[..bytes.len() - 1].to_vec(), "truncated"),
        ("no end", bytes[..bytes.len() - 1024].to_vec(), "truncated"),
        ("half", bytes[..bytes.len() / 2].to_vec(), "truncated"),
        ("empty", Vec::new(), "truncated"),
        ("garbage", [&bytes[..], b"x"].concat(), "1 bytes after the end"),
        ("zeros", [&bytes[..], &[0; 512]].concat(), "512 bytes after the end"),
        ("nothing", vec![0; 4096], "ends here"),
    ] {
        let text = said(folder.path(), &archive).unwrap_or_else(|| panic!("{what} was accepted"));
        assert!(text.contains(expected), "{what}: {text}");
    }
}

/// The lock says what is not so.
#[tokio::test]
async fn locks_that_do_not_fit_their_archive_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, layout) = sound(folder.path()).await;
    let size = usize::try_from(layout.entries[0].size).unwrap();
    let lock = String::from_utf8(bytes[512..512 + size].to_vec()).unwrap();
    // The same archive around another lock.
    let around = |lock: &str| {
        let mut new = format::header("images.lock", lock.len() as u64).to_vec();
        new.extend_from_slice(lock.as_bytes());
        new.resize(new.len().next_multiple_of(512), 0);
        new.extend_from_slice(&bytes[usize::try_from(layout.entries[1].header).unwrap()..]);
        new
    };
    let some_blob = layout.entries[3].name.rsplit('/').next().unwrap().to_owned();
    let bombs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n";
    for (what, changed, expected) in [
        ("no YAML", "{".to_owned(), "failed to parse images.lock"),
        ("another shape", "schema: 1\nimages: []\n".to_owned(), "failed to parse images.lock"),
        ("a bomb", bombs.to_owned(), "failed to parse images.lock"),
        ("schema", lock.replace("schema: 1\n", "schema: 2\n"), "images.lock:3:9: unsupported format 2"),
        ("no bundle", lock.split("bundle:\n").next().unwrap().to_owned(), "not the lock of an offline bundle"),
        ("a field", format!("{lock}more: 1\n"), "failed to parse images.lock"),
        (
            "a name",
            lock.replace("docker.io/x/one:2", "docker.io/../one:2"),
            "`docker.io/../one:2` is not a valid image name",
        ),
        ("a tag", lock.replace("tag: sha256-", "tag: ../sha256-"), "is not a tag"),
        ("a platform", lock.replace("linux/amd64: ", "li\\nux: "), "expected a platform"),
        ("another word", lock.replace("component: sample", "component: simple"), "content does not match images.lock"),
        (
            "a blob less",
            lock.lines()
                .filter(|line| !line.contains(&format!("{some_blob}: ")))
                .map(|line| format!("{line}\n"))
                .collect(),
            "",
        ),
        ("a blob more", format!("{}    sha256:{}: 5\n", lock, "f".repeat(64)), ""),
        (
            "another mode",
            lock.replace("mode: index", "mode: manifest"),
            "mode `manifest` requires exactly one platform",
        ),
        ("sizes", lock.replace(": 100000\n", ": 18446744073709551615\n"), "expected a whole number"),
    ] {
        assert_ne!(changed, lock, "{what}");
        let text = said(folder.path(), &around(&changed)).unwrap_or_else(|| panic!("{what} was accepted"));
        assert!(text.contains(expected), "{what}: {text}");
    }
    // Another letter that is still a lock: what is around it notices.
    assert_eq!(said(folder.path(), &around(&lock)), None);
}

#[tokio::test]
async fn every_flipped_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, layout) = sound(folder.path()).await;
    let mut places: Vec<usize> = Vec::new();
    // In the lock, the index, headers of blobs, what fills blocks, the end; and spread over all.
    for entry in layout.entries.iter().take(8) {
        let at = usize::try_from(entry.header).unwrap();
        places.extend([0, 100, 124, 148, 156, 257, 329, 511].map(|offset| at + offset));
        places.extend(
            [entry.data(), entry.data() + entry.size / 2, entry.end() - 1].map(|at| usize::try_from(at).unwrap()),
        );
    }
    places.extend([1, 512, 1023, 1024].map(|back| bytes.len() - back));
    let mut step = 7;
    while places.len() < 220 {
        step = (step * 48_271) % 2_147_483_647;
        places.push(step % bytes.len());
    }
    for at in places {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(said(folder.path(), &flipped).is_some(), "byte {at} of {}", bytes.len());
    }
}
