//! The tree with positions.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::finding::Findings;
use super::pos::Pos;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub pos: Pos,
    /// What it is.
    pub yaml: Yaml,
    /// What stands there, where it was read as something else than a text: `007`, `True`, `~`.
    plain: Option<String>,
}

/// What a node can be. Anchors, tags and several documents are refused: the files are written by hand and short.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// A scalar, resolved by the rules of YAML's core schema.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping; keys are plain strings, unique, in the order of the text.
    Map(Vec<(String, Pos, Node)>),
}

/// A scalar after resolution. `Text` keeps what was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Anything else, numbers with a fraction included.
    Text(String),
}

impl Node {
    /// The text of a string scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.yaml {
            Yaml::Scalar(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A scalar as it was written: `0012345` is not `12345` where a text is wanted. Empty for all else.
    #[must_use]
    pub fn written(&self) -> &str {
        match &self.yaml {
            Yaml::Scalar(Scalar::Text(text)) => text,
            Yaml::Scalar(Scalar::Int(_) | Scalar::Bool(_)) => self.plain.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    /// The entries of a mapping.
    #[must_use]
    pub fn map(&self) -> Option<&[(String, Pos, Node)]> {
        match &self.yaml {
            Yaml::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn list(&self) -> Option<&[Node]> {
        match &self.yaml {
            Yaml::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value under a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(name, _, _)| name == key).map(|(_, _, node)| node)
    }

    /// What kind of thing it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.yaml {
            Yaml::Scalar(Scalar::Null) => "nothing",
            Yaml::Scalar(Scalar::Bool(_)) => "a boolean",
            Yaml::Scalar(Scalar::Int(_)) => "a number",
            Yaml::Scalar(Scalar::Text(_)) => "a string",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }
}

/// Reads one document. An empty text is an empty mapping.
///
/// # Errors
/// Syntax errors, duplicate keys, anchors, tags and a second document, each with its place.
pub fn parse(file: &str, text: &str) -> Result<Node, Findings> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), file, findings: Findings::default(), depth: 0, nodes: 0 };
    let node = reader.document();
    let empty = Node { pos: Pos { line: 1, column: 1 }, yaml: Yaml::Map(Vec::new()), plain: None };
    let node = node.unwrap_or(None).unwrap_or(empty);
    reader.findings.into_result(node)
}

/// Lists and mappings in one another: far more than any file needs, and far less than a stack holds.
const DEEPEST: usize = 64;

/// Values in one file: more than any answers file or definition holds, and no more than memory does.
const MOST_NODES: usize = 200_000;

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    file: &'a str,
    findings: Findings,
    depth: usize,
    nodes: usize,
}

/// The rest of the text cannot be read; what is wrong is in the findings.
struct Broken;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Pos)>, Broken> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, place(span)))),
            Some(Err(error)) => {
                let marker = error.marker();
                let pos = Pos { line: marker.line(), column: marker.col() + 1 };
                self.findings.add(self.file, pos, format!("not valid YAML: {}", error.info()));
                Err(Broken)
            }
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Broken> {
        let mut root = None;
        while let Some((event, pos)) = self.next()? {
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    self.findings.add(self.file, pos, "a second document: only one per file is supported");
                    return Err(Broken);
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
                other => root = Some(self.node(other, pos)?),
            }
        }
        // A file of comments only parses as one empty scalar.
        Ok(root.filter(|node| node.yaml != Yaml::Scalar(Scalar::Null)))
    }

    fn node(&mut self, event: Event<'a>, pos: Pos) -> Result<Node, Broken> {
        self.depth += 1;
        self.nodes += 1;
        if self.depth > DEEPEST || self.nodes > MOST_NODES {
            self.findings.add(
                self.file,
                pos,
                match self.depth > DEEPEST {
                    true => format!("lists and mappings are nested more than {DEEPEST} deep"),
                    false => format!("more than {MOST_NODES} values"),
                },
            );
            return Err(Broken);
        }
        let mut plain = None;
        let yaml = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(pos, anchor, tag.is_some());
                let scalar = if style == ScalarStyle::Plain { resolve(&text) } else { None };
                plain = scalar.is_some().then(|| text.clone().into_owned());
                Yaml::Scalar(scalar.unwrap_or_else(|| Scalar::Text(text.into_owned())))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(pos, anchor, tag.is_some());
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        None | Some((Event::SequenceEnd, _)) => break,
                        Some((event, pos)) => items.push(self.node(event, pos)?),
                    }
                }
                Yaml::List(items)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(pos, anchor, tag.is_some());
                self.mapping()?
            }
            Event::Alias(_) => {
                self.findings.add(self.file, pos, "aliases are not supported: write the value out");
                Yaml::Scalar(Scalar::Null)
            }
            _ => Yaml::Scalar(Scalar::Null),
        };
        self.depth -= 1;
        Ok(Node { pos, yaml, plain })
    }

    fn mapping(&mut self) -> Result<Yaml, Broken> {
        let mut entries: Vec<(String, Pos, Node)> = Vec::new();
        let mut known: HashMap<String, Pos> = HashMap::new();
        loop {
            let (event, pos) = match self.next()? {
                None | Some((Event::MappingEnd, _)) => break,
                Some(found) => found,
            };
            let key = match event {
                Event::Scalar(text, ..) => text.into_owned(),
                other => {
                    self.node(other, pos)?;
                    self.findings.add(self.file, pos, "a key must be a string");
                    String::new()
                }
            };
            let Some((event, value_pos)) = self.next()? else { break };
            let value = self.node(event, value_pos)?;
            if let Some(first) = known.get(&key) {
                let message = format!("duplicate key `{key}`, first in line {}", first.line);
                self.findings.add(self.file, pos, message);
            } else {
                known.insert(key.clone(), pos);
                entries.push((key, pos, value));
            }
        }
        Ok(Yaml::Map(entries))
    }

    fn refuse(&mut self, pos: Pos, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.findings.add(self.file, pos, "anchors are not supported: write the value out");
        }
        if tagged {
            self.findings.add(self.file, pos, "tags are not supported");
        }
    }
}

fn place(span: Span) -> Pos {
    Pos { line: span.start.line(), column: span.start.col() + 1 }
}

/// What a plain scalar is, if not a text.
fn resolve(text: &str) -> Option<Scalar> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        "true" | "True" | "TRUE" => Some(Scalar::Bool(true)),
        "false" | "False" | "FALSE" => Some(Scalar::Bool(false)),
        _ => text.parse().ok().map(Scalar::Int),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one() {
        let node = parse("a.yaml", "a: 1\nb:\n  - c: x\n").unwrap();
        let entries = node.map().unwrap();
        assert_eq!(entries[1].1, Pos { line: 2, column: 1 });
        let inner = &entries[1].2.list().unwrap()[0];
        assert_eq!(inner.map().unwrap()[0].1, Pos { line: 3, column: 5 });
        assert_eq!(inner.get("c").unwrap().text(), Some("x"));
    }

    #[test]
    fn a_duplicate_key_is_found_with_its_first_place() {
        let error = parse("a.yaml", "a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.to_string(), "a.yaml:3:1: duplicate key `a`, first in line 1");
    }

    #[test]
    fn depth_and_number_are_bounded() {
        for deep in
            ["- ".repeat(20_000), "[".repeat(20_000), "{a: ".repeat(20_000), "a:\n ".to_owned() + &"? ".repeat(20_000)]
        {
            let error = parse("a.yaml", &deep).unwrap_err().to_string();
            assert!(error.contains("more than 64 deep") || error.contains("not valid YAML"), "{error}");
        }
        let nested = (0..40).fold("x".to_owned(), |inner, _| format!("[{inner}]"));
        assert!(parse("a.yaml", &nested).is_ok());
        let many = "- a\n".repeat(MOST_NODES + 1);
        assert!(parse("a.yaml", &many).unwrap_err().to_string().ends_with("more than 200000 values"));
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let error = parse("a.yaml", "a: [1, 2\nb: 3\n").unwrap_err();
        assert!(error.to_string().starts_with("a.yaml:2:"), "{error}");
    }

    #[test]
    fn quoted_numbers_stay_text() {
        let node = parse("a.yaml", "a: '1'\nb: 1\n").unwrap();
        assert_eq!(node.get("a").unwrap().text(), Some("1"));
        assert_eq!(node.get("b").unwrap().yaml, Yaml::Scalar(Scalar::Int(1)));
    }

    #[test]
    fn scalars_stay_as_they_were_written() {
        for text in ["0012345", "+5", "-0", "True", "FALSE", "1.10", "1_000", "0x1F", "'007'", "\"on\"", "x"] {
            let node = parse("a.yaml", &format!("a: {text}\n")).unwrap();
            assert_eq!(node.get("a").unwrap().written(), text.trim_matches(['\'', '"']));
        }
        assert_eq!(parse("a.yaml", "a: ~\n").unwrap().get("a").unwrap().written(), "");
    }

    #[test]
    fn comments_only_are_an_empty_mapping() {
        assert_eq!(parse("a.yaml", "# nothing\n").unwrap().map(), Some(&[][..]));
        assert_eq!(parse("a.yaml", "").unwrap().map(), Some(&[][..]));
    }

    #[test]
    fn anchors_are_refused() {
        assert!(parse("a.yaml", "a: &x 1\nb: *x\n").unwrap_err().to_string().contains("anchors"));
    }
}
