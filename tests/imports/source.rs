//! The files of `src/`, read by `syn`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::visit_mut::{self, VisitMut};

/// A word, the value of a text, or a sign.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Word(String),
    Text(String),
    Sign(char),
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

impl Token {
    pub(crate) fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        if let Kind::Word(word) = &self.kind { Some(word) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }
}

/// A name that a file brings in: `use a::b as c;` brings `c`, and `use a::*;` has none.
#[derive(Debug)]
pub(crate) struct Import {
    pub path: Vec<String>,
    pub name: Option<String>,
}

pub(crate) struct Source {
    /// Below `src/`, with `/`.
    pub path: String,
    pub text: String,
    /// All but comments and documentation.
    pub tokens: Vec<Token>,
    /// Of these what is not only built for tests.
    pub code: Vec<Token>,
    /// What the code brings in.
    pub imports: Vec<Import>,
}

impl Source {
    pub(crate) fn new(path: String, text: String) -> Self {
        let mut file = syn::parse_file(&text).unwrap_or_else(|error| panic!("src/{path}: {error}"));
        let mut tokens = Vec::new();
        flatten(file.to_token_stream(), &mut tokens);
        WithoutTests.visit_file_mut(&mut file);
        let mut code = Vec::new();
        flatten(file.to_token_stream(), &mut code);
        let mut imports = Vec::new();
        for item in &file.items {
            if let syn::Item::Use(item) = item {
                spell(&item.tree, &mut Vec::new(), &mut imports);
            }
        }
        Self { path, text, tokens, code, imports }
    }

    /// The top-level module that the file belongs to.
    pub(crate) fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether it is only built for tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs")
    }

    /// Where the file's own code stands: `plan/build.rs` is `plan::build`, `plan/mod.rs` is `plan`.
    pub(crate) fn modules(&self) -> Vec<String> {
        let path = self.path.strip_suffix(".rs").unwrap();
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if path == "lib" || path == "main" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
    }
}

/// All of them, read once.
pub(crate) fn sources() -> &'static [Source] {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = Vec::new();
        walk(&src, &mut paths);
        paths.sort();
        assert!(paths.len() > 10, "only {} files were found under src/", paths.len());
        let below = |path: &Path| path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        paths.iter().map(|path| Source::new(below(path), std::fs::read_to_string(path).unwrap())).collect()
    })
}

/// Takes away each item that is marked `#[cfg(test)]`.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|item| !matches!(item, syn::ImplItem::Fn(function) if marked(&function.attrs)));
        visit_mut::visit_item_impl_mut(self, item);
    }
}

fn is_test(item: &syn::Item) -> bool {
    use syn::Item::{Const, Enum, Fn, Impl, Mod, Static, Struct, Trait, Type, Use};
    match item {
        Const(item) => marked(&item.attrs),
        Enum(item) => marked(&item.attrs),
        Fn(item) => marked(&item.attrs),
        Impl(item) => marked(&item.attrs),
        Mod(item) => marked(&item.attrs),
        Static(item) => marked(&item.attrs),
        Struct(item) => marked(&item.attrs),
        Trait(item) => marked(&item.attrs),
        Type(item) => marked(&item.attrs),
        Use(item) => marked(&item.attrs),
        _ => false,
    }
}

fn marked(attributes: &[syn::Attribute]) -> bool {
    let test = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    };
    attributes.iter().any(test)
}

fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let line = token.span().start().line;
        let mut push = |kind| found.push(Token { line, kind });
        match token {
            TokenTree::Ident(word) => push(Kind::Word(word.to_string().trim_start_matches("r#").to_owned())),
            TokenTree::Literal(literal) => match syn::Lit::new(literal) {
                syn::Lit::Str(text) => push(Kind::Text(text.value())),
                _ => push(Kind::Sign('0')),
            },
            // The name of a lifetime is no word.
            TokenTree::Punct(sign) if sign.as_char() == '\'' => drop(tokens.next()),
            TokenTree::Punct(sign) => {
                let documents = |token: &TokenTree| {
                    let TokenTree::Group(group) = token else { return false };
                    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
                };
                if sign.as_char() == '#' {
                    tokens.next_if(|next| matches!(next, TokenTree::Punct(sign) if sign.as_char() == '!'));
                    if tokens.next_if(documents).is_some() {
                        continue;
                    }
                }
                push(Kind::Sign(sign.as_char()));
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                push(Kind::Sign(open));
                flatten(group.stream(), found);
                found.push(Token { line: group.span_close().start().line, kind: Kind::Sign(close) });
            }
        }
    }
}

/// The names of a `use` one by one.
fn spell(tree: &syn::UseTree, way: &mut Vec<String>, found: &mut Vec<Import>) {
    match tree {
        syn::UseTree::Path(part) => {
            way.push(part.ident.to_string());
            spell(&part.tree, way, found);
            way.pop();
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| spell(tree, way, found)),
        syn::UseTree::Glob(_) => found.push(Import { path: way.clone(), name: None }),
        syn::UseTree::Name(part) if part.ident == "self" => {
            found.push(Import { path: way.clone(), name: way.last().cloned() });
        }
        syn::UseTree::Name(part) => {
            let path = way.iter().cloned().chain([part.ident.to_string()]).collect();
            found.push(Import { path, name: Some(part.ident.to_string()) });
        }
        syn::UseTree::Rename(part) => {
            let named = (part.ident != "self").then(|| part.ident.to_string());
            found
                .push(Import { path: way.iter().cloned().chain(named).collect(), name: Some(part.rename.to_string()) });
        }
    }
}

/// Every path of this crate that a file names, with its line: in `use`, in expressions, and by `super` past its own
/// top-level module. `crate::{a::B, c}` gives two.
pub(crate) fn imports(source: &Source) -> Vec<(usize, Vec<String>)> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    let mut within: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let opens_module = token.word() == Some("mod") && tokens.get(at + 2).is_some_and(|next| next.is('{'));
        if opens_module {
            within.push((tokens[at + 1].word().unwrap_or_default().to_owned(), depth));
            (depth, at) = (depth + 1, at + 3);
            continue;
        }
        if token.is('{') {
            depth += 1;
        } else if token.is('}') {
            depth -= 1;
            within.retain(|(_, opened)| *opened < depth);
        }
        // `pub(in crate::app)` says who may, and names nothing.
        let visibility = at >= 2 && tokens[at - 1].word() == Some("in") && tokens[at - 2].is('(');
        let head = (at < 2 || !separated(tokens, at - 2)) && !visibility;
        // The binary names the library by its name.
        let ours = token.word() == Some("crate") || (source.path == "main.rs" && token.word() == Some("windlass"));
        if head && ours && separated(tokens, at + 1) {
            at = paths(tokens, at + 3, &mut Vec::new(), &mut found);
            continue;
        }
        if head && token.word() == Some("super") {
            let mut here = source.modules();
            here.extend(within.iter().map(|(name, _)| name.clone()));
            while tokens.get(at).and_then(Token::word) == Some("super") && separated(tokens, at + 1) {
                here.pop();
                at += 3;
            }
            at = paths(tokens, at, &mut here, &mut found);
            continue;
        }
        at += 1;
    }
    found
}

/// Whether `::` stands there.
pub(crate) fn separated(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|one| one.is(':')) && tokens.get(at + 1).is_some_and(|one| one.is(':'))
}

/// Reads the path or tree of paths at `at`; returns where it ends.
fn paths(tokens: &[Token], mut at: usize, prefix: &mut Vec<String>, found: &mut Vec<(usize, Vec<String>)>) -> usize {
    let Some(token) = tokens.get(at) else { return at };
    if token.is('{') {
        at += 1;
        while tokens.get(at).is_some_and(|one| !one.is('}')) {
            let before = at;
            at = paths(tokens, at, prefix, found);
            if tokens.get(at).and_then(Token::word) == Some("as") {
                at += 2;
            }
            if tokens.get(at).is_some_and(|one| one.is(',')) || at == before {
                at += 1;
            }
        }
        return at + 1;
    }
    if token.is('*') {
        found.push((token.line, prefix.iter().cloned().chain(["*".to_owned()]).collect()));
        return at + 1;
    }
    let Some(word) = token.word() else { return at };
    if word == "self" && !prefix.is_empty() {
        found.push((token.line, prefix.clone()));
        return at + 1;
    }
    prefix.push(word.to_owned());
    let end = if separated(tokens, at + 1) {
        paths(tokens, at + 3, prefix, found)
    } else {
        found.push((token.line, prefix.clone()));
        at + 1
    };
    prefix.pop();
    end
}
