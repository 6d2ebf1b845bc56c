//! The part of a Containerfile that needs no container engine. What is not of it is refused with its place: an image that
//! lacks a part of what its file says would be worse than none.

use std::collections::BTreeSet;

use super::lines::{Letter, Line, lines, text};
use crate::model::yaml::{Findings, Pos};

/// The most bytes of a Containerfile.
const LIMIT: usize = 1 << 20;

/// What is understood.
const KNOWN: [&str; 10] = ["ARG", "FROM", "COPY", "ENV", "LABEL", "USER", "WORKDIR", "EXPOSE", "ENTRYPOINT", "CMD"];

/// A word with its quotes and variables.
pub(super) type Word = Vec<Letter>;

/// A Containerfile that can be followed without a container engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containerfile {
    /// What it is called in messages.
    pub(super) file: String,
    /// Arguments before FROM: name, and what it is otherwise.
    pub(super) head: Vec<(String, Option<Word>)>,
    /// The base image.
    pub(super) from: Word,
    /// What comes after FROM.
    pub(super) steps: Vec<Instruction>,
}

/// One instruction, and the text of it for the image's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) pos: Pos,
    pub(super) text: String,
    pub(super) what: InstructionKind,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InstructionKind {
    Arg(Vec<(String, Option<Word>)>),
    Env(Vec<(String, Word)>),
    Label(Vec<(Word, Word)>),
    Copy(Copy),
    User(Word),
    Workdir(Word),
    Expose(Vec<Word>),
    Entrypoint(Vec<String>),
    Cmd(Vec<String>),
}

/// A COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    /// The name of a distribution; nothing is the folder of the Containerfile.
    pub(super) from: Option<String>,
    pub(super) owner: Option<Word>,
    pub(super) mode: Option<Word>,
    pub(super) sources: Vec<Word>,
    pub(super) to: Word,
}

impl Containerfile {
    /// Reads one; `file` is what it is called in messages.
    ///
    /// # Errors
    /// Everything in it that is a mistake or needs a container engine, each with its place.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let top = Pos { line: 1, column: 1 };
        if bytes.len() > LIMIT {
            findings.add(file, top, format!("too large: {} bytes, the limit is {LIMIT}", bytes.len()));
        }
        let Some(whole) = std::str::from_utf8(bytes).ok().filter(|_| findings.0.is_empty()) else {
            if findings.0.is_empty() {
                findings.add(file, top, "not UTF-8");
            }
            return Err(findings);
        };
        let mut reader = Reader { file, findings, head: Vec::new(), from: None, steps: Vec::new() };
        for line in lines(file, whole, &mut reader.findings) {
            reader.line(&line);
        }
        let Reader { mut findings, head, from, steps, .. } = reader;
        if from.is_none() && findings.0.is_empty() {
            findings.add(file, top, "missing FROM: no base image");
        }
        if !steps.iter().any(|step| matches!(step.what, InstructionKind::Copy(_))) && findings.0.is_empty() {
            findings.add(file, top, "missing COPY: nothing is added to the base image");
        }
        let file = file.to_owned();
        findings.into_result(Self { file, head, from: from.unwrap_or_default(), steps })
    }

    /// The distributions that it copies from.
    #[must_use]
    pub fn distributions(&self) -> BTreeSet<&str> {
        let copies = self.steps.iter().filter_map(|step| match &step.what {
            InstructionKind::Copy(copy) => copy.from.as_deref(),
            _ => None,
        });
        copies.collect()
    }

    /// The arguments that it declares.
    #[must_use]
    pub fn arguments(&self) -> BTreeSet<&str> {
        let steps = self.steps.iter().filter_map(|step| match &step.what {
            InstructionKind::Arg(args) => Some(args),
            _ => None,
        });
        self.head.iter().chain(steps.flatten()).map(|(name, _)| name.as_str()).collect()
    }
}

struct Reader<'f> {
    file: &'f str,
    findings: Findings,
    head: Vec<(String, Option<Word>)>,
    from: Option<Word>,
    steps: Vec<Instruction>,
}

impl Reader<'_> {
    fn add(&mut self, pos: Pos, message: impl Into<String>) {
        self.findings.add(self.file, pos, message);
    }

    fn line(&mut self, line: &Line) {
        let pos = line.pos();
        let Some(words) = line.words() else { return self.add(pos, "unterminated quote") };
        let Some((keyword, words)) = words.split_first() else { return };
        let name = text(keyword).to_ascii_uppercase();
        if self.from.is_none() && !matches!(name.as_str(), "ARG" | "FROM") && KNOWN.contains(&name.as_str()) {
            return self.add(pos, format!("{name} before FROM: only ARG is allowed there"));
        }
        let what = match name.as_str() {
            "FROM" => return self.from(pos, words),
            "ARG" => self.args(pos, words).map(InstructionKind::Arg),
            "ENV" => self
                .pairs(pos, &name, words)
                .map(|pairs| InstructionKind::Env(pairs.into_iter().map(|(key, value)| (text(&key), value)).collect())),
            "LABEL" => self.pairs(pos, &name, words).map(InstructionKind::Label),
            "COPY" => self.copy(pos, words).map(InstructionKind::Copy),
            "USER" => self.one(pos, &name, words).map(InstructionKind::User),
            "WORKDIR" => self.one(pos, &name, words).map(InstructionKind::Workdir),
            "EXPOSE" if words.is_empty() => self.none(pos, "EXPOSE needs a port"),
            "EXPOSE" => Some(InstructionKind::Expose(words.to_vec())),
            "ENTRYPOINT" => self.exec(pos, &name, line, keyword.len()).map(InstructionKind::Entrypoint),
            "CMD" => self.exec(pos, &name, line, keyword.len()).map(InstructionKind::Cmd),
            "RUN" => self.none(
                pos,
                "RUN needs a container engine, which is not used here; build the image with podman or docker, \
                 or add the result of RUN to the distribution",
            ),
            "ADD" => self.none(pos, "ADD is not supported: use COPY, or COPY --from=dist for an archive"),
            _ => return self.unknown(pos, &name),
        };
        match (what, self.from.is_some()) {
            (Some(InstructionKind::Arg(args)), false) => self.head.extend(args),
            (Some(what), _) => {
                let shown = std::iter::once(&name).cloned().chain(words.iter().map(|word| text(word)));
                self.steps.push(Instruction { pos, text: shown.collect::<Vec<_>>().join(" "), what });
            }
            (None, _) => {}
        }
    }

    fn none(&mut self, pos: Pos, message: &str) -> Option<InstructionKind> {
        self.add(pos, message);
        None
    }

    fn unknown(&mut self, pos: Pos, name: &str) {
        let shown: String = name.chars().take(40).collect();
        let message =
            format!("{shown} is not supported without a container engine; supported are {}", KNOWN.join(", "));
        self.findings.add_unknown(self.file, pos, message, name, KNOWN);
    }

    fn from(&mut self, pos: Pos, words: &[Word]) {
        if self.from.is_some() {
            return self.add(pos, "second FROM: stages are not supported");
        }
        match words {
            [flag, ..] if text(flag).starts_with("--") => {
                self.add(place(flag, pos), "FROM does not support options: use the --platform flag of the command");
            }
            [image] => self.from = Some(image.clone()),
            [image, by, _] if text(by).eq_ignore_ascii_case("as") => self.from = Some(image.clone()),
            _ => self.add(pos, "FROM needs exactly one image"),
        }
    }

    fn args(&mut self, pos: Pos, words: &[Word]) -> Option<Vec<(String, Option<Word>)>> {
        if words.is_empty() {
            self.add(pos, "ARG needs a name");
        }
        let split = words.iter().map(|word| match word.iter().position(|(sign, _)| *sign == '=') {
            Some(at) => (word, text(&word[..at]), Some(word[at + 1..].to_vec())),
            None => (word, text(word), None),
        });
        let mut found = Vec::new();
        for (word, name, value) in split {
            match is_variable(&name) {
                true => found.push((name, value)),
                false => self.add(place(word, pos), format!("invalid argument name `{name}`")),
            }
        }
        Some(found)
    }

    fn pairs(&mut self, pos: Pos, name: &str, words: &[Word]) -> Option<Vec<(Word, Word)>> {
        let mut found = Vec::new();
        for word in words {
            match word.iter().position(|(sign, _)| *sign == '=') {
                Some(at) if at > 0 && (name != "ENV" || is_variable(&text(&word[..at]))) => {
                    found.push((word[..at].to_vec(), word[at + 1..].to_vec()));
                }
                _ => self.add(place(word, pos), format!("{name} must be NAME=VALUE, with quotes around spaces")),
            }
        }
        if words.is_empty() {
            self.add(pos, format!("{name} needs NAME=VALUE"));
        }
        Some(found)
    }

    fn one(&mut self, pos: Pos, name: &str, words: &[Word]) -> Option<Word> {
        if let [word] = words {
            return Some(word.clone());
        }
        self.add(pos, format!("{name} takes one argument"));
        None
    }

    /// The JSON of ENTRYPOINT and CMD.
    fn exec(&mut self, pos: Pos, name: &str, line: &Line, keyword: usize) -> Option<Vec<String>> {
        let found: Option<Vec<String>> = serde_json::from_str(text(&line.0[keyword..]).trim()).ok();
        if found.is_none() {
            self.add(
                pos,
                format!(
                    "{name} must be a JSON list, such as {name} [\"/bin/server\", \"-v\"]: the image may have no shell"
                ),
            );
        }
        found
    }

    fn copy(&mut self, pos: Pos, words: &[Word]) -> Option<Copy> {
        let flags = words.iter().take_while(|word| text(word).starts_with("--")).count();
        let (flags, paths) = words.split_at(flags);
        let (mut from, mut owner, mut mode) = (None, None, None);
        for flag in flags {
            let at = place(flag, pos);
            let shown = text(flag);
            let value = shown.find('=').map(|equals| flag[shown[..equals].chars().count() + 1..].to_vec());
            match (shown.split('=').next().unwrap_or_default(), value) {
                ("--from", Some(value)) => {
                    let name = text(&value);
                    match is_name(&name) {
                        true => from = Some(name),
                        false => self.add(
                            at,
                            format!(
                                "--from={name}: expected the name of a distribution, as given with --dist NAME=ARCHIVE"
                            ),
                        ),
                    }
                }
                ("--chown", Some(value)) => owner = Some(value),
                ("--chmod", Some(value)) => mode = Some(value),
                // It is one layer anyway.
                ("--link", None) => {}
                _ => self.add(at, format!("COPY takes --from=NAME, --chown=UID:GID and --chmod=MODE, not {shown}")),
            }
        }
        let Some((to, sources)) = paths.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            self.add(pos, "COPY needs a source and a destination");
            return None;
        };
        if let Some(word) = paths.iter().find(|word| text(word).starts_with(['[', '<'])) {
            self.add(place(word, pos), "COPY takes plain paths only: no JSON, no heredoc");
            return None;
        }
        if let Some(word) = sources.iter().find(|word| text(word).contains(['*', '?'])) {
            self.add(place(word, pos), "patterns are not supported: specify the file or folder");
            return None;
        }
        Some(Copy { from, owner, mode, sources: sources.to_vec(), to: to.clone() })
    }
}

/// Where a word begins.
fn place(word: &Word, otherwise: Pos) -> Pos {
    word.first().map_or(otherwise, |(_, pos)| *pos)
}

fn is_variable(name: &str) -> bool {
    let head = name.chars().next().is_some_and(|sign| sign.is_ascii_alphabetic() || sign == '_');
    head && name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_')
}

fn is_name(name: &str) -> bool {
    let head = name.chars().next().is_some_and(|sign| sign.is_ascii_lowercase());
    head && name.chars().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, '-' | '_'))
}
