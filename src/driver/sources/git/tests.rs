use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::mpsc;

use tempfile::TempDir;

use super::*;
use crate::driver::sources::open_with;
use crate::model::causes;

const TOKEN: &str = "tok-Zq81mWv3pL";

/// A repository with what may change what comes out of one.
struct Repository {
    dir: TempDir,
    commit: String,
}

impl Repository {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut made = Self { dir, commit: String::new() };
        made.git(&["init", "--quiet", "."]);
        made.write("lib/a.jar", "one\ntwo $Id$ $Format:%H$\n");
        made.write("lib/b.jar", "b");
        made.write("lib/more/c.jar", "c");
        made.write("pointer/x.jar", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
        made.write("lib/.gitattributes", "a.jar text eol=crlf ident export-subst\nb.jar export-ignore filter=evil\n");
        made.write(".gitmodules", "[submodule \"s\"]\n\tpath = s\n\turl = ext::sh -c 'touch /tmp/never'\n");
        std::fs::create_dir(made.dir.path().join("links")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", made.dir.path().join("links/l.jar")).unwrap();
        made.git(&["-c", "core.autocrlf=false", "add", "."]);
        made.git(&["commit", "--quiet", "-m", "x"]);
        made.git(&["tag", "-a", "v1", "-m", "v1"]);
        made.commit = made.git(&["rev-parse", "HEAD"]);
        made
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=x", "-c", "user.email=x@x", "-c", "filter.evil.clean=cat"]).args(args);
        command.current_dir(self.dir.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn at(&self, commit: &str, folder: &str) -> String {
        format!("git+file://{}@{commit}{folder}", self.dir.path().display())
    }
}

fn git(cache: &Path) -> Git {
    Git::with(Environment::inherited_without(&[]), None, Some(cache.to_owned()))
}

/// Names and contents, or the whole message.
async fn opened(git: &Git, from: &str) -> Result<Vec<(String, String)>, String> {
    let opened = open_with(from, "*.jar", git, &CancellationToken::new()).await;
    let opened = opened.map_err(|error| causes(&error).join(": "))?;
    Ok(opened.files.iter().map(|(name, path)| (name.clone(), std::fs::read_to_string(path).unwrap())).collect())
}

#[tokio::test]
async fn a_commit_comes_as_it_is_and_the_next_time_out_of_the_cache() {
    let (repository, cache) = (Repository::new(), tempfile::tempdir().unwrap());
    let git = git(cache.path());
    let from = repository.at(&repository.commit, "#lib");
    let wanted = [("a.jar", "one\ntwo $Id$ $Format:%H$\n"), ("b.jar", "b")];
    let wanted = wanted.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
    assert_eq!(opened(&git, &from).await.as_ref(), Ok(&wanted), "no attribute has a say");
    // A branch that went on is another commit.
    repository.write("lib/b.jar", "changed");
    repository.git(&["commit", "--quiet", "-am", "y"]);
    let moved = repository.dir.path().with_extension("gone");
    std::fs::rename(repository.dir.path(), &moved).unwrap();
    assert_eq!(opened(&git, &from).await.as_ref(), Ok(&wanted), "and needs no repository");
    // What was changed in the cache is not used, and cannot be got again.
    let kept = std::fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&kept, tar::Header::new_gnu().as_bytes()).unwrap();
    let message = opened(&git, &from).await.unwrap_err();
    assert!(message.contains(&from) && message.contains("`git ls-remote file://"), "{message}");
    std::fs::rename(&moved, repository.dir.path()).unwrap();
    assert_eq!(opened(&git, &from).await.as_ref(), Ok(&wanted));
}

#[tokio::test]
async fn what_is_not_there_is_reported_with_what_there_is() {
    let (repository, cache) = (Repository::new(), tempfile::tempdir().unwrap());
    let git = git(cache.path());
    let commit = &repository.commit;
    let tag = repository.git(&["rev-parse", "v1"]);
    for (from, what) in [
        (repository.at(&"1".repeat(40), ""), "commit not available; `git ls-remote file://"),
        (repository.at(&tag, ""), commit.as_str()),
        (repository.at(commit, "#nothing"), "folder `nothing` not found in that commit; found lib, links, pointer"),
        (repository.at(commit, "#lib/a.jar"), "folder `lib/a.jar` not found"),
        (repository.at(commit, ""), "2 in `lib`, 1 in `lib/more`"),
        (repository.at(commit, "#pointer"), "git lfs pull"),
        (repository.at(commit, "#links"), "is a link"),
        (format!("git+file:///nonexistent/x.git@{commit}"), "repository not found"),
    ] {
        let message = opened(&git, &from).await.unwrap_err();
        assert!(message.contains(what), "{from}: {message}");
    }
    let small = Git { most: 10, ..git.clone() };
    let message = opened(&small, &repository.at(commit, "#lib")).await.unwrap_err();
    assert!(message.contains("exceeds the limit"), "{message}");
    let none = Git::with(Environment::empty().set("PATH", "/nonexistent"), None, Some(cache.path().join("none")));
    let message = opened(&none, &repository.at(commit, "")).await.unwrap_err();
    assert!(message.contains("git not found in PATH"), "{message}");
}

#[tokio::test]
async fn only_how_servers_are_reached_is_taken_from_the_users_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gitconfig");
    let text = "[credential]\n\thelper = store\n[http]\n\tproxy = http://p:1\n[http \"https://h\"]\n\textraHeader = X: Kk39vTq0\n\
                [url \"https://evil/\"]\n\tinsteadOf = https://h/\n[core]\n\tsshCommand = ssh -i key\n\thooksPath = /evil\n\
                [fetch]\n\trecurseSubmodules = true\n[uploadpack]\n\tpackObjectsHook = evil\n";
    std::fs::write(&file, text).unwrap();
    let own = Environment::inherited_without(&["GIT_"]).set("GIT_CONFIG_GLOBAL", &file).set("GIT_CONFIG_NOSYSTEM", "1");
    let own = own.set("GIT_TRACE", "1").set("GIT_SSL_NO_VERIFY", "1").set("SSH_ASKPASS", "evil");
    let git = Git::with(own, Some(TOKEN.into()), None);
    let source = GitSource { url: "https://h/x".to_owned(), commit: "1".repeat(40), folder: String::new() };
    let call = Call { git: &git, source: &source, dir: dir.path(), cancel: &CancellationToken::new() };
    let settings = call.settings().await.unwrap();
    let keys: Vec<&str> = settings.iter().map(|(key, _)| key.as_str()).collect();
    let ours = "credential.https://h.helper";
    let wanted = ["credential.helper", "http.proxy", "http.https://h.extraheader", "core.sshcommand", ours, ours];
    assert_eq!(keys, wanted);
    let env = call.environment(settings);
    let get = |name: &str| env.get(name).map(|value| value.to_string_lossy().into_owned());
    assert_eq!(get("GIT_CONFIG_GLOBAL").as_deref(), Some("/dev/null"));
    assert_eq!(get("GIT_ALLOW_PROTOCOL").as_deref(), Some("https"));
    assert_eq!(get("GIT_SSH_COMMAND").as_deref(), Some("ssh -i key -oBatchMode=yes"));
    assert_eq!(get(GIT_TOKEN).as_deref(), Some(TOKEN));
    for gone in ["GIT_TRACE", "GIT_SSL_NO_VERIFY", "SSH_ASKPASS"] {
        assert_eq!(get(gone), None, "{gone}");
    }
    assert_eq!(known().known_out_of("sent X: Kk39vTq0"), "sent (redacted)");
    let plain = call.environment(Vec::new());
    assert_eq!(plain.get(GIT_TOKEN), None, "where no server is asked, nobody gets it");
}

/// Answers each request with 401 until there is a login, then with 403; tells of each login.
fn server() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, (send, receive)) = (listener.local_addr().unwrap().port(), mpsc::channel());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut login = None;
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let Ok(line) = line else { break };
                match line.split_once(": ") {
                    Some((name, value)) if name.eq_ignore_ascii_case("authorization") => login = Some(value.to_owned()),
                    _ if line.is_empty() => break,
                    _ => {}
                }
            }
            let status = if login.is_some() { "403 Forbidden" } else { "401 Unauthorized" };
            let head = "WWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n{head}").as_bytes());
            if login.is_some_and(|login| send.send(login).is_err()) {
                return;
            }
        }
    });
    (port, receive)
}

#[tokio::test]
async fn a_token_goes_to_its_server_and_into_no_message() {
    let (port, logins) = server();
    let cache = tempfile::tempdir().unwrap();
    let from = format!("git+http://127.0.0.1:{port}/x.git@{}", "1".repeat(40));
    let own = || Environment::inherited_without(&["GIT_"]).set("GIT_CONFIG_GLOBAL", "/dev/null").set("no_proxy", "*");
    let none = Git::with(own(), None, Some(cache.path().to_owned()));
    let message = opened(&none, &from).await.unwrap_err();
    assert!(
        message.contains("authentication failed or required") && message.contains("WINDLASS_GIT_TOKEN"),
        "{message}"
    );
    assert!(logins.try_recv().is_err());
    let with = Git::with(own(), Some(TOKEN.into()), Some(cache.path().to_owned()));
    let message = opened(&with, &from).await.unwrap_err();
    // git:TOKEN, as `base64` writes it.
    assert_eq!(logins.try_recv().unwrap(), "Basic Z2l0OnRvay1acTgxbVd2M3BM");
    assert!(message.contains("authentication failed or required") && !message.contains(TOKEN), "{message}");
    assert!(!format!("{with:?}").contains(TOKEN));
}

#[tokio::test]
async fn ssh_asks_nobody_and_hears_of_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let (ssh, heard) = (dir.path().join("ssh"), dir.path().join("heard"));
    std::fs::write(&ssh, format!("#!/bin/sh\n{{ echo \"$@\"; env; }} >{}\nexit 1\n", heard.display())).unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let own = Environment::inherited_without(&["GIT_"]).set("GIT_SSH_COMMAND", &ssh);
    let git = Git::with(own, Some(TOKEN.into()), Some(dir.path().join("cache")));
    let message = opened(&git, &format!("git+ssh://git@h.example/x.git@{}", "1".repeat(40))).await.unwrap_err();
    assert!(message.contains("git+ssh://git@h.example/x.git"), "{message}");
    let heard = std::fs::read_to_string(heard).unwrap();
    assert!(heard.contains("BatchMode=yes") && heard.contains("git@h.example"), "{heard}");
    assert!(!heard.contains(TOKEN), "{heard}");
}
