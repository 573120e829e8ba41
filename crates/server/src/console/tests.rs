//! Every page drawn from sample values: ordinary, empty, many and hostile.

use super::samples::{self, Words};
use super::views::*;
use super::{CONTENT_SECURITY_POLICY, assets, pages};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

type Drawn = Vec<(&'static str, String)>;

/// Draws every page in every state worth looking at.
fn draw(words: &Words) -> Drawn {
    let shell = samples::shell(words);
    let bare = samples::bare_shell(words);
    let empty = samples::empty_shell(words);
    let viewer = viewer_shell(words);
    let checkpoint = samples::checkpoint(words);
    let mut drawn = vec![
        ("today", pages::today(&shell, &samples::today(words))),
        ("today-quiet", pages::today(&viewer, &samples::quiet_today(words))),
        ("today-first", pages::today(&empty, &samples::first_today(words))),
        ("hosts", pages::hosts(&shell, &samples::hosts(words, "condition=overdue&sort=-name"))),
        ("hosts-summed", pages::hosts(&shell, &samples::hosts_summed(words))),
        ("hosts-none", pages::hosts(&empty, &samples::no_hosts())),
        ("hosts-no-match", pages::hosts(&viewer, &samples::no_match(words))),
        ("host", pages::host(&shell, &samples::host(words))),
        ("host-new", pages::host(&viewer, &samples::fresh_host(words))),
        ("compare", pages::compare(&shell, &samples::compare(words))),
        ("compare-choose", pages::compare(&shell, &samples::nothing_to_compare(words))),
        ("findings", pages::findings(&shell, &samples::findings(words, "severity=high&fix=offered&q=ssl", 18))),
        ("findings-unknown", pages::findings(&empty, &samples::findings(words, "", 0))),
        ("findings-clear", pages::findings(&shell, &samples::findings(words, "", 0))),
        ("advisories", pages::advisories(&shell, &samples::search(words))),
        ("advisories-none", pages::advisories(&shell, &samples::nothing_found(words))),
        ("advisories-ask", pages::advisories(&shell, &samples::nothing_typed())),
        ("advisory", pages::advisory(&shell, &samples::advisory(words))),
        ("advisory-unknown", pages::advisory(&shell, &samples::unknown_advisory(words))),
        ("packages", pages::packages(&shell, &samples::packages(words, "kind=security", 16))),
        ("packages-none", pages::packages(&shell, &samples::packages(words, "", 0))),
        ("package", pages::package(&shell, &samples::package(words))),
        ("applications", pages::applications(&shell, &samples::applications(words, 3))),
        ("applications-none", pages::applications(&shell, &samples::applications(words, 0))),
        ("application", pages::application(&shell, &samples::application(words))),
        ("application-bare", pages::application(&shell, &samples::bare_application(words))),
        ("groups", pages::groups(&shell, &samples::groups(words))),
        ("groups-none", pages::groups(&viewer, &samples::no_groups())),
        ("group", pages::group(&shell, &samples::group(words, 1))),
        ("group-by-hand", pages::group(&shell, &samples::group(words, 2))),
        ("rollouts", pages::rollouts(&shell, &samples::rollouts(words))),
        ("rollouts-none", pages::rollouts(&empty, &samples::no_rollouts())),
        ("rollout", pages::rollout(&shell, &samples::rollout(words))),
        ("rollout-shut", pages::rollout(&shell, &samples::shut_rollout(words))),
        ("rollout-old", pages::rollout(&shell, &samples::old_rollout(words))),
        ("deployment", pages::deployment(&shell, &samples::deployment(words))),
        ("deployment-accepted", pages::deployment(&shell, &samples::accepted_deployment(words))),
        ("sources", pages::sources(&shell, &samples::sources(words))),
        ("sources-none", pages::sources(&empty, &samples::no_sources())),
        ("policy", pages::policy(&shell, &samples::policy(words))),
        ("policy-given", pages::policy(&shell, &samples::given_policy(words))),
        ("policy-edit", pages::policy_edit(&shell, &samples::policy_draft(words))),
        ("policy-edit-wrong", pages::policy_edit(&shell, &samples::wrong_policy(words))),
        ("policy-edit-checked", pages::policy_edit(&shell, &samples::checked_policy(words))),
        ("policy-none", pages::policy(&shell, &samples::no_policy(words))),
        ("policy-version", pages::policy_version(&shell, &samples::policy_version(words))),
        ("policy-version-outlined", pages::policy_version(&shell, &samples::outlined_policy_version(words))),
        ("policy-version-past", pages::policy_version(&shell, &samples::past_policy_version(words))),
        ("reports", pages::reports(&shell, &samples::reports(words))),
        ("reports-cost", pages::reports(&shell, &samples::cost_report(words))),
        ("reports-form", pages::reports(&shell, &samples::form_report(words))),
        ("reports-choose", pages::reports(&shell, &samples::no_report(words))),
        ("reports-management", pages::reports(&shell, &samples::management_report(words))),
        ("reports-samm", pages::reports(&shell, &samples::samm_report(words))),
        ("reports-wrong", pages::reports(&shell, &samples::wrong_report(words))),
        ("activity", pages::activity(&shell, &samples::activity(words), Some(&checkpoint))),
        ("search", pages::search(&shell, &samples::search(words))),
        ("search-none", pages::search(&shell, &samples::nothing_found(words))),
        ("search-hits", pages::search_hits(&shell, &samples::search(words))),
        ("trouble", pages::trouble(&shell, &samples::trouble(words))),
        ("trouble-outside", pages::trouble(&bare, &samples::trouble(words))),
    ];
    drawn.extend(draw_administration(words, &shell, &bare));
    drawn.into_iter().map(|(name, page)| (name, page.unwrap())).collect()
}

fn draw_administration(words: &Words, shell: &Shell, bare: &Shell) -> Vec<(&'static str, askama::Result<String>)> {
    let noticed = |good| Shell { notice: Some(Notice { good, text: words.say("The webhook was removed.") }), ..shell.clone() };
    let reader = shell.reader.clone().map(|reader| Reader { proven: None, ..reader });
    let unproven = Shell { reader, ..shell.clone() };
    let portal = Abilities { portal: true, ..Abilities::default() };
    let speaker = Shell { reader: shell.reader.clone().map(|reader| Reader { may: portal, clients: vec![], client: None, ..reader }), ..shell.clone() };
    vec![
        ("enrolment", pages::enrolment(shell, &samples::enrolment(words))),
        ("enrolment-none", pages::enrolment(&noticed(true), &samples::no_enrolment(words))),
        ("people", pages::people(shell, &samples::people(words))),
        ("people-invited", pages::people(shell, &samples::people_invited(words))),
        ("people-unproven", pages::people(&unproven, &samples::people(words))),
        ("clients", pages::clients(shell, &samples::clients(words))),
        ("clients-read", pages::clients(shell, &samples::read_clients(words))),
        ("clients-unproven", pages::clients(&unproven, &samples::clients(words))),
        ("tokens", pages::tokens(shell, &samples::tokens(words))),
        ("tokens-none", pages::tokens(&unproven, &samples::no_tokens(words))),
        ("alerts", pages::alerts(shell, &samples::alerts(words))),
        ("alerts-read", pages::alerts(shell, &samples::read_alerts(words))),
        ("alerts-none", pages::alerts(shell, &samples::no_alerts())),
        ("exceptions", pages::exceptions(shell, &samples::exceptions(words))),
        ("exceptions-unproven", pages::exceptions(&unproven, &samples::exceptions(words))),
        ("exceptions-none", pages::exceptions(shell, &samples::no_exceptions())),
        ("questions", pages::questions(shell, &samples::questions(words))),
        ("questions-none", pages::questions(shell, &samples::no_questions())),
        ("question", pages::question(shell, &samples::question(words))),
        ("question-decided", pages::question(shell, &samples::decided_question(words))),
        ("notices", pages::notices(shell, &samples::notices(words))),
        ("notices-none", pages::notices(&speaker, &samples::no_notices())),
        ("notice", pages::notice(shell, &samples::notice(words))),
        ("notice-corrected", pages::notice(&speaker, &samples::corrected_notice(words))),
        ("portal", pages::portal(&speaker, &samples::portal(words))),
        ("portal-quiet", pages::portal(&speaker, &samples::quiet_portal(words))),
        ("accreditations", pages::accreditations(shell, &samples::accreditations(words))),
        ("accreditations-unproven", pages::accreditations(&unproven, &samples::accreditations(words))),
        ("accreditations-none", pages::accreditations(shell, &samples::no_accreditations())),
        ("mitigations", pages::mitigations(shell, &samples::mitigations(words))),
        ("mitigations-none", pages::mitigations(shell, &samples::no_mitigations())),
        ("triage", pages::triage(shell, &samples::triage(words))),
        ("triage-none", pages::triage(shell, &samples::no_triage())),
        ("teams", pages::teams(shell, &samples::teams(words))),
        ("teams-none", pages::teams(shell, &samples::no_teams())),
        ("work", pages::work(shell, &samples::work(words))),
        ("work-none", pages::work(shell, &samples::no_work())),
        ("webhooks", pages::webhooks(shell, &samples::webhooks(words))),
        ("webhooks-read", pages::webhooks(shell, &samples::read_webhooks(words))),
        ("webhooks-none", pages::webhooks(&noticed(false), &samples::no_webhooks(words))),
        ("account", pages::account(shell, &samples::account(words))),
        ("account-unproven", pages::account(&unproven, &samples::account(words))),
        ("fresh-proof", pages::fresh_proof(&unproven, &samples::fresh_proof(words))),
        ("fresh-proof-password", pages::fresh_proof(&unproven, &samples::fresh_proof_by_password(words))),
        ("account-setup", pages::account(shell, &samples::account_in_setup(words))),
        ("sign-in", pages::sign_in(bare, &samples::sign_in(words))),
        ("sign-in-plain", pages::sign_in(bare, &samples::plain_sign_in(words))),
        ("sign-in-code", pages::sign_in(bare, &samples::code_sign_in(words))),
        ("sign-in-link", pages::sign_in(bare, &samples::link_sign_in(words))),
    ]
}

/// A reader who may only look, on a server with people's keys and one client.
fn viewer_shell(words: &Words) -> Shell {
    let whole = samples::shell(words);
    let reader = whole.reader.clone().map(|reader| Reader { may: Abilities::default(), client: None, clients: vec![], ..reader });
    Shell { reader, evaluation: false, form_token: None, ..whole }
}

fn draw_many() -> Drawn {
    let words = Words::with_hosts(1_000);
    let shell = samples::shell(&words);
    [
        ("many-today", pages::today(&shell, &samples::today(&words))),
        ("many-hosts", pages::hosts(&shell, &samples::hosts(&words, ""))),
        ("many-findings", pages::findings(&shell, &samples::findings(&words, "", 1_000))),
        ("many-packages", pages::packages(&shell, &samples::packages(&words, "", 1_000))),
    ]
    .map(|(name, page)| (name, page.unwrap()))
    .into()
}

/// 50 ways to make a page run something or show something else, each with the
/// mark that a browser would set if it worked.
static PAYLOADS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mark = "window.ran=1";
    let mut payloads: Vec<String> = [
        "<script>M</script>", "\"><script>M</script>", "'><script>M</script>", "</title><script>M</script>", "</textarea><script>M</script>",
        "</option></select><script>M</script>", "--><script>M</script>", "]]><script>M</script>", "<ScRiPt>M</sCrIpT>", "<script/x>M</script>",
        "<img src=x onerror=M>", "\"><img src=x onerror=M>", "<svg onload=M>", "<svg/onload=M>", "<svg><script>M</script></svg>",
        "<body onload=M>", "<iframe srcdoc='<script>M</script>'>", "<iframe src=javascript:M>", "<object data=javascript:M>", "<embed src=javascript:M>",
        "<math><mtext><table><mglyph><style><img src=x onerror=M>", "<details open ontoggle=M>", "<input autofocus onfocus=M>", "<video><source onerror=M>", "<marquee onstart=M>",
        "<a href=javascript:M>x</a>", "javascript:M", "JaVaScRiPt:M", " javascript:M", "java\tscript:M",
        "\u{1}javascript:M", "data:text/html,<script>M</script>", "//evil.example/x", "/\\evil.example/x", "/console/../../evil",
        "\" onmouseover=\"M", "' onmouseover='M", "\" autofocus onfocus=\"M", "x onfocus=M", "` onfocus=`M`",
        "\" hx-on:load=\"M\" hx-get=\"/console/sign-out", "<div hx-get=/x hx-trigger=load hx-on::load=M>", "<meta http-equiv=refresh content='0;url=javascript:M'>", "<base href=//evil.example>", "<form action=//evil.example><button>",
        "<style>@import '//evil.example'</style>", "<link rel=stylesheet href=//evil.example>", "{{7*7}}${7*7}<%=7*7%>", "\u{202e}<script>M</script>\u{202c}\u{1b}[31m\0", "&lt;script&gt;M&lt;/script&gt;&#x3c;script&#x3e;",
    ]
    .map(|payload| payload.replace('M', mark))
    .into();
    assert_eq!(payloads.len(), 50);
    // As long as it may get, so that layout is tried as well.
    payloads[11].push_str(&"x".repeat(300));
    payloads
});

/// Tags with the names of their attributes, and the values of those that lead
/// somewhere or do something; a small reader of what the templates write.
fn skeleton(html: &str) -> (BTreeSet<String>, Vec<(String, String)>) {
    let (mut tags, mut links) = (BTreeSet::new(), vec![]);
    for piece in html.split('<').skip(1) {
        let mut inside = piece;
        let name_end = inside.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(inside.len());
        let name = &inside[..name_end];
        inside = &inside[name_end..];
        let mut names = vec![];
        loop {
            inside = inside.trim_start();
            let end = inside.find(|letter: char| letter.is_whitespace() || letter == '=' || letter == '>').unwrap_or(inside.len());
            if end == 0 {
                break;
            }
            let attribute = inside[..end].to_owned();
            inside = &inside[end..];
            if let Some(rest) = inside.strip_prefix('=') {
                let quote = rest.chars().next().filter(|letter| matches!(letter, '"' | '\'')).unwrap_or_else(|| panic!("an attribute without quotes: {piece:.80}"));
                let (value, after) = rest[1..].split_once(quote).unwrap_or((rest, ""));
                if matches!(attribute.as_str(), "href" | "src" | "action" | "formaction" | "data-next" | "hx-get") {
                    links.push((attribute.clone(), value.to_owned()));
                }
                inside = after;
            }
            names.push(attribute);
        }
        tags.insert(format!("{name} {}", names.join(" ")));
    }
    (tags, links)
}

#[test]
fn no_hostile_text_becomes_markup() {
    let mut ordinary: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, page) in draw(&Words::ordinary()) {
        ordinary.insert(name, skeleton(&page).0);
    }
    // Each turn moves every field on to another payload.
    for turn in 0..PAYLOADS.len() {
        let words = Words::hostile(&PAYLOADS);
        for _ in 0..turn {
            words.say("");
        }
        for (name, page) in draw(&words) {
            let (tags, links) = skeleton(&page);
            let new: Vec<_> = tags.difference(&ordinary[name]).filter(|tag| !harmless(tag)).collect();
            assert!(new.is_empty(), "{name}: {new:?}");
            for (attribute, value) in links {
                let fine = value.is_empty() && attribute == "hx-get" || attribute == "data-next" || (value.starts_with("/console") || value.starts_with("/api/v1/rollouts/") || value.starts_with("/api/v1/reports/")) && !value.split('?').next().unwrap_or("").contains("/..") || value.starts_with('#') || value.starts_with('?') || value == "/openapi.json" || attribute == "href" && value.starts_with("/sign-in/") && name == "sign-in";
                assert!(fine, "{name}: {attribute}={value}");
            }
        }
    }
}

/// Hostile values choose other branches than ordinary ones do: what a template
/// shows only then.
fn harmless(tag: &str) -> bool {
    // A current value that is one of several is marked as selected; a long word
    // may break.
    tag == "wbr " || tag.strip_suffix(" selected").is_some_and(|rest| rest.starts_with("option"))
}

#[test]
fn no_template_calls_anything_safe_or_speaks_inline() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for forbidden in ["|safe", "| safe", "style=", "<style", " on", "javascript:", "hx-on", "hx-vals"] {
            let found = text.match_indices(forbidden).find(|(place, _)| {
                // " on" only where it begins an attribute, as in ` onclick=`.
                forbidden != " on" || text[place + 1..].split(['=', ' ', '>', '<']).next().is_some_and(|word| word.len() > 4 && text[place + 1 + word.len()..].starts_with("=\""))
            });
            assert_eq!(found, None, "{}", path.display());
        }
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn what_cannot_be_told_is_never_shown_as_nothing() {
    let words = Words::ordinary();
    let empty = pages::findings(&samples::empty_shell(&words), &samples::findings(&words, "", 0)).unwrap();
    assert!(empty.contains("Unknown, not absent."), "{empty}");
    let clear = pages::findings(&samples::shell(&words), &samples::findings(&words, "", 0)).unwrap();
    assert!(clear.contains("Nothing is open among what was judged.") && clear.contains("30,871 of 31,482 components judged"));
    let host = pages::host(&samples::shell(&words), &samples::fresh_host(&words)).unwrap();
    assert!(host.contains("<dt>Findings open</dt><dd>?</dd>"), "a host that was never judged shows a question mark");
    assert!(host.contains("findings are unknown, not absent"));
}

#[test]
fn every_page_says_that_it_is_an_evaluation() {
    for (name, page) in draw(&Words::ordinary()) {
        let says = page.contains("one key held on the same machine");
        let people = page.contains("plimsoll 0.2.0") && matches!(name, "today-quiet" | "hosts-no-match" | "host-new" | "groups-none");
        assert_eq!(says, !people && name != "search-hits", "{name}");
    }
}

#[test]
fn every_link_of_a_page_is_a_declared_route() {
    let routes = crate::run::routes().declared();
    let declared = |path: &str, method: &str| {
        routes.iter().any(|route| {
            let (want, have): (Vec<_>, Vec<_>) = (route.path.split('/').collect(), path.split('/').collect());
            route.method == method
                && want.len() == have.len()
                && want.iter().zip(&have).all(|(want, have)| want == have || want.starts_with('{') && !have.is_empty())
        })
    };
    let (mut asked, mut missing) = (0, BTreeSet::new());
    // Webhooks are drawn and not served yet; nothing leads to their page.
    for (name, page) in draw(&Words::ordinary()) {
        for piece in page.split('<').skip(1) {
            let tag = piece.split('>').next().unwrap();
            let method = if tag.contains("method=\"post\"") || tag.contains("formaction") { "POST" } else { "GET" };
            for attribute in ["href=\"", "action=\"", "hx-get=\"", "data-question=\""] {
                let method = if attribute.starts_with("data") { "POST" } else { method };
                let Some(value) = tag.split(&format!(" {attribute}")).nth(1).and_then(|rest| rest.split('"').next()) else { continue };
                let path = value.split(['?', '#']).next().unwrap();
                // Another site's page, or another part of this one.
                if !path.starts_with('/') {
                    continue;
                }
                asked += 1;
                if !declared(path, method) {
                    missing.insert(format!("{name}: {method} {path}"));
                }
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
    assert!(asked > 800, "{asked}");
}

#[test]
fn why_is_this_not_patched() {
    let words = Words::ordinary();
    let host = samples::host(&words);
    let said: Vec<Vec<String>> = host.findings.iter().map(|finding| super::why::why_not_patched(finding, host.updates.as_deref(), host.reboot.as_ref())).collect();
    assert_eq!(
        said,
        [
            vec![
                "3.0.17-1~deb12u3 is offered by Debian-Security:12/oldstable-security, and the package manager will not install it.",
                "An administrator put the package on hold on this host.",
                "A workaround is known; it lowers the risk and is not a fix.",
            ],
            vec!["A fix exists in 3.0.17-1~deb12u3, and no repository enabled on this host offers it. Enable the one that does, or wait for the mirror."],
            vec!["The vendor has postponed the fix to a later point release."],
            vec!["Its release is out of support: nobody says whether it is affected, and no fix will come. Move to a supported release."],
        ]
    );
}

/// Writes all pages where they can be looked at: `PLIMSOLL_CONSOLE_PAGES=DIR`.
fn write_pages(folder: &Path) {
    let write = |name: &str, page: &str| std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    for (name, page) in draw(&Words::ordinary()).into_iter().chain(draw_many()) {
        write(name, &page);
    }
    // Payloads in turns so that each field meets several of them.
    for turn in [0, 26] {
        let words = Words::hostile(&PAYLOADS);
        for _ in 0..turn {
            words.say("");
        }
        for (name, page) in draw(&words) {
            write(&format!("hostile-{turn}-{name}"), &page);
        }
    }
    for (address, bytes) in assets::addresses() {
        let path = folder.join(address.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    std::fs::write(folder.join("policy.txt"), CONTENT_SECURITY_POLICY).unwrap();
}

#[test]
fn pages_hold_in_a_browser() {
    let chosen = std::env::var_os("PLIMSOLL_CONSOLE_PAGES").map(PathBuf::from);
    let kept = chosen.is_some();
    let folder = chosen.unwrap_or_else(|| std::env::temp_dir().join(format!("plimsoll-pages-{}", std::process::id())));
    std::fs::create_dir_all(&folder).unwrap();
    write_pages(&folder);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/pages.mjs");
    let ready = script.with_file_name("node_modules").join("playwright-core").is_dir();
    if kept {
        return;
    }
    if !ready {
        eprintln!("skipped: e2e/node_modules is missing (npm ci in e2e/), so no browser looked at the pages");
        assert!(std::env::var_os("CI").is_none(), "CI must look at the pages in a browser");
        return;
    }
    let done = std::process::Command::new("node").arg(&script).arg(&folder).status().unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    assert!(done.success(), "a page does not hold in a browser; node e2e/pages.mjs says which");
}
