//! Durable sends from long-lived clients of the library.
//!
//! `clients ROOT COUNT THREADS` prints sends per second; each thread has an
//! office of its own, as separate processes would. `benches/compare clients`
//! runs it beside the raw floor.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::time::Instant;

use agent_cellphone::model::Address;
use agent_cellphone::office::{Office, SendRequest};

fn main() {
    let args: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let [_, root, count, threads] = &args[..] else {
        eprintln!("clients ROOT COUNT THREADS: started by benches/compare");
        return;
    };
    let root = PathBuf::from(root);
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
