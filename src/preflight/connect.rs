//! Why preflight cannot start: the cluster cannot be connected to, or there is no Helm.

use super::table::{
    API_ERROR, API_UNREACHABLE, CERTIFICATE_NAME, CERTIFICATE_UNTRUSTED, CONTEXT_MISSING, CREDENTIALS, HELM_MISSING,
    KUBECONFIG, KUBERNETES_OLD, TOKEN_REJECTED,
};
use crate::driver::helm::FindError;
use crate::driver::kube::ConnectError;
use crate::model::causes;
use crate::model::preflight::Finding;

/// The finding for a cluster that could not be connected to; `None` where it is this machine that fails.
#[must_use]
pub fn connect_finding(error: &ConnectError) -> Option<Finding> {
    let what = causes(error).join(": ");
    Some(match error {
        ConnectError::NoKubeconfig { .. } => {
            KUBECONFIG.found("this machine", what, "windlass preflight --kubeconfig FILE")
        }
        ConnectError::Read { path, .. } | ConnectError::Parse { path, .. } => KUBECONFIG.found(
            path.display().to_string(),
            what,
            format!("kubectl --kubeconfig {} config view", path.display()),
        ),
        ConnectError::NoCurrentContext { available } | ConnectError::NoContext { available, .. } => {
            let name = available.first().map_or("NAME", String::as_str);
            CONTEXT_MISSING.found("kubeconfig", what, format!("windlass preflight --context {name}"))
        }
        ConnectError::Incomplete { context, .. } => {
            CONTEXT_MISSING.found(format!("context {context}"), what, "kubectl config view")
        }
        ConnectError::Credentials { context, .. }
        | ConnectError::Unusable { context, .. }
        | ConnectError::Plugin { context, .. }
        | ConnectError::Login { context, .. } => {
            CREDENTIALS.found(format!("context {context}"), what, format!("kubectl --context {context} version"))
        }
        ConnectError::Unreachable { context, server, .. } => {
            API_UNREACHABLE.found(server, what, format!("kubectl --context {context} version"))
        }
        ConnectError::WrongName { server, names, .. } => {
            let name = names.first().map_or("NAME", String::as_str);
            CERTIFICATE_NAME.found(server, what, format!("kubectl config set-cluster CLUSTER --tls-server-name={name}"))
        }
        ConnectError::Untrusted { server, .. } => CERTIFICATE_UNTRUSTED.found(
            server,
            what,
            "kubectl config set-cluster CLUSTER --certificate-authority=FILE --embed-certs",
        ),
        ConnectError::Unauthorized { server, user, .. } => {
            TOKEN_REJECTED.found(server, what, format!("kubectl config set-credentials {user} --token=TOKEN"))
        }
        ConnectError::Version { server, .. } => API_ERROR.found(server, what, "kubectl get --raw '/readyz?verbose'"),
        ConnectError::TooOld { server, .. } => KUBERNETES_OLD.found(
            server,
            what,
            "upgrade the cluster: kubeadm upgrade plan, or as described by its vendor",
        ),
        ConnectError::Private(_) | ConnectError::Write { .. } => return None,
    })
}

/// The finding for a Helm that was not found, or is not supported.
#[must_use]
pub fn helm_finding(error: &FindError) -> Finding {
    HELM_MISSING.found("this machine", causes(error).join(": "), "windlass preflight --helm FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_its_id() {
        let context =
            |wanted: &str| ConnectError::NoContext { wanted: wanted.to_owned(), available: vec!["one".to_owned()] };
        let found = connect_finding(&context("other")).unwrap();
        assert_eq!((found.id, found.fix.as_str()), ("context-missing", "windlass preflight --context one"));
        let old = ConnectError::TooOld { server: "https://x:6443".to_owned(), found: "v1.20.1".to_owned() };
        let found = connect_finding(&old).unwrap();
        assert_eq!((found.id, found.place.as_str()), ("kubernetes-old", "https://x:6443"));
        assert!(found.what.contains("v1.20.1") && found.what.contains("1.28"), "{}", found.what);
        assert_eq!(connect_finding(&ConnectError::NoKubeconfig { searched: Vec::new() }).unwrap().id, "kubeconfig");
    }

    #[test]
    fn a_missing_helm_is_reported() {
        let found = helm_finding(&FindError::NotFound);
        assert_eq!(found.id, "helm-missing");
        assert!(found.what.contains("helm 3.18"), "{}", found.what);
    }
}
