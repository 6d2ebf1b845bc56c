//! What a certificate says of itself, as far as the TLS library does not say it: who issued it, and until when it is valid.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The most of a name that is shown.
const SHOWN: usize = 120;

/// What is read of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The common name of who issued it, or else the organisation.
    pub(super) issuer: Option<String>,
    /// Whether it is its own issuer.
    pub(super) is_self_issued: bool,
    /// From when and until when it is valid, in seconds since 1970.
    pub(super) validity: Option<(i64, i64)>,
}

impl Certificate {
    /// Reads one; `None` where it is none.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate, _) = value(der)?;
        let (_, mut fields, _) = value(certificate)?;
        // A version, if it has one; then serial number, algorithm, issuer, validity, subject.
        if fields.first() == Some(&0xa0) {
            fields = value(fields)?.2;
        }
        let fields = value(value(fields)?.2)?.2;
        let (_, issuer, fields) = value(fields)?;
        let (_, validity, fields) = value(fields)?;
        let (_, subject, _) = value(fields)?;
        Some(Self { issuer: name(issuer), is_self_issued: issuer == subject, validity: period(validity) })
    }
}

/// One value of DER: its tag, what is in it, and what follows it.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}

/// The common name in a name, or else the organisation.
fn name(mut parts: &[u8]) -> Option<String> {
    let (mut common, mut organisation) = (None, None);
    while let Some((_, set, rest)) = value(parts) {
        parts = rest;
        let (_, pair, _) = value(set)?;
        let (_, kind, text) = value(pair)?;
        let (_, text, _) = value(text)?;
        let clean = |text: &[u8]| Some(format!("`{}`", shown(&String::from_utf8_lossy(text))));
        match kind {
            [0x55, 0x04, 0x03] => common = clean(text),
            [0x55, 0x04, 0x0a] => organisation = clean(text),
            _ => {}
        }
    }
    common.or(organisation)
}

/// A text of a certificate as it can be shown: anybody may have made it.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// Both ends of a validity.
fn period(validity: &[u8]) -> Option<(i64, i64)> {
    let (kind, from, rest) = value(validity)?;
    let (other, until, _) = value(rest)?;
    Some((time(kind, from)?, time(other, until)?))
}

/// A time: with two digits of the year (1950 to 2049), or with four.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match kind {
        0x17 if text.get(..2)? < "50" => format!("20{text}"),
        0x17 => format!("19{text}"),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_who_issued_it_and_how_long_it_is_valid() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["r.site".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Site");
        params.distinguished_name.push(rcgen::DnType::CommonName, "Site's root \u{1b}[31m");
        params.not_before = rcgen::date_time_ymd(2001, 2, 3);
        params.not_after = rcgen::date_time_ymd(2051, 2, 3);
        let certificate = params.self_signed(&key).unwrap();
        let read = Certificate::read(certificate.der()).unwrap();
        assert_eq!(read.issuer.as_deref(), Some("`Site's root [31m`"));
        assert!(read.is_self_issued);
        assert_eq!(read.validity, Some((981_158_400, 2_558_995_200)));
        for cut in 0..certificate.der().len().min(400) {
            let _ = Certificate::read(&certificate.der()[..cut]);
        }
        assert_eq!(Certificate::read(b""), None);
        assert_eq!(Certificate::read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(time(0x17, b"700101000001Z"), Some(1));
        assert_eq!(time(0x17, b"491231235959Z"), time(0x18, b"20491231235959Z"));
        assert_eq!(time(0x17, b"500101000000Z"), time(0x18, b"19500101000000Z"));
        for bad in [&b""[..], b"7", b"700101000001", b"701301000001Z", b"\xff\xff"] {
            assert_eq!(time(0x17, bad), None);
        }
        assert_eq!(time(0x04, b"700101000001Z"), None);
    }
}
