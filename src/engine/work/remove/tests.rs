//! Removing namespaces, against a made-up API that takes preconditions as the real one does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::StepRunner;
use crate::driver::state_store::tests::{Shared, serve};
use crate::driver::state_store::{load, update};
use crate::engine::perform::{Done, Failure};
use crate::engine::work::tests::{context, step_runner};

fn namespace(uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ours", "uid": uid}})
}

/// A cluster with a namespace of this uid, of which `known` is remembered.
async fn begin(uid: &str, known: &str) -> (StepRunner, Shared) {
    let (cluster, api) = serve().await;
    update(&cluster, |state| drop(state.namespaces.insert("ours".to_owned(), known.to_owned()))).await.unwrap();
    api.lock().unwrap().namespaces.insert("ours".to_owned(), namespace(uid));
    (step_runner(cluster), api)
}

async fn remove(runner: &StepRunner, agreed: &[&str]) -> Result<Done, Failure> {
    let agreed: Vec<String> = agreed.iter().map(|agreed| (*agreed).to_owned()).collect();
    runner.remove_namespace("ours", &BTreeSet::from(["my-livy".to_owned()]), &agreed, &context(60)).await
}

async fn is_known(runner: &StepRunner) -> bool {
    load(&runner.cluster).await.unwrap().unwrap().namespaces.contains_key("ours")
}

#[tokio::test]
async fn the_one_that_was_made_goes_and_is_forgotten() {
    let (runner, api) = begin("1", "1").await;
    let pod = |name: &str, labels: Value| json!({"name": name, "namespace": "ours", "labels": labels});
    api.lock().unwrap().pods = vec![pod("ending", json!({"app.kubernetes.io/instance": "my-livy"}))];
    remove(&runner, &[]).await.unwrap();
    assert!(api.lock().unwrap().namespaces.is_empty() && !is_known(&runner).await);
}

#[tokio::test]
async fn one_that_somebody_made_since_stays_and_ours_is_forgotten() {
    let (runner, api) = begin("2", "1").await;
    remove(&runner, &[]).await.unwrap();
    assert_eq!(api.lock().unwrap().namespaces["ours"], namespace("2"));
    assert!(!is_known(&runner).await);
    // Until format 2 no uid was noted: it has to say itself whose it is.
    let (runner, api) = begin("2", "").await;
    remove(&runner, &[]).await.unwrap();
    assert_eq!(api.lock().unwrap().namespaces["ours"], namespace("2"));
}

#[tokio::test]
async fn one_that_somebody_makes_right_before_it_is_deleted_stays() {
    let (runner, api) = begin("1", "1").await;
    api.lock().unwrap().remade = Some(namespace("2"));
    remove(&runner, &[]).await.unwrap();
    assert_eq!(api.lock().unwrap().namespaces["ours"], namespace("2"));
    assert!(!is_known(&runner).await);
}

#[tokio::test]
async fn what_was_put_there_since_it_was_agreed_to_keeps_it() {
    let (runner, api) = begin("1", "1").await;
    api.lock().unwrap().pods = vec![json!({"name": "theirs", "namespace": "ours"})];
    let failure = remove(&runner, &["Pod ours/other"]).await.unwrap_err();
    assert!(failure.errors[0].contains("Pod ours/theirs") && !failure.may_pass, "{failure:?}");
    assert!(api.lock().unwrap().namespaces.contains_key("ours") && is_known(&runner).await);
    remove(&runner, &["Pod ours/theirs"]).await.unwrap();
    assert!(api.lock().unwrap().namespaces.is_empty() && !is_known(&runner).await);
}

fn secret(uid: &str, by: &str) -> Value {
    let labels = json!({"app.kubernetes.io/managed-by": by});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pw", "uid": uid, "labels": labels}})
}

#[tokio::test]
async fn a_secret_of_somebody_else_stays() {
    const OURS: &str = "windlass";
    for (there, remade, stays) in [
        (Some(secret("1", OURS)), None, None),
        (None, None, None),
        (Some(secret("1", "Helm")), None, Some(secret("1", "Helm"))),
        // Somebody replaces it between get and delete.
        (Some(secret("1", OURS)), Some(secret("2", "Helm")), Some(secret("2", "Helm"))),
    ] {
        let (runner, api) = begin("1", "1").await;
        if let Some(there) = there {
            api.lock().unwrap().secrets.insert("pw".to_owned(), there);
        }
        api.lock().unwrap().remade = remade;
        let done = runner.remove_secret("windlass-system", "pw").await.unwrap();
        assert_eq!(done.summary.is_some(), stays.is_some());
        assert_eq!(api.lock().unwrap().secrets.get("pw"), stays.as_ref());
    }
}
