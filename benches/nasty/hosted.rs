//! Programs hosted by `cellphone run`, in terminals of the bench's own.

use std::io::{Read as _, Write};

use super::Scenario;
use super::stage::Place;
use super::world::World;

#[derive(Default)]
pub struct Hosted {
    human: Option<Box<dyn Write + Send>>,
    children: Vec<Box<dyn portable_pty::Child + Send + Sync>>,
}

impl Hosted {
    fn host(&mut self, world: &World, agent: &str, scenario: Scenario, name: &str) {
        let cols = if scenario == Scenario::Narrow { 30 } else { 100 };
        let size = portable_pty::PtySize { rows: 30, cols, pixel_width: 0, pixel_height: 0 };
        let pair = portable_pty::native_pty_system().openpty(size).unwrap();
        let mut command = portable_pty::CommandBuilder::new(&world.bin);
        command.env_clear();
        for (key, value) in world.environment() {
            command.env(key, value);
        }
        command.env("TERM", "xterm-256color");
        command.cwd(&world.home);
        command.args(["run", agent, "--"]);
        command.args(world.fake(scenario, name).split(' '));
        self.children.push(pair.slave.spawn_command(command).unwrap());
        let mut reader = pair.master.try_clone_reader().unwrap();
        if name == "target" {
            self.human = Some(pair.master.take_writer().unwrap());
        }
        std::thread::spawn(move || {
            // The terminal outside: reads, or the host would stand still.
            let (_master, mut buffer) = (pair.master, [0; 4096]);
            while reader.read(&mut buffer).is_ok_and(|n| n > 0) {}
        });
    }
}

impl Place for Hosted {
    fn name(&self) -> &'static str {
        "pty"
    }

    fn open(&mut self, world: &mut World) {
        world.run(&["agents", "set", "Agent-2", "--channel", "pty", "--profile", "nasty"]);
        self.host(world, "Agent-3", Scenario::Bystander, "bystander");
        self.host(world, "Agent-2", world.scenario, "target");
    }

    fn types(&mut self, _: &World, keys: &str) {
        let human = self.human.as_mut().unwrap();
        human.write_all(keys.as_bytes()).unwrap();
        human.flush().unwrap();
    }

    fn close(&mut self, _: &World) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
