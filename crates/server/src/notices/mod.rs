//! **Notices**: what goes out to other systems and to people.
//!
//! Two reconcilers: [`publish`] turns what changed in the store into events
//! and puts them into the outbox, on the one server that holds the lease;
//! [`send`] takes what is due from the outbox on every server. Delivery is at
//! least once: an id that stays the same tells a receiver what it has had.

pub mod acts;
mod chat;
pub mod events;
mod lines;
pub mod mail;
pub mod publish;
pub mod send;
mod under_policy;
pub mod webhook;

use crate::outward::{Allowed, Outward};
use jiff::SignedDuration;
use mail::{Mailer, Smtp};
use plimsoll_core::model::problem::Problem;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Notify;

/// What a server is told of notices.
#[derive(Clone, Default)]
pub struct Settings {
    /// Addresses that may be asked beyond public ones over https.
    pub allowed: Allowed,
    /// The mail server; without it no mail goes out.
    pub smtp: Option<Smtp>,
    /// How fast things go.
    pub pace: Pace,
}

/// How fast notices are put in, tried and given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Between two looks at what changed and at the outbox.
    pub look: Duration,
    /// Quiet after the last change of findings before they are told together;
    /// longer than entries take to get into the evidence log.
    pub settle: SignedDuration,
    /// How long a change of findings waits for that quiet: an advisory is to
    /// be told within a minute, whatever the fleet's size.
    pub longest_settle: SignedDuration,
    /// How long events are gathered into one letter.
    pub digest: SignedDuration,
    /// Wait after the first failed try; it doubles with each further one.
    pub first_retry: SignedDuration,
    /// Longest wait between two tries.
    pub longest_retry: SignedDuration,
    /// Tries before a message is given up: two and a half days at this pace.
    pub tries: u32,
    /// How long every try must have failed before a target is switched off.
    pub patience: SignedDuration,
    /// How long a claim lasts; longer than a request may take.
    pub claim: SignedDuration,
    /// How long a delivery that ended stays in the log.
    pub keep: SignedDuration,
    /// How long a client is not told again of the same advisory.
    pub once: SignedDuration,
    /// Between two looks at silence, due dates, sources and policies.
    pub states: SignedDuration,
    /// Least time that people have to acknowledge what must be acknowledged.
    pub acknowledge: SignedDuration,
    /// How long after a start hosts may speak before they count as silent.
    pub grace: SignedDuration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(2),
            settle: SignedDuration::from_secs(5),
            longest_settle: SignedDuration::from_secs(30),
            digest: SignedDuration::from_mins(5),
            first_retry: SignedDuration::from_secs(30),
            longest_retry: SignedDuration::from_hours(4),
            tries: 28,
            patience: SignedDuration::from_hours(5 * 24),
            claim: SignedDuration::from_secs(60),
            keep: SignedDuration::from_hours(30 * 24),
            once: SignedDuration::from_hours(24),
            states: SignedDuration::from_secs(15),
            acknowledge: SignedDuration::from_hours(1),
            grace: SignedDuration::from_mins(3),
        }
    }
}

/// What the reconcilers and the acts share.
pub struct Notices {
    /// The way to webhooks.
    pub outward: Outward,
    /// The way to people.
    pub mailer: Option<Mailer>,
    /// How fast.
    pub pace: Pace,
    /// Says that something was put into the outbox here.
    pub wake: Notify,
    /// Whether hosts are being judged against another advisory database.
    pub judging: AtomicBool,
    /// Whether a database was in force before this process started: what it
    /// finds on a host first is then news of the database, not of the host.
    pub judged_before: AtomicBool,
}

impl Notices {
    /// Puts it together.
    ///
    /// # Errors
    /// A certificate file or the mail server's settings cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Problem> {
        let outward = Outward::new(settings.allowed.clone()).map_err(|text| {
            Problem::new("E-CONFIG", "--outward-ca", text, "name a PEM file with the certificate of your certificate authority")
        })?;
        let mailer = settings.smtp.as_ref().map(|smtp| Mailer::new(smtp, &settings.allowed.authorities)).transpose()?;
        Ok(Self {
            outward,
            mailer,
            pace: settings.pace,
            wake: Notify::new(),
            // Until the first pass nothing is known.
            judging: AtomicBool::new(true),
            judged_before: AtomicBool::new(false),
        })
    }
}
