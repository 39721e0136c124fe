//! Where the daemon listens for browsers and programs, as approved.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::schema::Settings;
use super::{ConfigError, Root, guarded};

/// The port that is tried first.
const PORT: u16 = 7_411;
/// How many ports from there on are tried, before the system picks one.
const PORTS: u16 = 16;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The addresses, the first that is free counts; none: nowhere.
    pub addresses: Vec<SocketAddr>,
    /// Names under which it may be asked for, beside its own address.
    pub hosts: Vec<String>,
}

/// What is in force.
///
/// # Errors
/// The approved copy cannot be read, or names no address.
pub fn listen(root: &Root, settings: &Settings) -> Result<Listen, ConfigError> {
    let held = guarded::in_force(root, settings, guarded::HTTP)?.0.http;
    let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let addresses = match held.listen.as_str() {
        "none" => Vec::new(),
        "default" => (PORT..PORT + PORTS).chain([0]).map(|port| SocketAddr::new(own, port)).collect(),
        text => vec![text.parse().map_err(|_| {
            ConfigError::Refused(format!(
                "`http.listen`: {text:?} is no address; write 127.0.0.1:{PORT}, default or none"
            ))
        })?],
    };
    let words = held.hosts.split(',').map(|host| host.trim().to_ascii_lowercase());
    Ok(Listen { addresses, hosts: words.filter(|host| !host.is_empty() && host != "none").collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;

    #[test]
    fn the_tree_alone_opens_no_door() {
        let home = Home::new();
        let root = home.root();
        let said = |value: &str| {
            home.write("config/cellphone.yaml", &format!("http:\n  listen: {value}\n  hosts: Swarm.example.org\n"));
            listen(&root, &crate::config::settings_in_force(&root, &[]).0)
        };
        let usual = said("0.0.0.0:80").unwrap();
        assert!(usual.addresses.iter().all(|at| at.ip().is_loopback()) && usual.addresses.len() == 17);
        assert!(usual.hosts.is_empty());
        guarded::approve(&root, "http.listen").unwrap();
        let open = said("0.0.0.0:80").unwrap();
        assert_eq!(
            (open.addresses, open.hosts),
            (vec!["0.0.0.0:80".parse().unwrap()], vec!["swarm.example.org".into()])
        );
        said("none").unwrap();
        guarded::approve(&root, "http.listen").unwrap();
        assert!(said("none").unwrap().addresses.is_empty());
        said("here").unwrap();
        guarded::approve(&root, "http.listen").unwrap();
        assert!(said("here").unwrap_err().to_string().contains("no address"));
    }
}
