//! Texts to a cause. The words are those of Go's standard library, containerd, CRI-O (containers/image), Docker and the
//! registries; the kubelet passes them on as they are.

use super::class::PullClass;
use super::files::NodeRuntime;
use crate::model::{ImageName, redact};

/// Why an image was not pulled, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullTrouble {
    /// The cause.
    pub class: PullClass,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The file on the node that has to be changed, if one has.
    pub file: Option<String>,
    /// What to do.
    pub fix: String,
    /// The runtime's own words, shortened, and without secrets.
    pub said: String,
}

/// The most letters of a runtime's words that are repeated.
const SAID: usize = 400;

/// The most bytes of a text that is looked at.
const TEXT: usize = 16 << 10;

/// Words of each class, in the order in which they count: what is more exact comes first. All of a row's words have to be
/// there.
const WORDS: &[(PullClass, &[&str])] = &[
    // A name that cannot be looked up at the proxy is the proxy's, and so is all that follows it.
    (PullClass::Proxy, &["proxyconnect tcp"]),
    (PullClass::Proxy, &["proxy authentication required"]),
    (PullClass::UnknownAuthority, &["signed by unknown authority"]),
    (PullClass::UnknownAuthority, &["unable to get local issuer certificate"]),
    (PullClass::UnknownAuthority, &["certificate is not trusted"]),
    (PullClass::WrongName, &["x509: certificate is valid for "]),
    (PullClass::WrongName, &["x509: certificate is not valid for any names"]),
    (PullClass::WrongName, &["doesn't contain any ip sans"]),
    (PullClass::WrongName, &["legacy common name"]),
    (PullClass::Expired, &["certificate has expired or is not yet valid"]),
    (PullClass::PlainHttp, &["server gave http response to https client"]),
    (PullClass::PlainHttp, &["first record does not look like a tls handshake"]),
    (PullClass::HttpsOnly, &["client sent an http request to an https server"]),
    (PullClass::HttpsOnly, &["plain http request was sent to https port"]),
    (PullClass::Dns, &["no such host"]),
    (PullClass::Dns, &["temporary failure in name resolution"]),
    (PullClass::Dns, &["name or service not known"]),
    (PullClass::Dns, &["dial tcp: lookup "]),
    (PullClass::Platform, &["no match for platform in manifest"]),
    (PullClass::Platform, &["no match for current platform"]),
    (PullClass::Platform, &["no matching manifest for "]),
    (PullClass::Platform, &["no image found in manifest list for architecture"]),
    (PullClass::Platform, &["no image found in image index for architecture"]),
    (PullClass::Platform, &["image architecture mismatch"]),
    (PullClass::Platform, &["exec format error"]),
    (PullClass::TooMany, &["toomanyrequests"]),
    (PullClass::TooMany, &["too many requests"]),
    (PullClass::Forbidden, &["insufficient_scope"]),
    (PullClass::Forbidden, &["403 forbidden"]),
    (PullClass::Forbidden, &["403 (forbidden)"]),
    (PullClass::Unauthorized, &["no basic auth credentials"]),
    (PullClass::Unauthorized, &["401 unauthorized"]),
    (PullClass::Unauthorized, &["401 (unauthorized)"]),
    (PullClass::Unauthorized, &["invalid username/password"]),
    (PullClass::Unauthorized, &["incorrect username or password"]),
    (PullClass::Unauthorized, &["authentication required"]),
    (PullClass::Unauthorized, &["unauthorized:"]),
    (PullClass::Forbidden, &["requested access to the resource is denied"]),
    (PullClass::Forbidden, &["pull access denied"]),
    (PullClass::Forbidden, &["denied: "]),
    (PullClass::Unauthorized, &["authorization failed"]),
    (PullClass::DiskFull, &["no space left on device"]),
    (PullClass::Refused, &["connection refused"]),
    (PullClass::Unreachable, &["no route to host"]),
    (PullClass::Unreachable, &["network is unreachable"]),
    (PullClass::Timeout, &["i/o timeout"]),
    (PullClass::Timeout, &["deadline exceeded"]),
    (PullClass::Timeout, &["tls handshake timeout"]),
    (PullClass::Timeout, &["timeout awaiting response headers"]),
    (PullClass::Timeout, &["request canceled while waiting for connection"]),
    (PullClass::Timeout, &["connection timed out"]),
    (PullClass::Absent, &["manifest unknown"]),
    (PullClass::Absent, &["manifest_unknown"]),
    (PullClass::Absent, &["name unknown"]),
    (PullClass::Absent, &["repository name not known to registry"]),
    (PullClass::Absent, &["code = notfound"]),
    (PullClass::Absent, &[": not found"]),
    (PullClass::Absent, &["404 not found"]),
];

/// Judges why `image` was not pulled on a node, by the texts of the pod's container status and events, newest first. `None` as
/// long as they say nothing of a cause: that it is being pulled, or will be tried again.
#[must_use]
pub fn judge_pull(image: &str, runtime: NodeRuntime, texts: &[&str]) -> Option<PullTrouble> {
    let causes: Vec<&str> = texts.iter().copied().filter(|text| tells(text)).collect();
    let known = causes.iter().find_map(|text| Some((class(text)?, *text)));
    let (class, text) = known.or_else(|| causes.first().map(|text| (PullClass::Other, *text)))?;
    let host = ImageName::parse(image).map_or_else(|_| image.to_owned(), |name| name.registry().to_owned());
    let (what, fix) = words(class, image, &host, runtime, text);
    Some(PullTrouble { class, what, file: runtime.file(class, &host), fix, said: shortened(text) })
}

/// Whether a text is about a pull that failed.
fn tells(text: &str) -> bool {
    let text = text.trim();
    let waits =
        text.starts_with("Back-off pulling image") && !text.contains("ErrImagePull:") && !text.contains("failed");
    let bare =
        matches!(text, "" | "ErrImagePull" | "ImagePullBackOff" | "Error: ErrImagePull" | "Error: ImagePullBackOff");
    let good = ["Pulling image ", "Successfully pulled image", "Successfully assigned", "Container image "];
    !waits && !bare && !good.iter().any(|good| text.starts_with(good))
}

fn class(text: &str) -> Option<PullClass> {
    let lower = tail(text).to_lowercase();
    let all = |words: &[&str]| words.iter().all(|word| lower.contains(word));
    WORDS.iter().find(|(_, words)| all(words)).map(|(class, _)| *class)
}

/// The end of a text, where the cause stands.
fn tail(text: &str) -> &str {
    let begin = text.len().saturating_sub(TEXT);
    let begin = (begin..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[begin..]
}

/// One line without what drives a terminal, and without secrets: a registry may have sent the node to an address with a key.
fn shortened(text: &str) -> String {
    let clean: String = tail(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = redact(clean.trim());
    match clean.chars().count() > SAID {
        true => format!("…{}", clean.chars().skip(clean.chars().count() - SAID).collect::<String>()),
        false => clean,
    }
}

/// What is wrong, and what to do.
fn words(class: PullClass, image: &str, host: &str, runtime: NodeRuntime, text: &str) -> (String, String) {
    let change = |what: &str| runtime.change(class, host, what);
    match class {
        PullClass::UnknownAuthority => (
            format!("the node does not trust the certificate of {host}: it is signed by an authority that it does not know"),
            change("the certificate of that authority"),
        ),
        PullClass::WrongName => (
            format!("the certificate of {host} is for other names"),
            format!("name the registry as its certificate does (platform.registry), or give it a certificate with {host} among its subject alternative names"),
        ),
        PullClass::Expired => (
            format!("the certificate of {host} has expired, or is not valid yet by the node's clock"),
            "compare the node's clock with the dates in the certificate (`date -u`; `openssl s_client -connect HOST:PORT | openssl x509 -noout -dates`): set the one, or renew the other".to_owned(),
        ),
        PullClass::PlainHttp => (
            format!("{host} speaks HTTP, and the node asks by HTTPS"),
            format!("better give {host} a certificate; else {}", change("that it speaks HTTP")),
        ),
        PullClass::HttpsOnly => (format!("{host} speaks HTTPS, and the node asks by HTTP"), change("that it speaks HTTPS")),
        PullClass::Proxy => {
            (format!("the node goes to {host} through a proxy, which does not let it"), change("NO_PROXY"))
        }
        PullClass::Dns => (
            format!("the node does not know the name {}", looked_up(text).unwrap_or(host)),
            "nodes ask their own DNS and not the cluster's: add the name there, or to the node's /etc/hosts".to_owned(),
        ),
        PullClass::Platform => (
            format!("{image} is not made for the node's platform"),
            "take an offline bundle with that platform to the site (`windlass bundle create --platform …`), or keep the pods off these nodes".to_owned(),
        ),
        PullClass::Unauthorized => (
            format!("{host} wants a login, and has got none or a wrong one"),
            "windlass secrets refresh --set platform.pull_secret=file:config.json, with a login for that host".to_owned(),
        ),
        PullClass::Forbidden => (
            format!("the login for {host} may not read {image}, or there is no such repository"),
            "give the login the right to pull from that project, or push there (`windlass bundle push`)".to_owned(),
        ),
        PullClass::TooMany => (format!("{host} answers that it was asked too often"), "wait, then run the same command again; with a login most registries allow more".to_owned()),
        PullClass::Refused => (
            format!("nothing listens where the node looks for {host}"),
            format!("see that the registry runs and that its port is the one in platform.registry ({host})"),
        ),
        PullClass::Unreachable => (format!("the node has no route to {host}"), "see routes and firewalls between the node and the registry".to_owned()),
        PullClass::Timeout => (
            format!("{host} did not answer the node in time"),
            "see firewalls between the node and the registry: a packet that is dropped looks like this".to_owned(),
        ),
        PullClass::DiskFull => ("the node has no room for the image".to_owned(), "free space below the runtime's folder on the node (`crictl rmi --prune`)".to_owned()),
        PullClass::Absent => (format!("{host} does not have {image}"), "push it (`windlass bundle push`), or correct the answer that names it".to_owned()),
        PullClass::Other => (format!("the node could not pull {image}"), "kubectl describe pod shows the node's own words; so does `crictl pull` on the node".to_owned()),
    }
}

/// The name that was looked up: of a token server it is another than the registry's.
fn looked_up(text: &str) -> Option<&str> {
    let after = text.split("lookup ").nth(1)?;
    let name = after.split([' ', ':', '"']).next()?;
    (!name.is_empty() && name.len() <= 255 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .then_some(name)
}
