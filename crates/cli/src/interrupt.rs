//! ^C and SIGTERM: the first drains, the second cancels on the servers, the third ends the process.

use greylag_orchestrator::{Control, control::Level};
use tokio::signal::unix::{SignalKind, signal};

/// Listens until the process ends.
pub fn listen(control: Control) {
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if control.level() == Level::Cancel {
                // Asked three times. What was in flight is unknown now, and the next apply settles it.
                std::process::exit(130);
            }
            control.interrupt();
        }
    });
}
