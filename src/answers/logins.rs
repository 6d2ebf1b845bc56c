//! The logins of the endpoints of what is installed.

use minijinja::Value;

use super::secrets::secret_name;
use super::template::{Templates, value};
use crate::catalog::{Component, Kind};
use crate::model::Login;
use crate::model::cluster::ReleaseKey;

/// The title of each endpoint of an installed release that asks for a login, from the answers that are remembered; `used`
/// are the components that it was installed with. One that cannot be filled in with them is omitted, as is one whose
/// password was not answered.
#[must_use]
pub fn logins_as_installed(
    component: &Component,
    used: impl Fn(&str) -> bool,
    release: &ReleaseKey,
    answers: &serde_json::Value,
) -> Vec<(String, Login)> {
    let templates = Templates::new();
    let known = super::scope::known(answers).seen_by(component.seen(used));
    let this = value(&serde_json::json!({
        "id": component.id, "instance": component.instance(), "release": release.name, "namespace": release.namespace,
    }));
    let context = Value::from_pairs([("answers".to_owned(), known), ("self".to_owned(), this)]);
    let place = format!("{}/component.yaml", component.base);
    let each = component.endpoints.iter().filter_map(|endpoint| {
        let login = endpoint.login.as_ref()?;
        let question = component.questions.iter().find(|it| it.kind == Kind::Secret && it.id == login.password)?;
        let answer = &answers[&component.id][&question.id];
        if !answer.is_object() && !answer.is_string() {
            return None;
        }
        // One of its own namespace is used as it is; of all others there is a Secret that windlass filled.
        let name = match answer["secret"].as_str() {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => {
                let named = (question.id.as_str(), question.secret_name.as_deref());
                secret_name(&templates, component, &release.name, &context, named).ok()?
            }
        };
        let user = login.user.as_ref().map(|text| templates.render(&place, text, &context)).transpose().ok()?;
        let user = user.map(|user| user.trim().to_owned()).filter(|user| !user.is_empty());
        let key = question.secret_keys().into_iter().next()?;
        Some((endpoint.title.en().to_owned(), Login::new(user, &release.namespace, &name, &key)))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::catalog::Catalog;

    fn logins(answers: &Json) -> Vec<(String, String)> {
        let mut files = crate::catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        let text = "id: web\ntitle: Web\nversion: '1'\nchart: {path: chart}\nvalues: v.j2\n\
                    release: {name: my-web, namespace: web}\nquestions:\n  \
                    - {id: admin, title: t, type: string, default: root}\n  \
                    - {id: pass_word, title: t, type: secret, default: generate, key: admin.password}\n  \
                    - {id: other, title: t, type: secret, optional: true, secret_name: \"{{ self.release }}.{{ answers.web.admin }}\"}\n\
                    endpoints:\n  - {title: One, login: {user: \"{{ answers.web.admin }}\", password: pass_word}}\n  \
                    - {title: None}\n  - {title: Two, login: {password: other}}\n";
        files.insert("web/component.yaml".to_owned(), text.as_bytes().to_vec());
        files.insert("web/v.j2".to_owned(), b"a: 1\n".to_vec());
        files.insert("web/chart/Chart.yaml".to_owned(), b"name: x\nversion: 1.0.0\n".to_vec());
        let catalog = Catalog::from_files(&files, &Default::default()).unwrap();
        let catalog = catalog.with_instances(["web@b"]);
        let id = if answers["web"].is_null() { "web@b" } else { "web" };
        let release = ReleaseKey::new("there", "w1");
        let found = logins_as_installed(&catalog.components[id], |_| false, &release, answers);
        found.into_iter().map(|(title, login)| (title, login.describe())).collect()
    }

    fn line(title: &str, before: &str, secret: &str, key: &str) -> (String, String) {
        let text =
            format!("{before}password: kubectl -n there get secret {secret} -o jsonpath='{{.data.{key}}}' | base64 -d");
        (title.to_owned(), text)
    }

    #[test]
    fn logins_follow_what_is_remembered() {
        let key = r"admin\.password";
        let generated = json!({"web": {"admin": "ann", "pass_word": "generate", "other": null}});
        assert_eq!(logins(&generated), [line("One", "user ann, ", "w1-pass-word", key)]);
        let named =
            json!({"web": {"admin": "ann", "pass_word": {"secret": "mine"}, "other": {"secret": "far/theirs"}}});
        assert_eq!(logins(&named), [line("One", "user ann, ", "mine", key), line("Two", "", "w1.ann", "other")]);
        let lost = json!({"web": {"pass_word": {"env": "X"}, "other": {"file": "f"}}});
        assert_eq!(logins(&lost), [], "neither user nor name can be filled in");
        let instance = json!({"web@b": {"admin": "bob", "pass_word": {"env": "X"}}});
        assert_eq!(logins(&instance), [line("One", "user bob, ", "w1-pass-word", key)]);
    }
}
