//! What a Containerfile says for one platform, on the config of its base.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::expand::expand;
use super::read::{Containerfile, Copy, InstructionKind, Word};
use crate::model::oci::Platform;
use crate::model::yaml::{Findings, Pos};

/// What an image is made by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::driver::image_build) struct Recipe {
    /// The `config` of the image's config: that of the base, and what the file sets.
    pub(in crate::driver::image_build) config: Map<String, Value>,
    /// What goes into the layer, in order.
    pub(in crate::driver::image_build) steps: Vec<Step>,
    /// What made the layer, and what made none, for the history.
    pub(in crate::driver::image_build) layer_text: String,
    pub(in crate::driver::image_build) config_texts: Vec<String>,
}

/// What goes into the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::driver::image_build) enum Step {
    /// Files and folders.
    Copy {
        pos: Pos,
        /// The distribution; nothing is the folder of the Containerfile.
        from: Option<String>,
        /// Paths there, without a slash before them.
        sources: Vec<String>,
        /// Absolute, without a slash at its end.
        to: String,
        /// There was one: files go into it.
        into: bool,
        owner: (u64, u64),
        mode: Option<u32>,
    },
    /// The folder that it works in.
    Folder { path: String, owner: (u64, u64) },
}

/// What is being found out.
struct Scope<'a> {
    file: &'a str,
    given: &'a BTreeMap<String, String>,
    platform: &'a Platform,
    arguments: BTreeMap<String, String>,
    config: Map<String, Value>,
    findings: Findings,
}

impl Containerfile {
    /// The image that it is made on.
    ///
    /// # Errors
    /// Arguments have no value.
    pub fn base(&self, given: &BTreeMap<String, String>) -> Result<String, Findings> {
        let mut findings = Findings::default();
        let head = self.head(given, &mut findings);
        let name = expand(&self.file, &self.from, &|name| head.get(name).cloned(), &mut findings);
        findings.into_result(name)
    }

    /// The arguments before FROM.
    fn head(&self, given: &BTreeMap<String, String>, findings: &mut Findings) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (name, otherwise) in &self.head {
            let value = given.get(name).cloned();
            let value = value.or_else(|| {
                let word = otherwise.as_ref()?;
                Some(expand(&self.file, word, &|name| found.get(name).cloned(), findings))
            });
            found.extend(value.map(|value| (name.clone(), value)));
        }
        found
    }

    /// What it says for a platform.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub(in crate::driver::image_build) fn evaluate(
        &self,
        given: &BTreeMap<String, String>,
        platform: &Platform,
        base: &Map<String, Value>,
    ) -> Result<Recipe, Findings> {
        let mut findings = Findings::default();
        let head = self.head(given, &mut findings);
        let (arguments, config) = (BTreeMap::new(), base.clone());
        let mut scope = Scope { file: &self.file, given, platform, arguments, config, findings };
        let mut recipe =
            Recipe { config: Map::new(), steps: Vec::new(), layer_text: String::new(), config_texts: Vec::new() };
        let (mut layer, mut has_cmd, mut has_entrypoint) = (Vec::new(), false, false);
        for instruction in &self.steps {
            let pos = instruction.pos;
            let mut step = None;
            match &instruction.what {
                InstructionKind::Arg(arguments) => {
                    scope.args(arguments, &head);
                    continue;
                }
                InstructionKind::Env(pairs) => scope.env(pairs),
                InstructionKind::Label(pairs) => scope.labels(pairs),
                InstructionKind::User(user) => {
                    let user = scope.word(user);
                    scope.config.insert("User".to_owned(), user.into());
                }
                InstructionKind::Workdir(path) => step = scope.workdir(path, pos),
                InstructionKind::Expose(ports) => scope.expose(ports, pos),
                InstructionKind::Entrypoint(list) => {
                    has_entrypoint = true;
                    scope.config.insert("Entrypoint".to_owned(), json!(list));
                }
                InstructionKind::Cmd(list) => {
                    has_cmd = true;
                    scope.config.insert("Cmd".to_owned(), json!(list));
                }
                InstructionKind::Copy(copy) => {
                    layer.push(instruction.text.clone());
                    recipe.steps.extend(scope.copy(copy, pos));
                    continue;
                }
            }
            recipe.steps.extend(step);
            recipe.config_texts.push(instruction.text.clone());
        }
        // The base's arguments are those of its own program.
        if has_entrypoint && !has_cmd {
            scope.config.remove("Cmd");
        }
        recipe.layer_text = layer.join("; ");
        recipe.config = scope.config;
        scope.findings.into_result(recipe)
    }
}

impl Scope<'_> {
    fn word(&mut self, word: &Word) -> String {
        let Self { file, arguments, config, findings, .. } = self;
        let env = |name: &str| {
            let list = config.get("Env").and_then(Value::as_array)?;
            list.iter()
                .filter_map(Value::as_str)
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
        };
        // What the image's processes see comes first.
        expand(file, word, &|name| env(name).or_else(|| arguments.get(name).cloned()), findings)
    }

    fn args(&mut self, arguments: &[(String, Option<Word>)], head: &BTreeMap<String, String>) {
        for (name, otherwise) in arguments {
            let Platform { os, architecture, variant } = self.platform;
            let of_platform = match name.as_str() {
                "TARGETPLATFORM" => Some(self.platform.to_string()),
                "TARGETOS" => Some(os.clone()),
                "TARGETARCH" => Some(architecture.clone()),
                "TARGETVARIANT" => Some(variant.clone().unwrap_or_default()),
                _ => None,
            };
            let value = match (self.given.get(name).cloned().or(of_platform), otherwise) {
                (Some(value), _) => Some(value),
                (None, Some(word)) => Some(self.word(word)),
                (None, None) => head.get(name).cloned(),
            };
            self.arguments.extend(value.map(|value| (name.clone(), value)));
        }
    }

    fn env(&mut self, pairs: &[(String, Word)]) {
        // All of one instruction see what was before it.
        let values: Vec<String> = pairs.iter().map(|(_, word)| self.word(word)).collect();
        let list = self.config.entry("Env").or_insert_with(|| json!([]));
        if !list.is_array() {
            *list = json!([]);
        }
        let Some(list) = list.as_array_mut() else { return };
        for ((name, _), value) in pairs.iter().zip(values) {
            let pair = Value::from(format!("{name}={value}"));
            let is_it =
                |old: &&mut Value| old.as_str().and_then(|old| old.split_once('=')).is_some_and(|(old, _)| old == name);
            match list.iter_mut().find(is_it) {
                Some(old) => *old = pair,
                None => list.push(pair),
            }
        }
    }

    fn labels(&mut self, pairs: &[(Word, Word)]) {
        let pairs = pairs.iter().map(|(key, value)| (self.word(key), self.word(value).into())).collect();
        self.extend("Labels", pairs);
    }

    /// Adds to a mapping of the config; another type of value is replaced.
    fn extend(&mut self, key: &str, pairs: Vec<(String, Value)>) {
        let mut map = match self.config.remove(key) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        map.extend(pairs);
        self.config.insert(key.to_owned(), map.into());
    }

    fn expose(&mut self, ports: &[Word], pos: Pos) {
        for word in ports {
            let port = self.word(word);
            let (number, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
            if number.parse::<u16>().is_ok_and(|port| port > 0) && matches!(protocol, "tcp" | "udp" | "sctp") {
                let key = format!("{number}/{protocol}");
                self.extend("ExposedPorts", vec![(key, json!({}))]);
            } else {
                self.findings.add(self.file, pos, format!("EXPOSE `{port}`: expected a port, such as 8080 or 53/udp"));
            }
        }
    }

    /// The folder that relative paths are below.
    fn working(&self) -> &str {
        self.config.get("WorkingDir").and_then(Value::as_str).filter(|path| path.starts_with('/')).unwrap_or("/")
    }

    fn workdir(&mut self, word: &Word, pos: Pos) -> Option<Step> {
        let given = self.word(word);
        let path = self.absolute(&given, pos)?;
        self.config.insert("WorkingDir".to_owned(), if path.is_empty() { "/".into() } else { path.clone().into() });
        let user = self.config.get("User").and_then(Value::as_str).unwrap_or_default();
        // Whom a name means only the base knows; the folder is root's then. A user alone says nothing of the group.
        let whole = if user.contains(':') { user.to_owned() } else { format!("{user}:0") };
        let owner = owner(&whole).unwrap_or_default();
        Some(Step::Folder { path, owner })
    }

    /// An absolute path without a slash at its end.
    fn absolute(&mut self, path: &str, pos: Pos) -> Option<String> {
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.working()) };
        let parts: Vec<&str> = whole.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if path.is_empty() || parts.contains(&"..") || whole.chars().any(char::is_control) {
            self.findings.add(
                self.file,
                pos,
                format!("`{path}` is not a path in the image: it must not be empty or contain .."),
            );
            return None;
        }
        Some(parts.iter().map(|part| format!("/{part}")).collect())
    }

    fn copy(&mut self, copy: &Copy, pos: Pos) -> Option<Step> {
        let before = self.findings.0.len();
        let given = self.word(&copy.to);
        let to = self.absolute(&given, pos)?;
        let mut sources = Vec::new();
        for word in &copy.sources {
            let path = self.word(word);
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            if path.is_empty() || parts.contains(&"..") {
                self.findings.add(self.file, pos, format!("COPY `{path}` leads outside its source"));
            }
            sources.push(parts.join("/"));
        }
        let into = given.ends_with('/') || given == ".";
        if sources.len() > 1 && !into {
            self.findings.add(
                self.file,
                pos,
                "COPY of several files needs a folder as destination: end its path with /",
            );
        }
        let mut ids = (0, 0);
        if let Some(word) = &copy.owner {
            let text = self.word(word);
            match owner(&text) {
                Some(found) => ids = found,
                None => self.findings.add(
                    self.file,
                    pos,
                    format!(
                        "--chown={text}: expected numbers, such as 185:185; names are only known in a running container"
                    ),
                ),
            }
        }
        let mut mode = None;
        if let Some(word) = &copy.mode {
            let text = self.word(word);
            mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777 && text.len() >= 3);
            if mode.is_none() {
                self.findings.add(
                    self.file,
                    pos,
                    format!("--chmod={text}: expected an octal mode of at most 0777, such as 0755"),
                );
            }
        }
        let from = copy.from.clone();
        (self.findings.0.len() == before).then_some(Step::Copy { pos, from, sources, to, into, owner: ids, mode })
    }
}

/// `185:0` as numbers. A user alone is a group of the same number, as COPY has it.
fn owner(text: &str) -> Option<(u64, u64)> {
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u32>().ok().map(u64::from);
    Some((number(user)?, number(group)?))
}
