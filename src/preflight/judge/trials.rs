//! Changes that the API would refuse, and the workaround.

use super::found::Judge;
use crate::model::cluster::{ObjectRef, Refusal};
use crate::preflight::table::{CHANGE_REFUSED, FIELD_IMMUTABLE};
use crate::preflight::trials::TrialResult;

/// How many fields are named one by one.
const NAMED: usize = 4;

/// What a StatefulSet, a Deployment and the like know their pods by.
const SELECTOR: &str = "spec.selector";

impl Judge<'_> {
    pub(super) fn trials(&mut self) {
        for tried in &self.facts.trials {
            let seen = self.seen(&tried.refused, &[FIELD_IMMUTABLE.id, CHANGE_REFUSED.id]);
            let Some(Some(refusal)) = seen else { continue };
            let place = tried.object.to_string();
            let fields = concerned(tried, refusal);
            if refusal.code == 422 && !refusal.in_itself && self.only_grows(&tried.object, &fields) {
                continue;
            }
            let changes = changes(&fields);
            let what = format!("release {}: the API refuses the change ({}){changes}", tried.release, refusal.message);
            self.found.push(if refusal.code == 422 && !refusal.in_itself {
                FIELD_IMMUTABLE.found(place, what, workaround(&tried.object, &fields))
            } else {
                let fix = "windlass plan --diff (shows what would change); correct the answer or the chart, or ask the owner of the policy that rejects it";
                CHANGE_REFUSED.found(place, what, fix)
            });
        }
    }
}

impl Judge<'_> {
    /// Whether these fields of an object are nothing but sizes of volumes for which a step of the plan makes room before
    /// Helm comes to them.
    fn only_grows(&self, object: &ObjectRef, fields: &[&(String, String)]) -> bool {
        let grown = |path: &String| {
            let mut grows = self.needs.grows.iter();
            grows.any(|need| need.set == *object && need.path.as_ref() == Some(path))
        };
        !fields.is_empty() && fields.iter().all(|(path, _)| grown(path))
    }
}

/// Of the fields that would change those that the refusal is about. Where the API names, in quotes, what may be
/// changed, that is omitted.
fn concerned<'a>(tried: &'a TrialResult, refusal: &Refusal) -> Vec<&'a (String, String)> {
    let allowed: Vec<&str> = refusal.message.split('\'').skip(1).step_by(2).collect();
    let below = |path: &str, field: &str| {
        path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let fits = |path: &str| {
        let named = refusal.fields.iter().any(|field| below(path, field));
        let free =
            refusal.fields.iter().any(|field| allowed.iter().any(|name| below(path, &format!("{field}.{name}"))));
        named && !free
    };
    tried.changed.iter().filter(|(path, _)| fits(path)).collect()
}

fn changes(fields: &[&(String, String)]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let mut shown: Vec<String> = fields.iter().take(NAMED).map(|(_, change)| change.clone()).collect();
    if fields.len() > NAMED {
        shown.push(format!("and {} more", fields.len() - NAMED));
    }
    format!(": {}", shown.join("; "))
}

/// The workaround: when the object is deleted, the same install creates it again.
fn workaround(object: &ObjectRef, fields: &[&(String, String)]) -> String {
    let kind = object.kind.to_lowercase();
    let place = object.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    let delete = format!("kubectl{place} delete {kind} {}", object.name);
    let selector = fields.iter().any(|(path, _)| path.starts_with(SELECTOR));
    match object.kind.as_str() {
        // Pods that a new selector does not match would keep running beside the new ones, or occupy their names.
        "StatefulSet" | "Deployment" | "DaemonSet" | "ReplicaSet" if selector => {
            format!("{delete}, then the same install again (its pods are recreated, volumes are kept)")
        }
        "StatefulSet" | "Deployment" | "DaemonSet" | "ReplicaSet" => {
            format!("{delete} --cascade=orphan, then the same install again (its pods and volumes are kept)")
        }
        "Job" => format!("{delete}, then the same install again (it runs again)"),
        "Service" => format!("{delete}, then the same install again (its address may change)"),
        "RoleBinding" | "ClusterRoleBinding" => format!("{delete}, then the same install again"),
        _ => {
            let fields: Vec<&str> = fields.iter().map(|(path, _)| path.as_str()).take(NAMED).collect();
            let fields = if fields.is_empty() { "the field in the message".to_owned() } else { fields.join(", ") };
            format!("keep the old value of {fields} (windlass plan --diff shows it)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::ReleaseKey;
    use crate::model::observed::Observed;
    use crate::preflight::judge::judge;
    use crate::preflight::judge::tests::{facts, needs};
    use crate::preflight::seen::{FailedQuery, Query, QueryFailure};

    fn tried(kind: &str, changed: &[&str]) -> TrialResult {
        TrialResult {
            release: ReleaseKey::new("ns", "rel"),
            object: ObjectRef::namespaced("v1", kind, "ns", "x"),
            changed: changed.iter().map(|path| ((*path).to_owned(), format!("{path} differs"))).collect(),
            refused: Ok(None),
        }
    }

    #[test]
    fn what_may_be_changed_is_not_named() {
        let message =
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden";
        let fields = vec!["spec".to_owned()];
        let refusal = Refusal { code: 422, message: message.to_owned(), fields, in_itself: false };
        let tried = tried(
            "StatefulSet",
            &["metadata.labels.a", "spec.replicas", "spec.serviceName", "spec.template.spec.x", "spec.templates[0].a"],
        );
        let paths: Vec<&str> = concerned(&tried, &refusal).into_iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["spec.serviceName", "spec.templates[0].a"]);
    }

    #[test]
    fn the_workaround_depends_on_the_kind() {
        for (kind, path, expected) in [
            ("StatefulSet", "spec.serviceName", "kubectl -n ns delete statefulset x --cascade=orphan, then"),
            ("StatefulSet", "spec.selector.matchLabels.a", "kubectl -n ns delete statefulset x, then"),
            ("Deployment", "spec.selector.matchLabels.a", "kubectl -n ns delete deployment x, then"),
            ("Job", "spec.template", "kubectl -n ns delete job x, then"),
            ("Service", "spec.clusterIP", "kubectl -n ns delete service x, then"),
            ("PersistentVolumeClaim", "spec.accessModes", "keep the old value of spec.accessModes "),
        ] {
            let tried = tried(kind, &[path]);
            let fields: Vec<_> = tried.changed.iter().collect();
            let found = workaround(&tried.object, &fields);
            assert!(found.starts_with(expected), "{kind}: {found}");
        }
        let role = ObjectRef::cluster_wide("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "x");
        assert!(workaround(&role, &[]).starts_with("kubectl delete clusterrolebinding x, then"));
    }

    #[test]
    fn changes_that_the_api_refuses_are_reported_with_the_workaround() {
        let tried = |kind: &str, refused| TrialResult {
            release: ReleaseKey::new("ns", "rel"),
            object: ObjectRef::namespaced("apps/v1", kind, "ns", "db"),
            changed: vec![("spec.serviceName".to_owned(), "spec.serviceName: \"a\" becomes \"b\"".to_owned())],
            refused,
        };
        let refusal = |code, in_itself| Refusal {
            code,
            message: "spec: Forbidden: no".to_owned(),
            fields: vec!["spec".to_owned()],
            in_itself,
        };
        let mut facts = facts();
        facts.trials = vec![
            tried("StatefulSet", Ok(Some(refusal(422, false)))),
            tried("Deployment", Ok(Some(refusal(422, true)))),
            tried("DaemonSet", Ok(Some(refusal(403, false)))),
            tried("Job", Ok(None)),
            tried(
                "Service",
                Err(FailedQuery {
                    what: Query::Other("dry-run the change of Service ns/db".to_owned()),
                    why: QueryFailure::Failed("late".to_owned()),
                }),
            ),
        ];
        let mut found = judge(&needs(), &facts, &Observed::default());
        found.sort();
        let places: Vec<(&str, &str)> = found.iter().map(|one| (one.id, one.place.as_str())).collect();
        let expected = [
            ("change-refused", "DaemonSet ns/db"),
            ("change-refused", "Deployment ns/db"),
            ("field-immutable", "StatefulSet ns/db"),
            ("not-checked", "the cluster"),
        ];
        assert_eq!(places, expected);
        let expected =
            "release ns/rel: the API refuses the change (spec: Forbidden: no): spec.serviceName: \"a\" becomes \"b\"";
        assert_eq!(found[2].what, expected);
        assert!(found[2].fix.starts_with("kubectl -n ns delete statefulset db --cascade=orphan"), "{}", found[2].fix);
        assert!(found[3].what.contains("field-immutable, change-refused"), "{}", found[3].what);
    }
}
