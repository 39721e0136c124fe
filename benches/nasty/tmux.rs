//! Panes of a tmux server of the bench's own.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use super::fake::OBSTACLE;
use super::stage::Place;
use super::world::{World, wait};
use super::{Scenario, now};

#[derive(Default)]
pub struct Panes {
    pane: String,
    person: Option<Person>,
}

/// A client that is attached to the session, before which the human sits.
struct Person {
    keys: Box<dyn Write + Send>,
    client: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Person {
    fn sits_down(world: &World) -> Self {
        let size = portable_pty::PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 };
        let pair = portable_pty::native_pty_system().openpty(size).unwrap();
        let mut command = portable_pty::CommandBuilder::new("tmux");
        command.args(["-L", "nasty", "attach-session", "-f", "ignore-size", "-t", "s"]);
        command.env_clear();
        for (name, value) in world.environment() {
            command.env(name, value);
        }
        command.env("TERM", "xterm");
        command.env("TMUX_TMPDIR", &world.home);
        let client = pair.slave.spawn_command(command).unwrap();
        let mut shown = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || std::io::copy(&mut shown, &mut std::io::sink()));
        let keys = pair.master.take_writer().unwrap();
        wait("the human is there", || !Panes::tmux(world, &["list-clients", "-F", "#{client_name}"]).is_empty());
        Self { keys, client }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // Gone with the server is as good.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

impl Panes {
    fn tmux(world: &World, args: &[&str]) -> String {
        let mut all = vec!["-L", "nasty", "-f", "/dev/null"];
        all.extend(args);
        let mut command = world.command("tmux", &all);
        let out = command.env("TMUX_TMPDIR", &world.home).stdout(Stdio::piped()).output().unwrap();
        assert!(out.status.success(), "tmux {args:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// What a person enters in the pane's shell.
    fn starts(&self, world: &World, line: &str) {
        Self::tmux(world, &["send-keys", "-t", &self.pane, "-l", &format!(" {line}")]);
        Self::tmux(world, &["send-keys", "-t", &self.pane, "Enter"]);
    }

    /// What the agent's pane runs.
    fn joined(world: &World) -> String {
        let fake = world.fake(world.scenario, "target");
        format!("{} join Agent-2 --profile nasty >/dev/null && CELLPHONE_AGENT=Agent-2 exec {fake}", world.bin)
    }
}

impl Place for Panes {
    fn name(&self) -> &'static str {
        "tmux"
    }

    fn open(&mut self, world: &mut World) {
        let bystander = world.fake(Scenario::Bystander, "bystander");
        let width = if world.scenario == Scenario::Narrow { "30" } else { "100" };
        Self::tmux(world, &["new-session", "-d", "-s", "s", "-x", width, "-y", "30", &bystander]);
        let new = ["new-window", "-P", "-F", "#{pane_id}", "-t", "s:"];
        if world.scenario == Scenario::Exits {
            // In front of a shell, as a person starts it.
            self.pane = Self::tmux(world, &[&new[..], &["env PS1='$ ' bash --norc -i"]].concat());
            self.starts(
                world,
                &format!("{} join Agent-2 --profile nasty >{}", world.bin, world.log("joined").display()),
            );
            wait("the pane is joined", || world.length("joined") > 0);
            self.starts(world, &format!("CELLPHONE_AGENT=Agent-2 {}", world.fake(world.scenario, "target")));
        } else {
            self.pane = Self::tmux(world, &[&new[..], &[&Self::joined(world)]].concat());
        }
        if matches!(world.scenario, Scenario::Typing | Scenario::Middle) {
            self.person = Some(Person::sits_down(world));
        }
    }

    fn types(&mut self, _: &World, keys: &str) {
        let person = self.person.as_mut().expect("nobody sits there");
        person.keys.write_all(keys.as_bytes()).unwrap();
        person.keys.flush().unwrap();
    }

    fn arm(&mut self, world: &World) -> bool {
        match world.scenario {
            Scenario::CopyMode => drop(Self::tmux(world, &["copy-mode", "-t", &self.pane])),
            Scenario::Reused => {
                let before = world.count("bystander", "started");
                let stranger = world.fake(Scenario::Bystander, "bystander");
                Self::tmux(world, &["respawn-pane", "-k", "-t", &self.pane, &stranger]);
                wait("the stranger is there", || world.count("bystander", "started") > before);
            }
            Scenario::Exits => {
                fs::write(world.home.join("target.exit"), "").unwrap();
                wait("the shell is back", || {
                    Self::tmux(world, &["display-message", "-p", "-t", &self.pane, "#{pane_current_command}"]) == "bash"
                });
            }
            _ => return false,
        }
        true
    }

    fn act(&mut self, world: &World) -> Option<u128> {
        let pause = Duration::from_millis(OBSTACLE);
        match world.scenario {
            Scenario::CopyMode => {
                std::thread::sleep(pause);
                Self::tmux(world, &["send-keys", "-t", &self.pane, "-X", "cancel"]);
            }
            Scenario::Reused => {
                std::thread::sleep(pause);
                let before = world.count("target", "started");
                Self::tmux(world, &["respawn-pane", "-k", "-t", &self.pane, &Self::joined(world)]);
                wait("the agent is back", || world.count("target", "started") > before);
            }
            Scenario::Exits => {
                std::thread::sleep(pause);
                let shown = Self::tmux(world, &["capture-pane", "-p", "-t", &self.pane]);
                // The shell keeps no log: what it shows of ours came from us.
                let ours = shown.lines().filter(|line| line.contains("$ Cellphone")).count();
                world.note("bystander", ours);
                let before = world.count("target", "started");
                self.starts(world, &format!("clear; CELLPHONE_AGENT=Agent-2 {}", world.fake(world.scenario, "target")));
                wait("the agent is back", || world.count("target", "started") > before);
            }
            _ => return None,
        }
        Some(now())
    }

    fn close(&mut self, world: &World) {
        let mut kill = world.command("tmux", &["-L", "nasty", "kill-server"]);
        let _ = kill.env("TMUX_TMPDIR", &world.home).stderr(Stdio::null()).status();
    }
}
