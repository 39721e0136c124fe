//! Durable sends from long-lived clients of the library.
//!
//! `clients ROOT COUNT THREADS` prints sends per second; each thread has an
//! office of its own, as separate processes would. `benches/compare clients`
//! runs it beside the raw floor. `clients ROOT SECONDS p99` sends from one
//! client, rests a millisecond after each, and prints the 99th percentile of
//! a send in microseconds.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_cellphone::model::Address;
use agent_cellphone::office::{Office, SendRequest};

fn main() {
    let args: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let [_, root, count, threads] = &args[..] else {
        eprintln!("clients ROOT COUNT THREADS: started by benches/compare");
        return;
    };
    let root = PathBuf::from(root);
    if threads == "p99" {
        return println!("{}", p99(&root, count.parse().unwrap()));
    }
    let (count, threads): (usize, usize) = (count.parse().unwrap(), threads.parse().unwrap());
    let offices: Vec<Office> = (0..threads).map(|_| Office::open(Some(&root), Some("Agent-1")).unwrap()).collect();
    let to: Vec<Address> = vec!["Agent-2".parse().unwrap()];
    let start = Instant::now();
    std::thread::scope(|scope| {
        for office in offices {
            let to = &to;
            scope.spawn(move || {
                for n in 0..count / threads {
                    let request = SendRequest {
                        to: to.clone(),
                        subject: format!("number {n}"),
                        body: "A body of the usual length, more or less.".into(),
                        ..SendRequest::default()
                    };
                    office.send(request).unwrap();
                }
            });
        }
    });
    println!("{:.0}", (count / threads * threads) as f64 / start.elapsed().as_secs_f64());
}

/// Microseconds under which 99 of 100 sends take.
fn p99(root: &Path, seconds: u64) -> u128 {
    let office = Office::open(Some(root), Some("Agent-1")).unwrap();
    let (end, mut taken) = (Instant::now() + Duration::from_secs(seconds), Vec::new());
    while Instant::now() < end {
        let request =
            SendRequest { to: vec!["Agent-2".parse().unwrap()], body: "A body.".into(), ..SendRequest::default() };
        let begun = Instant::now();
        office.send(request).unwrap();
        taken.push(begun.elapsed().as_micros());
        std::thread::sleep(Duration::from_millis(1));
    }
    taken.sort_unstable();
    taken[taken.len() * 99 / 100]
}
