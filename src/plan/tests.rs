//! Plans of the embedded catalog against invented clusters.
