//! Platforms as they are asked for, and as images name them.

use serde::Deserialize;

use crate::model::oci::Platform;

/// A text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform: expected os/architecture, such as linux/amd64 or linux/arm/v7")]
pub struct PlatformError(String);

/// Reads `linux/amd64`, `linux/arm/v7`.
///
/// # Errors
/// It is not of that form.
pub fn parse_platform(text: &str) -> Result<Platform, PlatformError> {
    let word = |part: &str| {
        !part.is_empty() && part.len() <= 40 && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let parts: Vec<&str> = text.trim().split('/').collect();
    let (os, architecture, variant) = match parts.as_slice() {
        [os, architecture] => (os, architecture, None),
        [os, architecture, variant] => (os, architecture, Some(*variant)),
        _ => return Err(PlatformError(text.chars().take(80).collect())),
    };
    if ![*os, *architecture].into_iter().chain(variant).all(word) {
        return Err(PlatformError(text.chars().take(80).collect()));
    }
    // What people call it who come from `uname -m`.
    let architecture = match *architecture {
        "x86" | "i386" => "386",
        "aarch64" => "arm64",
        other => other,
    };
    Ok(Platform { os: (*os).to_owned(), architecture: architecture.to_owned(), variant: variant.map(str::to_owned) })
}

/// The variant that counts: arm64 has had one only, which is written or not.
fn variant(platform: &Platform) -> Option<&str> {
    let variant = platform.variant.as_deref().filter(|variant| !variant.is_empty());
    variant.filter(|variant| !(platform.architecture == "arm64" && *variant == "v8"))
}

/// How it is called in a lock.
pub(super) fn named(platform: &Platform) -> String {
    let variant = variant(platform).map(str::to_owned);
    Platform { variant, ..platform.clone() }.to_string()
}

/// Whether an image for `platform` is what was asked for: any variant where none was named.
pub(super) fn fits(wanted: &Platform, platform: &Platform) -> bool {
    (&wanted.os, &wanted.architecture) == (&platform.os, &platform.architecture)
        && (variant(wanted).is_none() || variant(wanted) == variant(platform))
}

/// What an image's config says.
pub(super) fn of_config(bytes: &[u8]) -> Option<Platform> {
    #[derive(Deserialize)]
    struct Config {
        os: String,
        architecture: String,
        variant: Option<String>,
    }
    let Config { os, architecture, variant } = serde_json::from_slice(bytes).ok()?;
    let there = |text: &str| !text.is_empty() && text != "unknown";
    (there(&os) && there(&architecture)).then_some(Platform { os, architecture, variant })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_and_compared_as_runtimes_do() {
        let parse = |text: &str| parse_platform(text).unwrap();
        assert_eq!(named(&parse("linux/arm64/v8")), "linux/arm64");
        assert_eq!(named(&parse("linux/arm/v7")), "linux/arm/v7");
        assert_eq!(parse("linux/aarch64"), parse("linux/arm64"));
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "Linux/amd64", "linux/am d64"] {
            assert!(parse_platform(text).is_err(), "{text}");
        }
        for (wanted, has, expected) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/arm64", false),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("windows/amd64", "linux/amd64", false),
        ] {
            assert_eq!(fits(&parse(wanted), &parse(has)), expected, "{wanted} {has}");
        }
        assert_eq!(
            of_config(br#"{"os":"linux","architecture":"arm64","variant":"v8"}"#).map(|it| named(&it)),
            Some("linux/arm64".into())
        );
        for bytes in [
            &b"{}"[..],
            b"",
            b"{\"os\":\"\",\"architecture\":\"amd64\"}",
            b"{\"os\":\"unknown\",\"architecture\":\"unknown\"}",
        ] {
            assert_eq!(of_config(bytes), None);
        }
    }
}
