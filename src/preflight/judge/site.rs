//! Charts, namespaces, classes, images, Secrets, releases, HDFS, DNS, clocks, and the disk.

use std::collections::BTreeSet;

use super::found::Judge;
use crate::model::observed::{ObservedHdfs, ObservedRelease};
use crate::model::preflight::Severity;
use crate::model::{CHART_DIGEST, ImageName, few};
use crate::preflight::needs::{ClaimNeed, SecretUse, UndeclaredImage, rank};
use crate::preflight::table::{
    CHART_FAILS, CLOCK_SKEW, DISK_FULL, DISK_LOW, DNS_DOMAIN, HELM_DELETES, IMAGE_DIGEST, IMAGE_NOT_MOVED,
    IMAGE_REFERENCE, IMAGE_TAG, IMAGE_UNDECLARED, INGRESS_CLASS_MISSING, INGRESS_WITHOUT_LOGIN, KIND_NOT_SERVED,
    KUBERNETES_OLD, MANIFEST_UNREAD, NAMESPACE_TERMINATING, NO_INGRESS_CLASS, NO_STORAGE_CLASS, PEER_MISSING,
    POD_SECURITY, PULL_SECRET_MISSING, RELEASE_STUCK, RUN_GOING_ON, SECRET_MISSING, STORAGE_BINDING,
    STORAGE_CLASS_DEFAULTS, STORAGE_CLASS_MISSING, STORAGE_EXPANSION, TLS_SECRET_MISSING, WEBHDFS_UNREACHABLE,
};

/// A clock that is off by more than this is reported. The API gives its time to the second only.
const SKEW_SECONDS: i64 = 10;

/// A run's journal is some hundred kilobytes; with less than this no run gets far.
const FULL: u64 = 10 << 20;

/// Below this there is a warning.
const LOW: u64 = 100 << 20;

/// A run makes a folder with three files, and there should be some for others.
const FEW_FILES: u64 = 20;

impl Judge<'_> {
    pub(super) fn charts(&mut self) {
        for (release, constraint) in &self.needs.old {
            let what = format!("its chart needs Kubernetes {constraint}, the cluster runs {}", self.facts.version);
            let fix = "upgrade the cluster, or use a chart that supports it: --catalog DIR";
            self.found.push(KUBERNETES_OLD.found(format!("release {release}"), what, fix));
        }
        for (release, why) in &self.needs.broken {
            let fix = "windlass catalog show COMPONENT (lists the answers); correct the one in the message";
            self.found.push(CHART_FAILS.found(format!("release {release}"), why, fix));
        }
        for (release, unread) in &self.needs.unread {
            let what = format!("{unread}; it is not checked");
            self.found.push(MANIFEST_UNREAD.found(format!("release {release}"), what, "helm template"));
        }
        for object in &self.needs.unknown_kinds {
            let what = format!("the cluster does not serve kind {} of {}", object.kind, object.api_version);
            self.found.push(KIND_NOT_SERVED.found(object.to_string(), what, "kubectl api-resources"));
        }
    }

    pub(super) fn namespaces(&mut self) {
        for (name, seen) in &self.facts.namespaces {
            let Some(Some(state)) = self.seen(seen, &[NAMESPACE_TERMINATING.id, POD_SECURITY.id]) else { continue };
            let place = format!("namespace {name}");
            if state.terminating {
                let fix = format!("kubectl wait --for=delete namespace/{name} --timeout=5m");
                self.found.push(NAMESPACE_TERMINATING.found(&place, "it is being deleted", fix));
            }
            let enforced = state.labels.get("pod-security.kubernetes.io/enforce");
            let follows = self.observed.levels.contains_key(name);
            if let (Some(enforced), Some(wanted), false) = (enforced, self.needs.namespaces.get(name), follows)
                && rank(enforced) < rank(wanted)
            {
                let what = format!("it enforces Pod Security {enforced}, but its pods need {wanted}");
                let fix =
                    format!("kubectl label namespace {name} pod-security.kubernetes.io/enforce={wanted} --overwrite");
                self.found.push(POD_SECURITY.found(place, what, fix));
            }
        }
    }

    /// Volumes that do not exist yet. Where that is not known, all of them.
    pub(super) fn new_claims(&self) -> impl Iterator<Item = &ClaimNeed> {
        self.needs.claims.iter().filter(|claim| match self.facts.claims.get(&claim.namespace) {
            Some(Ok(there)) => there.iter().all(|known| known.object.name != claim.name),
            _ => true,
        })
    }

    pub(super) fn storage(&mut self) {
        let checks = [
            NO_STORAGE_CLASS.id,
            STORAGE_CLASS_MISSING.id,
            STORAGE_CLASS_DEFAULTS.id,
            STORAGE_BINDING.id,
            STORAGE_EXPANSION.id,
        ];
        let claims: Vec<ClaimNeed> =
            self.new_claims().filter(|claim| claim.class.as_deref() != Some("")).cloned().collect();
        if claims.is_empty() {
            return;
        }
        let Some(classes) = self.seen(&self.facts.storage_classes, &checks) else { return };
        let known: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        let available = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let defaults: Vec<&str> =
            classes.iter().filter(|class| class.default).map(|class| class.name.as_str()).collect();
        let mut used = Vec::new();
        for claim in &claims {
            let place = format!("volume {}/{}", claim.namespace, claim.name);
            let choose = format!("--set platform.storage_class={}", known.first().unwrap_or(&"NAME"));
            match &claim.class {
                Some(name) => match classes.iter().find(|class| class.name == *name) {
                    Some(class) => used.push(class),
                    None => {
                        let what = format!("StorageClass {name} not found; available: {available}");
                        self.found.push(STORAGE_CLASS_MISSING.found(place, what, choose));
                    }
                },
                None => match classes.iter().find(|class| class.default) {
                    Some(class) => {
                        if defaults.len() > 1 {
                            let what = format!("several StorageClasses are the default: {}", defaults.join(", "));
                            self.found.push(STORAGE_CLASS_DEFAULTS.found("the cluster", what, choose));
                        }
                        used.push(class);
                    }
                    None => {
                        let what =
                            format!("it specifies no StorageClass, and there is no default; available: {available}");
                        self.found.push(NO_STORAGE_CLASS.found(place, what, choose));
                    }
                },
            }
        }
        let nodes = self.facts.nodes.as_ref().map_or(2, Vec::len);
        for class in used {
            let place = format!("StorageClass {}", class.name);
            if !class.waits_for_pod && nodes > 1 {
                let what = "volumes are provisioned before their pods are scheduled";
                let fix =
                    "--set platform.storage_class=NAME with a class that has volumeBindingMode: WaitForFirstConsumer";
                self.found.push(STORAGE_BINDING.found(&place, what, fix));
            }
            if !class.expands {
                let fix = format!(
                    "kubectl patch storageclass {} -p '{{\"allowVolumeExpansion\":true}}' (if its provisioner supports it)",
                    class.name
                );
                self.found.push(STORAGE_EXPANSION.found(place, "its volumes cannot grow later", fix));
            }
        }
    }

    pub(super) fn without_login(&mut self) {
        for (object, said) in &self.needs.without_login {
            let fix = "--set platform.ingress_auth_secret=NAME (nginx) or --set platform.ingress_middleware=NAME (Traefik), or \
                        --set platform.ingress_enabled=false";
            self.found.push(INGRESS_WITHOUT_LOGIN.found(
                object.to_string(),
                format!("it requires no login, and neither does {said}"),
                fix,
            ));
        }
    }

    pub(super) fn taken_along(&mut self) {
        for (release, object) in &self.needs.taken_along {
            let what = format!("`helm uninstall` of {release} would delete it with all its content");
            let fix = "windlass uninstall (keeps it); in the chart: helm.sh/resource-policy: keep";
            self.found.push(HELM_DELETES.found(object.to_string(), what, fix));
        }
    }

    pub(super) fn peers(&mut self) {
        for (name, policy) in &self.needs.peers {
            if let Some(Ok(false)) = self.facts.peers.get(name) {
                let what = format!("it allows traffic from namespace {name}, which does not exist");
                let fix = "--set platform.ingress_namespace=NAME, or platform.allow_from, with one of `kubectl get namespaces`";
                self.found.push(PEER_MISSING.found(policy.to_string(), what, fix));
            }
        }
    }

    pub(super) fn ingresses(&mut self) {
        if self.needs.ingresses.is_empty() {
            return;
        }
        let checks = [NO_INGRESS_CLASS.id, INGRESS_CLASS_MISSING.id];
        let Some(classes) = self.seen(&self.facts.ingress_classes, &checks) else { return };
        let known: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        let available = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let choose = known.first().map_or_else(
            || "--set platform.ingress_enabled=false, or install an ingress controller".to_owned(),
            |name| format!("--set platform.ingress_class={name}"),
        );
        for ingress in &self.needs.ingresses {
            let place = ingress.object.to_string();
            match &ingress.class {
                Some(name) if !known.contains(&name.as_str()) => {
                    let what = format!("IngressClass {name} not found; available: {available}");
                    self.found.push(INGRESS_CLASS_MISSING.found(place, what, &choose));
                }
                None if !classes.iter().any(|class| class.default) => {
                    let what = format!("it specifies no IngressClass, and there is no default; available: {available}");
                    self.found.push(NO_INGRESS_CLASS.found(place, what, &choose));
                }
                _ => {}
            }
        }
    }

    pub(super) fn images(&mut self) {
        for pod in &self.needs.pods {
            for container in &pod.containers {
                let place = format!("{} container {}", pod.owner, container.name);
                let fix = "windlass catalog show COMPONENT (lists the answers for image and tag)";
                match ImageName::parse(&container.image) {
                    Err(why) => {
                        let what = format!("`{}` is not an image name: {why}", container.image);
                        self.found.push(IMAGE_REFERENCE.found(place, what, fix));
                    }
                    Ok(name) if name.digest.is_some() || name.tag.as_deref().is_some_and(|tag| tag != "latest") => {}
                    Ok(_) => {
                        let what = format!("`{}` has no version", container.image);
                        self.found.push(IMAGE_TAG.found(place, what, fix));
                    }
                }
            }
        }
    }

    pub(super) fn digests(&mut self) {
        let unpinned = &self.needs.unpinned;
        if unpinned.is_empty() {
            return;
        }
        let images: BTreeSet<&str> = unpinned.iter().map(|(_, image)| image.as_str()).collect();
        let images: Vec<&str> = images.into_iter().collect();
        let what = format!("pulled by tag, without a digest: {}", images.join(", "));
        let answers: Vec<String> = unpinned.iter().map(|(answer, _)| format!("--set {answer}=sha256:…")).collect();
        self.found.push(IMAGE_DIGEST.found("the answers", what, answers.join(" ")));
    }

    pub(super) fn undeclared(&mut self) {
        for UndeclaredImage { image, component, objects, meant, elsewhere } in &self.needs.undeclared {
            let check = if *elsewhere { IMAGE_NOT_MOVED } else { IMAGE_UNDECLARED };
            let Some((first, others)) = objects.split_first() else { continue };
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            let others = if others.is_empty() { String::new() } else { format!(", also in {}", few(&others, 4)) };
            let (what, fix) = match meant {
                Some((name, reference)) => (
                    format!("`{image}` is image {name} of {component}, but should be `{reference}`{others}"),
                    format!(
                        "in {component}/component.yaml, set the path of image {name} to where the chart's values contain this image"
                    ),
                ),
                None => (
                    format!("`{image}` is not declared by {component}{others}"),
                    format!(
                        "in {component}/component.yaml, `images: [{{name: NAME, ref: \"{image}\", reference: PATH}}]`, or correct the `when` of the existing entry; or set another image in {component}.values_file"
                    ),
                ),
            };
            self.found.push(check.found(first.to_string(), what, fix));
        }
    }

    pub(super) fn secrets(&mut self) {
        for (need, seen) in &self.facts.secrets {
            let check = match need.used {
                SecretUse::Pull => PULL_SECRET_MISSING,
                SecretUse::Tls => TLS_SECRET_MISSING,
                SecretUse::Answer => SECRET_MISSING,
            };
            if self.seen(seen, &[check.id]) != Some(&false) {
                continue;
            }
            let (place, what) = (format!("namespace {}", need.namespace), format!("Secret {} not found", need.name));
            let fix = match need.used {
                SecretUse::Pull => format!(
                    "kubectl -n {} create secret docker-registry {} --from-file=.dockerconfigjson=FILE",
                    need.namespace, need.name
                ),
                SecretUse::Answer => {
                    self.answered_secret(&need.namespace, &need.name);
                    continue;
                }
                SecretUse::Tls => {
                    format!("kubectl -n {} create secret tls {} --cert=FILE --key=FILE", need.namespace, need.name)
                }
            };
            self.found.push(check.found(place, what, fix));
        }
    }

    pub(super) fn releases(&mut self) {
        for (key, release) in &self.observed.releases {
            let (state, place) = (&release.state, format!("release {key}"));
            if state.status.is_pending() {
                let what = format!("revision {} is {} since {}", state.revision, state.status, state.updated);
                let fix = format!(
                    "nothing to do if no Helm is running: windlass continues from there; helm -n {} history {} shows it",
                    key.namespace, key.name
                );
                self.found.push(RELEASE_STUCK.found(place, what, fix));
            }
        }
    }

    pub(super) fn hdfs(&mut self) {
        let ObservedHdfs::Unreachable(why) = &self.observed.hdfs else { return };
        // A release that is not ready is fixed by the plan, and reported by itself.
        let well = |release: &ObservedRelease| {
            release.unready.is_empty()
                && release.drift.is_empty()
                && release.state.chart_annotations.contains_key(CHART_DIGEST)
        };
        if !self.observed.releases.values().all(well) {
            return;
        }
        self.found.push(WEBHDFS_UNREACHABLE.found("HDFS", why, "windlass -vv plan"));
    }

    pub(super) fn domain(&mut self) {
        let Some(Some(served)) = self.seen(&self.facts.domain, &[DNS_DOMAIN.id]) else { return };
        if *served != self.needs.domain.trim_end_matches('.') {
            let what = format!("it is {served}, but platform.cluster_domain is {}", self.needs.domain);
            let fix = format!("--set platform.cluster_domain={served}");
            self.found.push(DNS_DOMAIN.found("the cluster's DNS", what, fix));
        }
    }

    pub(super) fn runs(&mut self) {
        let Some(Some(run)) = self.seen(&self.facts.runs, &[RUN_GOING_ON.id]) else { return };
        let what = format!("{run} is running: what is read here may change");
        let fix = "wait until it ends, then run windlass preflight again; if that run is known to be dead, run windlass unlock";
        self.found.push(RUN_GOING_ON.found("the cluster", what, fix));
    }

    pub(super) fn clock(&mut self) {
        let Some(ahead) = self.seen(&self.facts.clock, &[CLOCK_SKEW.id]) else { return };
        if ahead.abs() > SKEW_SECONDS {
            let way = if *ahead > 0 { "behind" } else { "ahead of" };
            let what = format!("its clock is {}s {way} the API server's", ahead.abs());
            self.found.push(CLOCK_SKEW.found("this machine", what, "timedatectl set-ntp true"));
        }
    }

    pub(super) fn disk(&mut self) {
        let Some(disk) = self.seen(&self.facts.disk, &[DISK_FULL.id, DISK_LOW.id]) else { return };
        let place = format!("this machine, {}", disk.path);
        let fix = "free space, or keep runs elsewhere: XDG_STATE_HOME=DIR windlass …";
        let what = if disk.read_only {
            Some((Severity::Error, "it is not writable".to_owned()))
        } else if disk.files.is_some_and(|files| files < FEW_FILES) {
            Some((Severity::Error, "its file system has no free inodes".to_owned()))
        } else if disk.free < FULL {
            Some((Severity::Error, format!("{} KiB free", disk.free >> 10)))
        } else if disk.free < LOW {
            Some((Severity::Warning, format!("{} MiB free", disk.free >> 20)))
        } else {
            None
        };
        if let Some((severity, what)) = what {
            let check = if severity == Severity::Error { DISK_FULL } else { DISK_LOW };
            self.found.push(check.found(place, what, fix));
        }
    }
}
