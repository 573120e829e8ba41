//! **View structs**: what each page shows, as plain data.
//!
//! The server fills them from its state and the templates only write them
//! down, so a page can be drawn from sample values and nothing here can read a
//! clock, a database or a request. Nouns of the core stand in them as they
//! are; only what a page alone needs has a type here.
//!
//! Every text may come from a hostile host: templates escape all of it, and
//! nothing here may ever be marked as safe.

mod administration;
mod alerts;
mod clients;
mod applications;
mod exceptions;
mod findings;
mod hosts;
mod accreditations;
mod mitigations;
mod work;
mod operations;
mod packages;
mod notices;
mod questions;
mod reports;
mod rollouts;
mod shell;
mod sign_in;
mod teams;
mod today;
mod triage;

pub use administration::{
    Account, ApiTokenRow, DeliveryRow, DeliveryStanding, Enrolment, EnrolmentTokenRow, FactorRow, FreshProof, Invitation,
    JoinCommand, NewSecret, People, PersonRow, RoleHeld, SecondFactorSetup, SessionRow, SquareCode, Tokens, WebhookRow, Webhooks,
};
pub use alerts::{AlertItem, Alerts};
pub use clients::{ClientItem, Clients};
pub use applications::{ApplicationBill, ApplicationEdit, ApplicationFinding, ApplicationPage, ApplicationRow, Applications};
pub use exceptions::{ExceptionForm, ExceptionItem, Exceptions};
pub use findings::{Action, ActionKind, AdvisoryPage, AdvisoryRecord, AffectedHost, FindingRow, StateCounts};
pub use hosts::{
    Compare, Condition, Difference, GroupPage, GroupRow, Groups, HostBrief, HostException, HostMitigation, HostPage, HostRow, HostScanner, HostsPage, Newer, PendingHost,
    StoryEvent, StoryKind, TallyRow,
};
pub use accreditations::{AccreditationItem, Accreditations};
pub use mitigations::{MitigationForm, MitigationItem, Mitigations};
pub use work::{WorkForm, WorkPage, WorkedItem};
pub use operations::{
    Checkpoint, EvidenceEntry, PolicyEdit, PolicyPage, PolicyRule, PolicyText, Preset, SourceRow, SourcesPage, SourceStanding, PolicyVersionPage, VersionChange, WatchItem,
};
pub use packages::{PackageHost, PackagePage, PackageRow, PackageUpdate, PackageVersion};
pub use notices::{NoticeItem, NoticePage, NoticeReader, NoticeWord, Notices};
pub use questions::{Portal, PortalReport, QuestionItem, QuestionPage, QuestionSaid, Questions, SlaBoard};
pub use reports::{MadeItem, ReportAsked, ReportShown, ReportsPage};
pub use rollouts::{
    ApprovalPanel, DeploymentPage, OutsideItem, PackageItem, PackageRing, RingItem, RolloutHostItem, RolloutItem, RolloutPage, Rollouts, SampleItem, StreamItem,
    TargetItem, TicketItem,
};
pub use shell::{Abilities, Answer, Choice, DatabaseAge, Facet, Listing, Notice, Reader, Shell};
pub use sign_in::{OidcProvider, Search, SearchHit, SignIn, SignInStep, Trouble};
pub use teams::{ActionItem, BriefingItem, DueItem, MeetingItem, RosterItem, TeamsForm, TeamsPage};
pub use triage::{TriageItem, TriageLine, TriagePage, TriageWordItem};
pub use today::{
    DeadlineBar, ExposureDay, ExposurePicture, FlaggedHost, FleetCell, FleetStrip, NewFinding, SilentHost, StaleSource, Today,
    Work, WorkItem,
};
