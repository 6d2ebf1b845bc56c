//! Where files to upload come from, as answers and definitions write it.

use std::fmt;
use std::path::PathBuf;

/// The longest text that is accepted.
const LONGEST: usize = 1024;

/// What names of archives end with.
const ARCHIVES: [&str; 4] = [".zip", ".tar", ".tar.gz", ".tgz"];

/// The variable with a token for the git server of a source. No program but git inherits it.
pub const GIT_TOKEN: &str = "WINDLASS_GIT_TOKEN";

/// How a source may be written, for messages.
pub const SOURCE_WAYS: &str =
    "a folder, an archive (.zip, .tar, .tar.gz or .tgz; archive#folder) or git+https://host/path.git@commit#folder";

/// How a login is given, for messages.
const LOGINS: &str = "git takes a login from a credential helper (`git config --global credential.helper store`), from \
                      the program in GIT_ASKPASS, or as a token from WINDLASS_GIT_TOKEN";

/// Where files come from. Nothing is looked at here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// A folder on this machine.
    Folder(PathBuf),
    /// An archive on this machine.
    Archive {
        /// The file; a folder may have such a name, too.
        path: PathBuf,
        /// The folder in it; empty is its top.
        folder: String,
    },
    /// A git repository at one commit.
    Git(GitSource),
}

/// A folder of a git repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// The address as git takes it; never with a login.
    pub url: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// The folder in it; empty is its top.
    pub folder: String,
}

impl FileSource {
    /// Reads what an answer says.
    ///
    /// # Errors
    /// What is wrong with it; never a login that is in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        if let Some(rest) = text.strip_prefix("git+") {
            return Ok(Self::Git(GitSource::parse(rest)?));
        }
        if text.starts_with("git@") {
            return Err("is an SSH address: use git+ssh://git@host/path.git@commit".to_owned());
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(match scheme {
                "file" => "is a path: use it without file://".to_owned(),
                _ => format!(
                    "has the unsupported scheme `{scheme}://`: expected {SOURCE_WAYS}; download the archive and give \
                     its path"
                ),
            });
        }
        let is_archive = |path: &str| ARCHIVES.iter().any(|ending| path.to_ascii_lowercase().ends_with(ending));
        let split = text.match_indices('#').map(|(at, _)| (&text[..at], &text[at + 1..]));
        let (path, folder) = split.into_iter().find(|(path, _)| is_archive(path)).unwrap_or((text, ""));
        if !is_archive(path) {
            return Ok(Self::Folder(PathBuf::from(text)));
        }
        Ok(Self::Archive { path: PathBuf::from(path), folder: inner(folder)? })
    }
}

impl GitSource {
    fn parse(text: &str) -> Result<Self, String> {
        let (rest, folder) = text.split_once('#').unwrap_or((text, ""));
        let (scheme, rest) =
            rest.split_once("://").ok_or("is not an address: expected git+https://host/path.git@commit")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        if user.is_some_and(|user| scheme != "ssh" || user.contains(':')) || rest.contains('?') {
            return Err(format!("contains a login or a query, and answers are stored: remove it; {LOGINS}"));
        }
        let host = authority.rsplit('@').next().unwrap_or_default();
        let good = match scheme {
            "file" => authority.is_empty(),
            "http" => is_host(host) && is_this_machine(host),
            "https" | "ssh" => is_host(host) && !user.is_some_and(|user| user.is_empty() || user.starts_with('-')),
            _ => return Err("has an unsupported scheme: expected git+https, git+ssh or git+file".to_owned()),
        };
        if !good {
            return Err(match scheme {
                "http" => "is plain HTTP, which is allowed for localhost only: use git+https".to_owned(),
                "ssh" => "has no valid host: expected git+ssh://git@host/path.git@commit, with a slash after the host"
                    .to_owned(),
                _ => format!("has no valid host: expected git+{scheme}://host/path.git@commit"),
            });
        }
        let (path, commit) = path.rsplit_once('@').unwrap_or((path, ""));
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
        if path.is_empty() || !path.chars().all(is_plain) || !commit.chars().all(is_plain) {
            return Err(format!("has no valid repository: expected git+{scheme}://host/path.git@commit"));
        }
        let url = format!("{scheme}://{authority}/{path}");
        let reason = "the same answers must always give the same files";
        if commit.is_empty() {
            return Err(format!(
                "has no commit: append @ and its 40 hex digits; {reason}, and `git ls-remote {url} HEAD` prints \
                 the newest"
            ));
        }
        if commit.len() != 40 || !commit.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(format!(
                "`{commit}` is not a commit of 40 hex digits; {reason}, and `git ls-remote {url} '{}'` prints that of a \
                 branch or tag",
                commit.replace('\'', "")
            ));
        }
        Ok(Self { url, commit: commit.to_ascii_lowercase(), folder: inner(folder)? })
    }

    /// `https`, `ssh`, `file` or, on this machine, `http`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.split("://").next().unwrap_or_default()
    }

    /// The address up to the host, as credentials are kept by.
    #[must_use]
    pub fn server(&self) -> &str {
        let host = self.url.find("://").map_or(0, |at| at + 3);
        let end = self.url[host..].find('/').map_or(self.url.len(), |at| host + at);
        &self.url[..end]
    }
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "git+{}@{}", self.url, self.commit)?;
        if self.folder.is_empty() { Ok(()) } else { write!(f, "#{}", self.folder) }
    }
}

/// A host and perhaps a port; never one that a program would take for an option.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').or(rest.is_empty().then_some("1"))),
        None => host.split_once(':').map_or((host, Some("1")), |(name, port)| (name, Some(port))),
    };
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'))
        && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

fn is_this_machine(host: &str) -> bool {
    let name = host.strip_prefix('[').map_or_else(|| host.split(':').next(), |rest| rest.split(']').next());
    matches!(name, Some("localhost" | "127.0.0.1" | "::1"))
}

/// A folder within something, without slashes at its ends.
fn inner(folder: &str) -> Result<String, String> {
    let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") || folder.chars().any(|c| c.is_control() || c == '\\') {
        return Err(format!("`#{folder}` is not a valid folder: expected names separated by slashes, without `..`"));
    }
    Ok(parts.join("/"))
}

/// The parts of an entry's path in an archive; nothing where it leads out, or would on another system.
#[must_use]
pub fn entry_parts(name: &str) -> Option<Vec<&str>> {
    if name.starts_with('/') || name.contains('\\') || name.chars().any(char::is_control) {
        return None;
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then_some(parts)
}

/// An entry's name for messages.
#[must_use]
pub fn entry_shown(name: &str) -> String {
    name.chars().take(200).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn folders_archives_and_commits_are_distinguished() {
        let folder = |path: &str| Ok(FileSource::Folder(path.into()));
        let archive =
            |path: &str, folder: &str| Ok(FileSource::Archive { path: path.into(), folder: folder.to_owned() });
        assert_eq!(FileSource::parse("./jars"), folder("./jars"));
        assert_eq!(FileSource::parse("/srv/a#b"), folder("/srv/a#b"), "as it was before there were archives");
        assert_eq!(FileSource::parse("x.jar"), folder("x.jar"));
        assert_eq!(FileSource::parse("libs.zip"), archive("libs.zip", ""));
        assert_eq!(FileSource::parse("/a/LIBS.TGZ#/lib/./jars/"), archive("/a/LIBS.TGZ", "lib/jars"));
        assert_eq!(FileSource::parse("a.tar.gz#x#y"), archive("a.tar.gz", "x#y"));
        for (url, folder) in [
            ("https://git.example.com/a/libs.git", ""),
            ("https://[::1]:8443/libs", "lib/jars"),
            ("ssh://git@git.example.com:2222/a/libs.git", "x"),
            ("file:///srv/libs.git", ""),
            ("http://127.0.0.1:3000/libs.git", ""),
        ] {
            let written = format!("git+{url}@{COMMIT}{}{folder}", if folder.is_empty() { "" } else { "#" });
            let Ok(FileSource::Git(git)) = FileSource::parse(&written) else { panic!("{written}") };
            assert_eq!((git.url.as_str(), git.commit.as_str(), git.folder.as_str()), (url, COMMIT, folder));
            assert_eq!(git.to_string(), written);
        }
        let Ok(FileSource::Git(git)) = FileSource::parse(&format!("git+https://h:1/p@{}", COMMIT.to_uppercase()))
        else {
            panic!()
        };
        assert_eq!((git.commit.as_str(), git.scheme(), git.server()), (COMMIT, "https", "https://h:1"));
    }

    #[test]
    fn invalid_sources_are_refused_with_what_to_do_and_without_their_login() {
        let pinned = |url: &str| format!("git+{url}@{COMMIT}");
        for (text, what) in [
            (pinned("https://hunter2@h/x.git"), "credential.helper"),
            (pinned("https://u:hunter2@h/x.git"), "WINDLASS_GIT_TOKEN"),
            (pinned("https://u:hun/ter2@h/x.git"), "no valid host"),
            (pinned("ssh://git:hunter2@h/x.git"), "GIT_ASKPASS"),
            (pinned("https://h/x.git?private_token=hunter2"), "GIT_ASKPASS"),
            (pinned("ssh://git@h:org/x.git"), "slash after the host"),
            (pinned("ssh://-oProxyCommand=x/x.git"), "no valid host"),
            (pinned("ssh://-l@h/x.git"), "no valid host"),
            (pinned("http://h/x.git"), "use git+https"),
            (pinned("ext::sh -c x"), "not an address"),
            (pinned("ext://h/x"), "git+https, git+ssh or git+file"),
            (pinned("https://h"), "remove it"),
            (pinned("https://h/"), "no valid repository"),
            ("git+https://h/x.git".to_owned(), "`git ls-remote https://h/x.git HEAD`"),
            ("git+https://h/x.git@main".to_owned(), "`git ls-remote https://h/x.git 'main'`"),
            ("git+https://h/x.git@v1#lib".to_owned(), "not a commit of 40"),
            (format!("git+https://h/x.git@{}", &COMMIT[..39]), "not a commit of 40"),
            (format!("{}#../x", pinned("https://h/x.git")), "not a valid folder"),
            ("libs.zip#a/../../b".to_owned(), "not a valid folder"),
            ("https://h/libs.zip".to_owned(), "download the archive"),
            ("s3://bucket/libs.zip".to_owned(), "unsupported scheme `s3://`"),
            ("file:///srv/jars".to_owned(), "without file://"),
            ("git@h:org/x.git".to_owned(), "git+ssh://git@host"),
        ] {
            let message = FileSource::parse(&text).unwrap_err();
            assert!(message.contains(what) && !message.contains("hunter2"), "{text}: {message}");
            assert!(!message.contains("ter2"), "{text}: {message}");
        }
    }
}
