//! The example of docs/adding-a-component.md, as whoever follows the page writes it into a folder.

use std::path::Path;

/// The text before each piece, and the file that the piece is.
const FILES: [(&str, &str); 6] = [
    ("## 1. component.yaml", "component.yaml"),
    ("## 2. values.yaml.j2", "values.yaml.j2"),
    ("`Chart.yaml`:", "chart/Chart.yaml"),
    ("\n`values.yaml`:", "chart/values.yaml"),
    ("\n`templates/cache.yaml`:", "chart/templates/cache.yaml"),
    ("## 4. check/login.py", "check/login.py"),
];

/// Writes the component into a catalog.
pub(crate) fn write(catalog: &Path) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/adding-a-component.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (mark, file) in FILES {
        let (_, behind) = page.split_once(mark).unwrap_or_else(|| panic!("the page has no `{mark}`"));
        let fenced = behind.split("```").nth(1).unwrap_or_else(|| panic!("nothing follows `{mark}`"));
        // What stands behind the fence is the language of the piece.
        let (_, text) = fenced.split_once('\n').unwrap();
        let path = catalog.join("cache").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
