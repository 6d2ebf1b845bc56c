//! Quotas and LimitRanges of namespaces.

use std::collections::BTreeMap;

use super::found::Judge;
use super::volumes::smaller;
use crate::model::Quantity;
use crate::model::site::{Amounts, Limit, Quota};
use crate::preflight::facts::Facts;
use crate::preflight::needs::{ContainerNeed, PodNeed, Replicas};
use crate::preflight::table::{LIMIT_RANGE, QUOTA, QUOTA_UNSET};

/// What a container gets once the LimitRanges of its namespace have filled in what it leaves open.
fn filled(container: &ContainerNeed, limits: &[Limit]) -> ContainerNeed {
    let mut filled = container.clone();
    for limit in limits.iter().filter(|limit| limit.kind == "Container") {
        for (name, amount) in &limit.default {
            filled.limits.entry(name.clone()).or_insert(*amount);
        }
        for (name, amount) in &limit.default_request {
            filled.requests.entry(name.clone()).or_insert(*amount);
        }
    }
    // A request that is not set is the limit.
    for (name, amount) in filled.limits.clone() {
        filled.requests.entry(name).or_insert(amount);
    }
    filled
}

/// What one pod takes: its containers together, or its largest init container.
pub(super) fn pod_takes(pod: &PodNeed, limits: &[Limit], of_limits: bool) -> Amounts {
    let mut sum = Amounts::new();
    let mut init = Amounts::new();
    for container in pod.containers.iter().map(|container| filled(container, limits)) {
        let amounts = if of_limits { &container.limits } else { &container.requests };
        for (name, amount) in amounts {
            if container.init {
                let most = init.entry(name.clone()).or_default();
                *most = (*amount).max(*most);
            } else {
                let all = sum.entry(name.clone()).or_default();
                *all = all.plus(*amount);
            }
        }
    }
    for (name, amount) in init {
        let all = sum.entry(name).or_default();
        *all = amount.max(*all);
    }
    sum
}

/// The limits of a namespace as far as they are known.
pub(super) fn limits_of<'a>(facts: &'a Facts, namespace: &str) -> &'a [Limit] {
    match facts.limits.get(namespace) {
        Some(Ok(limits)) => limits,
        _ => &[],
    }
}

impl Judge<'_> {
    pub(super) fn quotas(&mut self) {
        for (namespace, seen) in &self.facts.quotas {
            let Some(quotas) = self.seen(seen, &[QUOTA.id, QUOTA_UNSET.id]) else { continue };
            if quotas.iter().all(|quota| quota.scoped) {
                continue;
            }
            let wanted = self.wanted_of(namespace);
            // Where pods of ours run that may not be listed, it is not known what they will free.
            let installed = self.observed.releases.keys().any(|key| key.namespace == *namespace);
            let known = !installed || self.seen(&self.facts.pods, &[QUOTA.id]).is_some();
            let ours = self.ours_in(namespace);
            for quota in quotas.iter().filter(|quota| !quota.scoped) {
                if known {
                    self.quota(namespace, quota, &wanted, &ours);
                }
                self.unset(namespace, quota);
            }
        }
    }

    fn quota(&mut self, namespace: &str, quota: &Quota, wanted: &Amounts, ours: &Amounts) {
        let zero = Quantity::default();
        for (name, hard) in &quota.hard {
            let Some(needed) = wanted.get(plain(name)).filter(|needed| **needed > zero) else { continue };
            let used = quota.used.get(name).copied().unwrap_or_default();
            // What our pods have now is freed when they are replaced.
            let others = used.minus(ours.get(plain(name)).copied().unwrap_or_default()).max(zero);
            if others.plus(*needed) > *hard {
                let what = format!(
                    "quota {}: the plan needs {} of {name}, and {} of {} is left",
                    quota.name,
                    needed.of(name),
                    hard.minus(others).max(zero).of(name),
                    hard.of(name)
                );
                let raised = others.plus(*needed).of(name);
                let patch = format!(
                    "kubectl -n {namespace} patch resourcequota {} --type=merge -p '{{\"spec\":{{\"hard\":{{\"{name}\":\"{raised}\"}}}}}}'",
                    quota.name
                );
                self.found.push(QUOTA.found(format!("namespace {namespace}"), what, patch));
            }
        }
    }

    /// Containers that leave open what the quota counts.
    fn unset(&mut self, namespace: &str, quota: &Quota) {
        let limits = limits_of(self.facts, namespace);
        for counted in quota.hard.keys() {
            let (of_limits, resource) = match plain(counted) {
                "limits.cpu" => (true, "cpu"),
                "limits.memory" => (true, "memory"),
                "requests.cpu" => (false, "cpu"),
                "requests.memory" => (false, "memory"),
                _ => continue,
            };
            let mut open = Vec::new();
            for pod in self.pods_in(namespace) {
                for container in pod.containers.iter().map(|container| filled(container, limits)) {
                    let set = if of_limits { &container.limits } else { &container.requests };
                    if !set.contains_key(resource) {
                        open.push(format!("{}/{}", pod.owner.name, container.name));
                    }
                }
            }
            if open.is_empty() {
                continue;
            }
            let (field, kind) = if of_limits { ("default", "limit") } else { ("defaultRequest", "request") };
            let what = format!(
                "quota {} counts {counted}, and these set no {kind} of {resource}: {}",
                quota.name,
                open.join(", ")
            );
            let fix = format!(
                "kubectl -n {namespace} create -f - <<<'{{\"apiVersion\":\"v1\",\"kind\":\"LimitRange\",\"metadata\":{{\"name\":\"windlass-{kind}-{resource}\"}},\"spec\":{{\"limits\":[{{\"type\":\"Container\",\"{field}\":{{\"{resource}\":\"{}\"}}}}]}}}}'",
                if resource == "cpu" { "1" } else { "1Gi" }
            );
            self.found.push(QUOTA_UNSET.found(format!("namespace {namespace}"), what, fix));
        }
    }

    fn pods_in<'b>(&self, namespace: &'b str) -> impl Iterator<Item = &PodNeed> + use<'_, 'b> {
        self.needs.pods.iter().filter(move |pod| pod.owner.namespace.as_deref() == Some(namespace))
    }

    /// All that the plan requests in a namespace, by the names that quotas use.
    fn wanted_of(&self, namespace: &str) -> Amounts {
        let limits = limits_of(self.facts, namespace);
        let mut wanted = Amounts::new();
        let mut add = |name: String, amount: Quantity| {
            let all = wanted.entry(name).or_default();
            *all = all.plus(amount);
        };
        for pod in self.pods_in(namespace) {
            let count = match pod.replicas {
                Replicas::Count(count) => count,
                Replicas::EveryNode => self.eligible_nodes(pod).map_or(1, |nodes| nodes.len() as u64),
            };
            add("pods".to_owned(), Quantity::whole(count));
            for (prefix, of_limits) in [("requests", false), ("limits", true)] {
                for (name, amount) in pod_takes(pod, limits, of_limits) {
                    add(format!("{prefix}.{name}"), amount.times(count));
                }
            }
        }
        for claim in self.new_claims().filter(|claim| claim.namespace == namespace) {
            add("requests.storage".to_owned(), claim.size);
            if let Some(class) = &claim.class {
                add(format!("{class}.storageclass.storage.k8s.io/requests.storage"), claim.size);
            }
        }
        let known = self.facts.claims.get(namespace).and_then(|claims| claims.as_deref().ok()).unwrap_or_default();
        for need in self.needs.grows.iter().filter(|need| need.set.namespace.as_deref() == Some(namespace)) {
            for claim in smaller(need, known) {
                let more = need.size.minus(Quantity::parse(&claim.requested).unwrap_or_default());
                add("requests.storage".to_owned(), more);
                if let Some(class) = &claim.storage_class {
                    add(format!("{class}.storageclass.storage.k8s.io/requests.storage"), more);
                }
            }
        }
        // Where there is a release, what is counted by number exists already: it is checked at the first install only.
        let installed = self.observed.releases.keys().any(|key| key.namespace == namespace);
        for ((_, name), count) in self.needs.counts.iter().filter(|((here, _), _)| here == namespace && !installed) {
            if name != "pods" && name != "persistentvolumeclaims" {
                add(name.clone(), Quantity::whole(*count));
            }
        }
        let claims = self.new_claims().filter(|claim| claim.namespace == namespace).count();
        add("persistentvolumeclaims".to_owned(), Quantity::whole(claims as u64));
        wanted
    }

    /// What the pods that our releases have now take of a namespace's quota.
    fn ours_in(&self, namespace: &str) -> Amounts {
        let mut ours = Amounts::new();
        let Ok(pods) = &self.facts.pods else { return ours };
        let here = pods.iter().filter(|pod| pod.namespace == namespace && self.is_ours(pod));
        for pod in here {
            let count = ours.entry("pods".to_owned()).or_default();
            *count = count.plus(Quantity::whole(1));
            for (prefix, amounts) in [("requests", &pod.requests), ("limits", &pod.limits)] {
                for (name, amount) in amounts {
                    let all = ours.entry(format!("{prefix}.{name}")).or_default();
                    *all = all.plus(*amount);
                }
            }
        }
        ours
    }

    pub(super) fn limit_ranges(&mut self) {
        for (namespace, seen) in &self.facts.limits {
            let Some(limits) = self.seen(seen, &[LIMIT_RANGE.id]) else { continue };
            let mut found: BTreeMap<(String, String), String> = BTreeMap::new();
            for limit in limits {
                for (owner, asked, allowed_most) in self.asked_of(namespace, &limit.kind) {
                    for (name, least) in &limit.min {
                        if let Some(amount) = asked.get(name).filter(|amount| *amount < least) {
                            let key = (limit.range.clone(), format!("{owner} {name} min"));
                            found.entry(key).or_insert_with(|| {
                                format!(
                                    "{owner} requests {} of {name}, the minimum is {}",
                                    amount.of(name),
                                    least.of(name)
                                )
                            });
                        }
                    }
                    for (name, most) in &limit.max {
                        let amount = allowed_most.get(name).or(asked.get(name));
                        if let Some(amount) = amount.filter(|amount| *amount > most) {
                            let key = (limit.range.clone(), format!("{owner} {name} max"));
                            found.entry(key).or_insert_with(|| {
                                format!(
                                    "{owner} requests {} of {name}, the maximum is {}",
                                    amount.of(name),
                                    most.of(name)
                                )
                            });
                        }
                    }
                }
            }
            for ((range, _), what) in found {
                self.found.push(LIMIT_RANGE.found(
                    format!("namespace {namespace}"),
                    format!("limit range {range}: {what}"),
                    format!("kubectl -n {namespace} edit limitrange {range}"),
                ));
            }
        }
    }

    /// What a kind of limit applies to: name, requests and limits.
    fn asked_of(&self, namespace: &str, kind: &str) -> Vec<(String, Amounts, Amounts)> {
        let limits = limits_of(self.facts, namespace);
        match kind {
            "Container" => {
                let all = self.pods_in(namespace).flat_map(|pod| {
                    pod.containers.iter().map(|container| {
                        let filled = filled(container, limits);
                        (format!("container {}/{}", pod.owner.name, container.name), filled.requests, filled.limits)
                    })
                });
                all.collect()
            }
            "Pod" => {
                let take = |pod: &PodNeed| {
                    let name = format!("a pod of {}", pod.owner.name);
                    (name, pod_takes(pod, limits, false), pod_takes(pod, limits, true))
                };
                self.pods_in(namespace).map(take).collect()
            }
            "PersistentVolumeClaim" => {
                let claims = self.new_claims().filter(|claim| claim.namespace == namespace);
                let take = |claim: &crate::preflight::needs::ClaimNeed| {
                    let size = Amounts::from([("storage".to_owned(), claim.size)]);
                    (format!("volume {}", claim.name), size.clone(), size)
                };
                claims.map(take).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// `cpu` and `memory` of a quota are its requests.
fn plain(name: &str) -> &str {
    match name {
        "cpu" => "requests.cpu",
        "memory" => "requests.memory",
        "count/pods" => "pods",
        "count/persistentvolumeclaims" => "persistentvolumeclaims",
        other => other,
    }
}
