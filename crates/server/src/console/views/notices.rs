//! **Notices to people**: who was told, who saw it, who acknowledged it.

use jiff::Timestamp;

/// The page of notices.
#[derive(Clone, Debug)]
pub struct Notices {
    /// Those that went to the reader, the newest first.
    pub mine: Vec<NoticeItem>,
    /// Those of the clients whose notices the reader may see.
    pub all: Vec<NoticeItem>,
    /// How many those are.
    pub total: u64,
    /// Whether the reader may see those.
    pub reads: bool,
    /// Whether the server has a mail server.
    pub mails: bool,
}

/// One notice as a list shows it.
#[derive(Clone, Debug)]
pub struct NoticeItem {
    /// Id.
    pub id: String,
    /// Which moment.
    pub moment: String,
    /// What was told.
    pub text: String,
    /// When it was put in.
    pub told: Timestamp,
    /// When its letters leave, where that is later.
    pub held_until: Option<Timestamp>,
    /// Until when somebody is to acknowledge it.
    pub acknowledge_by: Option<Timestamp>,
    /// How it stands, as a word and as a class.
    pub state: (&'static str, &'static str),
    /// Number of people told.
    pub people: u64,
    /// Of those, whose letters the mail server took.
    pub delivered: u64,
    /// Who opened it.
    pub seen: u64,
    /// Who acknowledged it.
    pub acknowledged: u64,
    /// Words of the policy that reached nobody.
    pub nobody: Vec<String>,
}

/// One notice.
#[derive(Clone, Debug)]
pub struct NoticePage {
    /// What lists show.
    pub item: NoticeItem,
    /// Page of the console that shows the matter.
    pub page: String,
    /// The notice that nobody acknowledged and for which these were called.
    pub called_for: Option<String>,
    /// The notice that corrects it.
    pub corrected_by: Option<String>,
    /// Whether the reader may acknowledge it now.
    pub acknowledges: bool,
    /// When the reader did.
    pub own: Option<Timestamp>,
    /// Words of the policy: word, how many, why these; names that lead nowhere.
    pub audiences: Vec<NoticeWord>,
    /// Who was told; for most readers themselves alone.
    pub people: Vec<NoticeReader>,
}

/// A word of the policy.
#[derive(Clone, Debug)]
pub struct NoticeWord {
    /// The word.
    pub word: String,
    /// How many people it meant.
    pub people: u64,
    /// Why these.
    pub because: String,
    /// Names that lead to nobody, and why not.
    pub unknown: Vec<(String, String)>,
}

/// Somebody who was told.
#[derive(Clone, Debug)]
pub struct NoticeReader {
    /// Name.
    pub name: String,
    /// Address.
    pub mail: Option<String>,
    /// Whether they can sign in.
    pub account: bool,
    /// The policy's words that mean them.
    pub words: String,
    /// When the mail server took the letter.
    pub delivered: Option<Timestamp>,
    /// Why not yet.
    pub trouble: Option<String>,
    /// When they opened it.
    pub seen: Option<Timestamp>,
    /// When they acknowledged it.
    pub acknowledged: Option<Timestamp>,
}
