//! Which proxy stands between this machine and a server, as Go's programs (kubectl, Helm) decide it.

use std::net::IpAddr;

/// The proxy that the environment names for a server: `HTTPS_PROXY` or `HTTP_PROXY` by the server's scheme, their
/// lower-case twins where those are empty, `http://` before one without a scheme. Never for this machine, and not
/// where `NO_PROXY` excludes the server.
pub(super) fn from_environment(
    tls: bool,
    host: &str,
    port: u16,
    env: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let either = |upper: &str, lower: &str| {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        set(upper).or_else(|| set(lower))
    };
    let proxy = if tls { either("HTTPS_PROXY", "https_proxy") } else { either("HTTP_PROXY", "http_proxy") }?;
    let proxy = with_scheme(&proxy)?;
    (!bypassed(host, port, &either("NO_PROXY", "no_proxy").unwrap_or_default())).then_some(proxy)
}

/// A proxy as a URL. An invalid one is ignored, as in Go.
fn with_scheme(proxy: &str) -> Option<String> {
    let is_url = |text: &str| {
        let (scheme, rest) = text.split_once("://")?;
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>\"\\^`{|}".contains(c);
        (named && !authority.is_empty() && !authority.contains(odd)).then_some(())
    };
    [proxy.to_owned(), format!("http://{proxy}")].into_iter().find(|url| is_url(url).is_some())
}

/// Whether a server is reached without the proxy.
fn bypassed(host: &str, port: u16, list: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback()) {
        return true;
    }
    let entries = list.split(',').map(|entry| entry.trim().to_lowercase()).filter(|entry| !entry.is_empty());
    entries.into_iter().any(|entry| matches(&host, port, address, &entry))
}

fn matches(host: &str, port: u16, address: Option<IpAddr>, entry: &str) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = network(entry) {
        return address.is_some_and(|address| in_network(address, network, bits));
    }
    let (name, only) = with_port(entry);
    if name.is_empty() || only.is_some_and(|only| only.parse() != Ok(port)) {
        return false;
    }
    if let Ok(wanted) = name.parse::<IpAddr>() {
        return address.is_some_and(|address| address.to_canonical() == wanted.to_canonical());
    }
    if address.is_some() {
        return false;
    }
    // `x.y` means itself and all below, `.x.y` and `*.x.y` only what is below.
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// Name or address, and port: `a:1`, `1.2.3.4:5`, `[::1]:5`. What is not of that form is a name.
fn with_port(entry: &str) -> (&str, Option<&str>) {
    if let Some((name, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => (name, Some(port).filter(|port| !port.is_empty())),
            None => (entry, None),
        };
    }
    match entry.split_once(':') {
        // More than one colon: an address of IPv6.
        Some((name, port)) if !port.contains(':') => (name, Some(port).filter(|port| !port.is_empty())),
        _ => (entry, None),
    }
}

fn network(entry: &str) -> Option<(IpAddr, u32)> {
    let (network, bits) = entry.split_once('/')?;
    let (network, bits): (IpAddr, u32) = (network.parse().ok()?, bits.parse().ok()?);
    let width = if network.is_ipv4() { 32 } else { 128 };
    (bits <= width).then_some((network, bits))
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let shift = width.saturating_sub(bits);
        shift >= width || a >> shift == b >> shift
    };
    match (address.to_canonical(), network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => same(u32::from(a).into(), u32::from(n).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => same(a.into(), n.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_as_go_reads_it() {
        for (host, no_proxy, expected) in [
            ("10.97.0.2", "", false),
            ("127.0.0.1", "", true),
            ("127.8.8.8", "", true),
            ("localhost", "", true),
            ("[::1]", "", true),
            ("10.97.0.2", "10.0.0.0/8", true),
            ("11.97.0.2", "10.0.0.0/8", false),
            ("10.97.0.2", "10.0.0.0/33", false),
            ("10.97.0.2", "10.97.0.2", true),
            ("10.97.0.2", "10.97.0.2:6443", true),
            ("10.97.0.2", "10.97.0.2:443", false),
            ("10.97.0.2", "10.97.0.2:", true),
            ("[fd00::1]", "[fd00::1]:6443", true),
            ("[fd00::1]", "[fd00::1]:1", false),
            ("[fd00::1]", "fd00::1", true),
            ("[fd00::1]", "fd00::/16", true),
            ("10.97.0.2", "10.97.0.0/30 , x", true),
            ("10.97.0.5", "10.97.0.0/30", false),
            ("api.site.example", "site.example", true),
            ("api.site.example", "site.example:6443", true),
            ("api.site.example", "site.example:443", false),
            ("site.example", "site.example", true),
            ("site.example", ".site.example", false),
            ("api.site.example", ".site.example", true),
            ("api.site.example", "*.site.example", true),
            ("site.example", "*.site.example", false),
            ("api.site.example", "*site.example", false),
            ("api.othersite.example", "site.example", false),
            ("notsite.example", "site.example", false),
            ("API.Site.Example", "site.EXAMPLE", true),
            ("anything", "*", true),
            ("anything", "x,*", true),
            ("anything", ",, ,", false),
            ("anything", ":6443", false),
        ] {
            assert_eq!(bypassed(host, 6443, no_proxy), expected, "{host} with {no_proxy:?}");
        }
    }

    #[test]
    fn the_proxy_of_the_environment() {
        let found = |tls, set: &[(&str, &str)]| {
            let env = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            from_environment(tls, "api.example", 6443, env)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found(true, &[("HTTPS_PROXY", "http://p:1")]), some("http://p:1"));
        assert_eq!(found(true, &[("HTTPS_PROXY", "p:3128")]), some("http://p:3128"));
        assert_eq!(found(true, &[("https_proxy", "p")]), some("http://p"));
        assert_eq!(found(true, &[("HTTPS_PROXY", ""), ("https_proxy", "socks5://p:1")]), some("socks5://p:1"));
        assert_eq!(found(true, &[("HTTP_PROXY", "p:1"), ("ALL_PROXY", "p:1")]), None, "is for other servers");
        assert_eq!(found(false, &[("HTTP_PROXY", "p:1")]), some("http://p:1"));
        assert_eq!(found(true, &[("HTTPS_PROXY", "p:1"), ("no_proxy", "example")]), None);
        assert_eq!(found(true, &[("HTTPS_PROXY", "u:p%40@p:1")]), some("http://u:p%40@p:1"));
        assert_eq!(found(true, &[("HTTPS_PROXY", "a b")]), None);
        assert_eq!(found(true, &[]), None);
    }
}
