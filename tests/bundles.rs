//! What the components of `bundles/` make of answers, where that is a matter of trust.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

use std::collections::BTreeMap;

use windlass::answers::{Answers, SecretContent, from_flags, resolve};
use windlass::catalog;
use windlass::model::Secret;

/// The login that Airflow's pods and Jobs have for the git of their DAGs, with these answers more: user and password.
fn git_login(flags: &[&str]) -> (String, String) {
    let catalog = catalog::load(&[]).unwrap();
    let always = ["airflow.dags_repo=https://git.example/dags.git", "airflow.image=x.example/airflow"];
    let flags: Vec<String> = always.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
    let chosen = ["airflow", "datagram"].map(str::to_owned);
    let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
    let resolved = resolve(&catalog, &answers).unwrap();
    let airflow = resolved.components.iter().find(|component| component.id == "airflow").unwrap();
    let secret = airflow.secrets.iter().find(|secret| secret.id == "chart-git").unwrap();
    let derived = match &secret.content {
        SecretContent::Derived(derived) => Some(derived),
        SecretContent::Answer { .. } => None,
    };
    let derived = derived.unwrap();
    let found = derived.sources().into_iter().map(|name| {
        let keys =
            ["admin_password", "dags_password"].map(|key| (key.to_owned(), Secret::new(format!("{name}/{key}"))));
        (name, BTreeMap::from(keys))
    });
    let mut filled = derived.fill("apache-airflow", &found.collect(), "key").unwrap();
    let mut take = |key: &str| filled.remove(key).unwrap().expose().to_owned();
    (take("GITSYNC_USERNAME"), take("GITSYNC_PASSWORD"))
}

#[test]
fn the_password_of_one_git_server_is_sent_to_no_other() {
    let (user, password) = git_login(&["airflow.dags_source=datagram"]);
    assert_eq!((user.as_str(), password.as_str()), ("admin", "my-airflow-datagram-password/admin_password"));
    let own = ["airflow.dags_source=git", "airflow.dags_user=kim"];
    assert_eq!(git_login(&own), ("kim".to_owned(), String::new()), "none was named");
    assert_eq!(git_login(&own[..1]), (String::new(), String::new()));
    let named = [&own[..], &["airflow.dags_password=env:TOKEN"]].concat();
    assert_eq!(git_login(&named), ("kim".to_owned(), "my-airflow-dags-password/dags_password".to_owned()));
}
