//! What goes on around the root for a while: a network that is down, a disk
//! that is full. Both end by [`super::mend`].

use std::net::TcpListener;

use super::{Injected, Site, told};
use crate::fsio::Dir;

/// Where a repository lies while nothing reaches it.
const AWAY: &str = "unreachable";

/// A port of this machine on which nobody listens: it was ours a moment ago.
fn closed_port() -> Result<u16, String> {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
    free.map(|address| address.port()).map_err(|e| format!("no port of this machine is free: {e}"))
}

pub(super) fn begin(site: &Site) -> Result<Injected, String> {
    let second = site.repositories.get(1).ok_or("there is no second repository that could be out of reach")?;
    let port = closed_port()?;
    let address = format!("http://127.0.0.1:{port}/hook");
    site.say(&["agents", "set", site.other.as_str(), "--channel", "webhook", "--target", &address])?;
    let (from, name) = parent(second)?;
    let scratch = Dir::open(&site.scratch).map_err(told)?;
    from.rename(&name, &scratch, AWAY).map_err(told)?;
    Ok(Injected {
        what: format!("the second repository was out of reach, and the webhook of {} too", site.other),
        real: false,
        how: format!(
            "the repository was moved away as a network drive vanishes; the webhook leads to port {port} of this machine, on which nobody listens. Taking a network down needs root"
        ),
    })
}

pub(super) fn end(site: &Site) -> Result<Option<String>, String> {
    let Some(second) = site.repositories.get(1) else { return Ok(None) };
    let scratch = Dir::open(&site.scratch).map_err(told)?;
    if scratch.stat(AWAY).map_err(told)?.is_none() {
        return Ok(None);
    }
    let (to, name) = parent(second)?;
    // Somebody may have made an empty one meanwhile: it is no repository.
    let _ = to.remove_dir(&name);
    scratch.rename(AWAY, &to, &name).map_err(told)?;
    site.say(&["agents", "set", site.other.as_str(), "--without", "webhook"])?;
    Ok(Some("the second repository can be reached again, and no webhook leads nowhere".into()))
}

fn parent(path: &std::path::Path) -> Result<(Dir, String), String> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("the second repository has no name")?;
    let folder = path.parent().ok_or("the second repository lies nowhere")?;
    Ok((Dir::open(folder).map_err(told)?, name.to_owned()))
}
