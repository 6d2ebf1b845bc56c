//! The shape of the files under `bundles/`, as data: what may stand where.

use crate::model::ValuePath;
use crate::model::yaml::{Field, Shape};

use Field as F;

use super::action::ACTION;
use super::kind::Kind;
use super::question::WORDS;

const KIND: Shape = Shape::OneOf(Kind::NAMES);

/// What an uninstall may remove by label; `driver::kube` knows how.
const LEFTOVER_KIND: Shape = Shape::OneOf(&["Pod", "ConfigMap", "Service", "PersistentVolumeClaim"]);

const SUGGEST: Shape = Shape::OneOf(&["storage-classes", "ingress-classes", "node-labels"]);

const MEASURE: Shape = Shape::OneOf(&["memory", "storage", "cpu"]);

const FORMAT: Shape = Shape::OneOf(&["password", "fernet", "hex", "base64", "tls"]);

const RULE: Shape = Shape::Map(&[
    F::required("that", Shape::Text),
    F::required("about", Shape::List(&Shape::Text)),
    F::required("say", WORDS),
    F::optional("back", Shape::Bool),
]);

const QUESTION: Shape = Shape::Map(&[
    F::required("id", Shape::Text),
    F::required("title", WORDS),
    F::required("type", KIND),
    F::optional("default", Shape::Any),
    F::optional("optional", Shape::Bool),
    F::optional("help", WORDS),
    F::optional("group", WORDS),
    F::optional("suggest", SUGGEST),
    F::optional("measures", MEASURE),
    F::optional("choices", Shape::List(&Shape::Text)),
    F::optional("min", Shape::Int),
    F::optional("max", Shape::Int),
    F::optional("format", FORMAT),
    F::optional("bytes", Shape::Int),
    F::optional("names", Shape::List(&Shape::Text)),
    F::optional("key", Shape::Text),
    F::optional("secret_name", Shape::Text),
    F::optional("when", Shape::Text),
]);

/// A Secret that is made of others.
const DERIVED: Shape = Shape::Map(&[
    F::required("name", Shape::Text),
    F::required("keys", Shape::MapOf(&Shape::Text)),
    F::optional("type", Shape::Text),
    F::optional("secret_name", Shape::Text),
]);

const PATH: Shape = Shape::That("a path into values, such as image.tag or containers[0].image", |text| {
    text.parse::<ValuePath>().is_ok()
});

const FIELD: Shape =
    Shape::That("a path as reported by drift, such as spec.replicas or containers[name=x].image", |text| {
        text.parse::<ValuePath>().is_ok()
    });

const PATHS: Shape = Shape::OneOrMany(&PATH);

const IMAGE: Shape = Shape::Map(&[
    F::required("name", Shape::Text),
    F::required("ref", Shape::Text),
    F::optional("registry", PATHS),
    F::optional("repository", PATHS),
    F::optional("basename", PATHS),
    F::optional("tag", PATHS),
    F::optional("digest", PATHS),
    F::optional("reference", PATHS),
    F::optional("build", Shape::Text),
    F::optional("when", Shape::Text),
]);

const REQUIREMENT: Shape = Shape::TextOr(&[
    F::optional("id", Shape::Text),
    F::optional("export", Shape::Text),
    F::optional("optional", Shape::Bool),
    F::optional("when", Shape::Text),
    F::optional("by", Shape::OneOf(&["release", "after", "late", "verify"])),
    F::optional("answers", Shape::MapOf(&Shape::Any)),
]);

/// `component.yaml`.
pub(super) const COMPONENT: Shape = Shape::Map(&[
    F::required("id", Shape::Text),
    F::required("title", WORDS),
    F::required("version", Shape::Text),
    F::optional(
        "chart",
        Shape::Map(&[
            F::optional("path", Shape::Text),
            F::optional("repository", Shape::Text),
            F::optional("name", Shape::Text),
            F::optional("oci", Shape::Text),
            F::optional("version", Shape::Text),
            F::optional("sha256", Shape::Text),
        ]),
    ),
    F::optional(
        "release",
        Shape::Map(&[
            F::required("name", Shape::Text),
            F::required("namespace", Shape::Text),
            F::optional("pod_security", Shape::Text),
        ]),
    ),
    F::optional("on_request", Shape::Bool),
    F::optional(
        "namespaces",
        Shape::List(&Shape::Map(&[
            F::required("name", Shape::Text),
            F::optional("pod_security", Shape::Text),
            F::optional("secrets", Shape::List(&Shape::Text)),
        ])),
    ),
    F::optional("requires", Shape::List(&REQUIREMENT)),
    F::optional("questions", Shape::List(&QUESTION)),
    F::optional("rules", Shape::List(&RULE)),
    F::optional("secrets", Shape::List(&DERIVED)),
    F::optional("rotate", Shape::MapOf(&Shape::List(&ACTION))),
    F::optional(
        "connects",
        Shape::List(&Shape::Map(&[F::required("to", Shape::Text), F::required("pods", Shape::MapOf(&Shape::Text))])),
    ),
    F::optional("values", Shape::Text),
    F::optional("images", Shape::List(&IMAGE)),
    F::optional("first", Shape::List(&ACTION)),
    F::optional("before", Shape::List(&ACTION)),
    F::optional("after", Shape::List(&ACTION)),
    F::optional("open", WORDS),
    F::optional("exports", Shape::MapOf(&Shape::Text)),
    F::optional(
        "endpoints",
        Shape::List(&Shape::Map(&[
            F::required("title", WORDS),
            F::optional("url", Shape::Text),
            F::optional("ingress", Shape::Text),
            F::optional("login", Shape::Map(&[F::optional("user", Shape::Text), F::required("password", Shape::Text)])),
        ])),
    ),
    F::optional("verify", Shape::List(&ACTION)),
    F::optional(
        "leftovers",
        Shape::List(&Shape::Map(&[F::required("kind", LEFTOVER_KIND), F::required("selector", Shape::Text)])),
    ),
    F::optional(
        "ignore",
        Shape::List(&Shape::Map(&[
            F::required("kind", Shape::Text),
            F::optional("name", Shape::Text),
            F::required("path", FIELD),
        ])),
    ),
    F::optional(
        "adopts",
        Shape::List(&Shape::Map(&[
            F::required("chart", Shape::Text),
            F::optional("version", Shape::Text),
            F::optional("image", Shape::Text),
            F::required("verdict", Shape::OneOf(&["as_is", "never"])),
            F::required("say", WORDS),
        ])),
    ),
]);

/// `platform.yaml`.
pub(super) const PLATFORM: Shape = Shape::Map(&[
    F::optional("id", Shape::Text),
    F::optional("title", WORDS),
    F::required("questions", Shape::List(&QUESTION)),
    F::optional("rules", Shape::List(&RULE)),
]);

/// `profiles/<id>.yaml`.
pub(super) const PROFILE: Shape = Shape::Map(&[
    F::required("id", Shape::Text),
    F::required("title", WORDS),
    F::optional("help", WORDS),
    F::optional("order", Shape::Int),
    F::required("answers", Shape::MapOf(&Shape::MapOf(&Shape::Any))),
]);
