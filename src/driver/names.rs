//! What a host's name means on this machine.

use std::net::IpAddr;
use std::time::Duration;

/// How long a name server may take. What it does not know by then it is taken not to know.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Whether a host's name leads to this address from here.
pub async fn leads_to(host: &str, address: IpAddr) -> bool {
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host, 0))).await;
    found.is_ok_and(|found| found.is_ok_and(|mut all| all.any(|it| it.ip().to_canonical() == address.to_canonical())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_of_this_machine() {
        assert!(leads_to("localhost", IpAddr::from([127, 0, 0, 1])).await);
        assert!(!leads_to("localhost", IpAddr::from([10, 0, 0, 1])).await);
        assert!(!leads_to("no-such-host.invalid", IpAddr::from([10, 0, 0, 1])).await);
    }
}
