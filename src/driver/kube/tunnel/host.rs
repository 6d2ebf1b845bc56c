//! Host names as Hadoop gives them, and which pod each means. Pure.

use std::net::{IpAddr, Ipv4Addr};

use crate::driver::kube::small::Pod;

/// What a host name looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// `pod.service.namespace.svc…`: named completely, whatever the cluster's domain.
    Pod { namespace: String, pod: String },
    /// `service.namespace.svc…`.
    Service { namespace: String, service: String },
    /// An address, also as `1-2-3-4.namespace.pod…`; the namespace where it is known.
    Address { namespace: Option<String>, address: IpAddr },
    /// Anything else: a pod's name, perhaps with its service, or a node's name.
    Name(String),
}

/// Reads a host name. Upper and lower case, and a dot at the end, make no difference.
pub(super) fn parse(host: &str) -> Host {
    let host = host.trim().trim_end_matches('.').to_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Host::Address { namespace: None, address };
    }
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [pod, _, namespace, "svc", ..] => Host::Pod { namespace: (*namespace).to_owned(), pod: (*pod).to_owned() },
        [service, namespace, "svc", ..] => {
            Host::Service { namespace: (*namespace).to_owned(), service: (*service).to_owned() }
        }
        [address, namespace, "pod", ..] => match dashed(address) {
            Some(address) => Host::Address { namespace: Some((*namespace).to_owned()), address },
            None => Host::Name(host.clone()),
        },
        _ => Host::Name(host.clone()),
    }
}

/// `10-244-0-7`, as cluster DNS names a pod by its address.
fn dashed(label: &str) -> Option<IpAddr> {
    let address: Ipv4Addr = label.replace('-', ".").parse().ok()?;
    Some(IpAddr::V4(address))
}

/// The pod that has this address. Pods in the host's network share the node's: of those, one that declares the port.
pub(super) fn by_address<'a>(pods: &'a [Pod], address: &IpAddr, port: u16) -> Option<&'a Pod> {
    let text = address.to_string();
    let has = |pod: &&Pod| {
        let status = pod.status.as_ref();
        let first = status.and_then(|status| status.pod_ip.as_deref()) == Some(text.as_str());
        first || status.is_some_and(|status| status.pod_ips.iter().flatten().any(|ip| ip.ip == text))
    };
    best(pods.iter().filter(has).collect(), port)
}

/// The pod that goes by this name: its own, its host name, or the node's for one in the host's network.
pub(super) fn by_name<'a>(pods: &'a [Pod], name: &str, port: u16) -> Option<&'a Pod> {
    let first = name.split('.').next().unwrap_or(name);
    let own = |pod: &&Pod| {
        let hostname = pod.spec.as_ref().and_then(|spec| spec.hostname.as_deref());
        pod.metadata.name.as_deref() == Some(first) || hostname == Some(first)
    };
    let on_node = |pod: &&Pod| {
        pod.spec.as_ref().is_some_and(|spec| {
            let node = spec.node_name.as_deref().unwrap_or_default();
            let same = node.eq_ignore_ascii_case(name) || node.split('.').next() == Some(name);
            spec.host_network == Some(true) && same
        })
    };
    best(pods.iter().filter(own).collect(), port).or_else(|| best(pods.iter().filter(on_node).collect(), port))
}

/// Of several, one that runs and declares the port.
fn best(mut pods: Vec<&Pod>, port: u16) -> Option<&Pod> {
    pods.retain(|pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
    });
    let declares = |pod: &&&Pod| {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let mut ports = containers.flat_map(|it| it.ports.iter().flatten());
        ports.any(|declared| declared.container_port == i32::from(port) || declared.host_port == Some(port.into()))
    };
    pods.iter().find(declares).or(pods.first()).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, ip: &str, host_network: bool, port: u16) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "hdfs"},
            "spec": {"nodeName": node, "hostNetwork": host_network,
                "containers": [{"name": "c", "ports": [{"containerPort": port}]}]},
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}
        }))
        .unwrap()
    }

    #[test]
    fn names_as_hadoop_gives_them() {
        let pod = |pod: &str| Host::Pod { namespace: "hdfs".to_owned(), pod: pod.to_owned() };
        assert_eq!(parse("hdfs-datanode-0.hdfs-datanode.hdfs.svc.cluster.local"), pod("hdfs-datanode-0"));
        assert_eq!(parse("hdfs-datanode-0.hdfs-datanode.hdfs.svc.site.example."), pod("hdfs-datanode-0"));
        assert_eq!(parse("HDFS-DataNode-0.hdfs-datanode.hdfs.svc"), pod("hdfs-datanode-0"));
        assert_eq!(
            parse("hdfs-namenode.hdfs.svc.cluster.local"),
            Host::Service { namespace: "hdfs".to_owned(), service: "hdfs-namenode".to_owned() }
        );
        let address = "10.244.0.7".parse().unwrap();
        assert_eq!(parse("10.244.0.7"), Host::Address { namespace: None, address });
        assert_eq!(
            parse("10-244-0-7.hdfs.pod.cluster.local"),
            Host::Address { namespace: Some("hdfs".to_owned()), address }
        );
        assert_eq!(parse("[fd00::7]"), Host::Address { namespace: None, address: "fd00::7".parse().unwrap() });
        assert_eq!(parse("node-1.site.example"), Host::Name("node-1.site.example".to_owned()));
        assert_eq!(parse("hdfs-datanode-0.hdfs-datanode"), Host::Name("hdfs-datanode-0.hdfs-datanode".to_owned()));
    }

    #[test]
    fn pods_are_found_by_all_their_names() {
        let pods = [
            pod("dn-0", "n1", "10.0.0.5", false, 9864),
            pod("proxy-x", "n1.site.example", "192.168.0.1", true, 10256),
            pod("dn-y", "n1.site.example", "192.168.0.1", true, 9864),
        ];
        let name = |found: Option<&Pod>| found.and_then(|pod| pod.metadata.name.clone()).unwrap_or_default();
        assert_eq!(name(by_name(&pods, "dn-0", 9864)), "dn-0");
        assert_eq!(name(by_name(&pods, "dn-0.hdfs-datanode", 9864)), "dn-0");
        assert_eq!(
            name(by_name(&pods, "n1.site.example", 9864)),
            "dn-y",
            "the node's name means the pod with that port"
        );
        assert_eq!(name(by_name(&pods, "n1", 9864)), "dn-y");
        assert_eq!(name(by_address(&pods, &"10.0.0.5".parse().unwrap(), 1)), "dn-0");
        assert_eq!(name(by_address(&pods, &"192.168.0.1".parse().unwrap(), 9864)), "dn-y");
        assert_eq!(name(by_name(&pods, "nobody", 9864)), "");
    }
}
