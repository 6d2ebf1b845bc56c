//! The checks of a component's secrets.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Checker, NOT_LATE, file};
use super::identifier::is_name;
use super::kind::is_key;
use super::refs::secrets_in;
use super::{Component, EndpointLogin, Kind};
use crate::model::yaml::{Node, Pos};

impl Checker<'_> {
    /// Secrets that are made of others, and what makes a new content of one count.
    pub(super) fn secrets(&mut self, component: &Component) {
        let id = &component.id;
        let questions = || component.questions.iter().filter(|question| question.kind == Kind::Secret);
        let names: Vec<(usize, &str)> = component
            .questions
            .iter()
            .enumerate()
            .filter_map(|(at, question)| Some((at, question.secret_name.as_deref()?)))
            .collect();
        for (at, text) in names {
            let pos = self.item(id, "questions", at);
            self.template(id, pos, text, &BTreeSet::new());
        }
        for (at, question) in component.questions.iter().enumerate().filter(|(_, it)| it.kind == Kind::Secret) {
            let pos = self.item(id, "questions", at);
            for name in &question.names {
                self.template(id, pos, name, &BTreeSet::new());
            }
        }
        let mut taken: BTreeSet<String> = questions().map(|question| question.id.replace('_', "-")).collect();
        for (index, secret) in component.secrets.iter().enumerate() {
            let pos = self.item(id, "secrets", index);
            if component.release.is_none() || component.chart.is_none() {
                self.add(id, pos, "a Secret is created for a release, and this component has none");
            }
            if !is_name(&secret.name, '-') || secret.name.ends_with('-') {
                self.add(id, pos, format!("`{}` cannot be a Secret's name: use [a-z][a-z0-9-]*", secret.name));
            }
            if !taken.insert(secret.name.clone()) {
                let message = format!("duplicate secret `{}`", secret.name);
                self.add(id, pos, message);
            }
            if let Some(what) = lacks(&secret.kind, &secret.keys) {
                self.add(id, pos, format!("Secret `{}`: {what}", secret.name));
            }
            if secret.keys.is_empty() {
                self.add(id, pos, format!("Secret `{}` has no keys", secret.name));
            }
            if let Some(text) = &secret.secret_name {
                self.template(id, pos, text, &BTreeSet::new());
            }
            for (key, text) in &secret.keys {
                let pos = self.key(id, index, key);
                if !is_key(key) {
                    let message = format!("`{key}` cannot be a key of a Secret: use letters, digits, `-`, `_` and `.`");
                    self.add(id, pos, message);
                }
                self.template(id, pos, text, &["secret"].into());
                let known: Vec<&str> = questions().map(|question| question.id.as_str()).collect();
                for question in secrets_in(text) {
                    let certificate = questions().any(|known| known.id == question && known.secret_keys().len() > 1);
                    if certificate {
                        let message = format!("`secret.{question}` is a certificate: it cannot be in another Secret");
                        self.add(id, pos, message);
                    } else if !known.contains(&question.as_str()) {
                        let message = format!("no question of `{id}` for a secret is called `{question}`");
                        self.findings.add_unknown(&file(id), pos, message, &question, known.iter().copied());
                    }
                }
            }
        }
        for question in component.rotate.keys() {
            let staged = format!("{}-next", question.replace('_', "-"));
            if taken.contains(&staged) {
                let pos = self.place(id, &["rotate", question]);
                self.add(
                    id,
                    pos,
                    format!("the secret name `{staged}` is reserved for the staged content of `{question}`"),
                );
            }
        }
        let mut jobs = BTreeSet::new();
        for (question, actions) in &component.rotate {
            let pos = self.place(id, &["rotate", question]);
            if !questions().any(|known| known.id == *question && known.generates()) {
                let known = questions().filter(|question| question.generates()).map(|question| question.id.as_str());
                let message = format!("`{question}` is not a question of `{id}` for a generated secret");
                self.findings.add_unknown(&file(id), pos, message, question, known);
            }
            for (index, action) in actions.iter().enumerate() {
                let pos = self.rotation(id, question, index);
                self.action(id, pos, action, &BTreeSet::new(), Some(question));
                if action.late {
                    self.add(id, pos, NOT_LATE);
                }
                if action.register.is_some() {
                    self.add(id, pos, "`register` cannot be used in `rotate`: nothing comes after it");
                }
                if let Some(run) = action.kind.jobs() {
                    self.job(id, pos, run, &mut jobs);
                }
            }
        }
    }

    /// Secrets that are copied into a further namespace.
    pub(super) fn copied(&mut self, component: &Component, index: usize, secrets: &[String]) {
        let id = &component.id;
        let questions = component.questions.iter().filter(|question| question.kind == Kind::Secret);
        let known: Vec<&str> = questions
            .map(|question| question.id.as_str())
            .chain(component.secrets.iter().map(|secret| secret.name.as_str()))
            .collect();
        let tree = self.trees.get(id).and_then(|tree| tree.get("namespaces")).and_then(Node::list);
        let tree = tree.and_then(|items| items.get(index)?.get("secrets")?.list());
        let places: Vec<Pos> = tree.into_iter().flatten().map(|node| node.pos).collect();
        for (at, name) in secrets.iter().enumerate() {
            let pos = places.get(at).copied().unwrap_or_else(|| self.item(id, "namespaces", index));
            if !known.contains(&name.as_str()) {
                let message =
                    format!("no secret of `{id}` is called `{name}`: expected a question for one, or one of `secrets`");
                self.findings.add_unknown(&file(id), pos, message, name, known.iter().copied());
            } else if secrets[..at].contains(name) {
                self.add(id, pos, format!("`{name}` is listed twice"));
            }
        }
    }

    /// With what people log in to an endpoint.
    pub(super) fn login(&mut self, component: &Component, index: usize, login: &EndpointLogin) {
        let id = &component.id;
        let tree = self.trees.get(id).and_then(|tree| tree.get("endpoints")).and_then(Node::list);
        let tree = tree.and_then(|items| items.get(index)?.get("login"));
        let at = |key: &str| tree.and_then(|node| node.get(key)).map_or_else(Pos::default, |node| node.pos);
        let (user, password) = (at("user"), at("password"));
        self.known_later(id, user, login.user.as_deref().unwrap_or_default(), "the user of an endpoint");
        let questions = component.questions.iter().filter(|question| question.kind == Kind::Secret);
        let (single, certificates): (Vec<_>, Vec<_>) = questions.partition(|it| it.secret_keys().len() == 1);
        if certificates.iter().any(|question| question.id == login.password) {
            self.add(id, password, format!("`{}` is a certificate, which cannot be used to log in", login.password));
        } else if !single.iter().any(|question| question.id == login.password) {
            let message = format!("no question of `{id}` for a secret is called `{}`", login.password);
            let known = single.iter().map(|question| question.id.as_str());
            self.findings.add_unknown(&file(id), password, message, &login.password, known);
        }
        if component.release.is_none() || component.chart.is_none() {
            self.add(id, password, "a Secret is created for a release, and this component has none");
        }
    }

    /// Where a key of a Secret is.
    fn key(&self, id: &str, index: usize, key: &str) -> Pos {
        let items = self.trees.get(id).and_then(|tree| tree.get("secrets")).and_then(Node::list);
        let node = items.and_then(|items| items.get(index)?.get("keys")?.get(key));
        node.map_or_else(|| self.item(id, "secrets", index), |node| node.pos)
    }

    /// Where an action of a rotation is.
    fn rotation(&self, id: &str, question: &str, index: usize) -> Pos {
        let items = self.trees.get(id).and_then(|tree| tree.get("rotate")?.get(question)).and_then(Node::list);
        let node = items.and_then(|items| items.get(index));
        node.map_or_else(|| self.place(id, &["rotate", question]), |node| node.pos)
    }
}

/// What the API would miss in a Secret of a type.
fn lacks(kind: &str, keys: &BTreeMap<String, String>) -> Option<String> {
    let wanted: &[&str] = match kind {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/service-account-token" => return Some(format!("type {kind} is created by the API server only")),
        "kubernetes.io/basic-auth" if !keys.contains_key("username") && !keys.contains_key("password") => {
            return Some(format!("type {kind} requires the key `username` or `password`"));
        }
        _ => &[],
    };
    let missing: Vec<String> =
        wanted.iter().filter(|key| !keys.contains_key(**key)).map(|key| format!("`{key}`")).collect();
    (!missing.is_empty()).then(|| format!("type {kind} requires the key {}", missing.join(" and ")))
}
