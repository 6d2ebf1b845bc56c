//! What a failed pull means.

/// Whether pulling again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PullError {
    /// The registry answered that there is no such image, or the name cannot be one.
    Final,
    /// Anything else: no answer, no access (a first pull can get 401 and recover), too many requests.
    MayClear,
}

/// The kubelet's reasons that are about the image.
pub(super) fn is_pull_reason(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "ErrImageNeverPull"
            | "InvalidImageName"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed"
    )
}

/// Classifies by the kubelet's reason and by the texts of state and events.
pub(super) fn classify(reason: &str, text: &str) -> PullError {
    if matches!(reason, "InvalidImageName" | "ErrImageNeverPull") {
        return PullError::Final;
    }
    let text = text.to_lowercase();
    let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    // "Not found" also occurs for hosts, and registries send it for what one may not see: those come first.
    if any(&[
        "no such host",
        "unauthorized",
        "authorization failed",
        "authentication required",
        "denied",
        "forbidden",
        "x509",
        "certificate",
        "timeout",
        "timed out",
        "deadline exceeded",
        "refused",
        "reset by peer",
        "unreachable",
        "too many requests",
        "toomanyrequests",
        "gave http response to https",
        "unexpected eof",
        "502",
        "503",
        "no space left",
    ]) {
        PullError::MayClear
    } else if any(&[
        "manifest unknown",
        "manifest_unknown",
        "name unknown",
        "name_unknown",
        "code = notfound",
        ": not found",
        "no match for platform",
        "no matching manifest",
        "invalid reference format",
        "couldn't parse image",
    ]) {
        PullError::Final
    } else {
        PullError::MayClear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_registries_and_runtimes() {
        for (reason, words, expected) in [
            (
                "ErrImagePull",
                r#"rpc error: code = NotFound desc = failed to pull and unpack image "10.97.0.2:5000/windlass/livy:nope": failed to resolve reference "10.97.0.2:5000/windlass/livy:nope": 10.97.0.2:5000/windlass/livy:nope: not found"#,
                PullError::Final,
            ),
            (
                "ImagePullBackOff",
                r#"Back-off pulling image "x": ErrImagePull: reading manifest nope in quay.io/a/b: manifest unknown: manifest unknown"#,
                PullError::Final,
            ),
            (
                "InvalidImageName",
                r#"Failed to apply default image tag "a/B:": couldn't parse image name"#,
                PullError::Final,
            ),
            ("ErrImagePull", "failed to pull image: no match for platform in manifest: not found", PullError::Final),
            (
                "ErrImagePull",
                "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
                PullError::MayClear,
            ),
            (
                "ErrImagePull",
                "pull access denied for x, repository does not exist or may require 'docker login'",
                PullError::MayClear,
            ),
            ("ErrImagePull", "dial tcp: lookup registry.example: no such host", PullError::MayClear),
            ("ErrImagePull", "dial tcp 10.0.0.1:443: connect: connection refused", PullError::MayClear),
            ("ErrImagePull", "429 Too Many Requests - Server message: toomanyrequests", PullError::MayClear),
            ("ErrImagePull", "x509: certificate signed by unknown authority", PullError::MayClear),
            ("ImagePullBackOff", r#"Back-off pulling image "x:1""#, PullError::MayClear),
        ] {
            assert_eq!(classify(reason, words), expected, "{words}");
        }
    }
}
