//! Parts for media: slices of the one stream, with a list of their sums.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::error::{CreateError, LayoutWriteError};
use super::hash::{cores, hash_prefix};
use super::output::{Created, folder_of, is_unfinished, partial, suffixed, write_new};
use super::parts::Parts;
use super::read::Bundle;
use super::stream::CHUNK;
use crate::driver::disk::disk;
use crate::model::bounded;
use crate::model::oci::Digest;

/// The most parts: three digits.
pub(super) const MOST_PARTS: u64 = 999;

/// The smallest part.
const LEAST: u64 = 1 << 20;

/// Sizes by name, with room for the medium's own file system.
pub const SPLITS: [(&str, u64); 3] = [
    // A DVD has 4,700,372,992 bytes.
    ("dvd", 4480 << 20),
    // A BD-R of one layer has 25,025,314,816.
    ("bd25", 23_800 << 20),
    // The largest file of FAT32.
    ("fat32", (4 << 30) - 1),
];

/// A size of parts: `dvd`, `bd25`, `fat32`, or a number of bytes with K, M, G or T behind it, which count by 1024.
///
/// # Errors
/// It is not a size, or smaller than 1 MiB.
pub fn parse_split(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_lowercase();
    if let Some((_, size)) = SPLITS.iter().find(|(name, _)| *name == lower) {
        return Ok(*size);
    }
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err("expected dvd, bd25, fat32, or a size such as 4G or 700M".to_owned()),
    };
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    match size {
        Some(size) if size >= LEAST => Ok(size),
        Some(_) => Err("parts must have at least 1 MiB".to_owned()),
        None => Err("expected dvd, bd25, fat32, or a size such as 4G or 700M".to_owned()),
    }
}

/// Whether a file of this name, and its parts, can be on every medium.
pub(super) fn valid_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    name.len() <= 59 && name.ends_with(".tar") && name.bytes().all(fits) && !name.starts_with(['.', '-'])
}

/// What the name of a part ends with: three digits.
pub(super) fn is_part_number(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The path of a part; the first is 001.
pub(super) fn part_name(path: &Path, index: u64) -> PathBuf {
    suffixed(path, &format!(".{:03}", index + 1))
}

/// The list of sums of parts, as `sha256sum -c` reads it.
pub(super) fn sums_of(parts: &Parts, names: impl Iterator<Item = String>) -> io::Result<String> {
    let mut start = 0;
    let mut work = Vec::new();
    for ((_, _, len), name) in parts.files().zip(names) {
        work.push((name, start, len));
        start += len;
    }
    let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let hash = || {
        while let Some((name, start, len)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            let digest = hash_prefix(parts, *start, *len).map(Digest::finish);
            found.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), digest);
        }
    };
    thread::scope(|scope| {
        for _ in 1..cores() {
            scope.spawn(hash);
        }
        hash();
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.into_iter().map(|(name, digest)| Ok(format!("{}  {name}\n", digest?.hex()))).collect()
}

/// The sums of a list by names in lower case. Windows may have ended its lines otherwise, and a medium may know capitals only.
pub(super) fn parse_sums(text: &str) -> BTreeMap<String, Digest> {
    let line = |line: &str| {
        let (sum, name) = line.trim_end().split_once([' ', '\t'])?;
        let digest = format!("sha256:{}", sum.to_lowercase()).parse().ok()?;
        Some((name.trim_start_matches([' ', '\t', '*']).to_lowercase(), digest))
    };
    text.trim_start_matches('\u{feff}').lines().filter_map(line).collect()
}

/// Which of the parts that hold some bytes differ from the list of sums; `None` where there is no list, or none differs.
pub(super) fn bad_parts(bundle: &Bundle, range: Range<u64>) -> Option<String> {
    let text = bounded::text(bundle.files().sums.as_ref()?, 1 << 20).ok()?;
    let sums = parse_sums(&text);
    let mut start = 0;
    let mut bad = Vec::new();
    for (path, _, len) in bundle.parts().files() {
        if start < range.end && start + len > range.start {
            let name = path.file_name()?.to_str()?.to_lowercase();
            let right = sums.get(&name).copied();
            let found = hash_prefix(bundle.parts(), start, len).ok().map(Digest::finish);
            if right.is_some() && right != found {
                bad.push(path.display().to_string());
            }
        }
        start += len;
    }
    (!bad.is_empty()).then(|| bad.join(" and "))
}

/// Cuts an offline bundle into parts. `progress` gets the bytes that are written, and says whether more is wanted.
///
/// # Errors
/// A name is taken or cannot be on every medium, there is too little room, the disk fails, or no more was wanted. Nothing is
/// left then.
pub fn split(bundle: &Bundle, path: &Path, size: u64, progress: &dyn Fn(u64) -> bool) -> Result<Created, CreateError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !valid_name(name) {
        return Err(CreateError::Name(name.to_owned()));
    }
    let total = bundle.parts().total();
    let count = total.div_ceil(size.max(1));
    if count > MOST_PARTS {
        return Err(CreateError::Parts { size, parts: count });
    }
    // One more than there are: a part of another run that would be taken for one of these.
    let files: Vec<_> =
        (0..count).map(|index| (part_name(path, index), index * size, size.min(total - index * size))).collect();
    let sums = suffixed(path, ".sha256");
    let more = part_name(path, count);
    if let Some(other) = more.exists().then_some(more) {
        return Err(CreateError::OtherPart(other));
    }
    copy(bundle, path, &files, Some(&sums), progress)?;
    Ok(Created { files: files.into_iter().map(|(path, ..)| path).collect(), sums: Some(sums), resumed: 0 })
}

/// Puts the parts of an offline bundle together into one file. `progress` is as in [`split`].
///
/// # Errors
/// The name is taken, there is too little room, the disk fails, or no more was wanted. Nothing is left then.
pub fn join(bundle: &Bundle, path: &Path, progress: &dyn Fn(u64) -> bool) -> Result<Created, CreateError> {
    let files = [(path.to_owned(), 0, bundle.parts().total())];
    copy(bundle, path, &files, None, progress)?;
    Ok(Created { files: vec![path.to_owned()], sums: None, resumed: 0 })
}

/// Files under way. They are removed unless all of them are there.
struct Unfinished(Vec<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        for path in &self.0 {
            // What stays is removed by the next run.
            let _ = fs::remove_file(path);
        }
    }
}

fn copy(
    bundle: &Bundle,
    path: &Path,
    files: &[(PathBuf, u64, u64)],
    sums: Option<&Path>,
    progress: &dyn Fn(u64) -> bool,
) -> Result<(), CreateError> {
    let taken = files.iter().map(|(path, ..)| path.as_path()).chain(sums).find(|path| path.exists());
    if let Some(there) = taken {
        return Err(CreateError::Exists(there.to_owned()));
    }
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(|error| CreateError::io("write", folder, error))?;
    remove_leftovers(path)?;
    let found = disk(folder).map_err(|error| CreateError::io("read", folder, error))?;
    let total = bundle.parts().total();
    if found.free < total {
        return Err(CreateError::Space { path: found.path.into(), needed: total, free: found.free });
    }
    let mut unfinished = Unfinished(Vec::new());
    let mut list = String::new();
    let mut buffer = vec![0; CHUNK];
    for (path, start, len) in files {
        let new = partial(path);
        unfinished.0.push(new.clone());
        let io = |error| LayoutWriteError::io("write", &new, error);
        let mut file = File::create(&new).map_err(io)?;
        let (mut hash, mut done) = (Sha256::new(), 0);
        while done < *len {
            let count = usize::try_from(len - done).unwrap_or(CHUNK).min(CHUNK);
            let piece = &mut buffer[..count];
            let read = bundle.parts().read_exact_at(start + done, piece);
            read.map_err(|error| CreateError::io("read", bundle.holding(start + done, 1), error))?;
            file.write_all(piece).map_err(io)?;
            hash.update(&piece);
            done += count as u64;
            if !progress(count as u64) {
                return Err(CreateError::Stopped);
            }
        }
        file.sync_all().map_err(io)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        list.push_str(&format!("{}  {name}\n", Digest::finish(hash).hex()));
    }
    for (path, ..) in files {
        fs::rename(partial(path), path).map_err(|error| CreateError::io("rename", path, error))?;
        unfinished.0.push(path.clone());
    }
    if let Some(sums) = sums {
        unfinished.0.push(partial(sums));
        write_new(sums, list.as_bytes()).map_err(|error| LayoutWriteError::io("write", sums, error))?;
    }
    unfinished.0.clear();
    Ok(())
}

/// Removes what a killed run left of these names: nothing shows how much of it is right, and it takes room.
fn remove_leftovers(path: &Path) -> Result<(), CreateError> {
    if is_unfinished(path) {
        return Err(CreateError::Unfinished(path.to_owned()));
    }
    let folder = folder_of(path);
    let io = |error| CreateError::io("read", folder, error);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let rest = path.file_name().and_then(|found| found.to_str()).and_then(|found| found.strip_prefix(name));
        let Some(rest) = rest.and_then(|rest| rest.strip_suffix(".partial")) else { continue };
        let ours = rest.is_empty() || rest == ".sha256" || rest.strip_prefix('.').is_some_and(is_part_number);
        if ours && path.is_file() {
            fs::remove_file(&path).map_err(|error| CreateError::io("remove", &path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_names_and_units() {
        for (text, size) in [
            ("dvd", 4480 << 20),
            ("FAT32", (4 << 30) - 1),
            ("1048576", 1 << 20),
            ("4G", 4 << 30),
            ("700MiB", 700 << 20),
        ] {
            assert_eq!(parse_split(text), Ok(size), "{text}");
        }
        for bad in ["", "G", "0", "1023K", "-1G", "1.5G", "4X", "99999999999T", "cd"] {
            assert!(parse_split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sums_are_read_as_windows_and_iso_9660_leave_them() {
        let digest = Digest::of(b"x");
        let list = format!("{}  p.tar.001\n{}  p.tar.002\n", digest.hex(), digest.hex());
        let expected: BTreeMap<_, _> = [("p.tar.001".to_owned(), digest), ("p.tar.002".to_owned(), digest)].into();
        for text in [
            list.clone(),
            list.replace('\n', "\r\n"),
            list.to_uppercase(),
            format!("\u{feff}{list}"),
            list.replace("  ", " *"),
        ] {
            assert_eq!(parse_sums(&text), expected, "{text:?}");
        }
        assert!(parse_sums("not a sum\n\n").is_empty());
    }

    #[test]
    fn names_of_parts_can_be_on_every_medium() {
        assert!(valid_name("windlass-0.1.0.tar"));
        let long = format!("{}.tar", "a".repeat(56));
        for bad in ["", "A.tar", "a:b.tar", "a_b.tar", ".tar", "a", &long, "ä.tar"] {
            assert!(!valid_name(bad), "{bad}");
        }
    }
}
