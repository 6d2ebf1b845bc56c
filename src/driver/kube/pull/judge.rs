//! From error texts to a cause. The texts are those of Go's standard library, containerd, CRI-O (containers/image),
//! Docker and the registries; the kubelet passes them on unchanged.

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
    /// The runtime's own message, shortened, and without secrets.
    pub message: String,
}

/// The most characters of a runtime's message that are shown.
const MESSAGE: usize = 400;

/// The most bytes of a text that are searched.
const TEXT: usize = 16 << 10;

/// Phrases of each class, the most specific first. All phrases of a row must occur.
const WORDS: &[(PullClass, &[&str])] = &[
    // First: a proxy failure quotes other causes, such as a name that the proxy cannot resolve.
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

/// Judges why `image` was not pulled on a node, by the texts of the pod's container status and events, newest first.
/// `None` as long as they name no cause: it is being pulled, or will be retried.
#[must_use]
pub fn judge_pull(image: &str, runtime: NodeRuntime, texts: &[&str]) -> Option<PullTrouble> {
    let causes: Vec<&str> = texts.iter().copied().filter(|text| is_failure(text)).collect();
    let known = causes.iter().find_map(|text| Some((class(text)?, *text)));
    let (class, text) = known.or_else(|| causes.first().map(|text| (PullClass::Other, *text)))?;
    let host = ImageName::parse(image).map_or_else(|_| image.to_owned(), |name| name.registry().to_owned());
    let (what, fix) = describe(class, image, &host, runtime, text);
    Some(PullTrouble { class, what, file: runtime.file(class, &host), fix, message: shortened(text) })
}

/// Whether a text is about a pull that failed.
fn is_failure(text: &str) -> bool {
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

/// The end of a text, which has the cause.
fn tail(text: &str) -> &str {
    let begin = text.len().saturating_sub(TEXT);
    let begin = (begin..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[begin..]
}

/// One line without control characters and secrets: a registry may have redirected the node to an address with a key.
fn shortened(text: &str) -> String {
    let clean: String = tail(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = redact(clean.trim());
    match clean.chars().count() > MESSAGE {
        true => format!("…{}", clean.chars().skip(clean.chars().count() - MESSAGE).collect::<String>()),
        false => clean,
    }
}

/// What is wrong, and what to do.
fn describe(class: PullClass, image: &str, host: &str, runtime: NodeRuntime, text: &str) -> (String, String) {
    let change = |what: &str| runtime.change(class, host, what);
    match class {
        PullClass::UnknownAuthority => (
            format!("the node does not trust the certificate of {host}: it is signed by an unknown authority"),
            change("the certificate of that authority"),
        ),
        PullClass::WrongName => (
            format!("the certificate of {host} is for other names"),
            format!("set platform.registry to a name in the certificate, or issue a certificate with {host} as a subject alternative name"),
        ),
        PullClass::Expired => (
            format!("the certificate of {host} has expired, or is not yet valid according to the node's clock"),
            "compare the node's clock with the dates in the certificate (`date -u`; `openssl s_client -connect HOST:PORT | openssl x509 -noout -dates`): correct the clock, or renew the certificate".to_owned(),
        ),
        PullClass::PlainHttp => (
            format!("{host} serves HTTP, but the node uses HTTPS"),
            format!("give {host} a certificate (recommended), or {}", change("plain HTTP")),
        ),
        PullClass::HttpsOnly => (format!("{host} serves HTTPS, but the node uses HTTP"), change("HTTPS")),
        PullClass::Proxy => {
            (format!("the node connects to {host} through a proxy, which refuses the connection"), change("NO_PROXY"))
        }
        PullClass::Dns => (
            format!("the node cannot resolve the name {}", looked_up(text).unwrap_or(host)),
            "nodes use their own DNS, not the cluster's: add the name there, or to the node's /etc/hosts".to_owned(),
        ),
        PullClass::Platform => (
            format!("{image} is not available for the node's platform"),
            "use an offline bundle with that platform (`windlass bundle create --platform …`), or keep the pods off these nodes".to_owned(),
        ),
        PullClass::Unauthorized => (
            format!("{host} requires a login, and the node has none or a wrong one"),
            "windlass secrets refresh --set platform.pull_secret=file:config.json, with a login for that host".to_owned(),
        ),
        PullClass::Forbidden => (
            format!("the login for {host} cannot read {image}, or the repository does not exist"),
            "give the login the right to pull from that project, or push there (`windlass bundle push`)".to_owned(),
        ),
        PullClass::TooMany => (format!("{host} is rate limiting requests (too many requests)"), "wait, then run the same command again; most registries have higher limits for authenticated users".to_owned()),
        PullClass::Refused => (
            format!("the node's connection to {host} was refused"),
            format!("check that the registry is running and that platform.registry has its port ({host})"),
        ),
        PullClass::Unreachable => (format!("the node has no route to {host}"), "check routes and firewalls between the node and the registry".to_owned()),
        PullClass::Timeout => (
            format!("the node timed out waiting for {host}"),
            "check firewalls between the node and the registry: dropped packets look like this".to_owned(),
        ),
        PullClass::DiskFull => ("the node has no disk space for the image".to_owned(), "free space below the runtime's folder on the node (`crictl rmi --prune`)".to_owned()),
        PullClass::Absent => (format!("{host} does not have {image}"), "push it (`windlass bundle push`), or correct the answer that names it".to_owned()),
        PullClass::Other => (format!("the node failed to pull {image}"), "see `kubectl describe pod`, or run `crictl pull` on the node".to_owned()),
    }
}

/// The name that was looked up: a token server has another than the registry.
fn looked_up(text: &str) -> Option<&str> {
    let after = text.split("lookup ").nth(1)?;
    let name = after.split([' ', ':', '"']).next()?;
    (!name.is_empty() && name.len() <= 255 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .then_some(name)
}
