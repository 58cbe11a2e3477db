//! Hunts for inputs that break a target, each target in a process of its own.

mod watch;

use clap::Parser;
use greylag_fuzz::{
    Target, all,
    engine::{Finding, Hunt, Limit, coverage, hunt, try_input},
    find, seeds,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

/// Fuzzes what reads text. Compiled with RUSTC_WORKSPACE_WRAPPER=fuzz/instrument it is guided by coverage.
#[derive(Debug, Parser)]
struct Arguments {
    /// The targets, all if none is named
    targets: Vec<String>,
    /// Seconds for each target, or minutes (`10m`)
    #[arg(long, default_value = "60s", value_parser = time)]
    time: Duration,
    /// How many targets at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Where its chances begin
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where inputs that break something are kept
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/findings"))]
    findings: PathBuf,
    /// Names the targets and what must hold
    #[arg(long)]
    list: bool,
    /// Tries one input of a target, as it was kept
    #[arg(long, value_name = "FILE", requires = "targets")]
    input: Option<PathBuf>,
    /// This process hunts one target itself
    #[arg(long, hide = true)]
    alone: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for target in all() {
            println!("{:20} {}", target.name, target.holds);
        }
        return ExitCode::SUCCESS;
    }
    let targets: Vec<Target> = if arguments.targets.is_empty() {
        all()
    } else {
        let found: Option<Vec<Target>> = arguments.targets.iter().map(|name| find(name)).collect();
        let Some(found) = found else {
            eprintln!("no such target: `--list` names them");
            return ExitCode::from(2);
        };
        found
    };
    let unbroken = match (&arguments.input, arguments.alone) {
        (Some(input), _) => try_file(&targets[0], input),
        (None, true) => hunt_alone(&targets[0], &arguments),
        (None, false) => hunt_all(&targets, &arguments),
    };
    if unbroken {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn try_file(target: &Target, input: &Path) -> bool {
    let Ok(input) = fs::read(input) else {
        eprintln!("{} can't be read", input.display());
        return false;
    };
    match try_input(target, &input) {
        Ok(()) => true,
        Err(fault) => {
            let target = target.name;
            println!(
                "{}",
                Finding {
                    target,
                    input,
                    fault
                }
            );
            false
        }
    }
}

fn hunt_alone(target: &Target, arguments: &Arguments) -> bool {
    let seeds = seeds::of(target, true);
    let mut watch = watch::Watch::begin(target.name, &arguments.findings);
    let (tally, finding) = hunt(Hunt {
        target,
        seeds: &seeds,
        limit: Limit::Time(arguments.time),
        seed: arguments.seed,
        before: &mut |input| watch.see(input),
    });
    watch.end();
    let how = if coverage::is_on() {
        format!("{} branches", tally.reached)
    } else {
        "without coverage".to_owned()
    };
    println!(
        "{:20} {:>12} inputs from {} seeds, {how}, {} kept",
        target.name,
        tally.inputs,
        seeds.len(),
        tally.kept
    );
    let Some(finding) = finding else {
        return true;
    };
    println!("{finding}");
    match finding.save(&arguments.findings) {
        Ok(path) => println!("  kept in {}", path.display()),
        Err(error) => println!("  it could not be kept: {error}"),
    }
    false
}

/// Each target in a process, so that one which takes its process down is still told.
fn hunt_all(targets: &[Target], arguments: &Arguments) -> bool {
    let waiting = Mutex::new(targets.iter());
    let (told, tells) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            let (told, waiting) = (told.clone(), &waiting);
            scope.spawn(move || {
                loop {
                    let next = waiting.lock().map_or(None, |mut waiting| waiting.next());
                    let Some(target) = next else {
                        return;
                    };
                    let unbroken = hunt_in_a_process(target, arguments);
                    if told.send((target.name, unbroken)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(told);
        let broken: Vec<&str> = tells
            .iter()
            .filter(|(_, unbroken)| !unbroken)
            .map(|(name, _)| name)
            .collect();
        println!(
            "{} of {} targets hold",
            targets.len() - broken.len(),
            targets.len()
        );
        broken.is_empty()
    })
}

fn hunt_in_a_process(target: &Target, arguments: &Arguments) -> bool {
    let mut command = match std::env::current_exe() {
        Ok(program) => Command::new(program),
        Err(error) => {
            eprintln!("{}: this program can't be found: {error}", target.name);
            return false;
        }
    };
    command
        .args([target.name, "--alone"])
        .arg(format!("--time={}s", arguments.time.as_secs()))
        .arg(format!("--seed={}", arguments.seed))
        .arg("--findings")
        .arg(&arguments.findings)
        .stdin(Stdio::null());
    match command.status() {
        Ok(status) if status.code().is_some_and(|code| code < 100) => status.success(),
        Ok(status) => {
            let last = watch::last_input(target.name, &arguments.findings);
            println!(
                "{} ended with {status}; its last input is {}",
                target.name,
                last.display()
            );
            false
        }
        Err(error) => {
            eprintln!("{}: it can't be started: {error}", target.name);
            false
        }
    }
}

/// `90s` or `10m`.
fn time(text: &str) -> Result<Duration, String> {
    greylag_core::migration::parse_duration(text).map_err(|error| error.to_string())
}
