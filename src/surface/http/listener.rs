//! The open port, kept for as long as the process lives: a worker that is
//! started again finds it as it was.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::office::Office;

/// Connections at most; more wait in the system's queue.
const CONNECTIONS: usize = 512;
/// How long to wait when the system has no more to give.
const PAUSE: Duration = Duration::from_millis(100);

/// A port that is listened on, or why none is.
#[derive(Debug)]
pub struct Door {
    listener: Result<Option<TcpListener>, String>,
    hosts: Vec<String>,
}

impl Door {
    /// Opens the port that the approved settings name; an error is kept, and
    /// told by whoever serves.
    #[must_use]
    pub fn open(office: &Office) -> Self {
        let listen = match office.listen() {
            Ok(listen) => listen,
            Err(e) => return Self { listener: Err(e.to_string()), hosts: Vec::new() },
        };
        Self { listener: bind(&listen.addresses), hosts: listen.hosts }
    }

    /// Where it is, as a browser takes it: `http://127.0.0.1:7411`.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let mut address = self.listener.as_ref().ok()?.as_ref()?.local_addr().ok()?;
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        Some(format!("http://{address}"))
    }

    /// Why it is not open.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.listener.as_ref().err().map(String::as_str)
    }

    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    pub(super) fn listener(&self) -> Result<Listener, String> {
        let held = self.listener.as_ref().map_err(Clone::clone)?.as_ref().ok_or("http.listen is none")?;
        let told = |e: io::Error| e.to_string();
        let copy = held.try_clone().map_err(told)?;
        copy.set_nonblocking(true).map_err(told)?;
        let listener = tokio::net::TcpListener::from_std(copy).map_err(told)?;
        let address = held.local_addr().map_err(told)?;
        Ok(Listener { listener, address, room: Arc::new(Semaphore::new(CONNECTIONS)) })
    }
}

fn bind(addresses: &[SocketAddr]) -> Result<Option<TcpListener>, String> {
    let mut why = None;
    for address in addresses {
        if !address.ip().is_loopback() {
            return Err(format!("http.listen: {address} can be reached from other machines, which needs TLS"));
        }
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(Some(listener)),
            Err(e) => why = Some(format!("http.listen: {address}: {e}")),
        }
    }
    why.map_or(Ok(None), Err)
}

/// Accepts as many connections as there is room for.
pub(super) struct Listener {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    room: Arc<Semaphore>,
}

impl axum::serve::Listener for Listener {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&self.room).acquire_owned().await else { continue };
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    // Small answers are not held back for more.
                    let _ = stream.set_nodelay(true);
                    return (Held { stream, _place: place }, from);
                }
                // Whoever hung up meanwhile costs nobody else a pause.
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
                Err(e) => {
                    tracing::warn!(error = %e, "a connection was not taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// A connection, and the place that it takes.
pub(super) struct Held {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

mod io_of_held {
    //! A connection is read and written as the stream in it.

    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Held;

    impl AsyncRead for Held {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_read(cx, to)
        }
    }

    impl AsyncWrite for Held {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write(cx, from)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            from: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write_vectored(cx, from)
        }

        fn is_write_vectored(&self) -> bool {
            self.stream.is_write_vectored()
        }
    }
}
