//! Which view a run gets, and the board that all views share.

use super::{board::Board, lines::Lines, live::Live, ndjson::Ndjson, teller::Teller};
use crate::output::{Format, Screen};
use greylag_orchestrator::{Notice, Watcher};
use jiff::Timestamp;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Something that shows a run.
pub(super) trait Surface: Send + Sync {
    /// `board` has folded the notice already.
    fn show(&self, notice: &Notice, board: &Board);

    /// It is over, whoever still holds the view.
    fn close(&self) {}
}

/// What a run is watched with.
pub struct View {
    board: Arc<Mutex<Board>>,
    surface: Box<dyn Surface>,
}

/// Opens the view of a verb that only looks: programs get its document, and no events.
pub fn open_for_looking(screen: &Screen, folder: Option<PathBuf>) -> Arc<View> {
    match screen.format {
        Format::Human => open(screen, folder),
        Format::Json | Format::Ndjson => Arc::new(View {
            board: Arc::default(),
            surface: Box::new(Quiet),
        }),
    }
}

/// Opens the view that fits the screen. `folder` is where the migrations lie.
pub fn open(screen: &Screen, folder: Option<PathBuf>) -> Arc<View> {
    let board = Arc::new(Mutex::new(Board::default()));
    let teller = |each_shard| Teller::new(each_shard, screen.verbose, folder);
    let surface: Box<dyn Surface> = match screen.format {
        Format::Ndjson => Box::new(Ndjson),
        _ if screen.quiet => Box::new(Quiet),
        Format::Human if screen.live => {
            Box::new(Live::start(teller(screen.verbose), Arc::clone(&board)))
        }
        Format::Human | Format::Json => Box::new(Lines::start(teller(true), Arc::clone(&board))),
    };
    Arc::new(View { board, surface })
}

impl View {
    pub fn close(&self) {
        self.surface.close();
    }

    /// Where the run stands.
    pub fn board(&self) -> Board {
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Watcher for View {
    fn notice(&self, notice: &Notice) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.fold(notice, Timestamp::now());
        self.surface.show(notice, &board);
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.surface.close();
    }
}

struct Quiet;

impl Surface for Quiet {
    fn show(&self, _: &Notice, _: &Board) {}
}
