//! Proxies, as the environment names them. What bypasses them is decided here and not by reqwest, since that knows no ports
//! in `NO_PROXY`, and so that a plan can say which way each host is reached.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;

/// Which proxies there are, and who is reached without them. What it prints has no credentials.
#[derive(Clone, Default)]
pub struct Proxies(Arc<Inner>);

#[derive(Default)]
struct Inner {
    http: Option<Url>,
    https: Option<Url>,
    bypass: Vec<Bypass>,
}

/// The address of a proxy is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is not an HTTP proxy address; expected an address such as http://proxy.site:3128")]
pub struct ProxyError {
    /// Which variable says it.
    pub variable: String,
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyRoute {
    /// Without a proxy.
    Direct,
    /// By this one, named without credentials.
    Through(String),
}

impl fmt::Display for ProxyRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Through(proxy) => write!(f, "through {proxy}"),
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<Url>| proxy.as_ref().map(bare);
        f.debug_struct("Proxies").field("http", &shown(&self.0.http)).field("https", &shown(&self.0.https)).finish()
    }
}

/// An address without what may be secret in it.
pub(super) fn bare(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq)]
enum Bypass {
    All,
    Net(IpNet),
    /// An address or a name, which counts for what is below it, too; and a port, if only that is meant.
    Address(IpAddr, Option<u16>),
    Name(String, Option<u16>),
}

impl Bypass {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if text == "*" {
            return Some(Self::All);
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Some(Self::Net(net));
        }
        let address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if let Some(address) = address(text) {
            return Some(Self::Address(address, None));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        if let Some(address) = address(host) {
            return Some(Self::Address(address, port));
        }
        let name = host.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
        (!name.is_empty()).then_some(Self::Name(name, port))
    }

    fn covers(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        let meant = |wanted: &Option<u16>| wanted.is_none() || *wanted == port;
        match self {
            Self::All => true,
            Self::Net(net) => address.is_some_and(|address| net.contains(&address)),
            Self::Address(known, wanted) => address == Some(*known) && meant(wanted),
            Self::Name(name, wanted) => {
                let below = host.strip_suffix(name.as_str()).is_some_and(|head| head.is_empty() || head.ends_with('.'));
                below && address.is_none() && meant(wanted)
            }
        }
    }
}

impl Proxies {
    /// None: every host is reached directly.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`; in small letters they come first, as with curl.
    ///
    /// # Errors
    /// One of them is no address of an HTTP proxy.
    pub fn from_env() -> Result<Self, ProxyError> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// As [`Self::from_env`], from other variables than ours.
    ///
    /// # Errors
    /// One of them is no address of an HTTP proxy.
    pub fn from_vars(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let either = |name: &str| {
            [name.to_lowercase(), name.to_owned()]
                .into_iter()
                .find_map(|name| variable(&name).filter(|value| !value.trim().is_empty()).map(|value| (name, value)))
        };
        let proxy = |name: &str| -> Result<Option<Url>, ProxyError> {
            let Some((variable, value)) = either(name).or_else(|| either("ALL_PROXY")) else { return Ok(None) };
            let value = value.trim();
            let full = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
            let url = Url::parse(&full).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            url.map(Some).ok_or(ProxyError { variable })
        };
        let no = either("NO_PROXY").map(|(_, value)| value).unwrap_or_default();
        let bypass = no.split([',', ' ']).filter_map(Bypass::parse).collect();
        Ok(Self(Arc::new(Inner { http: proxy("HTTP_PROXY")?, https: proxy("HTTPS_PROXY")?, bypass })))
    }

    /// The proxy that an address is reached by.
    fn proxy(&self, url: &Url) -> Option<&Url> {
        let port = url.port_or_known_default();
        if self.0.bypass.iter().any(|bypass| bypass.covers(url.host_str().unwrap_or_default(), port)) {
            return None;
        }
        match url.scheme() {
            "https" => self.0.https.as_ref(),
            "http" => self.0.http.as_ref(),
            _ => None,
        }
    }

    /// How an address is reached.
    #[must_use]
    pub fn way(&self, url: &Url) -> ProxyRoute {
        self.proxy(url).map_or(ProxyRoute::Direct, |proxy| ProxyRoute::Through(bare(proxy)))
    }

    /// How a registry is reached that is spoken to by TLS.
    #[must_use]
    pub fn way_to(&self, host: &str) -> ProxyRoute {
        Url::parse(&format!("https://{host}/")).map_or(ProxyRoute::Direct, |url| self.way(&url))
    }

    /// The rule for reqwest.
    pub(super) fn rule(&self) -> reqwest::Proxy {
        let proxies = self.clone();
        reqwest::Proxy::custom(move |url| proxies.proxy(url).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        Proxies::from_vars(|name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
            .unwrap()
    }

    #[test]
    fn no_proxy_has_names_suffixes_networks_and_ports() {
        let no = "internal, .dot.site,*.star.site,10.97.0.0/16 fd00::/8,192.168.1.5,port.site:5000,[::1]:5001";
        let proxies = proxies(&[("HTTPS_PROXY", "http://u:secret@proxy:3128"), ("no_proxy", no)]);
        for direct in [
            "internal",
            "a.internal",
            "INTERNAL:5000",
            "dot.site",
            "a.dot.site",
            "a.star.site",
            "10.97.0.2:5000",
            "[fd00::1]:5000",
            "192.168.1.5",
            "port.site:5000",
            "a.port.site:5000",
            "[::1]:5001",
        ] {
            assert_eq!(proxies.way_to(direct), ProxyRoute::Direct, "{direct}");
        }
        for through in
            ["notinternal", "internal.evil", "10.98.0.1", "192.168.1.6", "port.site", "port.site:5001", "[::1]:5000"]
        {
            assert_eq!(proxies.way_to(through).to_string(), "through http://proxy:3128", "{through}");
        }
        assert_eq!(proxies.way(&Url::parse("http://r/").unwrap()), ProxyRoute::Direct, "only for https");
        assert!(!format!("{proxies:?}").contains("secret"));
    }

    #[test]
    fn proxies_are_named_as_curl_takes_them() {
        let way = |vars: &[(&str, &str)]| proxies(vars).way_to("r.site").to_string();
        assert_eq!(way(&[]), "direct");
        assert_eq!(way(&[("ALL_PROXY", "p:1")]), "through http://p:1");
        assert_eq!(
            way(&[("ALL_PROXY", "p:1"), ("https_proxy", "https://q"), ("HTTPS_PROXY", "p:2")]),
            "through https://q"
        );
        assert_eq!(way(&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "*")]), "direct");
        let bad = |value: &str| Proxies::from_vars(|name| (name == "HTTPS_PROXY").then(|| value.to_owned()));
        assert_eq!(bad("socks5://u:p@h:1").unwrap_err(), ProxyError { variable: "HTTPS_PROXY".to_owned() });
        assert!(bad("http://").is_err());
    }
}
