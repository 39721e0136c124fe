//! Windows of an X display of the bench's own: xterms under openbox.
//!
//! What a stranger does to a window between check and key is done by a thief:
//! a thread that waits until the target has the focus, which it gets from
//! nobody but the nudge.

use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, EventMask, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::fake::OBSTACLE;
use super::stage::Place;
use super::world::{Killed, World, wait};
use super::{Scenario, now};

/// Rows of a terminal; the fake's composer is in the seventh.
const ROWS: i32 = 14;
/// What an xterm keeps free around its text, in pixels.
const BORDER: i32 = 2;
/// How long a thief waits for its moment.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Desk {
    /// Server and window manager.
    servers: Vec<Killed>,
    target: Option<Killed>,
    bystander: Option<Killed>,
    window: u32,
    beside: u32,
    thief: Option<JoinHandle<Option<u128>>>,
    /// How often a thief was sent: its moments differ.
    sent: u64,
}

fn connect(world: &World) -> (RustConnection, u32) {
    let (connection, screen) = x11rb::connect(world.display.as_deref()).unwrap();
    let root = connection.setup().roots[screen].root;
    (connection, root)
}

fn sync(connection: &RustConnection) {
    connection.get_input_focus().unwrap().reply().unwrap();
}

fn tell(connection: &RustConnection, root: u32, window: u32, what: &str, data: [u32; 5]) {
    let atom = connection.intern_atom(false, what.as_bytes()).unwrap().reply().unwrap().atom;
    let event = ClientMessageEvent::new(32, window, atom, data);
    let mask = EventMask::SUBSTRUCTURE_NOTIFY | EventMask::SUBSTRUCTURE_REDIRECT;
    connection.send_event(false, root, mask, event).unwrap();
    sync(connection);
}

fn activate(connection: &RustConnection, root: u32, window: u32) {
    tell(connection, root, window, "_NET_ACTIVE_WINDOW", [2, 0, 0, 0, 0]);
    wait("the window has the focus", || connection.get_input_focus().unwrap().reply().unwrap().focus == window);
}

/// Waits until the target has the focus, does its worst, and says when that
/// was over; `None` when the target never got it.
fn steal(
    world: &World,
    scenario: Scenario,
    (target, beside): (u32, u32),
    pid: u32,
    turn: u64,
) -> JoinHandle<Option<u128>> {
    let (connection, root) = connect(world);
    std::thread::spawn(move || {
        let end = Instant::now() + PATIENCE;
        while connection.get_input_focus().ok()?.reply().ok()?.focus != target {
            if Instant::now() > end {
                return None;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        // Not always in the same step of the nudge.
        std::thread::sleep(Duration::from_micros(turn * 1_700 % 24_000));
        match scenario {
            Scenario::Covered => {
                let at = connection.translate_coordinates(target, root, 0, 0).ok()?.reply().ok()?;
                let size = connection.get_geometry(target).ok()?.reply().ok()?;
                let cover = connection.generate_id().ok()?;
                let aux = CreateWindowAux::new().override_redirect(1).background_pixel(0x80_8080);
                let (x, y, w, h) = (at.dst_x, at.dst_y, size.width, size.height);
                let class = WindowClass::INPUT_OUTPUT;
                connection.create_window(0, cover, root, x, y, w, h, 0, class, 0, &aux).ok()?;
                connection.map_window(cover).ok()?;
                sync(&connection);
                std::thread::sleep(Duration::from_millis(OBSTACLE));
                connection.destroy_window(cover).ok()?;
            }
            Scenario::Moved => {
                let x = if turn.is_multiple_of(2) { 40 } else { 120 };
                connection.configure_window(target, &ConfigureWindowAux::new().x(x).y(x)).ok()?;
            }
            Scenario::Minimised => tell(&connection, root, target, "WM_CHANGE_STATE", [3, 0, 0, 0, 0]),
            Scenario::Stolen => tell(&connection, root, beside, "_NET_ACTIVE_WINDOW", [2, 0, 0, 0, 0]),
            _ => {
                let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok()?;
            }
        }
        sync(&connection);
        Some(now())
    })
}

impl Desk {
    fn terminal(world: &World, title: &str, place: &str, scenario: Scenario, log: &str) -> Killed {
        let geometry = format!("100x{ROWS}{place}");
        let fake = world.fake(scenario, log);
        let mut args = vec!["-T", title, "-geometry", &geometry, "-e"];
        args.extend(fake.split(' '));
        let mut command = world.command("xterm", &args);
        command.env("CELLPHONE_AGENT", "Agent-2").stderr(Stdio::null());
        Killed(command.spawn().expect("xterm is needed"))
    }

    /// The window of that title, once there is one.
    fn find(world: &World, title: &str) -> u32 {
        let name = format!("^{title}$");
        let mut found = None;
        wait("the window is there", || {
            let mut command = world.command("xdotool", &["search", "--onlyvisible", "--name", &name]);
            let out = command.stdout(Stdio::piped()).stderr(Stdio::null()).output().expect("xdotool is needed");
            found = String::from_utf8_lossy(&out.stdout).lines().next().and_then(|id| id.parse().ok());
            found.is_some()
        });
        found.unwrap_or_default()
    }

    /// Opens the agent's window anew; its empty composer looks as before.
    fn open_target(&mut self, world: &World) {
        let before = world.count("target", "started");
        self.target = Some(Self::terminal(world, "target", "+20+20", world.scenario, "target"));
        wait("the agent is there", || world.count("target", "started") > before);
        self.pin(world);
    }

    /// Makes the root know the window; gives its size and a row's height.
    fn pin(&mut self, world: &World) -> (i32, i32) {
        self.window = Self::find(world, "target");
        let (connection, root) = connect(world);
        let at = connection.translate_coordinates(self.window, root, 0, 0).unwrap().reply().unwrap();
        let size = connection.get_geometry(self.window).unwrap().reply().unwrap();
        let (width, height) = (i32::from(size.width), i32::from(size.height));
        let row = (height - 2 * BORDER) / ROWS;
        let (x, y) = (i32::from(at.dst_x) + 100, i32::from(at.dst_y) + BORDER + row * 13 / 2);
        let id = self.window.to_string();
        world.run(&["coords", "capture", "Agent-2", "--window", &id, "--at", &x.to_string(), &y.to_string()]);
        (width, row)
    }

    /// Makes the root know the empty composer as well.
    fn learn(&mut self, world: &World) {
        let (width, row) = self.pin(world);
        // From elsewhere, as a person does: the window is seen without the focus first.
        let (connection, root) = connect(world);
        activate(&connection, root, self.beside);
        // From the rule above the composer to the one below.
        // Without the ends of the rules, where xterm leaves a pixel of the last character behind.
        let region = format!("{}x{}+0+{}", width - 12, row * 3, BORDER + row * 5);
        let mut register = vec!["coords", "register", "Agent-2", "--region", &region];
        // Where the fake says by itself that it idles.
        let output = format!("{width}x{row}+0+{}", BORDER + row * 4);
        if world.scenario == Scenario::Spinner {
            register.extend(["--output", &output]);
        }
        world.run(&register);
    }
}

impl Place for Desk {
    fn name(&self) -> &'static str {
        "screen"
    }

    fn open(&mut self, world: &mut World) {
        let args = ["-displayfd", "1", "-screen", "0", "1400x700x24", "-nolisten", "tcp", "-noreset"];
        let mut command = world.command("Xvfb", &args);
        let mut server = Killed(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("Xvfb is needed"));
        let mut number = String::new();
        let mut told = std::io::BufReader::new(server.0.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut told, &mut number).unwrap();
        world.display = Some(format!(":{}", number.trim()));
        self.servers.push(server);
        let mut manager = world.command("openbox", &[]);
        self.servers.push(Killed(manager.stderr(Stdio::null()).spawn().expect("openbox is needed")));
        let (connection, root) = connect(world);
        let list = connection.intern_atom(false, b"_NET_CLIENT_LIST").unwrap().reply().unwrap().atom;
        wait("the window manager is there", || {
            connection.get_property(false, root, list, 0_u32, 0, 1).unwrap().reply().unwrap().type_ != 0
        });
        self.bystander = Some(Self::terminal(world, "bystander", "+660+320", Scenario::Bystander, "bystander"));
        self.target = Some(Self::terminal(world, "target", "+20+20", world.scenario, "target"));
        self.beside = Self::find(world, "bystander");
    }

    fn register(&mut self, world: &World) {
        world.run(&["agents", "set", "Agent-2", "--profile", "nasty"]);
        self.learn(world);
    }

    fn types(&mut self, world: &World, keys: &str) {
        let (connection, root) = connect(world);
        if connection.get_input_focus().unwrap().reply().unwrap().focus != self.window {
            activate(&connection, root, self.window);
        }
        let args = if keys == "\x15" { vec!["key", "ctrl+u"] } else { vec!["type", "--delay", "0", keys] };
        assert!(world.command("xdotool", &args).status().expect("xdotool is needed").success());
    }

    fn arm(&mut self, world: &World) -> bool {
        // As a person sits elsewhere.
        let (connection, root) = connect(world);
        activate(&connection, root, self.beside);
        self.sent += 1;
        match world.scenario {
            Scenario::Covered | Scenario::Moved | Scenario::Minimised | Scenario::Stolen | Scenario::Closed => {
                let pid = self.target.as_ref().map_or(0, |target| target.0.id());
                let windows = (self.window, self.beside);
                self.thief = Some(steal(world, world.scenario, windows, pid, self.sent));
            }
            Scenario::Reused => {
                drop(self.target.take());
                let before = world.count("bystander", "started");
                self.target = Some(Self::terminal(world, "target", "+20+20", Scenario::Bystander, "bystander"));
                wait("the stranger is there", || world.count("bystander", "started") > before);
                Self::find(world, "target");
            }
            _ => return false,
        }
        true
    }

    fn act(&mut self, world: &World) -> Option<u128> {
        let over = self.thief.take().and_then(|thief| thief.join().unwrap());
        match world.scenario {
            Scenario::Closed | Scenario::Reused => {
                std::thread::sleep(Duration::from_millis(OBSTACLE));
                drop(self.target.take());
                self.open_target(world);
                Some(now())
            }
            _ => over,
        }
    }

    fn close(&mut self, _: &World) {
        drop((self.target.take(), self.bystander.take()));
        while let Some(server) = self.servers.pop() {
            drop(server);
        }
    }
}
