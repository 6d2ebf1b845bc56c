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
        "Specify one with `--kubeconfig FILE` or `KUBECONFIG`; `kubectl config view` shows how kubectl reads it.";
    CONTEXT_MISSING "context-missing" Error false
        "The kubeconfig has no context of that name or no current context, or the context refers to a cluster or user that is not in the file."
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
        "Install Helm 4, or 3.18 or newer, or specify its path with `--helm FILE`.";
    CHART_FAILS "chart-fails" Error true
        "A chart cannot be rendered with the values from the answers, so nothing more is known about its release."
        "The message names the value; correct the answer, and run `windlass preflight` again for the rest.";
    KIND_NOT_SERVED "kind-not-served" Error true
        "A chart has an object of a kind that the cluster does not serve."
        "Install the CustomResourceDefinition that defines it, or disable the object in the chart's values.";
    MANIFEST_UNREAD "manifest-unread" Warning true
        "A chart rendered an object that Helm accepts and windlass cannot parse, so it is not checked, neither here nor during the install."
        "`helm template` shows it at the line in the message; correct it in the chart.";
    RIGHTS_MISSING "rights-missing" Error true
        "The user lacks permissions that the plan needs. Checked with access reviews, so the result is correct for any authorizer."
        "Ask an administrator to run the command shown, or to apply `docs/rbac.yaml`, which has all rights that windlass needs.";
    RIGHTS_EXPLAIN "rights-explain" Warning true
        "The user is not allowed to read objects that would explain why an install is stuck. The install itself works without this permission."
        "Ask an administrator to run the command shown.";
    NOT_CHECKED "not-checked" Warning true
        "Something could not be read, so the checks listed in the message were skipped; their result is unknown."
        "Ask an administrator to grant the permission in the message; `docs/rbac.yaml` lists all required permissions.";
    NAMESPACE_TERMINATING "namespace-terminating" Error true
        "A namespace is being deleted: nothing can be created in it."
        "Wait until it is deleted; `kubectl get namespace NAME -o yaml` shows what blocks the deletion.";
    POD_SECURITY "pod-security" Error true
        "The namespace enforces a stricter Pod Security level than the pods need, so that they would not be admitted."
        "`kubectl label namespace NAME pod-security.kubernetes.io/enforce=LEVEL --overwrite`.";
    QUOTA "quota" Error true
        "The plan needs more than is left in a ResourceQuota of the namespace."
        "Raise the quota, or request less: memory, volumes and replicas are answers.";
    QUOTA_UNSET "quota-unset" Error true
        "A ResourceQuota limits a resource that a container does not set and for which no LimitRange sets a default: such pods are rejected."
        "Create a LimitRange with defaults in the namespace.";
    LIMIT_RANGE "limit-range" Error true
        "A container or volume requests more or less than a LimitRange of the namespace allows."
        "Change the LimitRange, or the answer that sizes it.";
    NO_STORAGE_CLASS "no-storage-class" Error true
        "A volume specifies no StorageClass, and the cluster has no default class: it would never be provisioned."
        "Set `platform.storage_class` to an existing class, or make one the default.";
    STORAGE_CLASS_MISSING "storage-class-missing" Error true
        "A volume names a StorageClass that does not exist."
        "`kubectl get storageclasses` lists the existing classes; set `platform.storage_class` to one of them.";
    STORAGE_CLASS_DEFAULTS "storage-class-defaults" Warning true
        "Several StorageClasses are marked as default: volumes use the newest one."
        "Set `platform.storage_class` to an existing class.";
    STORAGE_BINDING "storage-binding" Warning true
        "The StorageClass provisions volumes before their pods are scheduled, possibly where the pods cannot run."
        "Use a class with `volumeBindingMode: WaitForFirstConsumer`.";
    STORAGE_EXPANSION "storage-expansion" Warning true
        "Volumes of the StorageClass cannot grow later."
        "Choose sizes with room for growth, or a class with `allowVolumeExpansion: true`.";
    VOLUME_FIXED "volume-not-expandable" Error true
        "An answer requests larger volumes, and some of the existing ones cannot be expanded: their StorageClass has no `allowVolumeExpansion`, or they have no class, or no volume yet. Nothing is changed, because otherwise only some volumes would grow and the StatefulSet could not be updated."
        "`kubectl patch storageclass NAME -p '{\"allowVolumeExpansion\":true}'`, if its provisioner supports it; or set the answer to the current size.";
    VOLUME_SMALLER "volume-smaller" Error true
        "An answer requests smaller volumes than the existing ones: volumes cannot shrink."
        "Set the answer to the current size, shown in the message.";
    HELM_DELETES "helm-deletes-data" Hint true
        "`helm uninstall` of the release would delete more than the object itself: a claim or volume with its data, a Custom Resource Definition or namespace with all its objects, or a StatefulSet that deletes its claims. `windlass uninstall` names it and keeps it."
        "Give it the annotation `helm.sh/resource-policy: keep` in the chart (a StatefulSet: `persistentVolumeClaimRetentionPolicy.whenDeleted: Retain`), or leave uninstalling to windlass.";
    INGRESS_WITHOUT_LOGIN "ingress-without-login" Error true
        "An Ingress, a route or a Service of type NodePort or LoadBalancer exposes a component without authentication, and does not add any."
        "Set `platform.ingress_auth_secret` (nginx) or `platform.ingress_middleware` (Traefik), add your own annotations in a `values_file`, or set `platform.ingress_enabled=false`.";
    PEER_MISSING "peer-namespace-missing" Warning true
        "A NetworkPolicy allows traffic from a namespace that does not exist, so the intended clients are blocked. Not reported if the user is not allowed to get the namespace."
        "`kubectl get namespaces` lists the existing namespaces; set `platform.ingress_namespace` or `platform.allow_from` to the intended one.";
    NO_INGRESS_CLASS "no-ingress-class" Error true
        "An Ingress specifies no class, and the cluster has no default class: no controller would serve it."
        "Set `platform.ingress_class` to an existing class, or set `platform.ingress_enabled=false`.";
    INGRESS_CLASS_MISSING "ingress-class-missing" Error true
        "An Ingress names a class that does not exist."
        "`kubectl get ingressclasses` lists the existing classes; set `platform.ingress_class` to one of them.";
    TLS_SECRET_MISSING "tls-secret-missing" Warning true
        "An Ingress refers to a TLS Secret that does not exist in its namespace: most controllers then serve their default certificate."
        "`kubectl -n NAMESPACE create secret tls NAME --cert=FILE --key=FILE`.";
    NO_NODES "no-nodes" Error true
        "No node is ready to take pods."
        "`kubectl get nodes` shows why: not ready, or cordoned.";
    NODES_DOWN "nodes-down" Warning true
        "A DaemonSet runs on every node, and some nodes are not ready or cordoned. windlass does not wait for its pods on those nodes."
        "`kubectl get nodes` shows them; a node that recovers gets its pod automatically.";
    NODE_LABELS "node-labels" Error true
        "No ready node has the labels that a pod requires."
        "`kubectl label node NAME KEY=VALUE`, or change the selector in the chart's values.";
    NODE_TAINTS "node-taints" Error true
        "Every node that a pod could go to has a taint which the pod does not tolerate."
        "`kubectl taint node NAME KEY-`, or give the pod a toleration in the chart's values.";
    RESOURCES "resources" Error true
        "A pod requests more cpu or memory than any node has left, or all pods together more than all nodes. A cluster with an autoscaler may still fit them: waive the finding there."
        "Request less (the memory answers of the component), or add a node.";
    RESOURCES_TIGHT "resources-tight" Warning true
        "Each pod fits on a node, and the sum fits too, but no placement was found in which all of them fit."
        "Request less, add a node, or check where the scheduler places the pods.";
    IMAGE_REFERENCE "image-reference" Error true
        "The image of a container is not an image name."
        "Correct the answers that name the image and its tag.";
    IMAGE_TAG "image-tag" Warning true
        "An image has neither a tag nor a digest, or the tag `latest`: what runs may change without an upgrade."
        "Set the answer to the tag of a version.";
    IMAGE_DIGEST "image-digest" Hint true
        "Images are pulled by their tags alone: whoever may push to the registry can put another image under the same tag."
        "Set the answer to the digest of the tested image: `crane digest IMAGE`, or `docker buildx imagetools inspect IMAGE`.";
    IMAGE_UNDECLARED "image-undeclared" Hint true
        "A chart renders an image that its component does not declare: no answer changes or pins it, and it is not pulled from the site's registry."
        "Declare it under `images` in component.yaml, with its paths in the chart's values. For a chart of your own: the same in a `values_file`.";
    IMAGE_NOT_IN_BUNDLE "image-not-in-bundle" Error true
        "An install from an offline bundle would pull an image that the offline bundle does not contain, or one with different content, or from a registry other than the one that its images are pushed to."
        "Change the answer that names the image to match the offline bundle, or create one with it: `windlass lock --answers`, `windlass bundle create`.";
    PLATFORM_NOT_IN_BUNDLE "platform-not-in-bundle" Error true
        "The cluster has nodes of a platform for which the offline bundle has no images: pods scheduled there would not start."
        "Create one with `windlass bundle create --platform OS/ARCH`, or keep the pods off such nodes.";
    REGISTRY_PUSH "registry-push" Error false
        "The registry does not accept the content of the offline bundle: a project or a right is missing, or a tag names another digest."
        "Do what the message says; for conflicting tags, use `--tag-conflict`.";
    REGISTRY_PULL "registry-pull" Error true
        "A node cannot pull from the registry. Found by the pull tests of an install from an offline bundle, which are steps before the first release (`platform/pull-test-N`), and not by preflight; waived, these steps are omitted."
        "The step names the cause, the file on the node, and the node's own words.";
    IMAGE_NOT_MOVED "image-not-moved" Error true
        "Images come from a registry of the site (`platform.registry`), but a chart renders an image from another registry that its component does not declare."
        "Declare it under `images` in component.yaml, with its paths in the chart's values; or set its location in the site's registry in a `values_file`.";
    PULL_SECRET_MISSING "pull-secret-missing" Error true
        "Pods refer to a Secret with registry credentials that does not exist in their namespace and that windlass does not create."
        "`kubectl -n NAMESPACE create secret docker-registry NAME …`, or let windlass create it: `platform.pull_secret: {file: …}`.";
    PULL_LOGIN_ENDS "pull-login-ends" Hint true
        "The login that nodes pull with ends soon, or has ended: it is one of ECR, which lasts 12 hours, or a token that says that it ends within 30 days. Pods that start on a new node after that cannot pull."
        "Use a login that lasts, such as that of a robot account or a deploy token; or have a timer get a new one and run `windlass secrets refresh`.";
    SECRET_MISSING "secret-missing" Error true
        "An answer refers to a Secret in the component's own namespace (`secret:NAME`) that does not exist."
        "Create it with the question's id as the key, or provide the secret in another way: `env:NAME`, `file:PATH`.";
    OBJECT_FOREIGN "object-foreign" Error true
        "A release would create an object that already exists and belongs to another release, or to none: Helm refuses to adopt it."
        "Set `COMPONENT.release` to another name, or hand the object over with the command shown if it should belong to the release.";
    OBJECT_SHARED "object-shared" Error true
        "Two releases of this install contain the same object: the second could not be installed."
        "Give one of them another name or namespace, or disable the object in the values of one of them.";
    NAMESPACE_MISSING "namespace-missing" Error true
        "A chart has an object in a namespace that does not exist and that nothing creates. Not reported if the user is not allowed to get the namespace."
        "Create the namespace, or specify another in the chart's values.";
    PODS_NOT_ADMITTED "pods-not-admitted" Error true
        "Pods violate the Pod Security level that their namespace enforces, or will enforce once windlass has created it. Checked against the standards from what the chart renders; sysctls, AppArmor and SELinux are not checked."
        "Set `release.pod_security` in component.yaml to what the pods need, or the pods' securityContext in the chart's values.";
    RELEASE_TOO_LARGE "release-too-large" Error true
        "Helm keeps chart, values and manifest of a release in one Secret, and their size exceeds it (1 MiB)."
        "Remove files that are not templates from the chart's folder, or disable parts of the chart.";
    RELEASE_LARGE "release-large" Warning true
        "Helm's release record is close to the size limit of a Secret (1 MiB): with a few more values or objects, the release could no longer be upgraded."
        "Remove files that are not templates from the chart's folder, or disable parts of the chart.";
    RELEASE_FOREIGN "release-foreign" Error false
        "A release with the same name as one of the platform exists, and windlass did not create it. It can be adopted: the message says why (chart and values match, or the chart is a known one that can be converted), and which values would change."
        "Allow it for that component with `--adopt COMPONENT`, and windlass upgrades that release; `windlass plan --diff` shows the changes. Or set `COMPONENT.release` to another name.";
    RELEASE_NOT_ADOPTABLE "release-not-adoptable" Error false
        "A release with the same name as one of the platform exists, windlass did not create it, and it cannot be adopted: it uses a different chart, or one whose data the platform's software cannot read."
        "Set `COMPONENT.release` to another name, and move the data as the message describes; or, if the release is no longer needed, remove it with `helm uninstall`.";
    RELEASE_STUCK "release-stuck" Warning true
        "Helm was killed in the middle of this release, or is still running."
        "Nothing to do if no Helm is running: windlass continues from there. Otherwise wait for Helm to finish.";
    FIELD_IMMUTABLE "field-immutable" Error true
        "A release would change an immutable field of an existing object (a StatefulSet's volume templates, a Deployment's selector, a Job, an address, a volume): Helm would fail in the middle of the upgrade. Found by a dry run, which changes nothing."
        "Run the command shown, then the same install again: it recreates the object. `--cascade=orphan` leaves the pods running; volumes are kept (their sizes are answers of most components, and grow without this). For an object with data (a PersistentVolumeClaim) keep the old value.";
    CHANGE_REFUSED "change-refused" Error true
        "The API refuses the change of an existing object for another reason: the object is invalid, or admission (a webhook, a policy, a quota) denies it. Found by a dry run, which changes nothing."
        "`windlass plan --diff` shows what would change; correct the answer or the chart, or ask the owner of the admission policy.";
    AGREEMENT "agreement" Error true
        "The answers request a change that users of the component will notice, or that cannot be undone; see the message. Nothing starts until you agree."
        "Agree with `--waive agreement`, or restore the recorded answers, so that `windlass plan` no longer contains that step.";
    DNS_DOMAIN "dns-domain" Error true
        "The cluster's DNS serves another domain than `platform.cluster_domain`: addresses between components would not resolve. Not checked where there is no ConfigMap kube-system/coredns."
        "Set `platform.cluster_domain` to the domain shown.";
    WEBHDFS_UNREACHABLE "webhdfs-unreachable" Error true
        "HDFS is installed and ready, but WebHDFS answers neither directly nor through the API's port-forward. Before HDFS is installed only the right to forward ports can be checked."
        "`windlass -vv plan` shows what was tried; network policies and proxies are the usual reasons.";
    RUN_GOING_ON "run-going-on" Warning true
        "Another windlass run is in progress on this cluster: its state may change during the checks, and nothing else can be installed until that run ends."
        "Wait until that run ends, then run `windlass preflight` again; if the run is known to be dead, run `windlass unlock`.";
    CLOCK_SKEW "clock-skew" Warning true
        "The clock of this machine and that of the API server differ. Locks allow for it; certificates and tokens may not."
        "Set this machine's clock: `timedatectl set-ntp true`.";
    DISK_FULL "disk-full" Error true
        "There is no space for the journal of the run, or its file system is not writable."
        "Free space, or keep runs elsewhere: `XDG_STATE_HOME=DIR`.";
    DISK_LOW "disk-low" Warning true
        "The disk that holds the journals of runs is almost full."
        "Free space, or keep runs elsewhere: `XDG_STATE_HOME=DIR`.";
}

/// A check by its id.
#[must_use]
pub fn check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// `docs/preflight.md`, and the same in the language that `say` translates into.
#[must_use]
pub fn markdown(say: impl Fn(&str) -> String) -> String {
    let mut text = say("# Preflight

`windlass preflight` checks everything that an install will need and reports all problems at once, errors before
warnings and hints, with the command that fixes each. `windlass install` does the same first if there is anything to do,
and exits with code 11 before changing anything if there are errors. `--waive ID` accepts a finding, and may be
repeated. An existing release that has the same name as one of the platform, but was not created by windlass, is only changed
with `--adopt COMPONENT` (`release-foreign`).

It only reads from the cluster; the permissions that the plan needs are checked with access reviews, and changes to existing
objects are sent as dry runs, which change nothing. What cannot be read for lack of permission is reported
as `not-checked`, with the checks that were skipped. `docs/rbac.yaml` contains exactly the permissions that windlass needs,
including those for preflight, and creates the namespaces. To let windlass create the namespaces instead, also grant it the
permission to create namespaces and to patch those that it created (to change their Pod Security level).

Not checked: pods that Spark creates for jobs, hooks of charts, roles that a chart binds without defining them,
and whether the images are in the registry.

With `--json` it prints one object: `schema` (1), `event` (`preflight`), `cluster`, the counts `errors`, `warnings`,
`hints` and `waived`, and `findings`, each with `severity`, `id`, `where`, `what`, `fix` and `waived`.
For a release that can be adopted, `adopt` names the component.

");
    for (severity, title) in [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Hint, "Hints")] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "## {}\n", say(title));
        for check in CHECKS.iter().filter(|check| check.severity == severity) {
            let means = say(check.means);
            let means = if check.waivable { means } else { format!("{means} {}", say("Cannot be waived.")) };
            let fixed_by = say("Fixed by:");
            let _ = writeln!(text, "### {}\n{means}\n\n*{fixed_by}* {}\n", check.id, say(check.fixes));
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
}
