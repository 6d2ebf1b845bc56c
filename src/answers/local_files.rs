//! Answers to questions for files: what the operator named becomes the content of a ConfigMap.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::answered::Answers;
use super::resolved::{ResolveError, ResolvedFiles};
use crate::catalog::{BUNDLED, Component, Kind, QuestionId, read_dir};
use crate::model::{FileTree, bounded, secret_line};

/// The most that goes into a ConfigMap: etcd takes 1 MiB of an object, of which some is not ours.
const MAX_BYTES: usize = 1_000_000;

/// The one key of a ConfigMap that holds a folder with folders.
const TAR: &str = "files.tar";

/// How the names of the ConfigMaps of a question for files begin.
#[must_use]
pub fn files_prefix(release: &str, question: &str) -> String {
    format!("{release}-{}-", question.replace('_', "-"))
}

/// Reads the files that answers name, and puts what becomes of them where templates see the answers.
#[expect(clippy::type_complexity, reason = "files by component, and the answers")]
pub(super) fn answered_files(
    answers: &Answers,
    chosen: &[&Component],
) -> Result<(BTreeMap<String, Vec<(ResolvedFiles, FileTree)>>, serde_json::Value), ResolveError> {
    let mut json = answers.json();
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for component in chosen {
        for question in component.questions.iter().filter(|question| question.kind == Kind::Files) {
            let Some(text) = answers.get(&component.id, &question.id).text() else { continue };
            let id = QuestionId::new(&component.id, &question.id);
            let AnsweredFiles { content, tree } = match answers.held.get(&id) {
                Some(held) => AnsweredFiles::held(held),
                None => read(component, &question.id, text)?,
            };
            let (release, digest) =
                (answers.get(&component.id, "release").text().unwrap_or_default().to_owned(), content.digest());
            // Named by what is in it: whoever goes back to earlier files finds them as they were.
            let short = digest.trim_start_matches("sha256:").chars().take(10).collect::<String>();
            let (name, question) = (format!("{}{short}", files_prefix(&release, &question.id)), question.id.clone());
            json[&component.id][&question] = serde_json::json!({"config_map": name, "digest": digest, "tree": tree});
            let files = ResolvedFiles { name, question, digest, tree };
            all.entry(component.id.clone()).or_default().push((files, content));
        }
    }
    Ok((all, json))
}

/// What becomes of an answer.
pub(super) struct AnsweredFiles {
    /// The keys of the ConfigMap.
    pub(super) content: FileTree,
    /// The one key is a tar of the folder.
    pub(super) tree: bool,
}

impl AnsweredFiles {
    /// As they are in the cluster.
    pub(super) fn held(content: &FileTree) -> Self {
        let tree = content.iter().map(|(key, _)| key).eq([TAR]);
        Self { content: content.clone(), tree }
    }
}

/// The files that an answer to a question of a component names, as the content of a ConfigMap.
///
/// # Errors
/// They cannot be read, or a ConfigMap does not take them.
pub fn question_files(component: &Component, question: &str, text: &str) -> Result<FileTree, ResolveError> {
    Ok(read(component, question, text)?.content)
}

/// Reads the files that an answer to a question of a component names.
pub(super) fn read(component: &Component, question: &str, text: &str) -> Result<AnsweredFiles, ResolveError> {
    let answer = format!("{}.{question}", component.id);
    let wrong = |what: String| ResolveError::Files { answer: answer.clone(), what };
    let found = match text.strip_prefix(BUNDLED) {
        Some(path) => {
            component.files.below(path).ok_or_else(|| wrong(format!("`{path}` not found in the component")))?
        }
        None => local(Path::new(text), &answer)?,
    };
    for (path, bytes) in found.iter() {
        if let Some(line) = std::str::from_utf8(bytes).ok().and_then(|text| secret_line(path, text)) {
            return Err(wrong(format!(
                "line {line} of {path} looks like a secret, which must not be in a ConfigMap: put it into a Secret, and \
                 let the program read it from the environment (a question of type `secret`)"
            )));
        }
    }
    let is_key = |path: &str| {
        path.len() <= 253 && path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let tree = found.iter().any(|(path, _)| !is_key(path));
    let content = if tree { packed(&found).map_err(|error| wrong(error.to_string()))? } else { found };
    let bytes = content.bytes();
    if bytes > MAX_BYTES {
        return Err(wrong(format!("{text} has {bytes} bytes, but the limit of a ConfigMap is {MAX_BYTES}")));
    }
    Ok(AnsweredFiles { content, tree })
}

fn local(path: &Path, answer: &str) -> Result<FileTree, ResolveError> {
    let failed = |source| ResolveError::File { answer: answer.to_owned(), path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        let error = |source| ResolveError::Folder { answer: answer.to_owned(), source };
        let files: Vec<_> = read_dir(path).map_err(error)?.into_iter().collect();
        if files.is_empty() {
            let what = format!("{} has no files", path.display());
            return Err(ResolveError::Files { answer: answer.to_owned(), what });
        }
        return Ok(FileTree::new(files));
    }
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MAX_BYTES as u64 {
        let what = format!("{} has {bytes} bytes, but the limit of a ConfigMap is {MAX_BYTES}", path.display());
        return Err(ResolveError::Files { answer: answer.to_owned(), what });
    }
    let name = path.file_name().map(PathBuf::from).unwrap_or_default().display().to_string();
    let bytes = bounded::bytes(path, MAX_BYTES as u64).map_err(failed)?;
    Ok(FileTree::new(vec![(name, bytes)]))
}

/// A tar of files without times and owners: equal files give equal bytes.
fn packed(files: &FileTree) -> std::io::Result<FileTree> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files.iter() {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, path, bytes)?;
    }
    Ok(FileTree::new(vec![(TAR.to_owned(), tar.into_inner()?)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component() -> Component {
        crate::catalog::load(&[]).unwrap().components["shared-libraries"].clone()
    }

    fn keys(found: &AnsweredFiles) -> BTreeMap<String, usize> {
        found.content.iter().map(|(key, bytes)| (key.to_owned(), bytes.len())).collect()
    }

    fn error_of(path: &Path) -> String {
        read(&component(), "source", &path.display().to_string()).err().unwrap().to_string()
    }

    #[test]
    fn a_file_and_a_flat_folder_have_keys_and_a_tree_is_packed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.py"), "x = 1\n").unwrap();
        let at = |path: &Path| read(&component(), "source", &path.display().to_string()).unwrap();
        let one = at(&folder.path().join("a.py"));
        assert_eq!((keys(&one), one.tree), (BTreeMap::from([("a.py".to_owned(), 6)]), false));
        assert_eq!(keys(&at(folder.path())), keys(&one));
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/a.txt"), "1\n").unwrap();
        let tree = at(folder.path());
        assert!(tree.tree && keys(&tree).contains_key(TAR));
        let mut tar = tar::Archive::new(tree.content.iter().next().unwrap().1);
        let names: Vec<_> = tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, [Path::new("a.py"), Path::new("data/a.txt")]);
        let again = std::fs::read(folder.path().join("a.py")).unwrap();
        std::fs::write(folder.path().join("a.py"), again).unwrap();
        assert_eq!(at(folder.path()).content.digest(), tree.content.digest(), "times do not matter");
    }

    #[test]
    fn a_name_that_is_no_key_makes_a_tar() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.py"), "x = 1\n").unwrap();
        assert!(read(&component(), "source", &folder.path().display().to_string()).unwrap().tree);
    }

    #[test]
    fn what_is_too_large_missing_or_a_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.py");
        assert!(error_of(&file).contains("a.py"), "it is missing");
        assert!(error_of(folder.path()).contains("has no files"));
        std::fs::write(&file, vec![b'x'; MAX_BYTES]).unwrap();
        assert!(read(&component(), "source", &file.display().to_string()).is_ok());
        std::fs::write(folder.path().join("b"), "x").unwrap();
        assert!(error_of(folder.path()).contains("1000001 bytes"), "{}", error_of(folder.path()));
        std::fs::write(&file, vec![b'x'; MAX_BYTES + 1]).unwrap();
        assert!(error_of(&file).contains("1000001 bytes"));
        let secret = folder.path().join("b");
        std::fs::write(&secret, "a = 1\npassword = 'hunter2hunter2'\n").unwrap();
        let text = error_of(&secret);
        assert!(text.contains("line 2 of b") && text.contains("type `secret`") && !text.contains("hunter2"), "{text}");
    }
}
