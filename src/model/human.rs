//! Sizes for people.

/// A size as disks and networks are labelled: by thousands.
#[must_use]
pub fn human(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn a_size_has_one_decimal() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_550_000, "1.5 MB"), (4_700_000_000, "4.7 GB")]
        {
            assert_eq!(human(bytes), text);
        }
    }
}
