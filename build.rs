//! The binary embeds `bundles/`: a file added there must rebuild it.

fn main() {
    println!("cargo:rerun-if-changed=bundles");
}
