//! Releases that are there under the names of ours, and that windlass did not make: which of them can become ours.

use serde_json::Value;

use super::equal::equal;
use crate::answers::{Resolved, ResolvedRelease};
use crate::catalog::{AdoptVerdict, Adopts, Text};
use crate::model::cluster::{ManifestObject, ReleaseKey, ReleaseState};
use crate::model::fields::join;
use crate::model::observed::Observed;
use crate::model::{CHART_DIGEST, few, yaml};

/// How many values are named.
const NAMED: usize = 6;

/// A release that windlass did not make, in the place of a component's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The component.
    pub component: String,
    /// Which release.
    pub key: ReleaseKey,
    /// Helm's number of its revision.
    pub revision: u32,
    /// Name and version of its chart.
    pub chart: String,
    /// Whether it can become ours.
    pub verdict: Adoptable,
}

/// Whether a release can become ours by an upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adoptable {
    /// The chart has our name, and the values are among those that the answers give.
    AsIs,
    /// The chart has our name, and these values would become others.
    OtherValues(Vec<String>),
    /// A chart of others that the component knows, and what becomes of it.
    Known(Text),
    /// One that it knows, too, and why it cannot.
    Never(Text),
    /// An unknown chart; the name of ours.
    OtherChart(String),
}

impl Adoption {
    /// Whether it can be adopted with `--adopt`.
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        matches!(self.verdict, Adoptable::AsIs | Adoptable::OtherValues(_) | Adoptable::Known(_))
    }

    /// A description in one language, to follow the name of the release.
    #[must_use]
    pub fn describe(&self, lang: &str) -> String {
        let made = format!("revision {} is of chart {} and was not created by windlass", self.revision, self.chart);
        match &self.verdict {
            Adoptable::AsIs => format!("{made}; it can be adopted as it is: chart and values match"),
            Adoptable::OtherValues(paths) => {
                format!("{made}; it can be adopted; these values change: {}", few(paths, NAMED))
            }
            Adoptable::Known(say) => format!("{made}; it can be adopted: {}", say.of(lang)),
            Adoptable::Never(say) => format!("{made}; it cannot be adopted: {}", say.of(lang)),
            Adoptable::OtherChart(ours) => {
                format!("{made}; it cannot be adopted: unknown chart, the catalog has {ours}")
            }
        }
    }
}

/// All adoptions.
#[must_use]
pub fn adoptions(wanted: &Resolved, observed: &Observed) -> Vec<Adoption> {
    let wanted = &*wanted.with_versions(&observed.versions);
    let releases = wanted.components.iter().filter_map(|component| Some((component, component.release.as_ref()?)));
    let found = releases.filter_map(|(component, release)| {
        let key = ReleaseKey::new(&release.namespace, &release.name);
        let state = &observed.releases.get(&key)?.state;
        let ours = state.chart_annotations.contains_key(CHART_DIGEST);
        (!ours).then(|| Adoption {
            component: component.id.clone(),
            key,
            revision: state.revision,
            chart: format!("{} {}", state.chart_name, state.chart_version),
            verdict: verdict(release, state),
        })
    });
    found.collect()
}

/// Why a release that is not ours is updated.
pub(super) fn adopt_reason(wanted: &ResolvedRelease, found: &ReleaseState) -> String {
    let made = format!("it is of chart {} {} and was not created by windlass", found.chart_name, found.chart_version);
    match verdict(wanted, found) {
        Adoptable::Never(_) | Adoptable::OtherChart(_) => format!("{made}; it cannot be adopted"),
        _ => format!("adopt release {}: {made}", wanted.name),
    }
}

fn verdict(wanted: &ResolvedRelease, found: &ReleaseState) -> Adoptable {
    if let Some(known) = wanted.adopts.iter().find(|known| is_of(known, found)) {
        let say = known.say.clone();
        return match known.verdict {
            AdoptVerdict::AsIs => Adoptable::Known(say),
            AdoptVerdict::Never => Adoptable::Never(say),
        };
    }
    let ours = chart_name(wanted);
    if ours != found.chart_name {
        return Adoptable::OtherChart(ours);
    }
    let mut others = Vec::new();
    other_values(&found.config, &wanted.values, "", &mut others);
    if others.is_empty() { Adoptable::AsIs } else { Adoptable::OtherValues(others) }
}

/// Whether a release is of a chart of others that is known.
fn is_of(known: &Adopts, found: &ReleaseState) -> bool {
    let Adopts { chart, version, image, .. } = known;
    let of_version = |version: &String| match version.strip_suffix('*') {
        Some(begin) => found.chart_version.starts_with(begin),
        None => found.chart_version == *version,
    };
    let pulls = |image: &String| found.manifest.iter().any(|object: &ManifestObject| has_image(&object.body, image));
    *chart == found.chart_name && version.as_ref().is_none_or(of_version) && image.as_ref().is_none_or(pulls)
}

fn has_image(body: &Value, part: &str) -> bool {
    match body {
        Value::Object(fields) => fields.iter().any(|(key, value)| match value {
            Value::String(text) if key == "image" => text.contains(part),
            value => has_image(value, part),
        }),
        Value::Array(items) => items.iter().any(|item| has_image(item, part)),
        _ => false,
    }
}

fn chart_name(wanted: &ResolvedRelease) -> String {
    let file = wanted.chart.iter().find(|(path, _)| *path == "Chart.yaml");
    let chart: Option<Value> = file.and_then(|(_, bytes)| yaml::from_str(&String::from_utf8_lossy(bytes)).ok());
    chart.and_then(|chart| Some(chart["name"].as_str()?.to_owned())).unwrap_or_default()
}

/// Where these values are not among those that are wanted; a null is none. Places only: values may be secrets.
fn other_values(values: &Value, wanted: &Value, path: &str, found: &mut Vec<String>) {
    match (values, wanted) {
        (Value::Null, _) => {}
        (Value::Object(values), Value::Object(_) | Value::Null) => {
            for (key, value) in values {
                other_values(value, wanted.get(key).unwrap_or(&Value::Null), &join(path, key), found);
            }
        }
        (values, wanted) if equal(values, wanted) => {}
        _ => found.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::{ObjectRef, ReleaseStatus};
    use crate::model::observed::ObservedRelease;
    use crate::model::{FileTree, Ignored};
    use crate::plan::{Change, diff};

    fn wanted(adopts: &str, values: Value) -> ResolvedRelease {
        ResolvedRelease {
            name: "my-sample".to_owned(),
            namespace: "sample".to_owned(),
            pod_security: "restricted".to_owned(),
            chart: FileTree::new(vec![("Chart.yaml".to_owned(), b"name: sample\nversion: 0.1.0\n".to_vec())]),
            chart_digest: "sha256:1".to_owned(),
            values: values.into(),
            values_digest: String::new(),
            crds: Vec::new(),
            ignored: Ignored::default(),
            adopts: yaml::from_str(adopts).unwrap(),
        }
    }

    fn found(chart: &str, version: &str, config: Value) -> ReleaseState {
        let body =
            json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "r/old/sample:2.7"}]}}}});
        let object = ObjectRef::namespaced("apps/v1", "Deployment", "sample", "my-sample");
        ReleaseState {
            key: ReleaseKey::new("sample", "my-sample"),
            revision: 3,
            status: ReleaseStatus::Deployed,
            chart_name: chart.to_owned(),
            chart_version: version.to_owned(),
            chart_annotations: Default::default(),
            config,
            manifest: vec![ManifestObject { object, body }],
            unread: Vec::new(),
            description: String::new(),
            updated: String::new(),
            history: Vec::new(),
        }
    }

    const KNOWN: &str =
        "[{chart: sample-k8s, version: '0.1.*', verdict: never, say: {en: other volumes, ru: другие тома}},
        {chart: sample, version: 0.1.0, image: old/sample, verdict: as_is, say: nothing is kept}]";

    #[test]
    fn what_can_be_adopted_depends_on_chart_version_image_and_values() {
        let values = json!({"a": {"b": 1, "c": [1, 2]}, "d": "x"});
        let judged =
            |adopts, chart, version, config| verdict(&wanted(adopts, values.clone()), &found(chart, version, config));
        let within = [json!({}), json!({"a": {"b": 1.0}, "e": null, "f": {"g": null}}), values.clone()];
        for config in within {
            assert_eq!(judged("[]", "sample", "9", config.clone()), Adoptable::AsIs, "{config}");
        }
        let other_values = json!({"a": {"b": 2, "c": [1]}, "d": "x", "e": {"f": true}});
        let others = ["a.b", "a.c", "e.f"].map(str::to_owned).to_vec();
        assert_eq!(judged("[]", "sample", "0.1.0", other_values), Adoptable::OtherValues(others));
        assert_eq!(judged("[]", "sample-k8s", "0.1.0", json!({})), Adoptable::OtherChart("sample".to_owned()));
        let never = judged(KNOWN, "sample-k8s", "0.1.7", json!({}));
        assert!(matches!(&never, Adoptable::Never(say) if say.of("ru") == "другие тома"), "{never:?}");
        assert!(matches!(judged(KNOWN, "sample-k8s", "0.2.0", json!({})), Adoptable::OtherChart(_)));
        assert!(matches!(judged(KNOWN, "sample", "0.1.0", json!({"z": 1})), Adoptable::Known(_)));
        // Of the same name and version, and without that image: ours.
        let elsewhere = KNOWN.replace("old/sample", "others/sample");
        assert_eq!(judged(&elsewhere, "sample", "0.1.0", json!({})), Adoptable::AsIs);
    }

    #[test]
    fn the_plan_says_adopt_only_of_what_can_be() {
        let why = |adopts, chart| {
            let state = found(chart, "0.1.0", json!({}));
            let found = ObservedRelease { state, drift: Vec::new(), ignored: Vec::new(), unready: Vec::new() };
            let (change, why) = diff::release(&wanted(adopts, json!({})), Some(&found));
            assert_eq!(change, Change::Update);
            why
        };
        let of = "it is of chart sample 0.1.0 and was not created by windlass";
        assert_eq!(why("[]", "sample"), [format!("adopt release my-sample: {of}")]);
        assert_eq!(
            why(KNOWN, "sample-k8s"),
            [format!("{}; it cannot be adopted", of.replace("sample 0", "sample-k8s 0"))]
        );
    }
}
