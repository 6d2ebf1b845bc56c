//! What a component definition says, as types. Texts with `{{ … }}` stay templates until the answers are known.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::question::{Question, Rule, Text};
use crate::model::ChartFiles;

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
    /// What whoever reaches it can do, since it asks for no login; `None` where it does.
    #[serde(default)]
    pub open: Option<Text>,
    /// Ids of components that must be ready before this one's first action.
    #[serde(default)]
    pub requires: Vec<String>,
    /// What the user can decide, without the implicit questions.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// What must hold between answers.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Which of its pods open connections to which other components; network policies let in nobody else.
    #[serde(default)]
    pub connects: Vec<Connects>,
    /// File name of the values template.
    #[serde(default)]
    pub values: Option<String>,
    /// The images and where they sit in the values.
    #[serde(default)]
    pub images: Vec<Image>,
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
    /// Actions that prove that it works.
    #[serde(default)]
    pub verify: Vec<ActionSpec>,
    /// What the software makes by itself and an uninstall must remove.
    #[serde(default)]
    pub leftovers: Vec<Leftover>,
    /// The text of the values template.
    #[serde(skip)]
    pub values_template: Option<String>,
    /// The chart's files.
    #[serde(skip)]
    pub chart_files: Option<ChartFiles>,
    /// Where the definition came from, if not from the binary.
    #[serde(skip)]
    pub origin: Option<String>,
}

/// Where a chart is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartSpec {
    /// A folder beside component.yaml.
    pub path: String,
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

fn restricted() -> String {
    "restricted".to_owned()
}

/// An image of a component.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its name within the component.
    pub name: String,
    /// The reference, with a tag; empty where no public image exists and the user must name one.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Where the repository sits in the values.
    pub repository: String,
    /// Where the tag sits in the values.
    pub tag: String,
    /// Where the digest sits in the values.
    #[serde(default)]
    pub digest: Option<String>,
    /// The Containerfile that makes it, where none is public.
    #[serde(default)]
    pub build: Option<String>,
}

impl Image {
    /// Repository and tag of its reference, such as `docker.io/apache/spark:3.5.6`; none where it is empty.
    #[must_use]
    pub fn split(&self) -> (Option<&str>, Option<&str>) {
        match self.reference.rsplit_once(':') {
            Some((repository, tag)) => (Some(repository), Some(tag)),
            None => (None, None),
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
    /// Question for the digest, which only an image has whose chart takes one.
    pub digest: String,
}

impl Component {
    /// The names of an image's questions: `image`, `image_tag` and `image_digest` for the main one (the only one, or the
    /// one that is named like the component), else `<name>_image`, `<name>_tag` and `<name>_digest`.
    #[must_use]
    pub fn image_names(&self, image: &Image) -> ImageNames {
        if self.images.len() == 1 || image.name == self.id.replace('-', "_") {
            let [repository, tag, digest] = ["image", "image_tag", "image_digest"].map(str::to_owned);
            return ImageNames { repository, tag, digest };
        }
        let [repository, tag, digest] = ["image", "tag", "digest"].map(|part| format!("{}_{part}", image.name));
        ImageNames { repository, tag, digest }
    }

    /// The action of a step, by the step's id.
    #[must_use]
    pub fn spec(&self, step: &str) -> Option<&ActionSpec> {
        let (phase, number) = step.strip_prefix(self.id.as_str())?.strip_prefix('/')?.split_once('-')?;
        let specs = match phase {
            "before" => &self.before,
            "after" => &self.after,
            "verify" => &self.verify,
            _ => return None,
        };
        specs.get(number.parse::<usize>().ok()?.checked_sub(1)?)
    }

    /// Every action, in the order before, after, verify.
    pub fn actions(&self) -> impl Iterator<Item = &ActionSpec> {
        self.before.iter().chain(&self.after).chain(&self.verify)
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

/// Objects that the software makes by itself.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// `Pod` or `ConfigMap`, `Service`, `PersistentVolumeClaim`.
    pub kind: String,
    /// Label selector within the component's namespace; a template.
    pub selector: String,
}

/// An action and when to give up on it.
#[derive(Debug, Clone, Deserialize)]
pub struct ActionSpec {
    /// What to do.
    #[serde(flatten)]
    pub kind: ActionKind,
    /// What people read; made from the kind where absent.
    #[serde(default)]
    pub title: Option<Text>,
    /// How long it may take in all.
    #[serde(default, deserialize_with = "duration")]
    pub deadline: Option<Duration>,
    /// How often it is tried again.
    #[serde(default)]
    pub retries: Option<u32>,
    /// The name under which its results can be used by later actions.
    #[serde(default)]
    pub register: Option<String>,
}

/// The kinds of action. A new one is an entry here, one in `shapes`, an arm in the engine and a driver.
/// Texts are templates; `T` is the type they have after the next step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "action")]
pub enum ActionKind {
    /// Makes a folder in HDFS and gives it a mode.
    #[serde(rename = "hdfs.mkdir")]
    HdfsMkdir {
        /// Absolute path.
        path: String,
        /// Octal, such as `"0777"`.
        mode: String,
    },
    /// Waits until HDFS can be written and has enough DataNodes.
    #[serde(rename = "hdfs.wait")]
    HdfsWait {
        /// Live DataNodes wanted.
        replication: String,
    },
    /// Uploads the files of a local folder.
    #[serde(rename = "hdfs.upload")]
    HdfsUpload {
        /// Local folder; nothing is done where it is empty text.
        from: String,
        /// HDFS folder.
        to: String,
        /// Mode of the files.
        #[serde(default = "file_mode")]
        mode: String,
        /// Which files, as a pattern with `*`.
        #[serde(default = "all_files")]
        pattern: String,
    },
    /// Writes, reads and deletes a small file.
    #[serde(rename = "hdfs.probe")]
    HdfsProbe {
        /// Folder for the file.
        path: String,
    },
    /// Looks whether a path is there.
    #[serde(rename = "hdfs.exists")]
    HdfsExists {
        /// Absolute path.
        path: String,
    },
    /// Asks a service until it answers as wanted.
    #[serde(rename = "http.wait")]
    HttpWait {
        /// `name:port` in the component's namespace.
        service: String,
        /// Path and query.
        path: String,
        /// Wanted status.
        #[serde(default = "ok")]
        status: u16,
        /// Text that the body must contain.
        #[serde(default)]
        contains: Option<String>,
    },
    /// Runs a batch through Livy, judged by its driver pod.
    #[serde(rename = "livy.batch")]
    LivyBatch {
        /// `name:port` in the component's namespace.
        service: String,
        /// Main class.
        class: String,
        /// Jar, as Spark knows it.
        file: String,
        /// Arguments.
        #[serde(default)]
        args: Vec<String>,
        /// Spark configuration.
        #[serde(default)]
        conf: BTreeMap<String, String>,
        /// Text that the driver's log must contain.
        expect_log: String,
    },
    /// Runs one statement in an interactive session.
    #[serde(rename = "livy.session")]
    LivySession {
        /// `name:port` in the component's namespace.
        service: String,
        /// `spark`, `pyspark`, `sql`.
        kind: String,
        /// The statement.
        code: String,
        /// Text that its output must contain.
        expect: String,
        /// Oldest version of Livy that can do it; older ones are skipped and that is said.
        #[serde(default)]
        min_version: Option<String>,
        /// Spark configuration.
        #[serde(default)]
        conf: BTreeMap<String, String>,
    },
}

fn file_mode() -> String {
    "0644".to_owned()
}

fn all_files() -> String {
    "*".to_owned()
}

const fn ok() -> u16 {
    200
}

impl ActionKind {
    /// Whether it makes something that it takes away again, also when it is stopped in the middle.
    #[must_use]
    pub const fn cleans_up(&self) -> bool {
        match self {
            Self::HdfsUpload { .. } | Self::HdfsProbe { .. } | Self::LivyBatch { .. } | Self::LivySession { .. } => {
                true
            }
            Self::HdfsMkdir { .. } | Self::HdfsWait { .. } | Self::HdfsExists { .. } | Self::HttpWait { .. } => false,
        }
    }

    /// Whether it talks to HDFS.
    #[must_use]
    pub const fn uses_hdfs(&self) -> bool {
        matches!(
            self,
            Self::HdfsMkdir { .. }
                | Self::HdfsWait { .. }
                | Self::HdfsUpload { .. }
                | Self::HdfsProbe { .. }
                | Self::HdfsExists { .. }
        )
    }

    /// The Service that it asks, as `name:port`.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::HttpWait { service, .. } | Self::LivyBatch { service, .. } | Self::LivySession { service, .. } => {
                Some(service)
            }
            _ => None,
        }
    }

    /// Every template in it, in a fixed order.
    pub fn templates(&self) -> Vec<&str> {
        let mut copy = Vec::new();
        match self {
            Self::HdfsMkdir { path, mode } => copy.extend([path.as_str(), mode]),
            Self::HdfsWait { replication } => copy.push(replication),
            Self::HdfsUpload { from, to, mode, pattern } => copy.extend([from.as_str(), to, mode, pattern]),
            Self::HdfsProbe { path } | Self::HdfsExists { path } => copy.push(path),
            Self::HttpWait { service, path, contains, .. } => {
                copy.extend([service.as_str(), path]);
                copy.extend(contains.as_deref());
            }
            Self::LivyBatch { service, class, file, args, conf, expect_log } => {
                copy.extend([service.as_str(), class, file, expect_log]);
                copy.extend(args.iter().map(String::as_str));
                copy.extend(conf.values().map(String::as_str));
            }
            Self::LivySession { service, kind, code, expect, conf, .. } => {
                copy.extend([service.as_str(), kind, code, expect]);
                copy.extend(conf.values().map(String::as_str));
            }
        }
        copy
    }

    /// The same action with every template replaced.
    ///
    /// # Errors
    /// The first error of `fill`.
    pub fn map<E>(&self, mut fill: impl FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        let mut each = |texts: &BTreeMap<String, String>| {
            texts.iter().map(|(key, text)| Ok((key.clone(), fill(text)?))).collect::<Result<BTreeMap<_, _>, E>>()
        };
        Ok(match self {
            Self::HdfsMkdir { path, mode } => Self::HdfsMkdir { path: fill(path)?, mode: fill(mode)? },
            Self::HdfsWait { replication } => Self::HdfsWait { replication: fill(replication)? },
            Self::HdfsUpload { from, to, mode, pattern } => {
                Self::HdfsUpload { from: fill(from)?, to: fill(to)?, mode: fill(mode)?, pattern: fill(pattern)? }
            }
            Self::HdfsProbe { path } => Self::HdfsProbe { path: fill(path)? },
            Self::HdfsExists { path } => Self::HdfsExists { path: fill(path)? },
            Self::HttpWait { service, path, status, contains } => Self::HttpWait {
                service: fill(service)?,
                path: fill(path)?,
                status: *status,
                contains: contains.as_deref().map(&mut fill).transpose()?,
            },
            Self::LivyBatch { service, class, file, args, conf, expect_log } => {
                let conf = each(conf)?;
                Self::LivyBatch {
                    service: fill(service)?,
                    class: fill(class)?,
                    file: fill(file)?,
                    args: args.iter().map(|text| fill(text)).collect::<Result<_, E>>()?,
                    conf,
                    expect_log: fill(expect_log)?,
                }
            }
            Self::LivySession { service, kind, code, expect, min_version, conf } => {
                let conf = each(conf)?;
                Self::LivySession {
                    service: fill(service)?,
                    kind: fill(kind)?,
                    code: fill(code)?,
                    expect: fill(expect)?,
                    min_version: min_version.clone(),
                    conf,
                }
            }
        })
    }
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_duration(&text).ok_or_else(|| serde::de::Error::custom(format!("bad duration `{text}`"))))
        .transpose()
}

/// Reads `30s`, `5m`, `1h`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        for bad in ["", "5", "m", "5x", "-1s", "1.5m"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
