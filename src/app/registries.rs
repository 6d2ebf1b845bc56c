//! How commands reach registries: their options, as the settings of the one client, and which registries are used.

use std::collections::BTreeSet;

use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use crate::cli::RegistryArgs;
use crate::driver::registry::push::Target;
use crate::driver::registry::{Credentials, Proxies, Registries, RegistrySource, Settings, Trust, WaitListener};
use crate::model::images_lock::ImagesLock;
use crate::model::{ImageName, Secret};

/// What `--from` is called where each image's own registry is meant.
const PUBLISHED: &str = "published";

/// The registry, with its path, that `--from` names; `None` for each image's own.
pub(super) fn mirror(from: Option<&str>) -> Result<Option<String>, Failed> {
    let Some(from) = from.filter(|from| *from != PUBLISHED) else { return Ok(None) };
    Ok(Some(Target::parse(from, None).or_exit(Exit::BadInput)?.to_string()))
}

/// The hosts of the registries that images come from.
fn hosts<'a>(from: Option<&str>, images: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    match from {
        Some(from) => [from.split('/').next().unwrap_or(from).to_owned()].into(),
        None => {
            images.into_iter().filter_map(|image| Some(ImageName::parse(image).ok()?.registry().to_owned())).collect()
        }
    }
}

/// The source of a lock's images: the registry that mirrors them, or each image's own.
pub(super) fn asked(
    args: &RegistryArgs,
    from: Option<&str>,
    lock: &ImagesLock,
    output: &Output,
) -> Result<RegistrySource, Failed> {
    Ok(RegistrySource::new(registries(args, &hosts(from, lock.images.keys()), None, output)?))
}

/// The client with the options and the environment, and for each registry the way to it. No request is sent yet. `last` is
/// a Docker config.json for registries without another login.
pub(super) fn registries(
    args: &RegistryArgs,
    hosts: &BTreeSet<String>,
    last: Option<Secret>,
    output: &Output,
) -> Result<Registries, Failed> {
    let registries = Registries::new(settings(args, hosts, last, output)?).or_exit(Exit::BadInput)?;
    for host in hosts {
        output.remark(&format!("registry {host}: {}", registries.way_to(host)));
    }
    Ok(registries)
}

fn settings(
    args: &RegistryArgs,
    hosts: &BTreeSet<String>,
    last: Option<Secret>,
    output: &Output,
) -> Result<Settings, Failed> {
    if let Some(stray) = args.plain_http.iter().find(|host| !hosts.contains(*host)) {
        let known = hosts.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(Failed::text(
            Exit::BadInput,
            format!("--plain-http {stray}: this registry is not used; used: {known}"),
        ));
    }
    let credentials = match &args.registry_config {
        Some(path) => Credentials::none().with_config_file(path),
        None => Credentials::none().with_user_config(),
    };
    let trust = |host: &String| {
        let plain_http = args.plain_http.contains(host);
        (host.clone(), Trust { plain_http, token_host: args.token_host.clone() })
    };
    let remarks = output.remarks();
    Ok(Settings {
        credentials: credentials.or_exit(Exit::BadInput)?.with_last(last),
        trust: hosts.iter().map(trust).collect(),
        ca_files: args.ca.clone(),
        client_certificate: args.client_cert.clone().zip(args.client_key.clone()),
        proxies: Proxies::from_env().or_exit(Exit::BadInput)?,
        waits: WaitListener::new(move |wait| remarks.remark(&wait.to_string())),
        ..Settings::default()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser as _;

    use super::*;
    use crate::driver::registry::{LongWait, WaitReason};
    use crate::render::tui::BackendEvent;

    #[test]
    fn a_long_wait_is_a_remark() {
        let args = ["windlass", "lock"];
        let global = crate::cli::Cli::try_parse_from(args).unwrap().global;
        let (sender, mut shown) = tokio::sync::mpsc::unbounded_channel();
        let output = Output::new(&global).to_screens(sender);
        let settings = settings(&RegistryArgs::default(), &BTreeSet::new(), None, &output).unwrap();
        let why = WaitReason::Failed("500 Internal Server Error".to_owned());
        settings.waits.hear(&LongWait { host: "r.site".to_owned(), pause: Duration::from_secs(9), why });
        let Ok(BackendEvent::Warning(text)) = shown.try_recv() else { panic!("no remark") };
        assert_eq!(text, "registry r.site: retrying in 9s (500 Internal Server Error)");
    }

    #[test]
    fn which_registries_are_asked_is_known_before() {
        let images = ["docker.io/a/x:1", "quay.io/b/y:2", "quay.io/b/z:2"].map(str::to_owned);
        assert_eq!(hosts(None, &images), ["docker.io", "quay.io"].map(str::to_owned).into());
        assert_eq!(hosts(Some("r.site:5000/mirror"), &images), ["r.site:5000".to_owned()].into());
        assert_eq!(mirror(Some("r.site:5000/mirror/")).unwrap().as_deref(), Some("r.site:5000/mirror"));
        assert_eq!((mirror(None).unwrap(), mirror(Some("published")).unwrap()), (None, None));
        assert_eq!(mirror(Some("https://r.site")).unwrap_err().exit, Exit::BadInput);
    }
}
