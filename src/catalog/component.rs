//! What a component definition says, as types. Texts with `{{ … }}` stay templates until the answers are known.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::action::ActionSpec;
use super::question::{Question, Rule, Text};
use super::refs::as_template;
use crate::model::yaml::Pos;
use crate::model::{ChartRef, ChartSource, FileTree, ImageName, ValuePath, is_digest};

/// One component: a folder under `bundles/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// `[a-z][a-z0-9-]*`, the folder's name.
    pub id: String,
    /// Its name for people.
    pub title: Text,
    /// The version of the software.
    pub version: String,
    /// Where the chart is; a component without one only has actions.
    #[serde(default)]
    pub chart: Option<ChartSpec>,
    /// Defaults of release name and namespace.
    #[serde(default)]
    pub release: Option<ReleaseSpec>,
    /// Namespaces that it needs beside its release's own.
    #[serde(default)]
    pub namespaces: Vec<NamespaceSpec>,
    /// What whoever reaches it can do, since it asks for no login; `None` where it does.
    #[serde(default)]
    pub open: Option<Text>,
    /// Whether it is installed only where it is asked for by name, or required.
    #[serde(default)]
    pub on_request: bool,
    /// Components that must be ready before this one's first action.
    #[serde(default)]
    pub requires: Vec<Requirement>,
    /// What the user can decide, without the implicit questions.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// Conditions over its answers.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Secrets that are made of those of its questions.
    #[serde(default)]
    pub secrets: Vec<DerivedSecret>,
    /// Actions that make a new content of a secret count, before it takes the old one's place: question to actions.
    #[serde(default)]
    pub rotate: BTreeMap<String, Vec<ActionSpec>>,
    /// Which of its pods open connections to which other components; network policies let in nobody else.
    #[serde(default)]
    pub connects: Vec<Connects>,
    /// File name of the values template.
    #[serde(default)]
    pub values: Option<String>,
    /// The images and where they sit in the values.
    #[serde(default)]
    pub images: Vec<Image>,
    /// Actions before anything of the whole plan is installed.
    #[serde(default)]
    pub first: Vec<ActionSpec>,
    /// Actions before the release.
    #[serde(default)]
    pub before: Vec<ActionSpec>,
    /// Actions once the release is ready; dependants wait for them.
    #[serde(default)]
    pub after: Vec<ActionSpec>,
    /// Values for other components: name to template.
    #[serde(default)]
    pub exports: BTreeMap<String, String>,
    /// Addresses to show at the end.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Actions that check that it works.
    #[serde(default)]
    pub verify: Vec<ActionSpec>,
    /// What the software makes by itself and an uninstall must remove.
    #[serde(default)]
    pub leftovers: Vec<Leftover>,
    /// Fields of its chart's objects that others set.
    #[serde(default)]
    pub ignore: Vec<Ignore>,
    /// Charts of others under whose releases it may be found installed.
    #[serde(default)]
    pub adopts: Vec<Adopts>,
    /// The text of the values template.
    #[serde(skip)]
    pub values_template: Option<String>,
    /// The chart's files; `None` where they have to be fetched.
    #[serde(skip)]
    pub chart_files: Option<FileTree>,
    /// The other files of its folder: what its actions and answers name.
    #[serde(skip)]
    pub files: FileTree,
    /// The id of its definition: its own, but for an instance.
    #[serde(skip)]
    pub base: String,
    /// Of an instance: what its templates call a result, and what that is among those of all components.
    #[serde(skip)]
    pub results: BTreeMap<String, String>,
    /// Where the definition came from, if not from the binary.
    #[serde(skip)]
    pub origin: Option<String>,
}

/// A component that another one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its id; of an export the component that gives it, empty as long as that is not known.
    pub id: String,
    /// What it has to export, where that says which one is meant: any that is there.
    pub export: Option<String>,
    /// It comes first where it is installed, and may be absent.
    pub optional: bool,
    /// An expression over the answers of who requires it: where it is not true, it is not required.
    pub when: Option<String>,
    /// Which step is the first that waits for it.
    pub by: WaitPhase,
    /// What its questions are answered with where nobody says otherwise; templates over the answers of who requires it.
    pub answers: BTreeMap<String, serde_json::Value>,
    /// It is not required as things stand: its condition does not hold, or nobody knows yet whether it does.
    pub off: bool,
}

/// Which step of a component is the first that waits for another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitPhase {
    /// All of them.
    #[default]
    Release,
    /// The actions once its release is ready.
    After,
    /// Of these, the late ones.
    Late,
    /// Its checks.
    Verify,
}

impl Requirement {
    /// Of a component that is always required.
    fn one(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            export: None,
            optional: false,
            when: None,
            by: WaitPhase::default(),
            answers: BTreeMap::new(),
            off: false,
        }
    }

    /// Its condition as a template, in which names can be looked up.
    #[must_use]
    pub fn when_template(&self) -> Option<String> {
        self.when.as_deref().map(as_template)
    }

    /// As JSON: an id, or what has to be exported.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match &self.export {
            None => self.id.clone().into(),
            Some(export) => serde_json::json!({"export": export}),
        }
    }
}

/// By hand and not untagged: what is no text in YAML and stands where a text does (`id: 5`) is read as one, as elsewhere.
impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Map {
            #[serde(default)]
            id: String,
            #[serde(default)]
            export: Option<String>,
            #[serde(default)]
            optional: bool,
            #[serde(default)]
            when: Option<String>,
            #[serde(default)]
            by: WaitPhase,
            #[serde(default)]
            answers: BTreeMap<String, serde_json::Value>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Requirement;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a component's id, or a mapping with `id` or `export`")
            }

            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<Requirement, E> {
                Ok(Requirement::one(id))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Requirement, A::Error> {
                let Map { id, export, optional, when, by, answers } =
                    Map::deserialize(MapAccessDeserializer::new(map))?;
                let off = when.is_some();
                Ok(Requirement { id, export, optional, when, by, answers, off })
            }
        }
        from.deserialize_any(Either)
    }
}

/// Where a chart is: beside component.yaml, in a repository, or in a registry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartSpec {
    /// A folder or an archive beside component.yaml.
    #[serde(default)]
    pub path: Option<String>,
    /// Address of a repository.
    #[serde(default)]
    pub repository: Option<String>,
    /// The chart's name in the repository.
    #[serde(default)]
    pub name: Option<String>,
    /// `oci://host/path`.
    #[serde(default)]
    pub oci: Option<String>,
    /// One version, of a chart in a repository or registry.
    #[serde(default)]
    pub version: Option<String>,
    /// Digest of the archive: 64 hexadecimal digits, `sha256:` before them or not.
    #[serde(default)]
    pub sha256: Option<String>,
}

impl ChartSpec {
    /// The chart that it means; a path as it stands, below the component's folder.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn source(&self) -> Result<ChartRef, String> {
        let Self { path, repository, name, oci, version, sha256 } = self;
        let source = match (path, repository, name, oci, version) {
            (Some(path), None, None, None, None) => ChartSource::Path(path.into()),
            (None, Some(repository), Some(name), None, Some(version)) => {
                ChartSource::repository(repository, name, version)?
            }
            (None, None, None, Some(oci), Some(version)) => {
                let path = oci.strip_prefix("oci://").ok_or_else(|| format!("`{oci}` does not begin with oci://"))?;
                ChartSource::registry(path, version, None)?
            }
            _ => {
                let ways = "`path`, or `repository`, `name` and `version`, or `oci` and `version`";
                return Err(format!("a chart requires {ways}"));
            }
        };
        let sha256 = sha256.as_ref().map(|hex| format!("sha256:{}", hex.strip_prefix("sha256:").unwrap_or(hex)));
        if sha256.as_ref().is_some_and(|digest| !is_digest(digest)) {
            return Err("`sha256` is not 64 hexadecimal digits in lower case".to_owned());
        }
        Ok(ChartRef { source, sha256 })
    }

    /// Whether the path is an archive's.
    #[must_use]
    pub fn is_archive(path: &str) -> bool {
        path.ends_with(".tgz") || path.ends_with(".tar.gz")
    }

    /// All its texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let Self { path, repository, name, oci, version, sha256 } = self;
        [path, repository, name, oci, version, sha256].into_iter().flatten().map(String::as_str)
    }
}

/// A Secret that is made of others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedSecret {
    /// What it is called here, and how its name ends.
    pub name: String,
    /// Each key's content; templates that see the component's secrets.
    pub keys: BTreeMap<String, String>,
    /// The type of the Secret.
    #[serde(default = "opaque", rename = "type")]
    pub kind: String,
    /// Its name; a template.
    #[serde(default)]
    pub secret_name: Option<String>,
    /// Where it stands in component.yaml.
    #[serde(skip)]
    pub pos: Pos,
}

fn opaque() -> String {
    "Opaque".to_owned()
}

/// Defaults of a release.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSpec {
    /// Release name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Pod Security level that the namespace gets when windlass makes it; a template.
    #[serde(default = "restricted")]
    pub pod_security: String,
}

/// A namespace beside that of the release, such as one for jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamespaceSpec {
    /// Its name; a template. One that comes out empty is not wanted.
    pub name: String,
    /// Pod Security level that it gets when windlass makes it; a template.
    #[serde(default = "restricted")]
    pub pod_security: String,
    /// Which of the component's Secrets are copied there: questions, and names of those that are made of others.
    #[serde(default)]
    pub secrets: Vec<String>,
}

fn restricted() -> String {
    "restricted".to_owned()
}

/// An image of a component.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its name within the component.
    pub name: String,
    /// The reference, with a tag or a digest; empty where no public image exists and the user must name one.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Where the values have the registry.
    #[serde(default)]
    pub registry: Paths,
    /// Where they have the path: without the registry where that has a place of its own, and without its last part where
    /// that has one.
    #[serde(default)]
    pub repository: Paths,
    /// Where they have the last part of the path.
    #[serde(default)]
    pub basename: Paths,
    /// Where they have the tag.
    #[serde(default)]
    pub tag: Paths,
    /// Where they have the digest.
    #[serde(default)]
    pub digest: Paths,
    /// Where they have all of it in one text.
    #[serde(default, rename = "reference")]
    pub whole: Paths,
    /// The Containerfile that makes it, where none is public.
    #[serde(default)]
    pub build: Option<String>,
    /// An expression over `answers`: where it is not true, the image is not used.
    #[serde(default)]
    pub when: Option<String>,
}

impl Image {
    /// Its published reference in parts, such as `docker.io/apache/spark:3.5.6`; none where that is empty.
    #[must_use]
    pub fn split(&self) -> Option<ImageName> {
        ImageName::parse(&self.reference).ok()
    }

    /// Every place in the values.
    pub fn places(&self) -> impl Iterator<Item = &ValuePath> {
        let parts = [&self.registry, &self.repository, &self.basename, &self.tag, &self.digest, &self.whole];
        parts.into_iter().flat_map(|paths| &paths.0)
    }

    /// Whether a digest of it is of use: somewhere in the values, or in the reference that templates are given.
    #[must_use]
    pub fn takes_digest(&self) -> bool {
        !self.digest.0.is_empty() || !self.whole.0.is_empty() || self.places().next().is_none()
    }
}

/// One place in the values, or several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "OneOrMany")]
pub struct Paths(pub Vec<ValuePath>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(ValuePath),
    Many(Vec<ValuePath>),
}

impl From<OneOrMany> for Paths {
    fn from(paths: OneOrMany) -> Self {
        match paths {
            OneOrMany::One(path) => Self(vec![path]),
            OneOrMany::Many(paths) => Self(paths),
        }
    }
}

/// The ids of the questions that belong to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageNames {
    /// Question for the repository.
    pub repository: String,
    /// Question for the tag.
    pub tag: String,
    /// Question for the digest, which only an image has of which that is of use.
    pub digest: String,
}

impl Component {
    /// The names of an image's questions: `image`, `image_tag` and `image_digest` for the main one (the only one, or the
    /// one that is named like the component), else `<name>_image`, `<name>_tag` and `<name>_digest`.
    #[must_use]
    pub fn image_names(&self, image: &Image) -> ImageNames {
        if self.images.len() == 1 || image.name == self.base.replace('-', "_") {
            let [repository, tag, digest] = ["image", "image_tag", "image_digest"].map(str::to_owned);
            return ImageNames { repository, tag, digest };
        }
        let [repository, tag, digest] = ["image", "tag", "digest"].map(|part| format!("{}_{part}", image.name));
        ImageNames { repository, tag, digest }
    }

    /// The components without which it cannot be.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.requires.iter().filter(|it| !it.optional && !it.off && !it.id.is_empty()).map(|it| it.id.as_str())
    }

    /// The same with those whose condition may come to hold.
    pub fn ever_required(&self) -> impl Iterator<Item = &str> {
        self.requires.iter().filter(|it| !it.optional && !it.id.is_empty()).map(|it| it.id.as_str())
    }

    /// The components that it uses where they are there.
    pub fn optional(&self) -> impl Iterator<Item = &str> {
        self.requires.iter().filter(|it| it.optional && !it.off && !it.id.is_empty()).map(|it| it.id.as_str())
    }

    /// The action of a step, by the step's id.
    #[must_use]
    pub fn spec(&self, step: &str) -> Option<&ActionSpec> {
        let (phase, number) = step.strip_prefix(self.id.as_str())?.strip_prefix('/')?.split_once('-')?;
        let specs = match phase {
            "first" => &self.first,
            "before" => &self.before,
            "after" => &self.after,
            "verify" => &self.verify,
            _ => return None,
        };
        specs.get(number.parse::<usize>().ok()?.checked_sub(1)?)
    }

    /// Every action, in the order first, before, after, verify.
    pub fn actions(&self) -> impl Iterator<Item = &ActionSpec> {
        self.first.iter().chain(&self.before).chain(&self.after).chain(&self.verify)
    }
}

/// An address for people.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// What it leads to.
    pub title: Text,
    /// The address inside the cluster; a template.
    #[serde(default)]
    pub url: Option<String>,
    /// Name of the Ingress that leads to it from outside, if there is one; a template.
    #[serde(default)]
    pub ingress: Option<String>,
    /// With what people log in there.
    #[serde(default)]
    pub login: Option<EndpointLogin>,
}

/// With what people log in to an endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointLogin {
    /// The user; a template over `answers` and `self`. Where there is none, a password alone is asked for.
    #[serde(default)]
    pub user: Option<String>,
    /// The component's question of type `secret` that is the password.
    pub password: String,
}

/// Pods of a component that open connections to another one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connects {
    /// Id of the component that they connect to.
    pub to: String,
    /// Labels that tell these pods from others of the component's namespace; their values are templates.
    pub pods: BTreeMap<String, String>,
}

/// A field of its chart's objects that others set: what differs there, or below, is no drift.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// Kind of the objects.
    pub kind: String,
    /// The name of the only one that is meant, instead of all of that kind; a template.
    #[serde(default)]
    pub name: Option<String>,
    /// The path, as drift reports it.
    pub path: ValuePath,
    /// Where it stands in component.yaml.
    #[serde(skip)]
    pub pos: Pos,
}

/// A chart of others, known by name, version and image, and whether its release can become ours by an upgrade.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopts {
    /// The chart's name.
    pub chart: String,
    /// Its version, or how that begins: `1.6.0`, `1.*`; any without one.
    #[serde(default)]
    pub version: Option<String>,
    /// What stands in one of the images that it rendered, where name and version do not tell it from others.
    #[serde(default)]
    pub image: Option<String>,
    /// Whether it can.
    pub verdict: AdoptVerdict,
    /// What becomes of it, or why it cannot be and what to do instead.
    pub say: Text,
}

/// Whether a release can become ours by an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdoptVerdict {
    /// It can.
    AsIs,
    /// Never: what it keeps is not what our software reads.
    Never,
}

/// Objects that the software makes by itself.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// `Pod` or `ConfigMap`, `Service`, `PersistentVolumeClaim`.
    pub kind: String,
    /// Label selector within the component's namespace; a template.
    pub selector: String,
}
