//! An `apply` that is under way, steered from a second terminal or interrupted.

use crate::place::{Place, project};
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A rollout whose canary soaks for long.
fn soaking() -> (Place, Child) {
    let place = Place::with(3, &[("V1__a.sql", "CREATE TABLE a (x);")]);
    place.write(
        "greylag.toml",
        project(
            3,
            "[[rollout.wave]]\nname = \"canary\"\ncount = 1\nsoak = \"10m\"\n",
        ),
    );
    let child = start(&place, "apply --yes --output ndjson");
    until(&place, |status| status["rollout"]["done"] == 1);
    (place, child)
}

fn start(place: &Place, line: &str) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin("greylag"))
        .current_dir(place.folder.path())
        .args(line.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the fleet's status is as wanted.
fn until(place: &Place, wanted: impl Fn(&serde_json::Value) -> bool) {
    let deadline = Instant::now() + greylag_lab::patience();
    loop {
        let status = place.json("status --output json", 0);
        if wanted(&status) {
            return;
        }
        assert!(Instant::now() < deadline, "it never came: {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The last line, and the exit code.
fn ended(child: Child) -> (serde_json::Value, i32) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().expect("a summary");
    (
        serde_json::from_str(last).unwrap(),
        output.status.code().unwrap(),
    )
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
fn a_pause_from_a_second_terminal_ends_an_unattended_run_with_four() {
    let (place, child) = soaking();
    let said = place.out("rollout pause --reason \"slow checkout\"", 0);
    assert!(said.contains("paused"), "{said}");
    let (summary, code) = ended(child);
    assert_eq!(code, 4, "{summary}");
    assert_eq!(summary["verdict"], "waiting");
    assert_eq!(summary["waiting"][0]["wait"], "paused", "{summary}");
}

#[test]
fn a_second_apply_says_who_is_at_it_and_ends_with_six() {
    let (place, child) = soaking();
    let said = place.run("apply --yes");
    assert_eq!(said.code, 6, "{}", said.err);
    assert!(
        said.err.contains("another greylag works on this fleet"),
        "{}",
        said.err
    );
    assert!(said.err.contains(&child.id().to_string()), "{}", said.err);
    interrupt(&child);
    ended(child);
}

#[test]
fn an_interrupt_stops_cleanly_and_apply_goes_on() {
    let (place, child) = soaking();
    interrupt(&child);
    let (summary, code) = ended(child);
    assert_eq!(summary["type"], "summary");
    assert_eq!(i64::from(code), summary["exit_code"].as_i64().unwrap());
    assert_ne!(code, 0, "{summary}");
    place.write(
        "greylag.toml",
        project(3, "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n"),
    );
    let rows = place.json("rollout list --output json", 0);
    assert!(rows["rollouts"][0]["ended"].is_null(), "{rows}");
}
