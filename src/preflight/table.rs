//! Every check by its id. `docs/preflight.md` is made from this table: `windlass preflight --list`.

use std::fmt::Write as _;

use crate::model::preflight::{Finding, Severity};

/// One kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, which never changes its meaning.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the install can proceed with it; nothing can without a cluster.
    pub waivable: bool,
    /// What it means, in a sentence.
    pub means: &'static str,
    /// What fixes it, in a sentence.
    pub fixes: &'static str,
}

/// The finding that `--adopt` for a component waives.
pub const ADOPTABLE: &str = RELEASE_FOREIGN.id;

/// The finding that the pull tests of an install from an offline bundle stand for.
pub const PULL_TESTS: &str = REGISTRY_PULL.id;

impl Check {
    /// A finding of this kind: where, what, and the command that fixes it.
    pub(super) fn found(&self, place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            severity: self.severity,
            id: self.id,
            place: place.into(),
            what: what.into(),
            fix: fix.into(),
            waived: false,
            adopt: None,
        }
    }
}

macro_rules! checks {
    ($($name:ident $id:literal $severity:ident $waivable:literal $means:literal $fixes:literal;)*) => {
        $(#[doc = concat!("`", $id, "`: ", $means)]
        pub(super) const $name: Check =
            Check { id: $id, severity: Severity::$severity, waivable: $waivable, means: $means, fixes: $fixes };)*

        /// All checks, in the order of the documentation.
        pub const CHECKS: &[Check] = &[$($name),*];
    };
}

checks! {
    KUBECONFIG "kubeconfig" Error false
        "No kubeconfig was found, or it cannot be read or parsed."
        "Name one with `--kubeconfig FILE` or `KUBECONFIG`; `kubectl config view` shows how kubectl reads it.";
    CONTEXT_MISSING "context-missing" Error false
        "The kubeconfig has no context of that name, none is current, or the context names a cluster or user that is not in the file."
        "`kubectl config get-contexts` lists them; choose one with `--context NAME`.";
    CREDENTIALS "credentials" Error false
        "The certificate, key or login plugin that the kubeconfig names cannot be used."
        "`kubectl --context NAME version` shows the plugin's output; log in again, or correct the paths in the kubeconfig.";
    API_UNREACHABLE "api-unreachable" Error false
        "Nothing answers at the address of the API server."
        "Check that the cluster is up and reachable from this machine: VPN, firewall, `HTTPS_PROXY` and `NO_PROXY`.";
    CERTIFICATE_NAME "certificate-name" Error false
        "The certificate of the API server is for other names than the one in the kubeconfig."
        "Put one of the certificate's names into `server`, or into `tls-server-name` of the cluster.";
    CERTIFICATE_UNTRUSTED "certificate-untrusted" Error false
        "The certificate of the API server is expired, or not signed by the authority in the kubeconfig."
        "Get a new kubeconfig of this cluster; renew the API server's certificate if it has expired.";
    TOKEN_REJECTED "token-rejected" Error false
        "The API server does not accept the credentials: expired, revoked, or of another cluster."
        "Log in again, or put a new token into the kubeconfig: `kubectl config set-credentials USER --token=…`.";
    API_ERROR "api-error" Error false
        "The API server answers, but with an error."
        "`kubectl get --raw /readyz?verbose` shows what is wrong with it.";
    KUBERNETES_OLD "kubernetes-old" Error true
        "The cluster is older than windlass or a chart needs (`kubeVersion` in its Chart.yaml). A version that windlass itself does not support cannot be waived."
        "Upgrade the cluster, or use a chart that supports it: `--catalog DIR`.";
    HELM_MISSING "helm-missing" Error false
        "Helm was not found, or its version is not supported."
        "Install Helm 4, or 3.18 or newer, or name one with `--helm FILE`.";
    CHART_FAILS "chart-fails" Error true
        "A chart cannot be rendered with the values from the answers, so nothing more is known about its release."
        "The message names the value; correct the answer, and run `windlass preflight` again for the rest.";
    KIND_NOT_SERVED "kind-not-served" Error true
        "A chart has an object of a kind that the cluster does not serve."
        "Install what defines it (a CustomResourceDefinition), or switch the object off in the chart's values.";
    MANIFEST_UNREAD "manifest-unread" Warning true
        "A chart rendered an object that Helm accepts and windlass cannot parse, so it is not checked, neither here nor during the install."
        "`helm template` shows it at the line in the message; correct it in the chart.";
    RIGHTS_MISSING "rights-missing" Error true
        "The user may not do what the plan needs. Checked with access reviews, so it is right for any authorizer."
        "Ask an administrator to run the command shown, or to apply `docs/rbac.yaml`, which has all rights that windlass needs.";
    RIGHTS_EXPLAIN "rights-explain" Warning true
        "The user may not read something that would explain why an install does not continue. The install itself works without it."
        "Ask an administrator to run the command shown.";
    NOT_CHECKED "not-checked" Warning true
        "Something could not be read, so the checks in the message were skipped. They may pass or not."
        "Have the right in the message granted; `docs/rbac.yaml` has all of them.";
    NAMESPACE_TERMINATING "namespace-terminating" Error true
        "A namespace is being deleted: nothing can be created in it."
        "Wait until it is gone; `kubectl get namespace NAME -o yaml` shows what blocks it.";
    POD_SECURITY "pod-security" Error true
        "The namespace enforces a stricter Pod Security level than the pods need, so that they would not be admitted."
        "`kubectl label namespace NAME pod-security.kubernetes.io/enforce=LEVEL --overwrite`.";
    QUOTA "quota" Error true
        "The plan needs more than is left in a ResourceQuota of the namespace."
        "Raise the quota, or request less: memory, volumes and replicas are answers.";
    QUOTA_UNSET "quota-unset" Error true
        "A ResourceQuota counts something that a container does not set and no LimitRange sets for it: such pods are refused."
        "Give the namespace a LimitRange with a default.";
    LIMIT_RANGE "limit-range" Error true
        "A container or volume requests more or less than a LimitRange of the namespace allows."
        "Change the LimitRange, or the answer that sizes it.";
    NO_STORAGE_CLASS "no-storage-class" Error true
        "A volume names no StorageClass, and the cluster has no default one: it would never be provisioned."
        "Name one with `platform.storage_class`, or make one the default.";
    STORAGE_CLASS_MISSING "storage-class-missing" Error true
        "A volume names a StorageClass that does not exist."
        "`kubectl get storageclasses` lists those that exist; answer `platform.storage_class` with one.";
    STORAGE_CLASS_DEFAULTS "storage-class-defaults" Warning true
        "Several StorageClasses are the default: volumes get the newest of them."
        "Name one with `platform.storage_class`.";
    STORAGE_BINDING "storage-binding" Warning true
        "The StorageClass provisions volumes before their pods are scheduled, perhaps where the pods cannot run."
        "Use a class with `volumeBindingMode: WaitForFirstConsumer`.";
    STORAGE_EXPANSION "storage-expansion" Warning true
        "Volumes of the StorageClass cannot grow later."
        "Choose sizes that last, or a class with `allowVolumeExpansion: true`.";
    VOLUME_FIXED "volume-not-expandable" Error true
        "An answer requests larger volumes than there are, and some of them cannot grow: their StorageClass has no `allowVolumeExpansion`, or they have no class, or no volume yet. Nothing is changed, since the others would be larger and the StatefulSet could not follow."
        "`kubectl patch storageclass NAME -p '{\"allowVolumeExpansion\":true}'`, if its provisioner can do it; or answer with the current size.";
    VOLUME_SMALLER "volume-smaller" Error true
        "An answer requests smaller volumes than there are: volumes cannot shrink."
        "Answer with the current size, which is in the message.";
    HELM_DELETES "helm-deletes-data" Hint true
        "`helm uninstall` of the release would delete an object with more than itself: a claim or volume with its data, a Custom Resource Definition or namespace with all its objects, or a StatefulSet that deletes its claims. `windlass uninstall` names it and keeps it."
        "Give it the annotation `helm.sh/resource-policy: keep` in the chart (a StatefulSet: `persistentVolumeClaimRetentionPolicy.whenDeleted: Retain`), or leave uninstalling to windlass.";
    INGRESS_WITHOUT_LOGIN "ingress-without-login" Error true
        "An Ingress, a route or a Service of type NodePort or LoadBalancer leads to a component that requires no login, and requires none itself."
        "Answer `platform.ingress_auth_secret` (nginx) or `platform.ingress_middleware` (Traefik), give it annotations of its own in a `values_file`, or answer `platform.ingress_enabled=false`.";
    PEER_MISSING "peer-namespace-missing" Warning true
        "A NetworkPolicy allows all of a namespace that does not exist: the clients that were meant are blocked. Not reported where the user may not get the namespace."
        "`kubectl get namespaces` lists those that exist; answer `platform.ingress_namespace` or `platform.allow_from` with the one that was meant.";
    NO_INGRESS_CLASS "no-ingress-class" Error true
        "An Ingress names no class, and the cluster has no default one: no controller would serve it."
        "Name one with `platform.ingress_class`, or answer `platform.ingress_enabled=false`.";
    INGRESS_CLASS_MISSING "ingress-class-missing" Error true
        "An Ingress names a class that does not exist."
        "`kubectl get ingressclasses` lists those that exist; answer `platform.ingress_class` with one.";
    TLS_SECRET_MISSING "tls-secret-missing" Warning true
        "An Ingress names a Secret with a certificate that is not in its namespace: most controllers then serve one of their own."
        "`kubectl -n NAMESPACE create secret tls NAME --cert=FILE --key=FILE`.";
    NO_NODES "no-nodes" Error true
        "No node is ready to take pods."
        "`kubectl get nodes` shows why: not ready, or cordoned.";
    NODES_DOWN "nodes-down" Warning true
        "A DaemonSet runs on every node, and some are not ready or cordoned. Its pods there are not waited for."
        "`kubectl get nodes` shows them; a node that comes back gets its pod by itself.";
    NODE_LABELS "node-labels" Error true
        "No ready node has the labels that a pod requires."
        "`kubectl label node NAME KEY=VALUE`, or change the selector in the chart's values.";
    NODE_TAINTS "node-taints" Error true
        "Every node that a pod could go to has a taint which the pod does not tolerate."
        "`kubectl taint node NAME KEY-`, or give the pod a toleration in the chart's values.";
    RESOURCES "resources" Error true
        "A pod requests more cpu or memory than any node has left, or all pods together more than all nodes. A cluster that adds nodes by itself may still take them: waive it there."
        "Request less (the memory answers of the component), or add a node.";
    RESOURCES_TIGHT "resources-tight" Warning true
        "Each pod fits on a node, and the sum fits too, but no placement was found in which all of them fit."
        "Request less, or add a node, or see where the scheduler puts them.";
    IMAGE_REFERENCE "image-reference" Error true
        "The image of a container is not an image name."
        "Correct the answers that name the image and its tag.";
    IMAGE_TAG "image-tag" Warning true
        "An image has neither a tag nor a digest, or the tag `latest`: what runs may change without an upgrade."
        "Answer with a version's tag.";
    IMAGE_DIGEST "image-digest" Hint true
        "Images are pulled by their tags alone: whoever may push to the registry can put another image under the same tag."
        "Answer with the digest of the tested image: `crane digest IMAGE`, or `docker buildx imagetools inspect IMAGE`.";
    IMAGE_UNDECLARED "image-undeclared" Hint true
        "A chart renders an image that its component does not declare: no answer changes or pins it, and it does not move to a registry of the site."
        "Name it under `images` of component.yaml, with the paths at which the chart's values have it. For a chart of your own: the same in a `values_file`.";
    IMAGE_NOT_IN_BUNDLE "image-not-in-bundle" Error true
        "An install from an offline bundle would pull an image that it does not hold, or other bytes than it holds, or from elsewhere than from the registry that it is pushed to."
        "Change the answer that names the image to match the offline bundle, or create one with it: `windlass lock --answers`, `windlass bundle create`.";
    PLATFORM_NOT_IN_BUNDLE "platform-not-in-bundle" Error true
        "The cluster has nodes of a platform for which the offline bundle lacks images: pods that land there would not start."
        "Create one with `windlass bundle create --platform OS/ARCH`, or keep the pods off such nodes.";
    REGISTRY_PUSH "registry-push" Error false
        "The registry does not accept the content of the offline bundle: a project or a right is missing, or a tag names another digest."
        "Do what the message says; for tags `--tag-conflict` decides.";
    REGISTRY_PULL "registry-pull" Error true
        "A node cannot pull from the registry. Found by the pull tests of an install from an offline bundle, which are steps before the first release (`platform/pull-test-N`), and not by preflight; waived, these steps are omitted."
        "The step names the cause, the file on the node, and the node's own words.";
    IMAGE_NOT_MOVED "image-not-moved" Error true
        "Images come from a registry of the site (`platform.registry`), and a chart renders one that is pulled from elsewhere and that its component does not declare."
        "Name it under `images` of component.yaml, with the paths at which the chart's values have it; or name where the site has it in a `values_file`.";
    PULL_SECRET_MISSING "pull-secret-missing" Error true
        "Pods name a Secret with registry credentials that is not in their namespace and that windlass does not make."
        "`kubectl -n NAMESPACE create secret docker-registry NAME …`, or let windlass make it: `platform.pull_secret: {file: …}`.";
    PULL_LOGIN_ENDS "pull-login-ends" Hint true
        "The login that nodes pull with ends soon, or has ended: it is one of ECR, which lasts 12 hours, or a token that says that it ends within 30 days. Pods that start on a new node after that cannot pull."
        "Use a login that lasts, such as that of a robot account or a deploy token; or have a timer get a new one and run `windlass secrets refresh`.";
    SECRET_MISSING "secret-missing" Error true
        "An answer names a Secret of the component's own namespace (`secret:NAME`) that does not exist."
        "Create it, with the question's id as key; or give the secret in another way: `env:NAME`, `file:PATH`.";
    OBJECT_FOREIGN "object-foreign" Error true
        "A release would create an object that already exists and belongs to another release, or to none: Helm refuses to adopt it."
        "Answer `COMPONENT.release` with another name; or hand the object over with the command shown, if it should belong to the release.";
    OBJECT_SHARED "object-shared" Error true
        "Two releases of this install have the same object: the second could not be installed."
        "Give one of them another name or namespace, or switch the object off in the values of one.";
    NAMESPACE_MISSING "namespace-missing" Error true
        "A chart has an object in a namespace that does not exist and that nothing creates. Not reported where the user may not get the namespace."
        "Create the namespace, or name another in the chart's values.";
    PODS_NOT_ADMITTED "pods-not-admitted" Error true
        "Pods violate the Pod Security level that their namespace enforces, or will enforce once windlass has created it. Checked against the standards from what the chart renders; sysctls, AppArmor and SELinux are not checked."
        "Set `release.pod_security` in component.yaml to what the pods need, or the pods' securityContext in the chart's values.";
    RELEASE_TOO_LARGE "release-too-large" Error true
        "Helm keeps chart, values and manifest of a release in one Secret, and their size exceeds it (1 MiB)."
        "Remove files that are not templates from the chart's folder, or switch parts off.";
    RELEASE_LARGE "release-large" Warning true
        "Helm's record of a release is close to what a Secret holds (1 MiB): a few more values or objects, and it cannot be upgraded."
        "Remove files that are not templates from the chart's folder, or switch parts off.";
    RELEASE_FOREIGN "release-foreign" Error false
        "A release has the name of one of ours, and windlass did not create it. It can be adopted: the message says why (chart and values match ours, or the chart is a known one that can become ours), and which values would change."
        "Allow it for that component with `--adopt COMPONENT`, and windlass upgrades that release; `windlass plan --diff` shows the changes. Or answer `COMPONENT.release` with another name.";
    RELEASE_NOT_ADOPTABLE "release-not-adoptable" Error false
        "A release has the name of one of ours, windlass did not create it, and it cannot be adopted: it is of another chart, or of one whose data our software cannot read."
        "Answer `COMPONENT.release` with another name, and move the data where the message says how; or, if it is no longer needed, `helm uninstall` it.";
    RELEASE_STUCK "release-stuck" Warning true
        "Helm was killed in the middle of this release, or is still running."
        "Nothing, if no Helm is running: windlass continues from there. Otherwise wait for it.";
    FIELD_IMMUTABLE "field-immutable" Error true
        "A release would change a field that cannot be changed once its object is there (a StatefulSet's volume templates, a Deployment's selector, a Job, an address, a volume): Helm would fail in the middle of the upgrade. Found by a dry run, which changes nothing."
        "Run the command shown, then the same install again: it recreates the object. `--cascade=orphan` leaves the pods running; volumes are kept (their sizes are answers of most components, and grow without this). For an object with data (a PersistentVolumeClaim) keep the old value.";
    CHANGE_REFUSED "change-refused" Error true
        "The API refuses the change of an existing object for another reason: the object is invalid, or admission (a webhook, a policy, a quota) denies it. Found by a dry run, which changes nothing."
        "`windlass plan --diff` shows what would change; correct the answer or the chart, or ask whoever runs that admission.";
    AGREEMENT "agreement" Error true
        "The answers ask for a change that those who use the component will notice, or that has no way back: the message says what. Nothing starts before somebody has agreed."
        "Agree to it: `--waive agreement`. Or give the recorded answers again: then `windlass plan` does not have that step.";
    DNS_DOMAIN "dns-domain" Error true
        "The cluster's DNS serves another domain than `platform.cluster_domain`: addresses between components would not resolve. Not checked where there is no ConfigMap kube-system/coredns."
        "Answer `platform.cluster_domain` with the domain that is shown.";
    WEBHDFS_UNREACHABLE "webhdfs-unreachable" Error true
        "HDFS is installed and ready, but WebHDFS answers neither directly nor through the API's port-forward. Before HDFS is installed only the right to forward ports can be checked."
        "`windlass -vv plan` shows what was tried; network policies and proxies are the usual reasons.";
    RUN_GOING_ON "run-going-on" Warning true
        "Another windlass is running on this cluster: what is read may change meanwhile, and nothing else can be installed before that run has ended."
        "Wait until it ends, and run `windlass preflight` again; `windlass unlock` if it is known to be dead.";
    CLOCK_SKEW "clock-skew" Warning true
        "The clock of this machine and that of the API server differ. Locks allow for it; certificates and tokens may not."
        "Set this machine's clock: `timedatectl set-ntp true`.";
    DISK_FULL "disk-full" Error true
        "There is no space for the journal of the run, or its file system is not writable."
        "Free space, or keep runs elsewhere: `XDG_STATE_HOME=DIR`.";
    DISK_LOW "disk-low" Warning true
        "Little space is left where the journals of runs are kept."
        "Free space, or keep runs elsewhere: `XDG_STATE_HOME=DIR`.";
}

/// A check by its id.
#[must_use]
pub fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// `docs/preflight.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Preflight

`windlass preflight` checks everything that an install will need and reports all that is wrong at once, errors before
warnings and hints, with the command that fixes each. `windlass install` does the same first, if there is anything to do; errors
end it with exit code 11 before anything is changed. `--waive ID` accepts a finding, and can be given
more than once. An existing release that has the name of one of ours, and that windlass did not create, is changed only with
`--adopt COMPONENT` (`release-foreign`).

It only reads from the cluster; the rights that the plan needs are checked with access reviews, and changes to existing
objects are sent as dry runs, which change nothing. What may not be read is reported by
`not-checked`, with the checks that were skipped. `docs/rbac.yaml` has exactly the rights that windlass needs, those for
preflight among them. It creates the namespaces. Let windlass create them instead, and it needs the rights to create
namespaces, where one is missing, and to patch those that it created, where one gets another Pod Security level.

What is not checked: pods that Spark makes for jobs, hooks of charts, roles that a chart binds without defining them,
and whether the images are in the registry.

With `--json` it prints one object: `schema` (1), `event` (`preflight`), `cluster`, the numbers of `errors`, `warnings`,
`hints` and `waived`, and `findings`, each with `severity`, `id`, `where`, `what`, `fix` and `waived`,
of a release that can be adopted also `adopt`, the component.

",
    );
    for (severity, title) in [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Hint, "Hints")] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "## {title}\n");
        for check in CHECKS.iter().filter(|check| check.severity == severity) {
            let waived = if check.waivable { "" } else { " Cannot be waived." };
            let _ = writeln!(text, "### {}\n{}{waived}\n\n*Fixed by:* {}\n", check.id, check.means, check.fixes);
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_fit_a_command_line() {
        for (index, check) in CHECKS.iter().enumerate() {
            assert!(CHECKS[index + 1..].iter().all(|other| other.id != check.id), "{} twice", check.id);
            assert!(check.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", check.id);
            assert!(check.means.ends_with('.') && check.fixes.ends_with('.'), "{}", check.id);
        }
    }

    #[test]
    fn the_documentation_is_this_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/preflight.md");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == markdown(), "regenerate it: cargo run -- preflight --list > docs/preflight.md");
    }
}
