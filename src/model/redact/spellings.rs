//! Known values, found however they are spelt: as they are, in base64 at any offset, in hex, escaped for URLs, JSON, YAML,
//! XML or a shell, broken over lines, or as one line of a file.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter values are words that occur everywhere, and not secrets.
const SHORTEST: usize = 6;

/// A longer value is looked for in pieces of this size, so that a part of it is found as well. A multiple of three, for
/// base64.
const PIECE: usize = 48;

/// A line of a file, or a part of one, is looked for by itself from this length on.
const LINE: usize = 8;

/// Where white space and quotes are taken out, what is shorter could be found across words.
const SQUEEZED: usize = 12;

/// How often escapes are undone: JSON in JSON in a URL.
const DEPTH: usize = 4;

/// Values, and where they stand in a text.
#[derive(Debug, Clone, Default)]
pub(super) struct Spellings {
    values: BTreeSet<Vec<u8>>,
    /// What finds all spellings at once; `None` while nothing is known.
    plain: Option<AhoCorasick>,
    /// The same for texts without white space and quotes.
    squeezed: Option<AhoCorasick>,
}

impl Spellings {
    /// Knows these values, their lines, and what is assigned in those.
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut all = BTreeSet::new();
        for value in values {
            parts(value, &mut all);
        }
        let mut plain = BTreeSet::new();
        let mut squeezed = BTreeSet::new();
        for piece in all.iter().flat_map(|value| pieces(value)) {
            spell(piece, &mut plain);
            let bare: Vec<u8> = piece.iter().copied().filter(|byte| !squeezable(*byte)).collect();
            if bare.len() >= SQUEEZED || bare.len() >= SHORTEST && bare.len() < piece.len() {
                squeezed.insert(bare);
            }
            squeezed.extend(in_base64(piece).into_iter().filter(|needle| needle.len() >= SQUEEZED));
        }
        let automaton = |needles: BTreeSet<Vec<u8>>| match needles.is_empty() {
            true => None,
            false => AhoCorasick::new(needles).ok(),
        };
        Self { values: all, plain: automaton(plain), squeezed: automaton(squeezed) }
    }

    /// Whether this is a known value and nothing else.
    pub(super) fn is(&self, text: &str) -> bool {
        self.values.contains(text.trim().as_bytes())
    }

    /// The places of a text where a known value stands, in order and apart from each other.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let (Some(plain), bytes) = (&self.plain, text.as_bytes()) else { return Vec::new() };
        let mut found = Vec::new();
        let mut view = View::of(bytes);
        for depth in 0..=DEPTH {
            view.matches(plain, bytes, &mut found);
            if let Some(squeezed) = &self.squeezed {
                view.squeezed().matches(squeezed, bytes, &mut found);
            }
            if depth == DEPTH {
                break;
            }
            match view.unescaped() {
                Some(next) => view = next,
                None => break,
            }
        }
        merged(text, found)
    }
}

/// Ranges in order, those that touch as one, each beginning and ending between characters.
fn merged(text: &str, mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::new();
    for mut range in found {
        while !text.is_char_boundary(range.start) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end) {
            range.end += 1;
        }
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// A text, perhaps with escapes undone, and where each of its bytes was.
struct View {
    bytes: Vec<u8>,
    /// Of each byte: where what stands for it began and ended.
    at: Vec<(usize, usize)>,
}

impl View {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: (0..bytes.len()).map(|index| (index, index + 1)).collect() }
    }

    fn matches(&self, needles: &AhoCorasick, original: &[u8], found: &mut Vec<Range<usize>>) {
        // What is part of a longer run of base64 or hex goes with all of it: its ends hold bits of the value.
        let encoded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        for one in needles.find_overlapping_iter(&self.bytes).filter(|one| !one.is_empty()) {
            let (mut start, mut end) = (self.at[one.start()].0, self.at[one.end() - 1].1);
            if self.bytes[one.range()].iter().all(encoded) && one.len() >= SQUEEZED {
                while start > 0 && encoded(&original[start - 1]) {
                    start -= 1;
                }
                while end < original.len() && encoded(&original[end]) {
                    end += 1;
                }
            }
            found.push(start..end);
        }
    }

    fn kept(&self, keep: impl Fn(u8) -> bool) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut at = Vec::with_capacity(self.at.len());
        for (index, byte) in self.bytes.iter().enumerate().filter(|(_, byte)| keep(**byte)) {
            bytes.push(*byte);
            at.push(self.at[index]);
        }
        Self { bytes, at }
    }

    fn squeezed(&self) -> Self {
        self.kept(|byte| !squeezable(byte))
    }

    /// With one level of escapes undone; `None` where there are none.
    fn unescaped(&self) -> Option<Self> {
        let text = &self.bytes;
        if !text.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
            return None;
        }
        let (mut bytes, mut at) = (Vec::with_capacity(text.len()), Vec::with_capacity(text.len()));
        let (mut index, mut changed) = (0, false);
        while index < text.len() {
            let (taken, meant) = undone(&text[index..]);
            match meant {
                Some(meant) => {
                    let mut buffer = [0; 4];
                    let encoded: &[u8] = match meant {
                        Meant::Byte(byte) => {
                            buffer[0] = byte;
                            &buffer[..1]
                        }
                        Meant::Char(c) => c.encode_utf8(&mut buffer).as_bytes(),
                    };
                    bytes.extend_from_slice(encoded);
                    let whole = (self.at[index].0, self.at[index + taken - 1].1);
                    at.extend(encoded.iter().map(|_| whole));
                    changed = true;
                }
                None => {
                    bytes.push(text[index]);
                    at.push(self.at[index]);
                }
            }
            index += taken;
        }
        changed.then_some(Self { bytes, at })
    }
}

/// White space, and what only quotes.
const fn squeezable(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'`')
}

enum Meant {
    Byte(u8),
    Char(char),
}

/// What the beginning of a text means where it is an escape, and how long that is.
fn undone(text: &[u8]) -> (usize, Option<Meant>) {
    let hex = |range: Range<usize>| {
        let digits = text.get(range)?;
        let all = digits.iter().all(u8::is_ascii_hexdigit);
        all.then(|| std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok()))?
    };
    let byte = |code: u32| u8::try_from(code).ok().map(Meant::Byte);
    let found = match (text[0], text.get(1)) {
        (b'%', _) => hex(1..3).and_then(byte).map(|meant| (3, meant)),
        (b'\\', Some(b'x')) => hex(2..4).and_then(byte).map(|meant| (4, meant)),
        (b'\\', Some(b'u')) => hex(2..6)
            .map(|code| match (code, text.get(6..8), hex(8..12)) {
                (0xd800..0xdc00, Some(b"\\u"), Some(low @ 0xdc00..0xe000)) => {
                    (12, char::from_u32(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)))
                }
                (code, ..) => (6, char::from_u32(code)),
            })
            .and_then(|(taken, c)| Some((taken, Meant::Char(c?)))),
        (b'\\', Some(b'n')) => Some((2, Meant::Byte(b'\n'))),
        (b'\\', Some(b't')) => Some((2, Meant::Byte(b'\t'))),
        (b'\\', Some(b'r')) => Some((2, Meant::Byte(b'\r'))),
        (b'\\', Some(digit @ b'0'..=b'3')) => {
            let octal = text.get(2..4).filter(|rest| rest.iter().all(|byte| (b'0'..=b'7').contains(byte)));
            octal.map(|rest| (4, Meant::Byte((digit - b'0') * 64 + (rest[0] - b'0') * 8 + (rest[1] - b'0'))))
        }
        (b'\\', Some(other)) if other.is_ascii_punctuation() || *other == b' ' => Some((2, Meant::Byte(*other))),
        (b'&', _) => entity(text),
        _ => None,
    };
    found.map_or((1, None), |(taken, meant)| (taken, Some(meant)))
}

/// `&amp;`, `&#39;`, `&#x27;`.
fn entity(text: &[u8]) -> Option<(usize, Meant)> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let c = match &text[1..end] {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', code @ ..] => {
            char::from_u32(u32::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()?)?
        }
        [b'#', code @ ..] => char::from_u32(std::str::from_utf8(code).ok()?.parse().ok()?)?,
        _ => return None,
    };
    Some((end + 1, Meant::Char(c)))
}

/// A long value in pieces that overlap, so that any part of it of some length is one.
fn pieces(value: &[u8]) -> Vec<&[u8]> {
    if value.len() <= 2 * PIECE {
        return vec![value];
    }
    let starts = (0..=value.len() - PIECE).step_by(PIECE);
    starts.chain([value.len() - PIECE]).map(|at| &value[at..at + PIECE]).collect()
}

/// All ways to write a piece that cannot be undone byte by byte.
fn spell(piece: &[u8], needles: &mut BTreeSet<Vec<u8>>) {
    needles.insert(piece.to_vec());
    if piece.contains(&b' ') {
        needles.insert(piece.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect());
    }
    needles.extend(in_base64(piece));
    for separator in ["", ":", " ", "-"] {
        let hex: Vec<String> = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.join(separator);
        needles.insert(hex.to_uppercase().into_bytes());
        needles.insert(hex.into_bytes());
    }
}

/// What of base64 depends on these bytes alone, for each of the three places where they may begin.
fn in_base64(piece: &[u8]) -> Vec<Vec<u8>> {
    let mut needles = Vec::new();
    for offset in 0..3 {
        let padded = [&b"\0\0"[..offset], piece].concat();
        let first = (offset * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            needles.extend(text.as_bytes().get(first..last).map(<[u8]>::to_vec));
        }
    }
    needles.dedup();
    needles
}

/// A value, its lines, what is assigned in these, and what stands in it as JSON.
fn parts(value: &[u8], all: &mut BTreeSet<Vec<u8>>) {
    let Ok(text) = std::str::from_utf8(value) else {
        if value.len() >= SHORTEST {
            all.insert(value.to_vec());
        }
        return;
    };
    let text = text.trim();
    // Of an address only the login is secret: host and path occur in many harmless lines.
    if let Some(login) = url_login(text) {
        let password = login.split_once(':').map_or(login, |(_, password)| password);
        for secret in [login, password] {
            all.extend(Some(secret.as_bytes().to_vec()).filter(|_| is_searchable(secret)));
        }
        let decoded = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
        all.extend(Some(decoded.as_bytes().to_vec()).filter(|_| is_searchable(&decoded)));
        return;
    }
    if is_searchable(text) {
        all.insert(text.as_bytes().to_vec());
    }
    if let Ok(json @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) = serde_json::from_str(text) {
        leaves("", &json, all);
        return;
    }
    for line in text.lines().map(str::trim) {
        let several = line.len() < text.len();
        let markup = line.starts_with('<') && line.ends_with('>') && !line.contains("</");
        if several && line.len() >= LINE && !line.starts_with('#') && !line.starts_with("-----") && !markup {
            all.insert(line.as_bytes().to_vec());
        }
        if let Some((name, held)) = line.split_once(['=', ':']) {
            let held = held.trim().trim_matches(['"', '\'', ',', ';']);
            let named = name.len() <= 64 && super::names::names_a_secret(name.trim().trim_matches(['"', '\'']));
            if named && held.len() >= SHORTEST || !held.contains(' ') && held.len() >= LINE && is_mixed(held) {
                all.insert(held.as_bytes().to_vec());
            }
        }
        for held in line.split("<value>").skip(1).filter_map(|rest| rest.split("</value>").next()) {
            if held.len() >= LINE && is_mixed(held) {
                all.insert(held.as_bytes().to_vec());
            }
        }
    }
}

/// The login of an address that holds nothing else that looks like a secret.
fn url_login(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if text.contains(char::is_whitespace) || scheme.is_empty() || !scheme.chars().all(sign) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (login, host) = rest[..end].rsplit_once('@')?;
    let mut words = host.split(['.', ':']).chain(rest[end..].split(['/', '?', '&', '=', '#', '.', '-', '_', ',']));
    let plain = !words.any(|word| word.len() >= TOKEN_WORD && is_mixed(word));
    (plain && login.split_once(':').is_some_and(|(_, password)| password.len() >= SHORTEST)).then_some(login)
}

/// A word of an address that has letters and digits and is longer may be a token.
const TOKEN_WORD: usize = 12;

/// The texts of JSON that may be secrets; a Docker login's is a user and a password.
fn leaves(name: &str, json: &serde_json::Value, all: &mut BTreeSet<Vec<u8>>) {
    match json {
        serde_json::Value::Object(map) => map.iter().for_each(|(name, value)| leaves(name, value, all)),
        serde_json::Value::Array(list) => list.iter().for_each(|value| leaves(name, value, all)),
        serde_json::Value::String(text) => {
            let named = super::names::names_a_secret(name);
            if named && text.len() >= SHORTEST || text.len() >= LINE && is_mixed(text) {
                parts(text.as_bytes(), all);
            }
            let login =
                (name == "auth").then(|| STANDARD_NO_PAD.decode(text.trim_end_matches('='))).and_then(Result::ok);
            let password =
                login.as_deref().and_then(|login| Some(login.splitn(2, |byte| *byte == b':').nth(1)?.to_vec()));
            all.extend(password.filter(|password| password.len() >= 4));
        }
        _ => {}
    }
}

/// Whether a value can be looked for: short ones only where no word is like them.
fn is_searchable(text: &str) -> bool {
    let version = |c: char| c.is_ascii_digit() || c == '.';
    let version = text.contains('.') && text.trim_start_matches('v').chars().all(version);
    !version && (text.len() >= SHORTEST || text.len() >= 4 && is_mixed(text))
}

/// Letters and digits or signs, as no word has them.
fn is_mixed(text: &str) -> bool {
    let letters = text.chars().any(char::is_alphabetic);
    letters && text.chars().any(|c| !c.is_alphabetic() && !matches!(c, '.' | '-' | '_' | ' '))
}
