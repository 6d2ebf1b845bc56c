//! Checks from this machine whether a site's registry has the images.

use futures::future::join_all;

use super::exit::{Exit, Failed, OrExit as _};
use crate::answers::{Answer, Answers, image_references};
use crate::catalog::Catalog;
use crate::driver::kube::Cluster;
use crate::driver::registry::{Credentials, Limits, Proxies, Registries, Settings, Trust, login, parts};
use crate::driver::secrets;

/// Checks that the registry in the answers has every image; reports which are missing. Other registries are public, and
/// not checked: they may be unreachable from here.
pub(super) async fn check(catalog: &Catalog, answers: &Answers, cluster: &Cluster) -> Result<String, Failed> {
    let Some(registry) = answers.get("platform", "registry").text() else {
        return Ok("public registries are not checked from this machine: each node pulls images itself".to_owned());
    };
    let host = registry.split('/').next().unwrap_or(registry);
    let config = match answers.get("platform", "pull_secret") {
        // Each namespace has one of its own, and may not have it yet: checked without.
        Answer::Secret(reference) if reference.is_in_place() => None,
        Answer::Secret(reference) => Some(secrets::docker_config(reference, cluster).await.or_exit(Exit::BadInput)?),
        _ => None,
    };
    let known = config.as_ref().and_then(|config| login(config, registry));
    let trust = Trust {
        plain_http: answers.get("platform", "registry_plain_http").json() == serde_json::Value::Bool(true),
        token_host: answers.get("platform", "registry_token_host").text().map(str::to_owned),
    };
    let known = known.into_iter().fold(Credentials::none(), |all, login| all.with(host, login));
    let settings = Settings {
        credentials: known,
        trust: vec![(host.to_owned(), trust)],
        proxies: Proxies::from_env().or_exit(Exit::BadInput)?,
        limits: Limits::brief(),
        ..Settings::default()
    };
    let asked = Registries::new(settings).or_exit(Exit::BadInput)?.registry(host).await.or_exit(Exit::BadInput)?;
    let images = image_references(catalog, answers);
    let ours: Vec<&String> =
        images.iter().filter(|image| parts(image).is_some_and(|(known, ..)| known == host)).collect();
    if ours.is_empty() {
        let text = format!("no image comes from {host}: is `{registry}` a registry, as host:port or host/path?");
        return Err(Failed::text(Exit::BadInput, text));
    }
    let mut missing = Vec::new();
    for (image, answer) in ours.iter().zip(join_all(ours.iter().map(|image| asked.has(image))).await) {
        if !answer.or_exit(Exit::Unusable)? {
            missing.push(image.as_str());
        }
    }
    let others: Vec<&str> = images.iter().filter(|image| !ours.contains(image)).map(String::as_str).collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!("; from other registries, not checked: {}", others.join(", ")),
    };
    if missing.is_empty() {
        return Ok(format!("{host} has all {} images{others}", ours.len()));
    }
    Err(Failed::text(Exit::BadInput, format!("{host} does not have {}", missing.join(", "))))
}
