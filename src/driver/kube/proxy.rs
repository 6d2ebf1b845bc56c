//! Whether a host is reached without the proxy of the environment, as Go's programs (kubectl, Helm) decide it.

use std::net::IpAddr;

/// Whether `NO_PROXY` (or its lower-case twin) takes this host out, or it is this machine.
pub(super) fn bypassed(host: &str, env: impl Fn(&str) -> Option<String>) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let list = env("NO_PROXY").filter(|list| !list.is_empty()).or_else(|| env("no_proxy")).unwrap_or_default();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| matches(&host, address, entry))
}

fn matches(host: &str, address: Option<IpAddr>, entry: &str) -> bool {
    let entry = entry.to_lowercase();
    if entry == "*" {
        return true;
    }
    if let (Some(address), Some((network, bits))) = (address, entry.split_once('/')) {
        return in_network(address, network, bits).unwrap_or(false);
    }
    if let Some(address) = address {
        return entry.parse() == Ok(address);
    }
    // An entry with a port is for that port only in Go; here the port is ignored, which errs on the direct side.
    let entry = entry.split(':').next().unwrap_or_default();
    let domain = entry.trim_start_matches('*').trim_start_matches('.');
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    below || (host == domain && !entry.starts_with(['.', '*']))
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> Option<bool> {
    let (network, bits): (IpAddr, u32) = (network.parse().ok()?, bits.parse().ok()?);
    let same = |a: u128, b: u128, width: u32| {
        let shift = width.saturating_sub(bits);
        shift >= width || a >> shift == b >> shift
    };
    Some(match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => same(u32::from(a).into(), u32::from(n).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => same(a.into(), n.into(), 128),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_decides_it() {
        for (host, no_proxy, expected) in [
            ("10.97.0.2", "", false),
            ("127.0.0.1", "", true),
            ("localhost", "", true),
            ("[::1]", "", true),
            ("10.97.0.2", "10.0.0.0/8", true),
            ("11.97.0.2", "10.0.0.0/8", false),
            ("10.97.0.2", "10.97.0.2", true),
            ("10.97.0.2", "10.97.0.0/30 , x", true),
            ("10.97.0.5", "10.97.0.0/30", false),
            ("api.site.example", "site.example", true),
            ("site.example", "site.example", true),
            ("site.example", ".site.example", false),
            ("api.site.example", ".site.example", true),
            ("api.site.example", "*.site.example", true),
            ("api.othersite.example", "site.example", false),
            ("notsite.example", "site.example", false),
            ("API.Site.Example.", "site.EXAMPLE", true),
            ("anything", "*", true),
            ("anything", "", false),
        ] {
            let env = |name: &str| (name == "no_proxy").then(|| no_proxy.to_owned());
            assert_eq!(bypassed(host, env), expected, "{host} with {no_proxy:?}");
        }
    }
}
