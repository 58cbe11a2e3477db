//! Which server the lab takes for an engine: `installed ENGINE [FOLDER]`. With a folder, it must lie in it.

use greylag_lab::{Engine, installed};
use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let engine = match arguments.next().unwrap_or_default().parse::<Engine>() {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let Some(first) = installed(engine).into_iter().next() else {
        eprintln!("there is no {engine} here");
        return ExitCode::FAILURE;
    };
    println!("{engine} {} in {}", first.version, first.bin.display());
    let folder = arguments.next();
    let wanted = folder
        .as_deref()
        .map(|folder| Path::new(folder).canonicalize());
    match wanted {
        Some(Ok(wanted)) if !first.bin.starts_with(&wanted) => {
            eprintln!("that is not in {}", wanted.display());
            ExitCode::FAILURE
        }
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
