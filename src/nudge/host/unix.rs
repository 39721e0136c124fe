//! Threads and descriptors of a host: one reads the program, one the human,
//! one the signals, one the socket; the calling one waits for the end.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

use super::hosted::Hosted;
use super::{HostError, HostOptions, serve};
use crate::fsio::{Dir, Lock};
use crate::nudge::proof;
use crate::nudge::target::PinnedProcess;
use crate::nudge::wire::{FOLDER, reachable, socket_name};

/// How long output is still passed on after the program's end, while
/// something it left behind keeps its terminal open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long a program that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);

pub(super) fn run(options: &HostOptions) -> Result<u8, HostError> {
    let agent = &options.agent;
    if options.program.is_empty() {
        return Err(HostError::NoProgram(options.agent.clone()));
    }
    let (_lock, dir, listener) = listen(options)?;
    let outer = Outer::of_stdin();
    let size = outer.as_ref().map_or(PtySize::default(), |_| size_of_stdin());
    let pair = native_pty_system().openpty(size).map_err(|e| system("open a pseudo-terminal", e.into()))?;
    let writer = pair.master.take_writer().map_err(|e| system("write to the pseudo-terminal", e.into()))?;
    let reader = pair.master.try_clone_reader().map_err(|e| system("read the pseudo-terminal", e.into()))?;
    let command = command(options, outer.is_none())?;
    let mut child = pair.slave.spawn_command(command).map_err(|e| HostError::Start {
        program: options.program.first().cloned().unwrap_or_default(),
        why: e.to_string(),
    })?;
    drop(pair.slave);
    let pid = child.process_id().unwrap_or_default();
    let process = proof::pin(pid).unwrap_or(PinnedProcess { pid, start: 0 });
    let hosted = Arc::new(Hosted::new(writer, process, (size.rows, size.cols), outer.is_none()));
    let _raw = outer.map(Outer::raw);
    let master = Arc::new(Mutex::new(pair.master));

    watch_signals(&hosted, &master, pid)?;
    if _raw.is_some() {
        let hosted = Arc::clone(&hosted);
        std::thread::spawn(move || pass_keys(&hosted));
    }
    {
        let (hosted, agent) = (Arc::clone(&hosted), agent.clone());
        std::thread::spawn(move || serve::serve(&listener, &hosted, &agent));
    }
    let (ended, last) = mpsc::channel::<()>();
    {
        let hosted = Arc::clone(&hosted);
        std::thread::spawn(move || {
            pass_output(reader, &hosted);
            drop(ended);
        });
    }
    let code = wait(child.as_mut());
    let _ = last.recv_timeout(LAST_WORDS);
    drop(dir.remove(&socket_name(agent)));
    Ok(code)
}

fn system(what: &'static str, why: Box<dyn std::error::Error + Send + Sync>) -> HostError {
    HostError::System(what, std::io::Error::other(why))
}

/// Takes the agent's place and binds its socket.
fn listen(options: &HostOptions) -> Result<(Lock, Dir, UnixListener), HostError> {
    let dir = Dir::create_all(&options.state)?.child_or_create(FOLDER)?;
    let name = socket_name(&options.agent);
    let lock = Lock::try_exclusive(&dir, &format!("{}.lock", options.agent))?;
    let lock = lock.ok_or_else(|| HostError::Taken(options.agent.clone()))?;
    // Left behind by a host that was killed: the lock says that it is gone.
    if dir.stat(&name)?.is_some() {
        dir.remove(&name)?;
    }
    let (_handle, path) = reachable(dir.path(), &name).map_err(|e| HostError::System("name the host's socket", e))?;
    let listener = bind(&path).map_err(|e| HostError::System("bind the host's socket", e.into()))?;
    Ok((lock, dir, listener))
}

/// Binds a socket with mode 0600: Linux gives the file the mode of the
/// descriptor. Elsewhere only the directory, 0700, keeps others out.
fn bind(path: &std::path::Path) -> rustix::io::Result<UnixListener> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    let fd = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    let _ = rustix::fs::fchmod(&fd, rustix::fs::Mode::from_raw_mode(0o600));
    bind(&fd, &SocketAddrUnix::new(path)?)?;
    listen(&fd, 64)?;
    Ok(UnixListener::from(fd))
}

fn command(options: &HostOptions, headless: bool) -> Result<CommandBuilder, HostError> {
    let mut command = CommandBuilder::from_argv(options.program.clone());
    let cwd = std::env::current_dir().map_err(|e| HostError::System("find the current directory", e))?;
    command.cwd(cwd);
    command.env("CELLPHONE_AGENT", options.agent.as_str());
    command.env("CELLPHONE_ROOT", &options.root);
    if headless && std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty()) {
        command.env("TERM", "xterm-256color");
    }
    Ok(command)
}

/// The terminal we were started in, and its mode.
struct Outer {
    before: Termios,
}

impl Outer {
    fn of_stdin() -> Option<Self> {
        let stdin = std::io::stdin();
        if !isatty(stdin.as_fd()) {
            return None;
        }
        tcgetattr(stdin.as_fd()).ok().map(|before| Self { before })
    }

    /// Makes it raw until the guard is dropped.
    fn raw(self) -> RawMode {
        let mut raw = self.before.clone();
        raw.make_raw();
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &raw);
        RawMode(self.before)
    }
}

struct RawMode(Termios);

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Drain, &self.0);
    }
}

fn size_of_stdin() -> PtySize {
    match tcgetwinsize(std::io::stdin().as_fd()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            PtySize { rows: size.ws_row, cols: size.ws_col, pixel_width: size.ws_xpixel, pixel_height: size.ws_ypixel }
        }
        _ => PtySize::default(),
    }
}

fn pass_keys(hosted: &Hosted) {
    let mut stdin = std::io::stdin().lock();
    let mut buffer = [0; 8_192];
    loop {
        match stdin.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) if hosted.human(&buffer[..n]).is_err() => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn pass_output(mut reader: Box<dyn Read + Send>, hosted: &Hosted) {
    let mut buffer = [0; 32_768];
    let mut out = Some(std::io::stdout());
    loop {
        // Linux ends a pseudo-terminal with EIO.
        let n = match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        hosted.printed(&buffer[..n]);
        // A closed output does not end the program.
        if let Some(stdout) = &mut out {
            let mut stdout = stdout.lock();
            if stdout.write_all(&buffer[..n]).and_then(|()| stdout.flush()).is_err() {
                out = None;
            }
        }
    }
}

/// Follows the window's size, and passes requests to end on to the program;
/// one that does not heed them within a grace is killed, so that the
/// terminal's mode can be given back.
fn watch_signals(
    hosted: &Arc<Hosted>,
    master: &Arc<Mutex<Box<dyn MasterPty + Send>>>,
    pid: u32,
) -> Result<(), HostError> {
    let mut signals = Signals::new([SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT])
        .map_err(|e| HostError::System("watch signals", e))?;
    let (hosted, master) = (Arc::clone(hosted), Arc::clone(master));
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if signal == SIGWINCH {
                let size = size_of_stdin();
                hosted.resize(size.rows, size.cols);
                drop(master.lock().unwrap_or_else(PoisonError::into_inner).resize(size));
                continue;
            }
            let named = match signal {
                SIGINT => Signal::INT,
                SIGQUIT => Signal::QUIT,
                SIGHUP => Signal::HUP,
                _ => Signal::TERM,
            };
            send(pid, named);
            if signal == SIGTERM || signal == SIGHUP {
                std::thread::spawn(move || {
                    std::thread::sleep(GRACE);
                    send(pid, Signal::KILL);
                });
            }
        }
    });
    Ok(())
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, signal);
    }
}

fn wait(child: &mut dyn Child) -> u8 {
    if let Some(child) = child.downcast_mut::<std::process::Child>() {
        return match child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => u8::try_from(code).unwrap_or(1),
                (None, Some(signal)) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
                (None, None) => 1,
            },
            Err(_) => 1,
        };
    }
    child.wait().ok().and_then(|status| u8::try_from(status.exit_code()).ok()).unwrap_or(1)
}
