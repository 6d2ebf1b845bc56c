//! Which file names what another file defines.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Kind, Source, Token, separated};

type Path = Vec<String>;

/// The modules of the crate and what each calls by which name.
struct Modules<'a> {
    files: BTreeMap<Path, &'a str>,
    /// Every module, those without a file among them.
    all: BTreeSet<Path>,
    names: BTreeMap<Path, BTreeMap<&'a str, Path>>,
    globs: BTreeMap<Path, Vec<Path>>,
    /// The words of each file behind which an item's name stands.
    items: BTreeMap<Path, BTreeSet<&'a str>>,
}

impl<'a> Modules<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let files: BTreeMap<Path, &str> =
            sources.iter().map(|source| (source.modules(), source.path.as_str())).collect();
        let all = files.keys().flat_map(|path| (1..=path.len()).map(|end| path[..end].to_vec())).collect();
        let (names, globs, items) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut modules = Self { files, all, names, globs, items };
        for source in sources {
            let here = source.modules();
            for import in &source.imports {
                let Some(path) = modules.absolute(&here, &import.path) else { continue };
                match &import.name {
                    Some(name) => drop(modules.names.entry(here.clone()).or_default().insert(name, path)),
                    None => modules.globs.entry(here.clone()).or_default().push(path),
                }
            }
            let defined = source.code.windows(2).filter_map(|two| match two[0].word()? {
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => two[1].word(),
                _ => None,
            });
            modules.items.entry(here).or_default().extend(defined);
        }
        modules
    }

    /// A path as it stands in a module, from the top; none where it begins with another crate or a local name.
    fn absolute(&self, here: &[String], path: &[String]) -> Option<Path> {
        let (first, mut rest) = path.split_first()?;
        let mut begin = match first.as_str() {
            "crate" | "windlass" => Vec::new(),
            "self" => here.to_vec(),
            "super" => here[..here.len().checked_sub(1)?].to_vec(),
            name => {
                let child: Path = here.iter().cloned().chain([name.to_owned()]).collect();
                match self.names.get(here).and_then(|names| names.get(name)) {
                    _ if self.all.contains(&child) => child,
                    Some(named) => named.clone(),
                    None => return None,
                }
            }
        };
        while rest.first().is_some_and(|word| word == "super") {
            begin.pop();
            rest = &rest[1..];
        }
        begin.extend(rest.iter().cloned());
        Some(begin)
    }

    /// The file that defines what a path from the top names, past whoever hands it on; none for a module as such.
    fn file(&self, path: &[String], most: usize) -> Option<&'a str> {
        let mut module: Path = Vec::new();
        for (at, name) in path.iter().enumerate() {
            let below: Path = module.iter().cloned().chain([name.clone()]).collect();
            if self.all.contains(&below) {
                module = below;
                continue;
            }
            let most = most.checked_sub(1)?;
            let further =
                |handed: &Path| -> Path { handed.iter().cloned().chain(path[at + 1..].iter().cloned()).collect() };
            if let Some(handed) = self.names.get(&module).and_then(|names| names.get(name.as_str())) {
                return self.file(&further(handed), most);
            }
            if !self.items.get(&module).is_some_and(|items| items.contains(name.as_str())) {
                let through = self.globs.get(&module).into_iter().flatten();
                let mut through = through.map(|glob| further(&glob.iter().cloned().chain([name.clone()]).collect()));
                if let Some(file) = through.find_map(|path| self.file(&path, most)) {
                    return Some(file);
                }
            }
            return self.files.get(&module).copied();
        }
        None
    }
}

/// Which files each file names something of, or has as a module. What is only built for tests does not count.
pub(super) fn file_imports(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let modules = Modules::of(sources);
    let edges = sources.iter().filter(|source| !source.is_test()).map(|source| {
        let here = source.modules();
        let mut named: Vec<Path> = source.imports.iter().map(|import| import.path.clone()).collect();
        named.extend(chains(&source.code));
        let mut files: BTreeSet<String> = BTreeSet::new();
        for path in named {
            let Some(path) = modules.absolute(&here, &path) else { continue };
            files.extend(modules.file(&path, 16).map(str::to_owned));
        }
        // A module by its name, or all that it has: the file that says something of its own, and none that only hands on.
        for import in &source.imports {
            let path = modules.absolute(&here, &import.path);
            let module = path.filter(|path| modules.items.get(path).is_some_and(|items| !items.is_empty()));
            files.extend(module.and_then(|path| modules.files.get(&path)).map(|file| (*file).to_owned()));
        }
        let children = source.code.windows(3).filter(|three| three[0].word() == Some("mod") && three[2].is(';'));
        let children = children.filter_map(|three| Some([here.as_slice(), &[three[1].word()?.to_owned()]].concat()));
        files.extend(children.filter_map(|path| modules.files.get(&path)).map(|file| (*file).to_owned()));
        files.remove(&source.path);
        (source.path.clone(), files)
    });
    edges.collect()
}

/// Every `a::b::c` in a file, wherever it stands.
fn chains(tokens: &[Token]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut path = Vec::new();
        while let Some(Token { kind: Kind::Word(word), .. }) = tokens.get(at) {
            path.push(word.clone());
            at += 1;
            if !separated(tokens, at) {
                break;
            }
            at += 2;
        }
        if path.len() > 1 {
            found.push(path);
        } else if path.is_empty() {
            at += 1;
        }
    }
    found
}

/// The first circle, if there is one.
pub(super) fn circle(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    fn walk(
        file: &str,
        edges: &BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(at) = way.iter().position(|one| one == file) {
            return Some(way[at..].iter().cloned().chain([file.to_owned()]).collect());
        }
        if done.contains(file) {
            return None;
        }
        way.push(file.to_owned());
        let found = edges.get(file).into_iter().flatten().find_map(|next| walk(next, edges, way, done));
        way.pop();
        done.insert(file.to_owned());
        found
    }
    let mut done = BTreeSet::new();
    edges.keys().find_map(|file| walk(file, edges, &mut Vec::new(), &mut done)).unwrap_or_default()
}
