//! Causes of failed pulls.

/// Why a node failed to pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PullClass {
    /// The registry's certificate is signed by an authority that the node does not know.
    UnknownAuthority,
    /// The certificate is for other names.
    WrongName,
    /// It has expired, or is not valid yet.
    Expired,
    /// The registry serves HTTP, but the node uses HTTPS.
    PlainHttp,
    /// The registry serves HTTPS, but the node uses HTTP.
    HttpsOnly,
    /// The node's proxy refuses the connection.
    Proxy,
    /// The node cannot resolve the registry's name.
    Dns,
    /// The image is not made for the node's platform.
    Platform,
    /// There was no login, or a wrong one.
    Unauthorized,
    /// The login may not read this repository.
    Forbidden,
    /// Too many requests.
    TooMany,
    /// The connection was refused.
    Refused,
    /// There is no route to the registry.
    Unreachable,
    /// The registry did not answer in time.
    Timeout,
    /// The node's disk is full.
    DiskFull,
    /// The registry does not have it.
    Absent,
    /// Something else.
    Other,
}
