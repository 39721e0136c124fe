//! Every setting, once: its key, type, default and meaning. The sample file,
//! the parser, `config schema` and the types below all follow from this list;
//! a test holds `config/cellphone.yaml` against it.

use std::time::Duration;

use serde_json::Value;

use super::cron::Cron;
use super::origin::Origin;
use super::secret::SecretSource;
use super::units::{
    Kind, ScanSecrets, bytes, count, cron, detectors, duration, filter, hours, places, scan, secret, small, switch,
    text,
};
use crate::model::{Detector, QuietHours};

/// One key of the list.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) default: &'static str,
    pub(super) about: &'static str,
    pub(super) set: fn(&mut Settings, &str) -> Result<(), String>,
    pub(super) show: fn(&Settings) -> String,
    /// The forms that a value may have in a file, as JSON schemas.
    pub(super) json: fn() -> Value,
    pub(super) kind: Kind,
}

macro_rules! schema {
    (
        $($(#[doc = $top_about:literal])+ $top:ident: $top_type:ty = $top_unit:ident $top_default:literal,)+
        ---
        $(
            $(#[doc = $section_about:literal])+
            $section:ident: $struct:ident {
                $($(#[doc = $about:literal])+ $field:ident: $type:ty = $unit:ident $default:literal,)+
            }
        )+
    ) => {
        $(
            $(#[doc = $section_about])+
            #[derive(Debug, Clone, PartialEq, Eq, Default)]
            pub struct $struct {
                $($(#[doc = $about])+ pub $field: $type,)+
            }
        )+

        /// All settings of a root. Made by [`settings`](super::settings()).
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Settings {
            $($(#[doc = $top_about])+ pub $top: $top_type,)+
            $($(#[doc = $section_about])+ pub $section: $struct,)+
            /// Where the values that are no defaults came from.
            pub(super) origins: Vec<(&'static str, Origin)>,
        }

        pub(super) const KEYS: &[Key] = &[
            $(Key {
                name: stringify!($top),
                unit: $top_unit::UNIT,
                default: $top_default,
                about: concat!($($top_about, "\n"),+),
                set: |s, text| $top_unit::parse(text).map(|v| s.$top = v),
                show: |s| $top_unit::show(&s.$top),
                json: $top_unit::json,
                kind: $top_unit::KIND,
            },)+
            $($(Key {
                name: concat!(stringify!($section), ".", stringify!($field)),
                unit: $unit::UNIT,
                default: $default,
                about: concat!($($about, "\n"),+),
                set: |s, text| $unit::parse(text).map(|v| s.$section.$field = v),
                show: |s| $unit::show(&s.$section.$field),
                json: $unit::json,
                kind: $unit::KIND,
            },)+)+
        ];

        /// The sections, and what each is about.
        pub(super) const SECTIONS: &[(&str, &str)] =
            &[$((stringify!($section), concat!($($section_about, "\n"),+)),)+];

        impl Settings {
            /// Nothing set at all; the defaults of the list are applied over it.
            fn blank() -> Self {
                Self {
                    $($top: Default::default(),)+
                    $($section: $struct::default(),)+
                    origins: Vec::new(),
                }
            }
        }
    };
}

schema! {
    /// How long a message taken by `next` is held before it is given back.
    lease: Duration = duration "10m",
    ---
    /// Sizes and numbers that may not be passed.
    limits: Limits {
        /// Longest header of a message.
        header: u64 = bytes "16KiB",
        /// Longest body of a message.
        body: u64 = bytes "10MiB",
        /// Unread messages a mailbox holds; more are refused as "mailbox full".
        depth: u64 = count "250000",
        /// Replies and forwards in a row, before a loop is suspected.
        hops: u32 = small "100",
        /// Times a message may be taken and given back before it goes to dead/.
        attempts: u32 = small "5",
    }
    /// What becomes of mail that is done with.
    retention: Retention {
        /// Whether the daemon applies retention by itself.
        auto: bool = switch "true",
        /// Age at which seen mail moves to the archive; 0 never.
        archive_after: Duration = duration "30d",
        /// Bytes that one mailbox's archive may hold; the oldest above it is deleted. 0: no bound.
        max_bytes: u64 = bytes "0",
        /// Age at which an unfinished file in inbox/tmp counts as left over from a crash.
        tmp_after: Duration = duration "36h",
        /// Time between two runs of retention.
        every: Duration = duration "1h",
    }
    /// How new mail is noticed, and what the daemon looks for that went wrong.
    watch: Watch {
        /// Time between two scans where the file system reports no events.
        poll: Duration = duration "2s",
        /// Time between two full scans where it does.
        rescan: Duration = duration "1m",
        /// Detectors that are switched off.
        off: Vec<Detector> = detectors "none",
        /// Time after which what still stands is told again, to the journal, the hook `alarm` and the captain.
        alarm_again: Duration = duration "1d",
        /// Messages a minute that are read again and held against their digests; 0 none.
        scrub_per_minute: u64 = count "1000",
        /// A wall clock that moves further than this against the clock of the machine jumped; 0: not looked at.
        clock_jump: Duration = duration "1m",
        /// Bytes free on a disk in use, below which it is nearly full; 0: not looked at.
        disk_free: u64 = bytes "1GiB",
        /// Files that can still be made on a disk in use, below which it is nearly full; 0: not looked at.
        disk_files: u64 = count "10000",
        /// Messages that came to one mailbox within the window and nobody took, from which on it is a storm; 0 never.
        storm_messages: u64 = count "1000",
        /// That window.
        storm_window: Duration = duration "10m",
        /// How often the daemon may end without its doing within the window, before it is a loop; 0 never.
        crash_loop: u32 = small "3",
        /// That window.
        crash_window: Duration = duration "15m",
    }
    /// Rehearsed disasters (`cellphone drill`).
    drill: DrillSettings {
        /// Whether the daemon runs drills that are due by itself: on a copy of the tree, when no agent is at work. On, as snapshots are: nobody rehearses what must be asked for.
        automatic: bool = switch "true",
        /// Local time in which it may.
        hours: QuietHours = hours "02:00-05:00",
        /// Newest reports of each scenario that are kept.
        keep_last: u32 = small "30",
        /// Age up to which the report of a drill that failed is kept, however many came after it.
        keep_failed: Duration = duration "365d",
    }
    /// When and how often a window rings.
    nudge: NudgeSettings {
        /// Whether windows ring at all.
        enabled: bool = switch "true",
        /// Least time between two nudges of one agent.
        cooldown: Duration = duration "30s",
        /// The same, when something urgent or critical is unread.
        urgent_cooldown: Duration = duration "5s",
        /// How long the human must have left keyboard and mouse alone before the screen is used.
        human_idle: Duration = duration "10s",
        /// Pause after a nudge that failed, was deferred or had no effect; doubled each time.
        retry_first: Duration = duration "2s",
        /// Longest such pause.
        retry_max: Duration = duration "5m",
        /// Nudges without effect on one channel before the next channel is taken.
        attempts: u32 = small "3",
        /// Failures in a row after which a channel rests.
        breaker_failures: u32 = small "3",
        /// How long it rests.
        breaker_rest: Duration = duration "5m",
        /// Local time in which no window rings.
        quiet: QuietHours = hours "never",
        /// Whether urgent mail rings in quiet hours all the same.
        quiet_urgent: bool = switch "true",
        /// Time after which urgent mail that woke nobody goes to the next channel, then to the captain, then to the people; 0 never.
        urgent_deadline: Duration = duration "5m",
        /// Nudges of one agent within an hour; 0: no bound.
        budget: u32 = small "60",
        /// Quick answers between two agents before their ringing is slowed down; 0 never.
        loop_burst: u32 = small "20",
        /// An answer sooner than this is quick; slowed down, a pair rings once in this time.
        loop_pace: Duration = duration "1m",
        /// Where the token is that webhooks get as `Authorization: Bearer`. In force as approved (`cellphone trust`).
        webhook_token: SecretSource = secret "none",
    }
    /// Mail that leaves.
    send: SendSettings {
        /// Which mail is searched for secrets before it leaves: `broadcast` is what goes to @all or to a role.
        scan_secrets: ScanSecrets = scan "broadcast",
    }
    /// The programs in hooks/.
    hooks: Hooks {
        /// Longest a hook may run.
        timeout: Duration = duration "10s",
        /// Bytes of its output that are kept.
        output: u64 = bytes "16KiB",
        /// Size at which .cellphone/hooks.log, which keeps what hooks printed, begins anew.
        log: u64 = bytes "1MiB",
    }
    /// What is used as approved (`cellphone trust`).
    trust: TrustSettings {
        /// Whether nothing is run or typed while others could write a parent of the root or of the approved copies. Switched off from outside the tree only: CELLPHONE_TRUST_STRICT_MODES=false.
        strict_modes: bool = switch "true",
    }
    /// Snapshots of the whole root (`cellphone snapshot`).
    snapshot: SnapshotSettings {
        /// Where the repositories are; the first is the one that is written, the others get copies. `default` is a folder of the user's data. In force as approved (`cellphone trust`).
        repositories: String = places "default",
        /// Where the repositories' password is; `none`: where the next two settings say. In force as approved.
        password: SecretSource = secret "none",
        /// File of the repositories' password; `none`: one is generated and kept outside the tree. In force as approved.
        password_file: String = text "none",
        /// Command that prints the password. In force as approved.
        password_command: String = text "none",
        /// Where the password of a remote repository is, for an address with a name before @ and no password. In force as approved.
        remote_password: SecretSource = secret "none",
        /// Whether snapshots may only be added: forget, prune and repair refuse.
        append_only: bool = switch "false",
        /// Newest snapshots that `snapshot forget` keeps.
        keep_last: u32 = small "10",
        /// Hours of which it keeps the newest one.
        keep_hourly: u32 = small "24",
        /// Days of which it keeps the newest one.
        keep_daily: u32 = small "14",
        /// Weeks of which it keeps the newest one.
        keep_weekly: u32 = small "8",
        /// Months of which it keeps the newest one.
        keep_monthly: u32 = small "12",
        /// Age up to which it keeps all; 0 none for their age.
        keep_within: Duration = duration "2d",
        /// When the daemon takes a full one: every file is read again.
        schedule_full: Cron = cron "0 2 * * SUN",
        /// When it takes one against the last full one.
        schedule_differential: Cron = cron "0 4 * * WED",
        /// When it takes one against the newest one.
        schedule_incremental: Cron = cron "0 3 * * MON,TUE,THU-SAT",
        /// When it checks the repositories.
        schedule_check: Cron = cron "0 5 * * SUN",
        /// Time after which new mail is in a snapshot, whatever the schedule says; 0 never for its age.
        after: Duration = duration "1h",
        /// New messages after which it takes one; 0 never for their number.
        after_messages: u64 = count "500",
        /// What is due by the schedule is put off by as much of this as the root's id says.
        jitter: Duration = duration "5m",
        /// Age of the newest one that is bad health.
        health_age: Duration = duration "1d2h",
        /// Age of the last check that is bad health.
        health_check_age: Duration = duration "8d",
        /// Free space where a repository is, under which it is bad health.
        health_free: u64 = bytes "1GiB",
        /// Least time before the captain is told the same again.
        health_cooldown: Duration = duration "1d",
    }
    /// The page for people and the API for programs (`cellphone open`, docs/http.md).
    http: HttpSettings {
        /// Where the daemon listens, as `127.0.0.1:7411`; `default` is port 7411 of this machine alone, or the next one that is free; `none`: nowhere. In force as approved (`cellphone trust`), from the next start of the daemon on.
        listen: String = text "default",
        /// Names under which it may be asked for beside its own address, with commas, as `swarm.example.org`. In force as approved.
        hosts: String = text "none",
        /// How long a browser stays signed in.
        session: Duration = duration "7d",
        /// Requests a second of one token or session, on the average; more are told to come later. From the next start of the daemon on.
        rate: u32 = small "1000",
        /// Requests that are worked on at the same time; more are told to come later. From the next start of the daemon on.
        concurrent: u32 = small "64",
    }
    /// What is aimed at: `/metrics` counts how often it is met (docs/telemetry.md).
    objectives: Objectives {
        /// From accepted to in the recipient's inbox.
        delivery: Duration = duration "1s",
        /// From delivered to read, claimed, acknowledged or filed.
        response: Duration = duration "30m",
        /// Age of the newest snapshot.
        backup: Duration = duration "26h",
        /// The answer to a read over HTTP.
        lookup: Duration = duration "50ms",
    }
    /// What the program says about its own work.
    log: Log {
        /// What the daemon writes to its log.
        filter: String = filter "info",
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut all = Self::blank();
        for key in KEYS {
            // The list is constant; a test reads every default.
            let _ = (key.set)(&mut all, key.default);
        }
        all
    }
}

impl Settings {
    /// Refuses values that would make a promise impossible to keep.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let second = Duration::from_secs(1);
        [
            (self.limits.header < 1_024, "limits.header", "less than 1KiB holds no header"),
            (self.limits.header > 1 << 20, "limits.header", "more than 1MiB is no header"),
            (self.limits.body > 1 << 30, "limits.body", "more than 1GiB is no message"),
            (self.limits.depth == 0, "limits.depth", "with 0 no mail is accepted"),
            (self.limits.attempts == 0, "limits.attempts", "with 0 every message is dead at once"),
            (self.lease < second, "lease", "less than 1s returns mail that is being worked on"),
            (self.watch.poll < Duration::from_millis(50), "watch.poll", "less than 50ms keeps a processor busy"),
            (self.watch.rescan < second, "watch.rescan", "less than 1s keeps a processor busy"),
            (self.watch.alarm_again < second, "watch.alarm_again", "less than 1s is a flood"),
            (self.watch.storm_window < second, "watch.storm_window", "less than 1s tells nothing"),
            (self.watch.crash_window < second, "watch.crash_window", "less than 1s tells nothing"),
            (self.watch.scrub_per_minute > 1_000_000, "watch.scrub_per_minute", "more than 1000000 is no slow look"),
            (self.retention.every < second, "retention.every", "less than 1s keeps the disk busy"),
            (self.retention.tmp_after < second * 60, "retention.tmp_after", "less than 1m takes mail in writing"),
            (self.nudge.retry_first < Duration::from_millis(100), "nudge.retry_first", "less than 100ms is a flood"),
            (self.nudge.loop_pace < second, "nudge.loop_pace", "less than 1s slows nothing down"),
            (
                !self.nudge.urgent_deadline.is_zero() && self.nudge.urgent_deadline < second,
                "nudge.urgent_deadline",
                "less than 1s leaves no time to wake anybody; 0 switches it off",
            ),
            (self.http.session < second, "http.session", "less than 1s lets nobody in"),
            (self.http.rate == 0, "http.rate", "with 0 nobody is answered; http.listen: none switches it off"),
            (
                self.http.concurrent == 0,
                "http.concurrent",
                "with 0 nobody is answered; http.listen: none switches it off",
            ),
            (self.hooks.timeout.is_zero(), "hooks.timeout", "with 0 no hook can run"),
        ]
        .into_iter()
        .find_map(|(bad, key, why)| bad.then_some((key, why)))
    }
}
