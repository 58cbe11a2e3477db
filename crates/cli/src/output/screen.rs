//! Where output goes: results to stdout, all else to stderr.

use crate::arguments::Global;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;
use std::io::{IsTerminal, Write, stderr, stdin};

/// For people, as one JSON document, or as one JSON document per line (`apply`: one event per line).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Human,
    Json,
    Ndjson,
}

/// The two streams, and how the person wants them.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub format: Format,
    pub quiet: bool,
    pub verbose: bool,
    /// stderr is a terminal that can redraw lines.
    pub live: bool,
    /// Somebody can answer a question.
    pub attended: bool,
}

impl Screen {
    pub fn new(global: &Global) -> Self {
        if global.no_color {
            anstream::ColorChoice::Never.write_global();
        }
        let human = global.output == Format::Human;
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
        let terminal = stderr().is_terminal();
        Self {
            format: global.output,
            quiet: global.quiet,
            verbose: global.verbose > 0,
            live: human && terminal && !dumb && !ci && !global.quiet,
            attended: terminal && stdin().is_terminal(),
        }
    }

    pub fn human(&self) -> bool {
        self.format == Format::Human
    }

    /// A line of the result.
    pub fn result(&self, line: impl AsRef<str>) {
        // A reader that has had enough (`| head`) is no error.
        let _ = writeln!(anstream::stdout(), "{}", line.as_ref());
    }

    /// A line about the work, for people alone.
    pub fn say(&self, line: impl AsRef<str>) {
        if self.human() && !self.quiet {
            self.tell(line);
        }
    }

    /// A line for stderr in any format, even where quiet is asked for.
    pub fn tell(&self, line: impl AsRef<str>) {
        let _ = writeln!(anstream::stderr(), "{}", line.as_ref());
    }

    /// A JSON document, on stdout.
    pub fn document(&self, schema: &str, body: &impl Serialize) {
        let mut value = serde_json::to_value(body).unwrap_or_default();
        if let Value::Object(fields) = &mut value
            && !fields.contains_key("schema")
        {
            let mut whole = serde_json::Map::new();
            whole.insert("schema".into(), schema.into());
            whole.append(fields);
            value = Value::Object(whole);
        }
        self.json(&value);
    }

    /// Any JSON, on stdout: indented as a document, on one line in NDJSON.
    pub fn json(&self, value: &Value) {
        let text = match self.format {
            Format::Ndjson => serde_json::to_string(value),
            Format::Human | Format::Json => serde_json::to_string_pretty(value),
        };
        self.result(text.unwrap_or_default());
    }

    /// How wide a line of stderr may be.
    pub fn width(&self) -> usize {
        comfy_table::Table::new().width().map_or(100, usize::from)
    }
}
