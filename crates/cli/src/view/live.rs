//! The live view: a few lines at the foot of the terminal, redrawn; what matters later scrolls away above.

use super::{board::Board, frame::frame, open::Surface, teller::Teller};
use crate::output::wrap;
use greylag_orchestrator::Notice;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

const REDRAW: Duration = Duration::from_millis(100);

pub struct Live {
    teller: Mutex<Teller>,
    bars: MultiProgress,
    painter: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

/// The lines that are redrawn.
struct Lines {
    bars: MultiProgress,
    lines: Vec<ProgressBar>,
    tick: usize,
}

impl Live {
    pub fn start(teller: Teller, board: Arc<Mutex<Board>>) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15));
        let (stop, stopped) = mpsc::channel();
        let mut lines = Lines {
            bars: bars.clone(),
            lines: Vec::new(),
            tick: 0,
        };
        let painter = std::thread::spawn(move || {
            while stopped.recv_timeout(REDRAW) == Err(mpsc::RecvTimeoutError::Timeout) {
                lines.draw(&board);
            }
            lines.clear();
        });
        Self {
            teller: Mutex::new(teller),
            bars,
            painter: Mutex::new(Some((stop, painter))),
        }
    }
}

impl Surface for Live {
    fn show(&self, notice: &Notice, board: &Board) {
        let mut teller = self.teller.lock().unwrap_or_else(PoisonError::into_inner);
        for line in teller.tell(notice, board) {
            // A line that the terminal wraps by itself is miscounted when the lines below are redrawn.
            for part in wrap(&line, width()) {
                let _ = self.bars.println(part);
            }
        }
    }

    /// Takes the live lines away.
    fn close(&self) {
        let painter = self
            .painter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((stop, painter)) = painter {
            drop(stop);
            // It only panics with the process.
            let _ = painter.join();
        }
    }
}

impl Lines {
    fn draw(&mut self, board: &Mutex<Board>) {
        self.tick += 1;
        let lines = {
            let board = board.lock().unwrap_or_else(PoisonError::into_inner);
            frame(&board, Timestamp::now(), self.tick, width())
        };
        while self.lines.len() > lines.len() {
            if let Some(bar) = self.lines.pop() {
                bar.finish_and_clear();
                self.bars.remove(&bar);
            }
        }
        while self.lines.len() < lines.len() {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            self.lines.push(self.bars.add(bar));
        }
        for (bar, line) in self.lines.iter().zip(lines) {
            bar.set_message(line);
        }
    }

    fn clear(&mut self) {
        for bar in self.lines.drain(..) {
            bar.finish_and_clear();
        }
        let _ = self.bars.clear();
    }
}

/// A few columns are kept free: a full line would wrap on some terminals, and so would the `^C` that a terminal echoes.
fn width() -> usize {
    let width = comfy_table::Table::new().width();
    width.map_or(100, usize::from).saturating_sub(5).max(20)
}
