//! The Helm that tests render with: a real one.
#![expect(clippy::print_stderr, reason = "whoever runs it has to see what was left out")]

use std::path::PathBuf;

/// WINDLASS_HELM, or the one on PATH; says so where there is none.
pub(crate) fn helm() -> Option<PathBuf> {
    let named = std::env::var_os("WINDLASS_HELM").map(PathBuf::from);
    let found = named.or_else(|| {
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("helm")).find(|path| path.is_file())
    });
    if found.is_none() {
        eprintln!("skipped: no helm, neither in WINDLASS_HELM nor on PATH");
    }
    found
}
