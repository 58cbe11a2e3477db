//! The command line, as a person and as a program sees it: each verb run as a process.

mod apply;
mod auto;
mod bad_input;
mod baseline;
mod completions;
mod config;
mod demo;
mod doctor;
mod fleet;
mod help;
mod init;
mod lab;
mod lint;
mod lint_fleet;
mod lint_trace;
mod lint_formats;
mod new;
mod place;
mod plan;
mod repair;
mod replicas;
mod rollout;
mod running;
mod status;
mod subscribers;
mod undo;
