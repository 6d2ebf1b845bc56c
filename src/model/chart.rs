//! Where a chart comes from, as answers and definitions write it.

use std::fmt;
use std::path::PathBuf;

/// The longest text that is accepted.
const LONGEST: usize = 1024;

/// What a digest begins with.
const SHA256: &str = "sha256:";

/// A chart, and which bytes it has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartRef {
    /// Where it is.
    pub source: ChartSource,
    /// `sha256:…` of the archive, as `sha256sum` and the index of a repository have it.
    pub sha256: Option<String>,
}

/// Where a chart is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartSource {
    /// A folder or an archive on this machine.
    Path(PathBuf),
    /// A chart of a repository with an `index.yaml`.
    Repository {
        /// The address, `http` or `https`.
        url: String,
        /// The chart's name.
        name: String,
        /// One version.
        version: String,
    },
    /// A chart in a registry of images.
    Registry {
        /// `host/path`, whose last part is the chart's name.
        reference: String,
        /// One version; the tag.
        version: String,
        /// `sha256:…` of the manifest, as `helm push` and `helm pull` print it.
        manifest: Option<String>,
    },
}

/// How a chart may be written, for messages.
pub const CHART_WAYS: &str =
    "a folder, an archive (chart.tgz), oci://host/path:version or https://repository#name:version";

impl ChartRef {
    /// Reads what an answer says.
    ///
    /// # Errors
    /// What is wrong with it; never a login that is in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Self::path(text) };
        match scheme {
            "oci" => {
                let (rest, manifest) = pinned(rest)?;
                let (path, version) = split_version(rest).ok_or_else(|| lacks_version(&format!("oci://{rest}")))?;
                Ok(Self { source: ChartSource::registry(path, version, manifest)?, sha256: None })
            }
            "http" | "https" => {
                let Some((url, chart)) = text.split_once('#') else {
                    plain_address(rest)?;
                    return Err(format!(
                        "`{text}` does not name a chart: use {scheme}://repository#name:version, or download the \
                         archive and give its path"
                    ));
                };
                let (chart, sha256) = pinned(chart)?;
                let (name, version) = chart.rsplit_once(':').ok_or_else(|| lacks_version(&format!("#{chart}")))?;
                Ok(Self { source: ChartSource::repository(url, name, version)?, sha256 })
            }
            "file" => Err("is a path: use it without file://".to_owned()),
            _ => Err(format!("has the unsupported scheme `{scheme}://`: expected {CHART_WAYS}")),
        }
    }

    fn path(text: &str) -> Result<Self, String> {
        let (path, sha256) = match text.rsplit_once("@sha256:") {
            Some((path, _)) => (path, pinned(&text[path.len()..])?.1),
            None => (text, None),
        };
        Ok(Self { source: ChartSource::Path(PathBuf::from(path)), sha256 })
    }

    /// Whether a text names a chart that is not on this machine.
    #[must_use]
    pub fn is_remote(text: &str) -> bool {
        text.contains("://")
    }
}

impl ChartSource {
    /// A chart of a repository.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn repository(url: &str, name: &str, version: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        plain_address(rest.ok_or_else(|| format!("`{url}` is not a chart repository: expected https://host/path"))?)?;
        chart_name(name)?;
        one_version(version)?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self::Repository { url, name: name.to_owned(), version: version.to_owned() })
    }

    /// A chart in a registry; `path` is `host/path`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn registry(path: &str, version: &str, manifest: Option<String>) -> Result<Self, String> {
        plain_address(path)?;
        let name = path.split_once('/').map(|(_, path)| path.rsplit('/').next().unwrap_or(path));
        let none = || format!("`oci://{path}` does not name a chart: expected oci://host/path:version");
        chart_name(name.ok_or_else(none)?)?;
        one_version(version)?;
        Ok(Self::Registry { reference: path.to_owned(), version: version.to_owned(), manifest })
    }

    /// The name and version that the chart has to have; nothing is asked of one on this machine.
    #[must_use]
    pub fn wanted(&self) -> Option<(&str, &str)> {
        match self {
            Self::Path(_) => None,
            Self::Repository { name, version, .. } => Some((name, version)),
            Self::Registry { reference, version, .. } => Some((reference.rsplit('/').next()?, version)),
        }
    }

    /// The registry's host, with its port.
    #[must_use]
    pub fn registry_host(&self) -> Option<&str> {
        match self {
            Self::Registry { reference, .. } => reference.split('/').next(),
            _ => None,
        }
    }
}

impl fmt::Display for ChartRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        self.sha256.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl fmt::Display for ChartSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Repository { url, name, version } => write!(f, "{url}#{name}:{version}"),
            Self::Registry { reference, version, manifest } => {
                write!(f, "oci://{reference}:{version}")?;
                manifest.iter().try_for_each(|digest| write!(f, "@{digest}"))
            }
        }
    }
}

/// A text and the digest behind its `@`.
fn pinned(text: &str) -> Result<(&str, Option<String>), String> {
    let Some(at) = text.rfind("@sha256:") else { return Ok((text, None)) };
    let digest = &text[at + 1..];
    is_digest(digest)
        .then(|| (&text[..at], Some(digest.to_owned())))
        .ok_or_else(|| format!("`{digest}` is not a digest: expected sha256: and 64 lower-case hex digits"))
}

/// `sha256:` and 64 hexadecimal digits in lower case.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    text.strip_prefix(SHA256).is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}

/// The port of a host is not a version.
fn split_version(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once(':').filter(|(path, version)| path.contains('/') && !version.contains('/'))
}

fn lacks_version(text: &str) -> String {
    format!("`{text}` has no version: append one, as in {text}:1.2.3")
}

/// An address must not contain a login, since answers are stored and shown.
fn plain_address(rest: &str) -> Result<(), String> {
    if rest.contains('@') || rest.contains('?') {
        return Err("contains a login or a query, and answers are stored: use `helm registry login` or \
                    `helm repo add` for the login"
            .to_owned());
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(['-', ':']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("`{rest}` is not a valid address"));
    }
    Ok(())
}

fn chart_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good) {
        return Ok(());
    }
    Err(format!("`{name}` is not a valid chart name"))
}

/// Ranges are refused: the same answers must always give the same chart.
fn one_version(version: &str) -> Result<(), String> {
    let core = version.strip_prefix('v').unwrap_or(version);
    let (core, rest) = core.split_at(core.find(['-', '+']).unwrap_or(core.len()));
    let parts: Vec<&str> = core.split('.').collect();
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    let rest_is_good = rest.len() != 1 && rest.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c));
    if parts.len() == 3 && parts.iter().all(number) && rest_is_good {
        return Ok(());
    }
    Err(format!("`{version}` is not an exact version such as 1.2.3: the same answers must always give the same chart"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let pinned = |text: &str| format!("{text}@{digest}");
        for text in [
            "./charts/minio",
            "/srv/minio-5.2.0.tgz",
            &pinned("/srv/minio-5.2.0.tgz"),
            "odd name@x",
            "oci://r.site:5000/charts/minio:5.2.0",
            "oci://r.site/minio:v5.2.0-rc.1",
            &pinned("oci://10.97.0.2:5000/a/b/minio:5.2.0"),
            "https://charts.example.com#minio:5.2.0",
            "http://127.0.0.1:8080/stable#minio:5.2.0+build.1",
            &pinned("https://charts.example.com/x#minio:5.2.0"),
        ] {
            assert_eq!(ChartRef::parse(text).map(|found| found.to_string()), Ok(text.to_owned()));
        }
        let of = |text: &str| ChartRef::parse(text).unwrap();
        assert_eq!(of("https://a.b/c/#d:1.2.3"), of("https://a.b/c#d:1.2.3"));
        assert_eq!(of("oci://h:5000/p/d:1.2.3").source.registry_host(), Some("h:5000"));
        assert_eq!(of("oci://h:5000/p/d:1.2.3").source.wanted(), Some(("d", "1.2.3")));
    }

    #[test]
    fn invalid_charts_are_refused_with_the_reason() {
        for (text, what) in [
            ("oci://r.site:5000/minio", "has no version"),
            ("oci://r.site:5.2.0", "has no version"),
            ("oci://r.site/minio:~5.2", "not an exact version"),
            ("oci://r.site/minio:latest", "not an exact version"),
            ("oci://r.site/minio:1.2.3@sha256:abc", "not a digest"),
            ("oci://r.site/:1.2.3", "not a valid chart name"),
            ("oci://r.site/--post-renderer:1.2.3", "not a valid chart name"),
            ("https://charts.example.com", "does not name a chart"),
            ("https://charts.example.com/minio-5.2.0.tgz", "download the archive"),
            ("https://charts.example.com#minio", "has no version"),
            ("https://charts.example.com#minio:5", "not an exact version"),
            ("https://charts.example.com#-f:1.2.3", "not a valid chart name"),
            ("https://#minio:1.2.3", "not a valid address"),
            ("https://u:hunter2@charts.example.com#minio:1.2.3", "helm repo add"),
            ("https://u:hunter2@charts.example.com", "helm repo add"),
            ("https://charts.example.com?token=hunter2#minio:1.2.3", "helm repo add"),
            ("oci://u:hunter2@r.site/minio:1.2.3", "helm registry login"),
            ("file:///srv/minio", "without file://"),
            ("git+https://x/y", "unsupported scheme"),
            ("s3://bucket#x:1.2.3", "unsupported scheme"),
            ("chart.tgz@sha256:zz", "not a digest"),
        ] {
            let message = ChartRef::parse(text).unwrap_err();
            assert!(message.contains(what) && !message.contains("hunter2"), "{text}: {message}");
        }
    }
}
