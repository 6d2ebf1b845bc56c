//! What secrets look like wherever they stand: tokens of known makes, keys in PEM, addresses with a login, and long random
//! words.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::{Captures, Regex};

use super::mark::REDACTED;

/// Base64 is decoded as it is found: with padding or without.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
static DECODERS: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&STANDARD, LENIENT), GeneralPurpose::new(&URL_SAFE, LENIENT)];

pub(super) fn compiled(shapes: &[&str]) -> Vec<Regex> {
    shapes.iter().filter_map(|shape| Regex::new(shape).ok()).collect()
}

/// What is redacted as a whole, but for a first group that may stay and a last one, `end`.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    compiled(&[
        // Keys of all makes, on one line or many; one whose end is missing goes up to the text's.
        r"(?s)(-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|PGP|SSH2|MESSAGE)[A-Z0-9 ]*-----).*?(?:-----END [A-Z0-9 ]+-----|\z)",
        r"(?s)(---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----).*?(?:---- END [A-Z0-9 ]+ ----|\z)",
        r"(?s)(PuTTY-User-Key-File-\d: \S+).*?(?:Private-MAC: \S+|\z)",
        r"AGE-SECRET-KEY-1[0-9A-Za-z]+",
        // Tokens of services, by their prefixes.
        r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA|AGPA|ANPA|ANVA|APKA)[A-Z0-9]{12,}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{10,}|\bgithub_pat_[A-Za-z0-9_]{10,}",
        r"\bgl[a-z]{1,6}-[A-Za-z0-9_.-]{16,}|\bGR1348941[A-Za-z0-9_-]{10,}",
        r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]+",
        r"\bhv[sbr]\.[A-Za-z0-9_-]{8,}|\b[sbr]\.[A-Za-z0-9]{24}\b",
        r"\bAIza[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9_-]{10,}|\bGOCSPX-[A-Za-z0-9_-]{10,}|\b1//0[A-Za-z0-9_-]{20,}",
        r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}|\bwhsec_[A-Za-z0-9+/=]{8,}",
        r"\bsk-[A-Za-z0-9_-]{16,}|\bhf_[A-Za-z0-9]{16,}|\bgsk_[A-Za-z0-9]{16,}",
        r"\bnpm_[A-Za-z0-9]{16,}|\bpypi-[A-Za-z0-9_-]{16,}|\brubygems_[A-Za-z0-9]{16,}|\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{8,}",
        r"\bSG\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}|\bSK[0-9a-f]{32}\b|\bkey-[0-9a-zA-Z]{32}\b",
        r"\bd[ao][pro]_v1_[a-f0-9]{16,}|\bdapi[a-f0-9]{32}\b|\bshp(?:at|ca|pa|ss)_[A-Za-z0-9]{8,}|\blin_api_[A-Za-z0-9]{8,}",
        r"\bgl(?:sa|c)_[A-Za-z0-9_]{16,}|\bNR(?:AK|II|JS|RA)-[A-Za-z0-9-]{10,}|\bATATT3[A-Za-z0-9_=-]{10,}|\bATCTT3[A-Za-z0-9_=-]{10,}",
        r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{10,}|\bdp\.(?:pt|st|ct|sa)\.[A-Za-z0-9_.-]{10,}|\bpul-[a-f0-9]{20,}",
        r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b|\bsq0[a-z]{3}-[A-Za-z0-9_-]{10,}|\bEAA[A-Za-z0-9]{30,}|\bsbp_[a-f0-9]{20,}",
        r"\bgAAAAA[A-Za-z0-9_=-]{20,}|\b(?:tskey|ops)[-_][A-Za-z0-9_-]{16,}|\bbearer_[A-Za-z0-9]{16,}",
        // Hashes of passwords.
        r"\$(?:2[abxy]|[1567]|apr1|y|gy|argon2[a-z]*|pbkdf2[a-z0-9-]*|scrypt)\$[^\s:,;]{8,}|\{(?i:S?SHA\d*|S?MD5|CRYPT|ARGON2)\}[A-Za-z0-9+/=$.]{8,}",
        r"SCRAM-SHA-\d+\$[A-Za-z0-9+/=:$]{8,}",
        // Schemes of authentication, wherever they are named.
        r"(?i)(\b(?:bearer|negotiate|ntlm|apikey|kerberos|sharedkey(?:lite)?|aws)\s+)[A-Za-z0-9._~+/:=-]{16,}",
        r"(?i)(\bcredential=)[^\s,]+",
        // Logins on command lines, and of databases.
        r#"(?i)(\bcurl\b[^\n]*?\s(?:-u|--user|--proxy-user|-U)[\s=]*["']?[^\s:"']+:)[^\s"']+"#,
        r#"(\bmysql\w*\b[^\n]*?\s-p|\bmariadb\S*\b[^\n]*?\s-p)[^\s"'-][^\s"']*"#,
        r#"(\b(?:sshpass|docker login|podman login|az login|helm registry login)\b[^\n]*?\s-p\s*["']?)[^\s"']+"#,
        r#"(\bredis-cli\b[^\n]*?\s-a\s+["']?)[^\s"']+"#,
        r#"(\bldap\w+\b[^\n]*?\s-w\s+["']?)[^\s"']+"#,
        r#"(\bsmbclient\b[^\n]*?\s-U\s*["']?[^\s%"']+%)[^\s"']+"#,
        r"(\bhtpasswd\s+-\w*b\w*\s+\S+\s+\S+\s+)\S+",
        r"(\bmc\s+(?:alias|config host)\s+(?:set|add)\s+\S+\s+\S+\s+)\S+\s+\S+",
        r"(\bvault login\s+)[^\s-]\S*",
        r"(?i)(\bset\s+\S*(?:password|secret|token|access_key)\S*\s+)[^\s=]+",
        r#"(?i)(\b(?:identified\s+(?:\w+\s+)?by|with\s+password|password)\s+E?['"])[^'"]+"#,
        r"(?i)(\blogin\s+\S+\s+password\s+)\S+",
        r"(?i)(:thin:[^/\s@]+/)[^@\s]+(?P<end>@)",
        r"(?m)(^(?:\*|[A-Za-z][A-Za-z0-9.-]*):(?:\d{2,5}|\*):[^:\s]+:[^:\s]+:)\S+$",
        // Passwords in prose: quoted, or with a digit or a sign in them.
        r#"(?i)(\b(?:password|passwd|passphrase|pwd|passcode|api key|access key|secret key|token)(?:\s+(?:is|was|of|to|set|set to|are))?\s*[:=]?\s+["'`])[^"'`\s][^"'`\n]*"#,
        r#"(?i)(\b(?:password|passwd|passphrase|pwd|passcode)(?:\s+(?:is|was|set to))?\s+)(?:[^\s"'`,;()]*[A-Za-z][^\s"'`,;()]*[0-9!#$%^&*+?~@][^\s"'`,;()]*|[^\s"'`,;()]*[0-9!#$%^&*+?~@][^\s"'`,;()]*[A-Za-z][^\s"'`,;()]*)"#,
        r"(?i)(%3a%2f%2f[^\s%]*%3a)\S+?(?P<end>%40)",
        // A login without a scheme: user:password@host.domain.
        r"(\b[\w.+-]+:)[^\s@/:]{3,}(?P<end>@[\w-]+(?:\.[\w-]+)+)",
    ])
});

/// A user's part of an address.
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b((?:jdbc:)?[a-z][a-z0-9+.-]*:(?:\\*/){2})([^\s"'<>`|]*)"#).ok());

static BASIC: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(\bbasic\s+)([A-Za-z0-9+/_-]{4,}={0,2})").ok());

/// A text in quotes.
static INNER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#""(?:[^"\\\n]|\\[^\n]){8,}""#).ok());

/// Runs that may be base64 of something.
static ENCODED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_-]{16,}={0,2}").ok());

/// Runs that may be random.
static RANDOM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_=-]{20,}").ok());

/// A text without what has the shape of a secret.
pub(super) fn without_shapes(mut text: String) -> String {
    for shape in &*SHAPES {
        if shape.is_match(&text) {
            let kept = |found: &Captures<'_>| {
                let part = |part: Option<regex::Match<'_>>| part.map_or("", |part| part.as_str()).to_owned();
                // What was redacted before is not a secret.
                match found.get(0).filter(|all| all.as_str().ends_with(REDACTED)) {
                    Some(all) => all.as_str().to_owned(),
                    None => format!("{}{REDACTED}{}", part(found.get(1)), part(found.name("end"))),
                }
            };
            text = shape.replace_all(&text, kept).into_owned();
        }
    }
    replaced(&BASIC, addresses(text), |found| {
        let decoded = decoded(&found[2])?;
        decoded.contains(&b':').then(|| format!("{}{REDACTED}", &found[1]))
    })
}

/// Addresses without the logins in them; several may stand together.
fn addresses(text: String) -> String {
    replaced(&ADDRESS, text, |found| Some(format!("{}{}", &found[1], without_login(&found[1], &found[2])?)))
}

/// A text whose inner texts, as JSON has them, went through `clean`: a line break that is written as two letters is one.
pub(super) fn with_inner(text: String, clean: impl Fn(&str) -> String) -> String {
    replaced(&INNER, text, |found| {
        if !found[0].contains([' ', '\\', '<', ':']) {
            return None;
        }
        let inner: String = serde_json::from_str(&found[0]).ok()?;
        let cleaned = clean(&inner);
        if cleaned == inner { None } else { serde_json::to_string(&cleaned).ok() }
    })
}

/// A text without base64 of what `dirty` knows as a secret.
pub(super) fn without_encoded(text: String, dirty: impl Fn(&str) -> bool) -> String {
    replaced(&ENCODED, text, |found| {
        let decoded = String::from_utf8(decoded(&found[0])?).ok()?;
        let readable = decoded.chars().all(|c| !c.is_control() || c.is_whitespace());
        (readable && dirty(&decoded)).then(|| REDACTED.to_owned())
    })
}

/// A text without words that are long and random.
pub(super) fn without_random(text: String) -> String {
    replaced(&RANDOM, text, |found| is_random(&found[0]).then(|| REDACTED.to_owned()))
}

fn replaced(shape: &Option<Regex>, text: String, with: impl Fn(&Captures<'_>) -> Option<String>) -> String {
    let Some(shape) = shape.as_ref().filter(|shape| shape.is_match(&text)) else { return text };
    shape.replace_all(&text, |found: &Captures<'_>| with(found).unwrap_or_else(|| found[0].to_owned())).into_owned()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    DECODERS.iter().find_map(|decoder| decoder.decode(text).ok())
}

/// What follows `scheme://` without the password in it; `None` where there is none. A password may hold any character, so
/// it ends at the last `@`; a port before a path is none.
fn without_login(scheme: &str, rest: &str) -> Option<String> {
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host_and_port = || {
        let (host, port) = rest[..authority].split_once(':')?;
        (!host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
    };
    let at = match rest[..authority].rfind('@') {
        Some(at) => at,
        // Beyond the first slash only where what stands before it cannot be a host.
        None if host_and_port().is_some() || !rest[..authority].contains(':') => return None,
        None => rest.rfind('@')?,
    };
    let host = addresses(rest[at..].to_owned());
    match rest[..at].split_once(':') {
        Some((user, _)) => Some(format!("{user}:{REDACTED}{host}")),
        // A user alone is a token where it is a web address, unless it is short.
        None if scheme.to_ascii_lowercase().contains("http") && at >= 16 || is_random(&rest[..at]) => {
            Some(format!("{REDACTED}{host}"))
        }
        None => None,
    }
}

/// Whether a word is one that nobody chose: capitals, small letters and digits that change places all the time. Names in
/// camel case have long runs, digests and uids no capitals.
pub(super) fn is_random(word: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let mut counts = [0_usize; 4];
    word.bytes().for_each(|byte| counts[kind(byte)] += 1);
    let changes = word.as_bytes().windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count();
    let [small, capital, digits, _] = counts;
    word.len() >= 20 && small >= 4 && capital >= 4 && digits >= 1 && changes * 5 >= word.len() * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_words_are_distinguished_from_names() {
        for word in [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzq9PLmKEY",
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
        ] {
            assert!(is_random(word), "{word}");
        }
        for word in [
            "NoSuchMethodErrorException",
            "GeneratedMethodAccessor1234",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            "BP-1837421-10_0_0_1-1700000000000",
            "CID-9c3a1b2e-4d5f-4a6b-8c7d-0e1f2a3b4c5d",
            "DFSClient_NONMAPREDUCE_1234_1",
            "my-livy-7d9f8b6c5d-x2x4z",
            "20261121T184622Z-5a1e92",
            "org/apache/hadoop/hdfs/server/namenode/FSNamesystem",
            "HttpServer2ConnectionHandlerFactory",
        ] {
            assert!(!is_random(word), "{word}");
        }
    }
}
