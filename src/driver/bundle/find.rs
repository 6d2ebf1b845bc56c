//! Which files are the offline bundle that somebody named: one file, or parts that lie in several folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::error::BundleError;

/// The most entries of a folder that are looked at.
const ENTRIES: usize = 100_000;

/// Files that are an offline bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFiles {
    /// Its name, without a part's number.
    pub name: String,
    /// Its files, in order.
    pub files: Vec<PathBuf>,
    /// Whether they are parts.
    pub parts: bool,
    /// The list of its parts' sums, where it is beside them.
    pub sums: Option<PathBuf>,
    /// Its signature, where it is beside it.
    pub signature: Option<PathBuf>,
}

/// What was come across: names in lower case, since some media know no other.
#[derive(Default)]
struct ScannedFolder {
    wholes: BTreeSet<PathBuf>,
    parts: BTreeMap<String, BTreeMap<usize, Vec<PathBuf>>>,
    folders: BTreeSet<PathBuf>,
}

/// Looks for an offline bundle: paths of files, of parts, of folders with parts, or several of these with colons between.
///
/// # Errors
/// None or more than one is found, or a part is missing or found twice.
pub fn find(given: &[PathBuf]) -> Result<BundleFiles, BundleError> {
    let paths: Vec<PathBuf> = given.iter().flat_map(|path| pieces(path)).collect();
    let mut seen = ScannedFolder::default();
    // A part that is named says which of the parts in folders are meant.
    let mut named = BTreeSet::new();
    for path in &paths {
        if path.is_dir() {
            seen.folder(path, &|_| true)?;
        } else if let Some((base, _)) = part_of(path) {
            named.insert(base.clone());
            seen.folder(folder_of(path), &|other| other == base)?;
        } else if path.exists() {
            seen.wholes.insert(path.clone());
            seen.folders.insert(folder_of(path).to_owned());
        } else if let Some(base) = file_name(path) {
            // The name of the whole, of which only parts are there.
            seen.folder(folder_of(path), &|other| other == base)?;
            named.insert(base);
        }
    }
    if !named.is_empty() {
        seen.parts.retain(|base, _| named.contains(base));
    }
    let shown = || paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let ScannedFolder { wholes, parts, folders } = seen;
    match (wholes.len(), parts.len()) {
        (0, 0) => return Err(BundleError::None(shown())),
        (1, 0) | (0, 1) => {}
        _ => {
            let wholes = wholes.iter().map(|path| path.display().to_string());
            return Err(BundleError::Several(wholes.chain(parts.into_keys()).collect()));
        }
    }
    let (base, files, is_parts) = match (wholes.into_iter().next(), parts.into_iter().next()) {
        (Some(whole), _) => (file_name(&whole).unwrap_or_default(), vec![whole], false),
        (None, Some((base, numbers))) => (base.clone(), in_order(&base, numbers)?, true),
        (None, None) => return Err(BundleError::None(shown())),
    };
    let beside = |suffix: &str| beside(&folders, &format!("{base}{suffix}"));
    let name = files.first().and_then(|file| file.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let name = if is_parts { name[..name.len().saturating_sub(4)].to_owned() } else { name };
    let (sums, signature) = (beside(".sha256"), beside(".sig"));
    Ok(BundleFiles { name, files, parts: is_parts, sums, signature })
}

impl ScannedFolder {
    fn folder(&mut self, folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<(), BundleError> {
        // The same folder under two names would show each part twice.
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        self.folders.insert(folder.clone());
        let entries = std::fs::read_dir(&folder).map_err(|error| BundleError::io("read", &folder, error))?;
        for entry in entries.take(ENTRIES) {
            let path = entry.map_err(|error| BundleError::io("read", &folder, error))?.path();
            if let Some((base, number)) = part_of(&path) {
                if wanted(&base) {
                    let places = self.parts.entry(base).or_default().entry(number).or_default();
                    if !places.contains(&path) {
                        places.push(path);
                    }
                }
            } else if file_name(&path).is_some_and(|name| name.ends_with(".tar") && wanted(&name)) && path.is_file() {
                self.wholes.insert(path);
            }
        }
        Ok(())
    }
}

fn in_order(base: &str, numbers: BTreeMap<usize, Vec<PathBuf>>) -> Result<Vec<PathBuf>, BundleError> {
    let mut files = Vec::new();
    for (expected, (number, mut places)) in (1..).zip(numbers) {
        if number != expected {
            return Err(BundleError::MissingPart { name: base.to_owned(), number: expected });
        }
        places.sort();
        match places.as_slice() {
            [first, second, ..] => {
                return Err(BundleError::TwoParts { number, first: first.clone(), second: second.clone() });
            }
            _ => files.append(&mut places),
        }
    }
    Ok(files)
}

/// `/mnt/a:/mnt/b` as two; a path that is there is one, whatever it is made of.
fn pieces(path: &Path) -> Vec<PathBuf> {
    match path.to_str() {
        Some(text) if text.contains(':') && !path.exists() => {
            text.split(':').filter(|piece| !piece.is_empty()).map(PathBuf::from).collect()
        }
        _ => vec![path.to_owned()],
    }
}

/// The name of the whole in lower case, and the number of the part.
fn part_of(path: &Path) -> Option<(String, usize)> {
    let name = file_name(path)?;
    let (base, digits) = name.rsplit_once('.')?;
    let number =
        (digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())??;
    (base.ends_with(".tar") && number > 0).then(|| (base.to_owned(), number))
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_lowercase())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(folders: &BTreeSet<PathBuf>, name: &str) -> Option<PathBuf> {
    folders.iter().find_map(|folder| {
        let direct = folder.join(name);
        if direct.is_file() {
            return Some(direct);
        }
        let entries = std::fs::read_dir(folder).ok()?.take(ENTRIES).filter_map(Result::ok);
        entries.map(|entry| entry.path()).find(|path| file_name(path).as_deref() == Some(name) && path.is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(folder: &Path, names: &[&str]) {
        std::fs::create_dir_all(folder).unwrap();
        for name in names {
            std::fs::write(folder.join(name), "x").unwrap();
        }
    }

    fn names(found: &BundleFiles) -> Vec<String> {
        found.files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn parts_are_found_in_several_folders() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        touch(&a, &["p.tar.001", "p.tar.003", "notes.txt"]);
        touch(&b, &["P.TAR.002", "P.TAR.SHA256", "p.tar.sig"]);
        let both = PathBuf::from(format!("{}:{}", a.display(), b.display()));
        for given in [
            vec![a.clone(), b.clone()],
            vec![both],
            vec![a.join("p.tar.001"), b.clone()],
            vec![a.join("p.tar"), b.clone()],
        ] {
            let found = find(&given).unwrap();
            assert_eq!(names(&found), ["p.tar.001", "P.TAR.002", "p.tar.003"], "{given:?}");
            assert_eq!((found.name.as_str(), found.parts), ("p.tar", true));
            assert!(found.sums.is_some() && found.signature.is_some());
        }
        assert!(matches!(find(std::slice::from_ref(&a)), Err(BundleError::MissingPart { number: 2, .. })));
        touch(&b, &["p.tar.001"]);
        assert!(matches!(find(&[a.clone(), b.clone()]), Err(BundleError::TwoParts { number: 1, .. })));
        std::fs::remove_file(b.join("p.tar.001")).unwrap();
        touch(&b, &["q.tar.001"]);
        assert!(matches!(find(&[a.clone(), b.clone()]), Err(BundleError::Several(_))));
        assert_eq!(names(&find(&[a.join("p.tar.001"), b]).unwrap()).len(), 3, "what is named is meant");
        assert_eq!(
            names(&find(&[a.clone(), a]).unwrap_or_else(|_| BundleFiles {
                name: String::new(),
                files: Vec::new(),
                parts: false,
                sums: None,
                signature: None
            }))
            .len(),
            0,
            "part 2 is missing, and no part is there twice"
        );
    }

    #[test]
    fn one_file_is_found_by_its_name_or_its_folder() {
        let root = tempfile::tempdir().unwrap();
        touch(root.path(), &["a:b.tar", "a:b.tar.sig"]);
        let file = root.path().join("a:b.tar");
        for given in [file.clone(), root.path().to_owned()] {
            let found = find(&[given]).unwrap();
            assert_eq!((names(&found), found.parts, found.signature.is_some()), (vec!["a:b.tar".into()], false, true));
        }
        touch(root.path(), &["c.tar"]);
        assert!(matches!(find(&[root.path().to_owned()]), Err(BundleError::Several(_))));
        assert!(matches!(find(&[root.path().join("none")]), Err(BundleError::None(_))));
        assert!(matches!(find(&[]), Err(BundleError::None(_))));
    }
}
