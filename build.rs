//! Puts the git revision into release builds, so that a run's recipe can say which program made it.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A debug build would be rebuilt at every commit for a figure that nobody reads there.
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let said = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    if let Some(said) = said.ok().filter(|said| said.status.success()) {
        println!("cargo:rustc-env=HCWB_GIT_REVISION={}", String::from_utf8_lossy(&said.stdout).trim());
    }
}
