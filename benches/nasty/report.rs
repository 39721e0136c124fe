//! The table for `benches/README.md`, the raw lines, and whether every zero
//! is one.

use std::collections::BTreeMap;
use std::fs;

use super::Scenario;
use super::judge::Wake;

fn percentile(sorted: &[f64], p: f64) -> String {
    if sorted.is_empty() {
        return "–".to_owned();
    }
    let at = (sorted.len() as f64 * p / 100.0).ceil().max(1.0) as usize;
    format!("{:.0}", sorted[at.min(sorted.len()) - 1])
}

/// Writes the raw lines; called after each part, so that a run that is cut
/// off leaves what it has.
pub fn keep(wakes: &[Wake], path: &str) {
    let lines: String = wakes.iter().map(|w| serde_json::to_string(w).unwrap() + "\n").collect();
    fs::create_dir_all("target").unwrap();
    fs::write(path, lines).unwrap();
}

/// Prints the table; false when keystrokes went elsewhere or a proof lied.
pub fn print(wakes: &[Wake], path: &str) -> bool {
    println!(
        "| channel | scenario | wakes | proven | read | moved | deferred | failed | p50 / p99 / max ms | recovery p50 / max ms | elsewhere | crossed | dialogs | drafts | busy | unproven | reasons met |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut groups: BTreeMap<(&str, Option<Scenario>), Vec<&Wake>> = BTreeMap::new();
    for wake in wakes {
        groups.entry((&wake.channel, Scenario::parse(&wake.scenario))).or_default().push(wake);
    }
    for ((channel, scenario), of) in &groups {
        let end = |name: &str| of.iter().filter(|w| w.end == name).count();
        let sum = |field: fn(&Wake) -> usize| of.iter().map(|w| field(w)).sum::<usize>();
        let sorted = |field: fn(&Wake) -> Option<f64>| {
            let mut all: Vec<f64> = of.iter().filter_map(|w| field(w)).collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let (proof, recovery) = (sorted(|w| w.proof_ms), sorted(|w| w.recovery_ms));
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in of.iter().flat_map(|w| &w.reasons) {
            *reasons.entry(reason.as_str()).or_default() += 1;
        }
        let reasons: Vec<String> = reasons.iter().map(|(why, n)| format!("{n} × {why}")).collect();
        println!(
            "| {channel} | {} | {} | {} | {} | {} | {} | {} | {} / {} / {} | {} / {} | {} | {} | {} | {} | {} | {} | {} |",
            scenario.map(Scenario::name).unwrap_or_default(),
            of.len(),
            end("proven"),
            end("read"),
            end("moved"),
            end("deferred"),
            end("failed"),
            percentile(&proof, 50.0),
            percentile(&proof, 99.0),
            percentile(&proof, 100.0),
            percentile(&recovery, 50.0),
            percentile(&recovery, 100.0),
            sum(|w| w.elsewhere),
            sum(|w| w.crossed),
            sum(|w| w.dialogs),
            sum(|w| w.drafts),
            sum(|w| w.busy),
            sum(|w| w.unproven),
            reasons.join("; ").replace('|', "/")
        );
    }
    let faults: usize = wakes.iter().map(|w| w.elsewhere + w.dialogs + w.drafts + w.busy + w.unproven).sum();
    let open: Vec<&Wake> = wakes.iter().filter(|w| !matches!(w.end.as_str(), "proven" | "read")).collect();
    // A window manager may keep a window minimised or covered for longer than a wake is watched.
    let lost = open.iter().filter(|w| w.channel != "screen").count();
    let free: Vec<&Wake> = wakes.iter().filter(|w| Scenario::parse(&w.scenario).is_some_and(Scenario::free)).collect();
    let proven = free.iter().filter(|w| w.end == "proven").count();
    let recovered: Vec<f64> = wakes.iter().filter_map(|w| w.recovery_ms).collect();
    let soon = recovered.iter().filter(|ms| **ms <= 2_000.0).count();
    println!(
        "\n{} wakes; unobstructed {proven} of {} proven; within 2 s after an obstacle {soon} of {}; never woken {}; faults {faults}; raw lines in {path}",
        wakes.len(),
        free.len(),
        recovered.len(),
        open.len()
    );
    for wake in &open {
        println!("never woken: {} {} {}: {}", wake.channel, wake.scenario, wake.id, wake.reasons.join("; "));
    }
    // How soon is for people to judge: a busy machine is no fault.
    faults == 0 && lost == 0
}
