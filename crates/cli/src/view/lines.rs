//! The lines on stderr, with the time, and a heartbeat: what a pipe gets.

use super::{board::Board, open::Surface, teller::Teller};
use crate::output::{Paint, clock, count, paint, wait_reason};
use greylag_orchestrator::Notice;
use jiff::Timestamp;
use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A pipe is never silent for longer: some runners end silent jobs.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The lines on stderr, with the time, and a heartbeat.
pub struct Lines {
    shared: Arc<Mutex<State>>,
    heart: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

struct State {
    teller: Teller,
    last: Instant,
}

impl Lines {
    pub fn start(teller: Teller, board: Arc<Mutex<Board>>) -> Self {
        let last = Instant::now();
        let shared = Arc::new(Mutex::new(State { teller, last }));
        let (stop, stopped) = mpsc::channel();
        let seen = Arc::clone(&shared);
        let heart = std::thread::spawn(move || {
            let second = Duration::from_secs(1);
            while stopped.recv_timeout(second) == Err(mpsc::RecvTimeoutError::Timeout) {
                // The board first, as everywhere, so that two threads can't wait for each other.
                let board = board.lock().unwrap_or_else(PoisonError::into_inner);
                let mut state = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if state.last.elapsed() >= HEARTBEAT {
                    state.last = Instant::now();
                    print(&heartbeat(&board));
                }
            }
        });
        Self {
            shared,
            heart: Mutex::new(Some((stop, heart))),
        }
    }
}

impl Surface for Lines {
    fn show(&self, notice: &Notice, board: &Board) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for line in state.teller.tell(notice, board) {
            print(&line);
            state.last = Instant::now();
        }
    }

    fn close(&self) {
        let heart = self
            .heart
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((stop, heart)) = heart {
            drop(stop);
            let _ = heart.join();
        }
    }
}

fn heartbeat(board: &Board) -> String {
    if let Some((done, total)) = board.surveyed.filter(|(done, total)| done < total) {
        return format!("still looking at the fleet: {done} of {total}");
    }
    let mut line = format!(
        "still at it: {} of {}",
        board.complete,
        count(board.total(), "shard")
    );
    if let Some((name, flight)) = board.in_flight.iter().next() {
        line.push_str(&format!(", {} in flight ({name}", board.in_flight.len()));
        if let Some(reason) = flight.waiting.first() {
            line.push_str(&format!(" waits: {}", wait_reason(reason)));
        }
        line.push(')');
    } else if let Some(reason) = board.waiting.first() {
        line.push_str(&format!(", waiting: {}", wait_reason(reason)));
    }
    line
}

fn print(line: &str) {
    let time = paint(Paint::Dim, clock(Timestamp::now()));
    // Whole: what is not buffered is written piece by piece otherwise.
    let text = format!("{time} {line}\n");
    let _ = anstream::stderr().write_all(text.as_bytes());
}
