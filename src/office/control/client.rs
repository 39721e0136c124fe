//! The connection itself: never waits longer than it was told to.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use super::{Answer, ControlError, LINE_MAX, Request, Result, SOCKET};

/// Bytes that a socket's path may have: 108 with its NUL on Linux, 104 on macOS.
const PATH_MAX: usize = 103;

/// A path by which a socket can be bound or reached however deep its root
/// lies: where it is too long, Linux takes it through an open folder.
#[derive(Debug)]
pub struct SocketAddress {
    path: PathBuf,
    _folder: Option<File>,
}

impl SocketAddress {
    /// The address of `name` in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be opened, or the path is too long here.
    pub fn new(folder: &Path, name: &str) -> io::Result<Self> {
        let plain = folder.join(name);
        if plain.as_os_str().len() <= PATH_MAX {
            return Ok(Self { path: plain, _folder: None });
        }
        if !cfg!(target_os = "linux") {
            let why = "the path is too long for a socket: use a root with a shorter path";
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, why));
        }
        let folder = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path to bind or to connect to, while `self` lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<UnixStream>,
    path: PathBuf,
    patience: Duration,
    until: Instant,
}

impl Client {
    /// Connects. Everything until the last [`take`](Self::take) must be
    /// over within `patience`.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`], [`ControlError::Silent`] or [`ControlError::Io`].
    pub fn connect(state: &Path, patience: Duration) -> Result<Self> {
        let until = Instant::now() + patience;
        let path = state.join(SOCKET);
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ControlError::NotRunning(path.clone()),
            // The queue of a daemon that is stopped is full: connect would wait for ever.
            io::ErrorKind::WouldBlock => ControlError::Silent(path.clone(), patience),
            _ => ControlError::Io(path.clone(), e),
        };
        let address = SocketAddress::new(state, SOCKET).map_err(failed)?;
        let stream = open(address.path()).map_err(failed)?;
        Ok(Self { reader: BufReader::new(stream), path, patience, until })
    }

    /// Asks.
    ///
    /// # Errors
    /// When the daemon has gone or takes nothing in.
    pub fn put(&mut self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_vec(request).map_err(|e| self.io(e.into()))?;
        line.push(b'\n');
        let left = self.left()?;
        let mut stream = self.reader.get_ref();
        stream.set_write_timeout(Some(left)).and_then(|()| stream.write_all(&line)).map_err(|e| self.io(e))
    }

    /// Waits for the next answer.
    ///
    /// # Errors
    /// [`ControlError::Silent`] after the patience of [`connect`](Self::connect).
    pub fn take(&mut self) -> Result<Answer> {
        let left = self.left()?;
        self.reader.get_ref().set_read_timeout(Some(left)).map_err(|e| self.io(e))?;
        self.line()?.ok_or_else(|| ControlError::NotRunning(self.path.clone()))
    }

    /// Waits for the next event of a subscription, however long; `None`
    /// when the daemon has ended.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn follow(&mut self) -> Result<Option<Answer>> {
        self.reader.get_ref().set_read_timeout(None).map_err(|e| self.io(e))?;
        self.line()
    }

    fn line(&mut self) -> Result<Option<Answer>> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(LINE_MAX as u64).read_until(b'\n', &mut line);
        match read {
            Ok(0) => Ok(None),
            Ok(_) => serde_json::from_slice(&line)
                .map(Some)
                .map_err(|e| ControlError::Strange(self.path.clone(), e.to_string())),
            Err(e) => Err(self.io(e)),
        }
    }

    fn left(&self) -> Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ControlError::Silent(self.path.clone(), self.patience)) } else { Ok(left) }
    }

    fn io(&self, e: io::Error) -> ControlError {
        match e.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ControlError::Silent(self.path.clone(), self.patience)
            }
            _ => ControlError::Io(self.path.clone(), e),
        }
    }
}

/// Connects without waiting: std's own `connect` waits while the queue of
/// the listener is full.
fn open(path: &Path) -> io::Result<UnixStream> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}
