//! Names that windlass gives to objects of its own in the cluster, and how lists of names are shown.

use std::collections::BTreeMap;

/// Namespace of what windlass remembers.
pub const STATE_NAMESPACE: &str = "windlass-system";

/// The Secret in it.
pub const STATE_SECRET: &str = "windlass-state";

/// The Lease in it that keeps a second operator out.
pub const STATE_LEASE: &str = "windlass";

/// The imagePullSecret that windlass makes in each namespace where one is needed.
pub const PULL_SECRET: &str = "windlass-registry";

/// The label of ConfigMaps of files: the release whose they are.
pub const FILES_LABEL: &str = "windlass.dev/files";

/// Whether a text is a label selector as Kubernetes takes it, and selects something less than everything: `a`, `a=b`,
/// `a!=b`, `!a`, `a in (b, c)`, `a notin (b)`, several separated by commas.
#[must_use]
pub fn is_selector(text: &str) -> bool {
    let word = |text: &str| {
        let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.len() <= 63 && text.chars().all(inner) && end(text.chars().next()) && end(text.chars().next_back())
    };
    let value = |text: &str| text.is_empty() || word(text);
    let key = |text: &str| match text.rsplit_once('/') {
        Some((prefix, name)) => prefix.len() <= 253 && prefix.split('.').all(word) && word(name),
        None => word(text),
    };
    let one = |text: &str| {
        let text = text.trim();
        if let Some((name, rest)) = text.split_once(char::is_whitespace)
            && let Some(set) = rest.trim_start().strip_prefix("notin").or_else(|| rest.trim_start().strip_prefix("in"))
        {
            let set = set.trim().strip_prefix('(').and_then(|set| set.strip_suffix(')'));
            return key(name) && set.is_some_and(|set| set.split(',').all(|text| value(text.trim())));
        }
        if let Some(name) = text.strip_prefix('!') {
            return key(name.trim());
        }
        let signs = ["!=", "==", "="];
        match signs.iter().find_map(|sign| text.split_once(sign)) {
            Some((name, other)) => key(name.trim()) && value(other.trim()),
            None => key(text),
        }
    };
    let mut begin = 0;
    let mut depth = 0_i32;
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts.into_iter().all(one)
}

/// Annotation of Chart.yaml with the digest of the chart, so that a release says which chart it was made from.
pub const CHART_DIGEST: &str = "windlass.dev/chart-digest";

/// The label of what somebody looks after ...
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// ... and who looks after what is ours.
const MANAGER: &str = "windlass";

/// The labels of what windlass makes.
#[must_use]
pub fn mark() -> BTreeMap<String, String> {
    BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned())])
}

/// Whether these are the labels of something that windlass made.
#[must_use]
pub fn is_marked(labels: &BTreeMap<String, String>) -> bool {
    labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER)
}

/// The first of many names, and how many more there are: `a, b and 998 more`.
#[must_use]
pub fn few<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_thousand_pods_a_few_are_named() {
        let names: Vec<String> = (0..1000).map(|at| format!("p{at}")).collect();
        assert_eq!(few(&names[..4], 4), "p0, p1, p2, p3");
        assert_eq!(few(&names, 4), "p0, p1, p2, p3 and 996 more");
    }

    #[test]
    fn selectors_select_something() {
        for good in ["spark-role", "a=b", "a==b", "a!=b", "!a", "a.b/c=", "a in (b, c),d", "a notin (b)", "x=1,y"] {
            assert!(is_selector(good), "{good}");
        }
        for bad in ["", " ", "a,", "{{ self.release }}", "a b", "a=b=c", "=b", "a=b c", "a in b", "(a)", "-a", "a/b/c"]
        {
            assert!(!is_selector(bad), "{bad:?}");
        }
    }
}
