//! Finds English in what should be in another language.

/// Words of commands and of other languages than English, which a text in Russian has as they are. What follows one of these
/// up to a mark is a command line.
const COMMANDS: [&str; 14] = [
    "kubectl",
    "helm",
    "windlass",
    "hdfs",
    "openssl",
    "docker",
    "skopeo",
    "gunzip",
    "git",
    "systemctl",
    "apt-get",
    "cosign",
    "update-ca-certificates",
    "kubeadm",
];

/// The first English sentence of a text in another language: three words of it in a row, outside quotes and commands.
pub(crate) fn english_in(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let quoted = |c: char| c == '`' || c == '"';
        // What is quoted is every other piece.
        let plain: Vec<&str> = line.split(quoted).step_by(2).collect();
        plain.into_iter().find_map(|piece| {
            let mut row: Vec<&str> = Vec::new();
            let mut command = false;
            for word in piece.split_whitespace() {
                let bare = word.trim_matches(|c: char| ",.;:()«»…".contains(c));
                let letters = bare.len() > 1 && bare.chars().all(|c| c.is_ascii_lowercase() || c == '\'');
                command =
                    (command || COMMANDS.contains(&bare)) && !word.ends_with([';', ',']) || COMMANDS.contains(&bare);
                if letters && !command {
                    row.push(word);
                    if row.len() == 3 {
                        return Some(row.join(" "));
                    }
                    // A list of names is no sentence.
                    if word.ends_with(',') {
                        row.clear();
                    }
                } else {
                    row.clear();
                }
            }
            None
        })
    })
}
