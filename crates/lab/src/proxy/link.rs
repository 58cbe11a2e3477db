//! One connection through the proxy: two streams, each read ahead and written when its time has come, so that a delay costs
//! neither order nor throughput.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::fault::{Direction, Memory, Traps, Verdict, Weather};

/// What all connections of a proxy share.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) weather: watch::Sender<Weather>,
    pub(crate) traps: Traps,
    /// Raised to cut all connections.
    pub(crate) cut: watch::Sender<u64>,
    /// Connections open now, by how many cuts there had been when they began.
    pub(crate) open: watch::Sender<BTreeMap<u64, usize>>,
    /// Connections that a trap has cut.
    pub(crate) trapped: watch::Sender<u64>,
    /// Messages that clients have sent.
    pub(crate) messages: AtomicU64,
    /// Connections there have been.
    pub(crate) connections: AtomicU64,
}

/// How a stream ended.
enum End {
    Closed,
    Trapped,
    Cut,
}

/// Carries one connection until it ends.
pub(crate) async fn carry(mut client: TcpStream, target: std::net::SocketAddr, wire: Arc<Wire>) {
    let mut cut = wire.cut.subscribe();
    let latency = wire.weather.borrow().latency;
    let _open = Opened::at(Arc::clone(&wire), *cut.borrow_and_update());
    wire.connections.fetch_add(1, Ordering::Relaxed);
    // The round trip of TCP's own greeting, which the kernel has already answered for us.
    tokio::time::sleep(latency).await;
    let Ok(mut server) = TcpStream::connect(target).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let end = tokio::select! {
        end = both_ways(&mut client, &mut server, &wire) => end,
        _ = cut.changed() => Ok(End::Cut),
    };
    match end {
        Ok(End::Closed) => return,
        Ok(End::Trapped) => wire.trapped.send_modify(|trapped| *trapped += 1),
        Ok(End::Cut) | Err(_) => {}
    }
    for side in [&client, &server] {
        // Closing then sends a reset.
        let _ = side.set_zero_linger();
    }
}

async fn both_ways(client: &mut TcpStream, server: &mut TcpStream, wire: &Wire) -> io::Result<End> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let memory = Memory::default();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = stream(from_client, to_server, Direction::ToServer, wire, &memory);
    let down = stream(from_server, to_client, Direction::ToClient, wire, &memory);
    tokio::pin!(up, down);
    // Both must close; one that is trapped or broken ends the other.
    let (first, up_first) = tokio::select! {
        end = &mut up => (end?, true),
        end = &mut down => (end?, false),
    };
    match first {
        End::Closed if up_first => down.await,
        End::Closed => up.await,
        end => Ok(end),
    }
}

/// Counts a connection as open until dropped, also when its task is aborted.
struct Opened {
    wire: Arc<Wire>,
    cuts: u64,
}

impl Opened {
    fn at(wire: Arc<Wire>, cuts: u64) -> Self {
        wire.open
            .send_modify(|open| *open.entry(cuts).or_default() += 1);
        Self { wire, cuts }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.wire.open.send_modify(|open| {
            let left = open.entry(self.cuts).or_default();
            *left -= 1;
            if *left == 0 {
                open.remove(&self.cuts);
            }
        });
    }
}

/// One direction: reader and writer run side by side in one task.
async fn stream(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    direction: Direction,
    wire: &Wire,
    memory: &Memory,
) -> io::Result<End> {
    let (queue, pieces) = mpsc::channel(256);
    let reading = read(from, queue, wire);
    let writing = write(to, pieces, direction, wire, memory);
    tokio::pin!(reading, writing);
    tokio::select! {
        end = &mut writing => end,
        read = &mut reading => {
            read?;
            writing.await
        }
    }
}

async fn read(
    mut from: ReadHalf<'_>,
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
    wire: &Wire,
) -> io::Result<()> {
    let mut weather = wire.weather.subscribe();
    loop {
        let mut piece = vec![0; 16 * 1_024];
        let length = from.read(&mut piece).await?;
        piece.truncate(length);
        pace(&mut weather, length).await;
        let due = Instant::now() + wire.weather.borrow().latency / 2;
        if queue.send((due, piece)).await.is_err() || length == 0 {
            return Ok(());
        }
    }
}

/// A slow line takes its time for so many bytes. Where the weather changes meanwhile, the rest of that time is given away.
async fn pace(weather: &mut watch::Receiver<Weather>, length: usize) {
    let Some(rate) = weather.borrow_and_update().rate else {
        return;
    };
    let takes = Duration::from_secs_f64(length as f64 / rate.max(1) as f64);
    tokio::select! {
        () = tokio::time::sleep(takes) => {}
        _ = weather.changed() => {}
    }
}

async fn write(
    mut to: WriteHalf<'_>,
    mut pieces: mpsc::Receiver<(Instant, Vec<u8>)>,
    direction: Direction,
    wire: &Wire,
    memory: &Memory,
) -> io::Result<End> {
    let mut weather = wire.weather.subscribe();
    while let Some((due, piece)) = pieces.recv().await {
        tokio::time::sleep_until(due).await;
        let calm = weather.wait_for(|weather| !weather.stalled).await;
        drop(calm.map_err(io::Error::other)?);
        if piece.is_empty() {
            to.shutdown().await?;
            break;
        }
        // Before it goes on: whoever has the answer finds the question counted.
        if memory.begins_message(direction) {
            wire.messages.fetch_add(1, Ordering::Relaxed);
        }
        match wire.traps.judge(direction, memory, &piece) {
            Verdict::Forward => to.write_all(&piece).await?,
            Verdict::CutAfter(length) => {
                to.write_all(&piece[..length]).await?;
                return Ok(End::Trapped);
            }
        }
    }
    Ok(End::Closed)
}
