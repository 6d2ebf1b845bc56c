//! The component that docs/adding-a-component.md makes, from the page to the cluster and out of it.

use std::path::Path;
use std::process::Command;

use crate::example_page;
use crate::support::{kubectl, run, scratch, there, windlass};

fn over(catalog: &Path, args: &[&str]) -> Command {
    let mut command = windlass(args);
    command.arg("--catalog").arg(catalog);
    command
}

/// The commands of its fifth step, in their order.
pub(crate) fn the_example_of_the_page() {
    let catalog = scratch().join("my");
    example_page::write(&catalog);
    run(&mut over(&catalog, &["catalog", "check"])).exits(0).says("no mistakes");
    run(&mut over(&catalog, &["catalog", "show", "cache"])).exits(0).says("cache.password");
    let lock = run(&mut over(&catalog, &["lock", "--components", "cache", "--output", "-"])).exits(0);
    lock.says("at: Deployment/my-cache container cache");
    run(&mut over(&catalog, &["install", "--components", "cache", "--yes"])).exits(0).says("only the password opens");
    run(&mut over(&catalog, &["verify", "--components", "cache"])).exits(0);
    let secret = || kubectl(&["-n", "cache", "get", "secret", "my-cache-config", "-o", "jsonpath={.data}"]);
    let before = secret();
    run(&mut over(&catalog, &["secrets", "rotate", "cache.password", "--yes"])).exits(0);
    assert_ne!(secret(), before);
    run(&mut over(&catalog, &["verify", "--components", "cache"])).exits(0);
    let purge = ["uninstall", "--components", "cache", "--purge-data", "--yes", "--confirm", "windlass-sandbox"];
    run(&mut over(&catalog, &purge)).exits(0);
    assert!(!there(&["namespace", "cache"]));
}
