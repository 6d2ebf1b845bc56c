//! What can keep a node from pulling.

/// What kept a node from pulling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PullClass {
    /// The registry's certificate is signed by an authority that the node does not know.
    UnknownAuthority,
    /// The certificate is for other names.
    WrongName,
    /// It has expired, or is not valid yet.
    Expired,
    /// The registry speaks HTTP, and the node HTTPS.
    PlainHttp,
    /// The registry speaks HTTPS, and the node HTTP.
    HttpsOnly,
    /// The node's proxy is in the way.
    Proxy,
    /// The name of the registry is unknown to the node.
    Dns,
    /// The image is not made for the node's platform.
    Platform,
    /// There was no login, or a wrong one.
    Unauthorized,
    /// The login may not read this repository.
    Forbidden,
    /// Too many were asked for.
    TooMany,
    /// Nothing listens there.
    Refused,
    /// There is no way there.
    Unreachable,
    /// No answer came in time.
    Timeout,
    /// The node's disk is full.
    DiskFull,
    /// The registry does not have it.
    Absent,
    /// Something else.
    Other,
}
