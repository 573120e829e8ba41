//! Who is told what, and when.

use super::Percent;
use crate::model::policy::Length;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// Who is told what, and when.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Before a planned change.
    pub planned: Option<Notice>,
    /// While one is under way.
    pub during: Option<Notice>,
    /// After it.
    pub completed: Option<Notice>,
    /// When one failed.
    pub failed: Option<Notice>,
    /// Of an emergency change.
    pub emergency: Option<Notice>,
    /// As time runs out.
    pub overdue: Option<Overdue>,
    /// Teams that are briefed on the process.
    pub brief: Option<Audience>,
    /// Stakeholders that know the status.
    pub status: Option<Audience>,
    /// Meetings of operations and development.
    pub meeting: Option<Audience>,
    /// When nothing but emergencies is sent.
    pub quiet_hours: Option<QuietHours>,
}

impl Notify {
    /// Notices by their event.
    pub fn notices(&self) -> Vec<(&'static str, &Notice)> {
        let all = [
            ("planned", &self.planned),
            ("during", &self.during),
            ("completed", &self.completed),
            ("failed", &self.failed),
            ("emergency", &self.emergency),
        ];
        all.into_iter().filter_map(|(event, notice)| notice.as_ref().map(|notice| (event, notice))).collect()
    }

    /// Regular tellings by their name.
    pub fn audiences(&self) -> Vec<(&'static str, &Audience)> {
        let all = [("brief", &self.brief), ("status", &self.status), ("meeting", &self.meeting)];
        all.into_iter().filter_map(|(event, audience)| audience.as_ref().map(|audience| (event, audience))).collect()
    }
}

/// One notice.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// To whom.
    pub to: Vec<String>,
    /// How long before.
    pub lead: Option<Length>,
    /// Whether it must be acknowledged.
    #[serde(default)]
    pub ack: bool,
    /// By which way.
    #[serde(default)]
    pub channel: Vec<Channel>,
}

/// A way that notices go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Mail.
    Mail,
    /// A signed request to an address.
    Webhook,
    /// A chat room.
    Chat,
    /// A calendar file.
    Calendar,
    /// The status page.
    StatusPage,
}

impl Channel {
    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Chat => "chat",
            Self::Calendar => "calendar file",
            Self::StatusPage => "status page",
        }
    }
}

/// Notices as time runs out.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overdue {
    /// Shares of the time used.
    pub at_percent: Vec<Percent>,
    /// To whom.
    pub to: Vec<String>,
}

/// A regular telling whose reach is measured.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// Who.
    pub audience: String,
    /// How often.
    pub every: Length,
    /// What of.
    pub topic: String,
    /// Share that must have been reached.
    pub target_pct: Option<Percent>,
}

/// When nothing but emergencies is sent.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From, on the policy's clock.
    pub from: jiff::civil::Time,
    /// To.
    pub to: jiff::civil::Time,
}

impl QuietHours {
    /// The quiet hours that an instant lies in, from the first instant to the
    /// first one after them; none outside, and none where both ends are one.
    ///
    /// Ends that a zone's change of clocks leaves out or has twice are taken
    /// as the zone's usual clock would show them (RFC 5545, "compatible").
    pub fn around(&self, now: Timestamp, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let today = now.to_zoned(zone.clone()).date();
        [today.yesterday().ok(), Some(today)].into_iter().flatten().find_map(|day| {
            let last = if self.to < self.from { day.tomorrow().ok()? } else { day };
            let from = zone.to_ambiguous_zoned(day.to_datetime(self.from)).compatible().ok()?.timestamp();
            let to = zone.to_ambiguous_zoned(last.to_datetime(self.to)).compatible().ok()?.timestamp();
            (from <= now && now < to).then_some((from, to))
        })
    }
}

/// Who is called when a share of the time is used.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Share of the time used, 100 at the due date.
    pub at_percent: Percent,
    /// Who is called.
    pub to: Vec<String>,
    /// Severities or priorities it is for; all where it names none.
    #[serde(default)]
    pub levels: Vec<String>,
}
