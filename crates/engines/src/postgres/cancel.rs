//! Ending on the server what a connection runs, and the server's name of that connection.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio_postgres::{
    CancelToken,
    tls::{ChannelBinding, TlsConnect, TlsStream},
};

use super::tls::Tls;
use crate::{error::EngineError, session::Cancel};

const TLS_REQUEST: u32 = 80_877_103;

/// Sends a cancel request over a connection of its own.
pub struct Canceller {
    pub token: CancelToken,
    pub tls: Tls,
    pub address: Arc<str>,
    /// Tells the session that the next 57014 was asked for.
    pub used: Arc<AtomicBool>,
}

#[async_trait]
impl Cancel for Canceller {
    async fn cancel(&self) -> Result<(), EngineError> {
        self.used.store(true, Ordering::Relaxed);
        let sent = self.token.cancel_query(self.tls.clone()).await;
        sent.map_err(|error| EngineError::Lost {
            address: self.address.to_string(),
            doing: "cancelling",
            source: Box::new(error),
        })
    }
}

/// The process id the server gave as it accepted the connection.
///
/// The driver keeps it to itself but for the cancel request; that request is written to memory here and read back,
/// which spares each connection a round trip for `pg_backend_pid()`.
pub async fn process_id(token: &CancelToken) -> io::Result<i32> {
    let (mut ours, theirs) = tokio::io::duplex(64);
    let written = token.cancel_query_raw(theirs, Open);
    let read = async {
        let mut head = [0; 8];
        ours.read_exact(&mut head).await?;
        if u32::from_be_bytes([head[4], head[5], head[6], head[7]]) == TLS_REQUEST {
            ours.write_all(b"S").await?;
            ours.read_exact(&mut head).await?;
        }
        ours.read_i32().await
    };
    let (written, read) = tokio::join!(written, read);
    written.map_err(io::Error::other)?;
    read
}

/// Takes a stream for secured as it is.
struct Open;
struct Plain(DuplexStream);

impl TlsConnect<DuplexStream> for Open {
    type Stream = Plain;
    type Error = io::Error;
    type Future = Ready<io::Result<Plain>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        ready(Ok(Plain(stream)))
    }
}

impl TlsStream for Plain {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
