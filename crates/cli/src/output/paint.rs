//! Colours by meaning. The streams strip them where they aren't wanted.

use anstyle::{AnsiColor, Style};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Good,
    Bad,
    Waits,
    Strong,
    Dim,
    Name,
}

/// Text in a colour.
pub fn paint(paint: Paint, text: impl AsRef<str>) -> String {
    let style = match paint {
        Paint::Good => AnsiColor::Green.on_default(),
        Paint::Bad => AnsiColor::Red.on_default().bold(),
        Paint::Waits => AnsiColor::Yellow.on_default(),
        Paint::Strong => Style::new().bold(),
        Paint::Dim => Style::new().dimmed(),
        Paint::Name => AnsiColor::Cyan.on_default(),
    };
    format!(
        "{}{}{}",
        style.render(),
        text.as_ref(),
        style.render_reset()
    )
}
