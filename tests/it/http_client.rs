//! A client of the daemon's HTTP door that says exactly what a test wants
//! said, header by header.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{World, wait};

/// The door of a daemon, and what is shown at it.
#[derive(Clone)]
pub struct Door {
    pub authority: String,
    pub token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

impl Door {
    /// Where a daemon that runs says that it listens.
    pub fn of(world: &World) -> Self {
        let mut address = None;
        wait("the daemon tells its address", || {
            let status = world.json("Agent-1", &["status"]);
            address = status["daemon"]["http"]["address"].as_str().map(str::to_owned);
            address.is_some()
        });
        let authority = address.unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { authority, token: None }
    }

    /// The same with a token of somebody.
    pub fn with(&self, world: &World, agent: &str, args: &[&str]) -> Self {
        let made = world.json(agent, &[&["token", "create"], args].concat());
        Self { token: Some(made["secret"].as_str().unwrap().to_owned()), ..self.clone() }
    }

    /// A connection on which a request was sent; `headers` come after Host and
    /// token, and a `Host` among them replaces it.
    pub fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: {}\r\n", self.authority);
        }
        if let Some(token) = &self.token {
            text += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let told = headers.iter().any(|(name, _)| *name == "Content-Length");
        if !told && (!body.is_empty() || method != "GET") {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        // Who is refused early may have closed it already.
        let _ = stream.write_all(body);
        stream
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        read(&mut BufReader::new(self.begin(method, path, headers, body)))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], &[])
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// What happens, from after a number on.
    pub fn listen(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let mut reader = BufReader::new(self.begin("GET", path, headers, &[]));
        let (status, headers) = head(&mut reader);
        assert_eq!(status, 200, "{headers:?}");
        Events { reader }
    }
}

/// A stream of server-sent events, as chunks bring them.
pub struct Events {
    reader: BufReader<TcpStream>,
}

impl Events {
    /// The next event: its id and its data.
    pub fn next(&mut self) -> (u64, Value) {
        let (mut id, mut data) = (None, None);
        loop {
            let mut line = String::new();
            assert_ne!(self.reader.read_line(&mut line).unwrap(), 0, "the stream ended");
            match line.trim_end().split_once(": ") {
                Some(("id", text)) => id = Some(text.parse().unwrap()),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                _ => {}
            }
            if let (Some(id), Some(data)) = (id, &data) {
                return (id, Value::clone(data));
            }
        }
    }

    /// The next event that is one of the journal's.
    pub fn happened(&mut self) -> (u64, Value) {
        loop {
            let (id, data) = self.next();
            if data["seq"].is_u64() {
                return (id, data);
            }
        }
    }
}

fn head(reader: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => return (status, headers),
        }
    }
}

fn read(reader: &mut impl BufRead) -> Answer {
    let (status, headers) = head(reader);
    let mut body = Vec::new();
    if headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value == "chunked") {
        loop {
            let mut length = String::new();
            reader.read_line(&mut length).unwrap();
            let length = u64::from_str_radix(length.trim(), 16).unwrap_or_else(|e| panic!("{e}: {length:?}"));
            if length == 0 {
                break;
            }
            reader.by_ref().take(length).read_to_end(&mut body).unwrap();
            reader.read_line(&mut String::new()).unwrap();
        }
    } else {
        reader.read_to_end(&mut body).unwrap();
    }
    Answer { status, headers, body: String::from_utf8(body).unwrap() }
}
