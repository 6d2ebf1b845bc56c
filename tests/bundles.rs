//! What the components of `bundles/` make of answers, where that is a matter of trust or of what a site has to have.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

use std::collections::BTreeMap;

use windlass::answers::{Answers, SecretContent, from_flags, image_references, resolve};
use windlass::catalog;
use windlass::model::Secret;
use windlass::model::observed::Observed;
use windlass::plan::plan;

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

#[test]
fn a_site_without_dags_from_git_needs_no_image_that_fetches_them() {
    let catalog = catalog::load(&[]).unwrap();
    let git = |chosen: &[&str], flags: &[&str]| {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let chosen: Vec<String> = chosen.iter().map(|id| (*id).to_owned()).collect();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
        let resolved = resolve(&catalog, &answers).unwrap();
        let named = image_references(&catalog, &answers).iter().any(|image| image.contains("git-sync"));
        assert_eq!(resolved.images.iter().any(|image| image.name == "git_sync"), named);
        let airflow = resolved.components.iter().find(|component| component.id == "airflow").unwrap();
        let values = airflow.release.as_ref().unwrap().values.to_string();
        let plan = serde_json::to_string(&plan(&resolved, &Observed::default(), true)).unwrap();
        assert_eq!(plan.contains("git-sync") || values.contains("git-sync"), named, "{plan}{values}");
        named
    };
    assert!(!git(&["airflow"], &[]));
    assert!(!git(&["airflow"], &["airflow.git_sync_image=site.example/git-sync"]), "whatever was answered");
    assert!(!git(&["airflow", "datagram"], &["airflow.dags_source=none"]));
    assert!(git(&["airflow", "datagram"], &[]));
    assert!(git(&["airflow"], &["airflow.dags_source=git", "airflow.dags_repo=https://git.example/dags.git"]));
}
