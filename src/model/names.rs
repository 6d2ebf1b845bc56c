//! Names that windlass gives to objects of its own in the cluster.

/// Namespace of what windlass remembers.
pub const STATE_NAMESPACE: &str = "windlass-system";

/// The Secret in it.
pub const STATE_SECRET: &str = "windlass-state";

/// The Lease in it that keeps a second operator out.
pub const STATE_LEASE: &str = "windlass";

/// The imagePullSecret that windlass makes in each namespace where one is needed.
pub const PULL_SECRET: &str = "windlass-registry";

/// Annotation of Chart.yaml with the digest of the chart, so that a release says which chart it was made from.
pub const CHART_DIGEST: &str = "windlass.dev/chart-digest";
