//! Files that nobody writes in good faith, given wherever a file is read: each ends soon, in little memory, and with a
//! message that names the file and the bound.

use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes longer, in a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// More than this many KiB of address space is an answer of its own.
const MEMORY: u32 = 3 << 20;

fn command() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_windlass")]);
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    command.env("XDG_STATE_HOME", &home).env("HOME", &home).env("LC_ALL", "C.UTF-8").env_remove("KUBECONFIG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Code and all output.
fn run(mut command: Command) -> (i32, String) {
    let begin = Instant::now();
    let mut child = command.spawn().unwrap();
    let pipes = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |mut pipe: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let (out, err) = (read(Box::new(pipes.0)), read(Box::new(pipes.1)));
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > SOON {
            child.kill().unwrap();
            panic!("still at work after {SOON:?}: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let status = child.wait().unwrap();
    (status.code().unwrap_or(-1), out.join().unwrap() + &err.join().unwrap())
}

fn windlass(args: &[&str]) -> (i32, String) {
    let mut command = command();
    command.args(args);
    run(command)
}

/// A file of each hostile kind, and words of what is to be said of it.
fn corpus(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let at = |name: &str| folder.join(name);
    let written = |name: &str, bytes: &[u8]| {
        std::fs::write(at(name), bytes).unwrap();
        at(name)
    };
    let linked = |name: &str, target: &str| {
        symlink(target, at(name)).unwrap();
        at(name)
    };
    assert!(Command::new("mkfifo").arg(at("fifo.yaml")).status().unwrap().success());
    // A file with a hole: 8 GiB that take no room.
    let hole = std::fs::File::create(at("hole.yaml")).unwrap();
    hole.set_len(8 << 30).unwrap();
    std::fs::create_dir(at("folder.yaml")).unwrap();
    vec![
        (at("fifo.yaml"), "a named pipe, not a regular file"),
        (at("hole.yaml"), "larger than"),
        (at("folder.yaml"), "is a folder, not a file"),
        (linked("zero.yaml", "/dev/zero"), "a device, not a regular file"),
        (linked("tty.yaml", "/dev/tty"), "a device, not a regular file"),
        (linked("loop.yaml", "loop.yaml"), "symbolic links"),
        (linked("dangling.yaml", "nowhere"), "No such file"),
        (written("latin.yaml", b"a: caf\xe9\n"), "not UTF-8"),
        (written("bytes.yaml", &[0xff, 0x00, 0xfe, 0x1b, 0x5d, 0x35]), "not UTF-8"),
        (written("lists.yaml", "- ".repeat(20_000).as_bytes()), "deep"),
        (written("flow.yaml", "[".repeat(200_000).as_bytes()), ""),
        (written("maps.yaml", "{a: ".repeat(20_000).as_bytes()), ""),
        (written("keys.yaml", "? ".repeat(20_000).as_bytes()), ""),
        (written("bomb.yaml", bomb().as_bytes()), ""),
        (written("nul.yaml", b"a: \0\n"), ""),
    ]
}

/// Aliases of aliases: a kilobyte that stands for a billion values.
fn bomb() -> String {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let above = level - 1;
        let ten = vec![format!("*a{above}"); 10].join(",");
        text.push_str(&format!("a{level}: &a{level} [{ten}]\n"));
    }
    text
}

#[test]
fn as_answers() {
    let folder = tempfile::tempdir().unwrap();
    for (path, words) in corpus(folder.path()) {
        let path = path.to_str().unwrap();
        let (code, said) = windlass(&["answers", "check", path]);
        assert_eq!(code, 2, "{path}: {said}");
        assert!(said.contains(words) && said.contains(path), "{path}: {said}");
        assert!(!said.contains('\x1b'), "{said}");
    }
}

#[test]
fn in_a_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = tempfile::tempdir().unwrap();
    for (index, (path, words)) in corpus(hostile.path()).into_iter().enumerate() {
        let catalog = folder.path().join(index.to_string());
        std::fs::create_dir_all(catalog.join("x")).unwrap();
        let place = catalog.join("x/component.yaml");
        // Moved, or what is no file would be made again.
        std::fs::rename(&path, &place).unwrap();
        let (code, said) = windlass(&["catalog", "list", "--catalog", catalog.to_str().unwrap()]);
        assert_eq!(code, 2, "{path:?}: {said}");
        assert!(said.contains("x/component.yaml") || said.contains("no component in"), "{path:?}: {said}");
        if !said.contains("no component in") {
            // The bytes of a catalog's file are looked at before its text.
            let moved = ["is a folder, not a file", "symbolic links"].contains(&words);
            // A link out of the component is refused before anybody asks what it leads to.
            let leaves = said.contains("is a link to /dev/");
            let words = if moved || leaves { "" } else { words };
            assert!(said.contains(words), "{path:?}: {said}");
        }
    }
    // A link to a folder that it is in.
    let catalog = folder.path().join("loop");
    std::fs::create_dir_all(catalog.join("x/y")).unwrap();
    std::fs::write(catalog.join("x/component.yaml"), "id: x\n").unwrap();
    symlink("..", catalog.join("x/y/back")).unwrap();
    let (code, said) = windlass(&["catalog", "list", "--catalog", catalog.to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("a link to one of its parent folders"), "{said}");
}

#[test]
fn as_a_kubeconfig() {
    let folder = tempfile::tempdir().unwrap();
    for (path, words) in corpus(folder.path()) {
        let path = path.to_str().unwrap();
        let (code, said) = windlass(&["status", "--kubeconfig", path]);
        assert_eq!(code, 4, "{path}: {said}");
        let bounds = words.ends_with("not a regular file") || words == "larger than";
        assert!(said.contains(if bounds { words } else { "" }), "{path}: {said}");
    }
}

#[test]
fn as_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    for (path, words) in corpus(folder.path()) {
        let path = path.to_str().unwrap();
        let (code, said) = windlass(&["replay", path]);
        assert_eq!(code, 2, "{path}: {said}");
        let words = if words.ends_with("not a regular file") { words } else { "" };
        assert!(said.contains(words), "{path}: {said}");
    }
}

#[test]
fn eighty_thousand_answers_take_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.yaml");
    let took = |count: usize| {
        let below: String = (0..count).map(|n| format!("  q{n}: {n}\n")).collect();
        std::fs::write(&file, format!("hdfs:\n{below}")).unwrap();
        let begin = Instant::now();
        let (code, said) = windlass(&["answers", "check", file.to_str().unwrap()]);
        assert_eq!(code, 2, "{}", said.lines().next().unwrap());
        assert!(said.lines().count() >= count, "each is named");
        begin.elapsed()
    };
    let (few, many) = (took(20_000), took(80_000));
    // Four times as many take four times as long; the square would be sixteen times.
    assert!(many < few * 9 + Duration::from_secs(2), "{few:?} and {many:?}");
}

#[test]
fn an_environment_of_other_bytes_does_not_matter() {
    let bad = || std::ffi::OsString::from_vec(vec![b'x', 0xa3]);
    let mut one = command();
    one.args(["answers", "check", "/dev/null"]).env("BAD", bad()).env(bad(), "x").env("WINDLASS_LOG", bad());
    one.env("LANG", bad()).env("LC_MESSAGES", bad()).env_remove("LC_ALL").env("TERM", bad()).env("USER", bad());
    let (code, said) = run(one);
    assert!(code != 101 && !said.contains("panicked"), "{said}");
    assert!(said.contains("a device, not a regular file"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, "components: [hdfs]\n").unwrap();
    let check = ["answers", "check", file.to_str().unwrap()];
    let mut two = command();
    two.args(check).env("BAD", bad()).env("NO_PROXY", bad()).env("HTTPS_PROXY", bad());
    let (code, said) = run(two);
    assert_eq!(code, 0, "{said}");
    let mut three = command();
    three.args(["plan", "--answers", file.to_str().unwrap()]).env("WINDLASS_ANSWER_HDFS__REPLICATION", bad());
    let (code, said) = run(three);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the value of `WINDLASS_ANSWER_HDFS__REPLICATION` is not UTF-8"), "{said}");
}
