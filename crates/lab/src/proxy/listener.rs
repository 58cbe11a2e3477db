//! The proxy as a test holds it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::fault::{Direction, Trap, Traps};
use super::link::{Wire, carry};
use crate::port::Port;

/// A proxy in front of one address. It lives on the runtime that started it, and ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    target: Arc<Mutex<SocketAddr>>,
    wire: Arc<Wire>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Stands a proxy in front of a port of 127.0.0.1.
    pub async fn start(target: u16) -> io::Result<Proxy> {
        Proxy::in_front_of(SocketAddr::from(([127, 0, 0, 1], target))).await
    }

    /// Stands a proxy in front of any address.
    pub async fn in_front_of(target: SocketAddr) -> io::Result<Proxy> {
        let proxy = Proxy {
            port: Port::take()?,
            target: Arc::new(Mutex::new(target)),
            wire: Arc::new(Wire {
                weather: watch::Sender::default(),
                traps: Traps::default(),
                cut: watch::Sender::default(),
                open: watch::Sender::default(),
                trapped: watch::Sender::default(),
                messages: AtomicU64::default(),
                connections: AtomicU64::default(),
            }),
            listening: Mutex::new(None),
        };
        proxy.refuse(false).await?;
        Ok(proxy)
    }

    /// The port of 127.0.0.1 that clients connect to ([`crate::Server::url_through`]).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// Leads new connections to another port of 127.0.0.1, as the name of a service goes over to another server. Open ones stay.
    pub fn lead_to(&self, target: u16) {
        *locked(&self.target) = SocketAddr::from(([127, 0, 0, 1], target));
    }

    /// Sets the time of a round trip: half of it is added each way, and a whole one to a new connection. Bytes keep their
    /// order, and as many may be on their way as before.
    pub fn set_latency(&self, round_trip: Duration) {
        self.wire
            .weather
            .send_modify(|weather| weather.latency = round_trip);
    }

    /// Stalls both ways: nothing is lost, nothing arrives, until set to `false`.
    pub fn stall(&self, stalled: bool) {
        self.wire
            .weather
            .send_modify(|weather| weather.stalled = stalled);
    }

    /// Carries so many bytes a second each way of each connection, as a slow line does; with none, as fast as it can again.
    pub fn set_rate(&self, rate: Option<u64>) {
        self.wire.weather.send_modify(|weather| weather.rate = rate);
    }

    /// Cuts all connections (both ends see a reset). New ones are taken: somebody may be back before the last of them is gone.
    pub async fn cut(&self) {
        let mut cuts = 0;
        self.wire.cut.send_modify(|cut| {
            *cut += 1;
            cuts = *cut;
        });
        let mut open = self.wire.open.subscribe();
        // Can't fail: we hold the sender.
        let _ = (open.wait_for(|open| open.range(..cuts).next().is_none())).await;
    }

    /// Refuses new connections, as a machine without a server does, until set to `false`. Open ones stay.
    pub async fn refuse(&self, refused: bool) -> io::Result<()> {
        let before = self.slot().take();
        if let Some(task) = before {
            if !refused {
                *self.slot() = Some(task);
                return Ok(());
            }
            task.abort();
            let _ = task.await;
        }
        if !refused {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::from(([127, 0, 0, 1], self.port())))?;
            let listener = socket.listen(1_024)?;
            let task = tokio::spawn(listen(
                listener,
                Arc::clone(&self.target),
                Arc::clone(&self.wire),
            ));
            *self.slot() = Some(task);
        }
        Ok(())
    }

    /// Forwards so many more bytes one way (over all connections), then cuts the connection that is at it. Once.
    pub fn cut_after_bytes(&self, bytes: u64, direction: Direction) {
        self.wire.traps.set(Trap::AfterBytes(bytes, direction));
    }

    /// Lets the request that holds `pattern` through, waits until the server begins to answer, and cuts the connection
    /// instead of passing the answer on: what was asked has been done, and nobody was told. Once.
    pub fn cut_when_client_sends(&self, pattern: &[u8]) {
        self.wire.traps.set(Trap::InsteadOfAnswer(pattern.to_vec()));
    }

    /// Cuts the connection instead of letting the request that holds `pattern` through: it never arrives. Once.
    pub fn cut_before_client_sends(&self, pattern: &[u8]) {
        self.wire
            .traps
            .set(Trap::InsteadOfRequest(pattern.to_vec()));
    }

    /// Waits until a trap (one of the three above) has cut a connection, `count` in all since the start.
    pub async fn wait_trapped(&self, count: u64) {
        let mut trapped = self.wire.trapped.subscribe();
        let _ = trapped.wait_for(|trapped| *trapped >= count).await;
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.wire.open.borrow().values().sum()
    }

    /// How many messages clients have sent through it so far, over all connections, those of their handshakes and goodbyes among
    /// them: what one says before it is answered is one message. Where each is answered, so many round trips.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.wire.messages.load(Ordering::Relaxed)
    }

    /// How many connections it has carried so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.wire.connections.load(Ordering::Relaxed)
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        locked(&self.listening)
    }
}

fn locked<T>(one: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = self.slot().take() {
            task.abort();
        }
        self.wire.cut.send_modify(|cut| *cut += 1);
    }
}

async fn listen(listener: TcpListener, target: Arc<Mutex<SocketAddr>>, wire: Arc<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        let target = *locked(&target);
        tokio::spawn(carry(client, target, Arc::clone(&wire)));
    }
}
