//! How an Ingress is reached from outside.

/// An Ingress, as far as it matters for access from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ingress {
    /// Its class, in either of the two ways of naming it.
    pub class: Option<String>,
    /// The paths of its rules, in order.
    pub paths: Vec<IngressPath>,
    /// The hosts for which it has TLS; one entry may be for all (`""`).
    pub tls: Vec<String>,
    /// Where its controller answers: an IP or a host name; none until there is one.
    pub address: Option<String>,
}

/// A path of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngressPath {
    /// Its host, which may begin with `*.`; none where it is for all.
    pub host: Option<String>,
    /// The path; it may be a pattern.
    pub path: String,
    /// The Service that it leads to.
    pub service: String,
}

impl Ingress {
    /// The address to type and its host's name, if it has one: of the path that leads to this Service, else of the first.
    #[must_use]
    pub fn url(&self, service: Option<&str>) -> Option<(String, Option<&str>)> {
        let found = self.paths.iter().find(|path| service == Some(path.service.as_str())).or(self.paths.first())?;
        let host = found.host.as_deref().filter(|host| !host.is_empty() && !host.starts_with("*."));
        let scheme = if self.is_tls(found.host.as_deref().unwrap_or_default()) { "https" } else { "http" };
        let address = match host {
            Some(host) => host.to_owned(),
            None => bracketed(self.address.as_deref()?),
        };
        // Controllers take patterns, such as /airflow(/|$)(.*): what stands before is a path.
        let path = found.path.split(['(', '[', '*', '^', '$', '|', '?', '+', '\\']).next().unwrap_or_default();
        let path = if path == "/" { "" } else { path };
        Some((format!("{scheme}://{address}{path}"), host))
    }

    fn is_tls(&self, host: &str) -> bool {
        self.tls.iter().any(|covered| {
            covered.is_empty()
                || covered == host
                || covered.strip_prefix('*').is_some_and(|rest| {
                    host.strip_suffix(rest).is_some_and(|label| !label.is_empty() && !label.contains('.'))
                })
        })
    }
}

/// An address of IPv6 as it stands in a URL.
fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ingress(paths: &[(&str, &str, &str)], tls: &[&str], address: Option<&str>) -> Ingress {
        let path = |(host, path, service): &(&str, &str, &str)| IngressPath {
            host: Some((*host).to_owned()).filter(|host| !host.is_empty()),
            path: (*path).to_owned(),
            service: (*service).to_owned(),
        };
        Ingress {
            class: None,
            paths: paths.iter().map(path).collect(),
            tls: tls.iter().map(|host| (*host).to_owned()).collect(),
            address: address.map(str::to_owned),
        }
    }

    #[test]
    fn the_address_from_outside() {
        for (paths, tls, address, expected) in [
            (&[("a.site", "/", "x")][..], &[][..], None, Some("http://a.site")),
            (&[("a.site", "/x", "x")], &["a.site"], None, Some("https://a.site/x")),
            (&[("a.site", "/x", "x")], &["b.site"], None, Some("http://a.site/x")),
            (&[("a.site", "/x", "x")], &["*.site"], None, Some("https://a.site/x")),
            (&[("a.b.site", "", "x")], &["*.site"], None, Some("http://a.b.site")),
            (&[("a.site", "/x(/|$)(.*)", "x")], &[""], None, Some("https://a.site/x")),
            (&[("", "/x", "x")], &[], Some("10.0.0.1"), Some("http://10.0.0.1/x")),
            (&[("", "/x", "x")], &[], Some("fd00::1"), Some("http://[fd00::1]/x")),
            (&[("*.site", "/x", "x")], &["*.site"], Some("lb.cloud"), Some("https://lb.cloud/x")),
            (&[("", "/x", "x")], &[], None, None),
            (&[("a.site", "/other", "y"), ("b.site", "/x", "x")], &[], None, Some("http://b.site/x")),
            (&[("a.site", "/other", "y"), ("b.site", "/x", "z")], &[], None, Some("http://a.site/other")),
            (&[], &[], None, None),
        ] {
            let ingress = ingress(paths, tls, address);
            assert_eq!(ingress.url(Some("x")).map(|(url, _)| url).as_deref(), expected, "{ingress:?}");
        }
    }
}
