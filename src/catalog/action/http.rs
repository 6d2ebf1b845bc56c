//! Actions on services that speak HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kind::{Kind, Limits, Names};
use super::part::{Part, family, parts};
use crate::model::yaml::Shape;
use crate::model::{Lookup, ServiceAccess, version_mark};

family! {
    /// What can be asked of a service.
    HttpAction {
        Wait = "http.wait",
        Request = "http.request",
        Ensure = "http.ensure",
    }
}

parts! {
    /// Asks a service until it answers as wanted: a request without a body or a login.
    Wait {
        /// `name:port` in the component's namespace, or `name.namespace:port`.
        service: String,
        /// Path and query.
        path: String,
        /// Wanted status, as of a request.
        status: String = "ok",
        /// Text that the body must contain.
        contains: Option<String> = "Default::default",
        /// With TLS.
        tls: Option<Tls> = "Default::default",
    }

    /// Sends a request and looks at the answer.
    Request {
        /// `name:port` in the component's namespace, or `name.namespace:port`.
        service: String,
        /// Path and query.
        path: String,
        /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`.
        method: String = "get",
        /// Headers.
        headers: BTreeMap<String, HiddenValue> = "Default::default",
        /// A body of JSON.
        json: Option<HiddenValue> = "Default::default",
        /// A body as forms send it.
        form: BTreeMap<String, HiddenValue> = "Default::default",
        /// What `${NAME}` stands for in what is sent: name to question of type `secret`; once it is bound, to
        /// `<Secret>/<key>`.
        secrets: BTreeMap<String, String> = "Default::default",
        /// Whose secret opens it.
        login: Option<Login> = "Default::default",
        /// With TLS.
        tls: Option<Tls> = "Default::default",
        /// Wanted status: `200`, `2xx`, `200,404`.
        status: String = "good",
        /// Text that the body must contain.
        contains: Option<String> = "Default::default",
        /// JSON pointers into the answer, and the texts that must be there.
        expect: BTreeMap<String, String> = "Default::default",
        /// Asked again until it is as wanted.
        until: bool = "Default::default",
        /// JSON pointers into the answer and texts with which it never will be: it is asked no more.
        never: BTreeMap<String, String> = "Default::default",
        /// What later actions may use, by `register`: name to JSON pointer into the answer.
        results: BTreeMap<String, String> = "Default::default",
        /// What is sent and answered may be shown.
        public: bool = "Default::default",
    }

    /// Has something in a service be as wanted: it is looked for, compared, and written where it is missing or differs.
    Ensure {
        /// `name:port` in the component's namespace, or `name.namespace:port`.
        service: String,
        /// Path at which the thing is got; where it answers 404, it is not there.
        get: Option<String> = "Default::default",
        /// Path that lists all such things, instead of `get`.
        list: Option<String> = "Default::default",
        /// JSON pointer to the list in the answer.
        items: String = "Default::default",
        /// Which of the list it is: JSON pointers into an item, and the texts that are there.
        matching: BTreeMap<String, String> = "Default::default",
        /// What must be there, with what else there may be. A list must be as it stands here.
        want: HiddenValue,
        /// JSON pointers into `want` of what the service does not return, such as a password.
        write_only: Vec<String> = "Default::default",
        /// What is recorded of what the service does not return: if this text changes, it is written again. The
        /// versions of `secrets`, and which entry it is, unless said otherwise.
        version: Option<String> = "Default::default",
        /// How it is made; `POST` of `want` to `list`, or `PUT` of it to `get`, where absent.
        create: Option<Write> = "Default::default",
        /// How it is changed; `PUT` of `want` to `get` where absent. `{id}` in the path and `${id}` in the body are what
        /// `id` points to.
        update: Option<Write> = "Default::default",
        /// JSON pointer to the id in what was found.
        id: Option<String> = "Default::default",
        /// What `${NAME}` stands for in what is sent: name to question of type `secret`; once it is bound, to
        /// `<Secret>/<key>`.
        secrets: BTreeMap<String, String> = "Default::default",
        /// Whose secret opens it.
        login: Option<Login> = "Default::default",
        /// With TLS.
        tls: Option<Tls> = "Default::default",
        /// What is wanted and answered may be shown.
        public: bool = "Default::default",
    }

    /// A request that writes.
    Write {
        /// `POST`, `PUT`, `PATCH`.
        method: String,
        /// Path and query.
        path: String,
        /// The body, where it is another than what is wanted.
        json: Option<HiddenValue> = "Default::default",
    }

    /// How to log in: with a password or a token, each of which is a question of type `secret` of the component; once it is
    /// bound, `<Secret>/<key>`.
    Login {
        /// Who, with a password.
        user: Option<String> = "Default::default",
        /// Their password.
        password: Option<String> = "Default::default",
        /// A token, without a user.
        token: Option<String> = "Default::default",
    }

    /// What TLS is spoken with.
    Tls {
        /// The question of type `secret` that names the certificate authority, as PEM; those of the system where absent.
        ca: Option<String> = "Default::default",
        /// The name in the certificate; that of the service in its namespace where absent.
        name: Option<String> = "Default::default",
        /// Whether the certificate is looked at.
        verify: bool = "yes",
    }
}

fn ok() -> String {
    "200".to_owned()
}

fn good() -> String {
    "2xx".to_owned()
}

fn get() -> String {
    "GET".to_owned()
}

const fn yes() -> bool {
    true
}

/// A value that plans, journals and errors do not show, unless its action says that it is public.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HiddenValue {
    /// The value.
    pub value: Value,
    public: bool,
}

impl fmt::Debug for HiddenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.public { self.value.fmt(f) } else { f.write_str("(not shown)") }
    }
}

impl Serialize for HiddenValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.public { self.value.serialize(serializer) } else { serializer.serialize_str("(not shown)") }
    }
}

impl<'de> Deserialize<'de> for HiddenValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { value: Value::deserialize(deserializer)?, public: false })
    }
}

impl Part for HiddenValue {
    const SHAPE: Shape = Shape::Any;

    fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
        self.value.texts(found);
    }

    fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        Ok(Self { value: self.value.fill(fill)?, public: self.public })
    }
}

impl HiddenValue {
    /// The value with secrets in their places: `${NAME}`.
    #[must_use]
    pub fn with(&self, secrets: &dyn Fn(&str) -> Option<String>) -> Value {
        let put = |text: &str| {
            let mut parts = text.split("${");
            let mut whole = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                match part.split_once('}').and_then(|(name, rest)| Some((secrets(name)?, rest))) {
                    Some((secret, rest)) => whole.extend([secret.as_str(), rest]),
                    None => whole.extend(["${", part]),
                }
            }
            Ok::<_, std::convert::Infallible>(whole)
        };
        let Ok(value) = self.value.fill(&mut { put });
        value
    }
}

/// Whether a status is one of those that are wanted: `200`, `2xx`, `200,404`.
#[must_use]
pub fn is_wanted(wanted: &str, status: u16) -> bool {
    wanted.split(',').map(str::trim).any(|one| match one.strip_suffix("xx") {
        Some(class) => class.parse() == Ok(status / 100),
        None => one.parse() == Ok(status),
    })
}

fn status_problem(wanted: &str) -> Option<String> {
    let good = |one: &str| match one.strip_suffix("xx") {
        Some(class) => matches!(class, "1" | "2" | "3" | "4" | "5"),
        None => one.parse::<u16>().is_ok_and(|status| (100..600).contains(&status)),
    };
    let bad = wanted.split(',').map(str::trim).find(|one| !good(one))?;
    Some(format!("`{bad}` is not a status such as 200 or 2xx"))
}

fn method_problem(method: &str) -> Option<String> {
    let good = matches!(method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD");
    (!good).then(|| format!("`{method}` is not one of GET, POST, PUT, PATCH, DELETE, HEAD"))
}

fn path_problem(path: &str) -> Option<String> {
    // What only a run can fill in stands in it as a template still.
    let odd = |c: char| c.is_control() || c == ' ';
    let good = path.starts_with('/') && (path.contains("{{") || !path.contains(odd));
    (!good).then(|| format!("`{path}` must begin with / and have no spaces"))
}

fn pointer_problem(pointer: &str) -> Option<String> {
    let good = pointer.is_empty() || pointer.starts_with('/');
    (!good).then(|| format!("`{pointer}` is not a JSON pointer such as /items/0/name"))
}

fn login_problem(login: Option<&Login>) -> Option<String> {
    let login = login?;
    let good = match (&login.user, &login.password, &login.token) {
        (Some(_), Some(_), None) | (None, None, Some(_)) => true,
        // Questions without an answer are omitted when they are bound.
        (_, None, None) => true,
        _ => false,
    };
    (!good).then(|| "`login` requires `user` and `password`, or `token`".to_owned())
}

impl Login {
    fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        for question in [&mut self.password, &mut self.token] {
            *question = bound(question.as_deref(), names)?;
        }
        Ok(())
    }
}

impl Tls {
    fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        self.ca = bound(self.ca.as_deref(), names)?;
        Ok(())
    }
}

fn bind_all(secrets: &mut BTreeMap<String, String>, names: &dyn Names) -> Result<(), String> {
    for (name, question) in std::mem::take(secrets) {
        // One without an answer is empty text.
        let place = bound(Some(&question), names)?.unwrap_or_default();
        secrets.insert(name, place);
    }
    secrets.retain(|_, place| !place.is_empty());
    Ok(())
}

fn bound(question: Option<&str>, names: &dyn Names) -> Result<Option<String>, String> {
    let Some(question) = question else { return Ok(None) };
    Ok(names.secret(question)?.map(|(name, key)| format!("{name}/{key}")))
}

impl Kind for Wait {
    fn limits(&self) -> Limits {
        Limits { seconds: 300, retries: 0 }
    }

    fn title(&self) -> String {
        format!("{}{} answers", self.service, self.path)
    }

    fn problem(&self) -> Option<String> {
        path_problem(&self.path).or_else(|| status_problem(&self.status))
    }

    fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.bind(names))
    }

    fn service(&self) -> Option<&str> {
        Some(&self.service)
    }
}

impl Kind for Request {
    fn limits(&self) -> Limits {
        Limits { seconds: 300, retries: if self.until { 0 } else { 3 } }
    }

    fn title(&self) -> String {
        format!("{} {}{}", self.method, self.service, self.path)
    }

    fn problem(&self) -> Option<String> {
        let pointers = self.expect.keys().chain(self.never.keys()).chain(self.results.values());
        path_problem(&self.path)
            .or_else(|| method_problem(&self.method))
            .or_else(|| status_problem(&self.status))
            .or_else(|| login_problem(self.login.as_ref()))
            .or_else(|| pointers.filter_map(|pointer| pointer_problem(pointer)).next())
            .or_else(|| {
                let two = self.json.is_some() && !self.form.is_empty();
                two.then(|| "use either `json` or `form` for the body, not both".to_owned())
            })
    }

    fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        let quiet = self.headers.values_mut().chain(self.form.values_mut()).chain(&mut self.json);
        quiet.for_each(|quiet| quiet.public = self.public);
        bind_all(&mut self.secrets, names)?;
        self.login.as_mut().map_or(Ok(()), |login| login.bind(names))?;
        self.tls.as_mut().map_or(Ok(()), |tls| tls.bind(names))
    }

    fn service(&self) -> Option<&str> {
        Some(&self.service)
    }
}

impl Kind for Ensure {
    fn limits(&self) -> Limits {
        Limits { seconds: 120, retries: 3 }
    }

    fn title(&self) -> String {
        let path = self.get.as_ref().or(self.list.as_ref()).map_or("", String::as_str);
        format!("entry in {}{path}", self.service)
    }

    fn problem(&self) -> Option<String> {
        let writes = [&self.create, &self.update].into_iter().flatten();
        let paths = self.get.iter().chain(&self.list).chain(writes.clone().map(|write| &write.path));
        let pointers = self.matching.keys().chain(&self.write_only).chain(&self.id).chain([&self.items]);
        let wrong = match (&self.get, &self.list) {
            (Some(_), None) => None,
            (None, Some(_)) if self.matching.is_empty() => Some("`list` requires `matching`"),
            (None, Some(_)) if self.update.is_none() => Some("`list` requires `update`"),
            (None, Some(_)) => None,
            _ => Some("one of `get` and `list` is required"),
        };
        wrong
            .map(str::to_owned)
            .or_else(|| paths.filter_map(|path| path_problem(path)).next())
            .or_else(|| writes.filter_map(|write| method_problem(&write.method)).next())
            .or_else(|| pointers.filter_map(|pointer| pointer_problem(pointer)).next())
            .or_else(|| login_problem(self.login.as_ref()))
            .or_else(|| {
                let idle = self.version.is_some() && self.write_only.is_empty();
                idle.then(|| "`version` requires `write_only`".to_owned())
            })
    }

    fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        self.want.public = self.public;
        bind_all(&mut self.secrets, names)?;
        if self.version.is_none() && !self.write_only.is_empty() {
            let secrets: BTreeSet<&str> = self.secrets.values().filter_map(|place| place.split('/').next()).collect();
            let mut versions: Vec<_> = secrets.into_iter().map(|name| version_mark(names.namespace(), name)).collect();
            if !versions.is_empty() {
                // And where: another entry has not been written yet.
                let at = [&self.service].into_iter().chain(&self.get).chain(&self.list);
                let entry = self.matching.iter().map(|(pointer, text)| format!("{pointer}={text}"));
                versions.extend(at.cloned().chain(entry));
                self.version = Some(versions.join(" "));
            }
        }
        let writes = [&mut self.create, &mut self.update].into_iter().flatten();
        writes.filter_map(|write| write.json.as_mut()).for_each(|quiet| quiet.public = self.public);
        self.login.as_mut().map_or(Ok(()), |login| login.bind(names))?;
        self.tls.as_mut().map_or(Ok(()), |tls| tls.bind(names))
    }

    fn service(&self) -> Option<&str> {
        Some(&self.service)
    }
}

/// The way that an action says.
fn way<'a>(
    namespace: &'a str,
    service: &'a str,
    login: Option<&'a Login>,
    tls: Option<&'a Tls>,
    secrets: &'a BTreeMap<String, String>,
) -> ServiceAccess<'a> {
    ServiceAccess {
        namespace,
        service,
        user: login.and_then(|login| login.user.as_deref()),
        password: login.and_then(|login| login.password.as_deref()),
        token: login.and_then(|login| login.token.as_deref()),
        tls: tls.map(|tls| (tls.ca.as_deref(), tls.name.as_deref(), tls.verify)),
        secrets,
    }
}

impl Request {
    /// The way to its service.
    #[must_use]
    pub fn way<'a>(&'a self, namespace: &'a str) -> ServiceAccess<'a> {
        way(namespace, &self.service, self.login.as_ref(), self.tls.as_ref(), &self.secrets)
    }
}

impl Ensure {
    /// The way to its service.
    #[must_use]
    pub fn way<'a>(&'a self, namespace: &'a str) -> ServiceAccess<'a> {
        way(namespace, &self.service, self.login.as_ref(), self.tls.as_ref(), &self.secrets)
    }

    /// Where to look for it.
    #[must_use]
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { get: self.get.as_deref(), list: self.list.as_deref(), items: &self.items, matching: &self.matching }
    }

    /// How it is made.
    #[must_use]
    pub fn creates(&self) -> Write {
        self.create.clone().unwrap_or_else(|| match (&self.list, &self.get) {
            (Some(list), _) => Write { method: "POST".to_owned(), path: list.clone(), json: None },
            (None, get) => Write { method: "PUT".to_owned(), path: get.clone().unwrap_or_default(), json: None },
        })
    }

    /// How it is changed.
    #[must_use]
    pub fn updates(&self) -> Write {
        let get = || Write { method: "PUT".to_owned(), path: self.get.clone().unwrap_or_default(), json: None };
        self.update.clone().unwrap_or_else(get)
    }
}

impl Wait {
    /// The request that it is a case of.
    #[must_use]
    pub fn request(&self) -> Request {
        Request {
            service: self.service.clone(),
            path: self.path.clone(),
            method: get(),
            headers: BTreeMap::new(),
            json: None,
            form: BTreeMap::new(),
            login: None,
            tls: self.tls.clone(),
            status: self.status.clone(),
            contains: self.contains.clone(),
            expect: BTreeMap::new(),
            until: true,
            never: BTreeMap::new(),
            results: BTreeMap::new(),
            secrets: BTreeMap::new(),
            public: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statuses() {
        for (wanted, status, is) in
            [("200", 200, true), ("2xx", 204, true), ("200, 404", 404, true), ("2xx", 302, false), ("200", 201, false)]
        {
            assert_eq!(is_wanted(wanted, status), is, "{wanted} {status}");
        }
        for bad in ["", "20", "6xx", "xx", "200,", "ok"] {
            assert!(status_problem(bad).is_some(), "{bad}");
        }
    }

    fn ensure(fields: &Value) -> Ensure {
        serde_json::from_value(fields.clone()).unwrap()
    }

    #[test]
    fn what_is_sent_is_not_shown_unless_it_is_public() {
        let fields = json!({"service": "a:1", "get": "/x", "want": {"password": "hunter2"}});
        let shown = |one: &Ensure| format!("{one:?}{}", serde_json::to_string(one).unwrap());
        assert!(!shown(&ensure(&fields)).contains("hunter2"));
        let mut open = ensure(&fields);
        open.want.public = true;
        assert!(shown(&open).contains("hunter2"));
    }

    #[test]
    fn an_entry_is_looked_for_in_one_way() {
        for (fields, wrong) in [
            (json!({"service": "a:1", "want": {}}), true),
            (json!({"service": "a:1", "want": {}, "get": "/x", "list": "/y"}), true),
            (json!({"service": "a:1", "want": {}, "get": "x"}), true),
            (json!({"service": "a:1", "want": {}, "list": "/x"}), true),
            (json!({"service": "a:1", "want": {}, "get": "/x"}), false),
            (
                json!({"service": "a:1", "want": {}, "list": "/x", "matching": {"/id": "1"}, "update": {"method": "PATCH", "path": "/x/{id}"}}),
                false,
            ),
            (json!({"service": "a:1", "want": {}, "get": "/x", "login": {"user": "u", "token": "t"}}), true),
            (json!({"service": "a:1", "want": {}, "get": "/x", "version": "v2"}), true),
            (json!({"service": "a:1", "want": {}, "get": "/x", "version": "v2", "write_only": ["/password"]}), false),
        ] {
            assert_eq!(ensure(&fields).problem().is_some(), wrong, "{fields}");
        }
    }
}
