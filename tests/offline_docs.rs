//! `docs/offline.md` and `docs/offline.ru.md`: each command in them is one that windlass takes and that a test runs, both pages have
//! the same, and the files and sentences that they quote are the pull test's.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory as _;
use windlass::cli::Cli;
use windlass::driver::kube::{NodeRuntime, PullTrouble, judge_pull};

/// Which test runs a command with which options: commands, the file, a line of the test, the options.
const RUN_BY: &str = "
answers init | tests/cli.rs | fn an_answers_file_from_nothing_to_good( | --profile
lock | tests/lock.rs | fn the_lock_of_the_repository_has_all_that_its_definitions_need( | --output
lock | tests/lock.rs | fn what_differs_is_named_with_its_place_and_the_command( | --check --catalog --why --json
lock | tests/lock.rs | fn a_site_locks_what_it_installs_by_published_names( | --answers --lock --output
lock | tests/offline.rs | fn a_lock_is_resolved_by_a_registry_that_mirrors( | --from --platform
bundle create | tests/bundle_archive/program.rs | fn a_bundle_goes_through_all_commands( | --lock --layout --dry-run --since --private-key --output
bundle create | tests/offline.rs | fn made( | --from --platform
bundle create | tests/offline/push.rs | fn parts_of_a_signed_one_go_where_names_have_fewer_parts( | --from --split --private-key
bundle create | tests/e2e/offline.rs | fn bundle( | --components
bundle keygen, bundle verify, bundle inspect | tests/bundle_archive/program.rs | fn a_bundle_goes_through_all_commands( | --key
bundle split, bundle join | tests/bundle_archive/program.rs | fn a_bundle_goes_through_all_commands( | --size --output
bundle push | tests/offline/push.rs | fn what_came_from_one_registry_arrives_in_another_to_the_byte( | --registry --plan --receipt
bundle push | tests/offline/push.rs | fn parts_of_a_signed_one_go_where_names_have_fewer_parts( | --key --flatten --max-depth --registry-config --plain-http
bundle push | tests/offline/serve.rs | fn others_are_served_by_tls_unless_it_is_named( | --ca
bundle serve | tests/offline/serve.rs | fn others_are_served_by_tls_unless_it_is_named( | --listen --tls-cert --tls-key
install | tests/offline/install.rs | fn images_are_pushed_by_one_name_of_the_registry_and_pulled_by_another( | --pull-registry
plan | tests/e2e/offline.rs | fn offline( | --bundle --registry
plan | tests/e2e/main.rs | fn a02_bad_input_is_reported_before_the_cluster_is_touched( | --answers
install | tests/e2e/offline.rs | fn installs( | --yes --key --max-depth
install | tests/e2e/offline.rs | const FLAT: | --flatten
install | tests/e2e/offline.rs | fn nodes_say( | --bundle --registry --registry-config --ca --set
install | tests/e2e/guided.rs | fn a_terminal_that_goes_away( | --answers
install | tests/sequence.rs | fn windlass( | --helm
image build | tests/image_build/made.rs | fn a_layout_goes_into_an_offline_bundle_and_an_offline_bundle_gives_the_base( | --dist --to --tag
image list | tests/image_build/made.rs | fn what_can_be_made_is_listed_with_what_keeps_the_rest_from_it( |
install.sh | tests/install.sh | a bundle's windlass: run | --bundle --registry --yes --sandbox --answers
";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn pages() -> [(&'static str, String); 2] {
    ["docs/offline.md", "docs/offline.ru.md"].map(|path| (path, read(path)))
}

/// The commands of a page as words, without comments.
fn commands(page: &str) -> Vec<Vec<&str>> {
    let fenced = page.split("```").skip(1).step_by(2);
    let lines = fenced.flat_map(str::lines).map(|line| line.split(" #").next().unwrap());
    let lines = lines.filter(|line| line.starts_with("windlass ") || line.starts_with("./install.sh "));
    lines.map(|line| line.split_whitespace().collect()).collect()
}

/// What install.sh makes of its words: its own options go where the command takes them.
fn handed_over<'a>(words: &[&'a str]) -> Vec<&'a str> {
    if words[0] != "./install.sh" {
        return words.to_vec();
    }
    let (mut rest, mut bundles) = (Vec::new(), Vec::new());
    let mut words = words[1..].iter();
    while let Some(word) = words.next() {
        match *word {
            "--bundle" => bundles.extend(["--bundle", *words.next().unwrap()]),
            other => rest.push(other),
        }
    }
    let named = rest.first().is_some_and(|first| !first.starts_with('-'));
    let command = if named { rest.remove(0) } else { "install" };
    if !["install", "plan", "preflight", "guide"].contains(&command) {
        bundles.clear();
    }
    [vec!["windlass", command], bundles, rest].concat()
}

/// A test's text: its function, or all of a file that has none.
fn body(file: &str, line: &str) -> String {
    let text = read(file);
    let at = text.find(line).unwrap_or_else(|| panic!("{file} has no `{line}`"));
    if file.ends_with(".rs") { text[at..].split("\n}\n").next().unwrap().to_owned() } else { text }
}

#[test]
fn every_command_is_taken_and_run_by_a_test() {
    let [(_, english), (_, russian)] = pages();
    let rows = RUN_BY.trim().lines().map(|row| row.splitn(4, '|').map(str::trim).collect::<Vec<_>>());
    let rows: Vec<[&str; 4]> = rows.map(|row| row.try_into().unwrap()).collect();
    let shown = commands(&english);
    assert_eq!(shown, commands(&russian), "both pages have the same commands");
    for [_, file, line, options] in &rows {
        let test = body(file, line);
        let lacks = options.split_whitespace().find(|option| !test.contains(*option));
        assert_eq!(lacks, None, "{file}: `{line}`");
    }
    let mut used = BTreeSet::new();
    for words in &shown {
        let parsed = Cli::command().try_get_matches_from(handed_over(words));
        let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")));
        let (mut names, mut at) = (Vec::new(), &parsed);
        while let Some((name, inner)) = at.subcommand() {
            names.push(name);
            at = inner;
        }
        let name = if words[0] == "windlass" { names.join(" ") } else { "install.sh".to_owned() };
        let of_it = rows.iter().filter(|[commands, ..]| commands.split(", ").any(|command| command == name));
        let mut of_it = of_it.map(|[.., options]| options).peekable();
        assert!(of_it.peek().is_some(), "no test runs `{}`", words.join(" "));
        let run: BTreeSet<&str> = of_it.flat_map(|options| options.split_whitespace()).collect();
        let missing = words.iter().find(|word| word.starts_with("--") && !run.contains(**word));
        assert_eq!(missing, None, "no test runs `{}` so", words.join(" "));
        used.insert(name);
    }
    let unused = rows.iter().flat_map(|[commands, ..]| commands.split(", ")).find(|command| !used.contains(*command));
    assert_eq!(unused, None, "no page shows it any more");
}

#[test]
fn what_nodes_say_and_their_files_are_the_pull_tests() {
    let pulled = |runtime, text: &str| -> PullTrouble {
        judge_pull("harbor.site/mirror/apache/spark:3.5.6", runtime, &[text]).unwrap()
    };
    let [unknown, plain, proxied] =
        ["signed by unknown authority", "server gave HTTP response to HTTPS client", "proxyconnect tcp: EOF"];
    let others = "x509: certificate is valid for a|certificate has expired or is not yet valid|Client sent an HTTP request to an HTTPS server|\
        no such host|no match for platform in manifest|401 Unauthorized|403 Forbidden|toomanyrequests|connection refused|no route to host|\
        i/o timeout|no space left on device|manifest unknown|a signature was required";
    let troubles = || [unknown, plain, proxied].into_iter().chain(others.split('|'));
    let classes: BTreeSet<_> = troubles().map(|text| pulled(NodeRuntime::Containerd, text).class).collect();
    assert_eq!(classes.len(), 17, "each class once");
    for (name, page) in pages() {
        for text in troubles() {
            let what = pulled(NodeRuntime::Containerd, text).what;
            assert!(page.contains(&format!("| `{what}` |")), "{name}: {what}");
        }
        for runtime in [NodeRuntime::Containerd, NodeRuntime::K3s, NodeRuntime::Rke2, NodeRuntime::CriO] {
            for text in [unknown, plain, proxied] {
                let file = pulled(runtime, text).file.unwrap().replace("harbor.site", "HOST");
                assert!(page.contains(&format!("`{file}`")), "{name}: {file}");
            }
        }
    }
}

#[test]
fn links_within_a_page_lead_to_a_heading() {
    for (name, page) in pages() {
        let kept = |c: char| c.is_alphanumeric() || " -_".contains(c);
        let slug = |line: &str| line.to_lowercase().replace(|c: char| !kept(c), "").trim().replace(' ', "-");
        let headings: BTreeSet<String> = page.lines().filter(|line| line.starts_with("##")).map(slug).collect();
        let links: Vec<&str> = page.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
        let broken = links.iter().find(|link| !headings.contains(**link));
        assert!(!links.is_empty() && broken.is_none(), "{name}: #{}", broken.unwrap_or(&""));
    }
}
