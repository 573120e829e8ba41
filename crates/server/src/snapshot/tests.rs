//! Servers that are stopped and started again: with what was kept, with
//! something older than the truth, with something damaged.

use super::*;
use crate::fleet::State;
use crate::phases::evaluate;
use crate::trial::reports::{Dice, advise, advisory, judged_again, report};
use crate::trial::{Asker, Trial};
use plimsoll_core::model::registration::HostState;
use plimsoll_formats::policy::preset;
use plimsoll_formats::protocol::canonical;
use plimsoll_store::Actor;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const HOSTS: usize = 8;

fn at(data: &Path) -> PathBuf {
    data.join("judgements.snapshot")
}

fn bytes(trial: &Trial) -> Vec<u8> {
    std::fs::read(path(trial.app())).unwrap()
}

/// Advisories of which some concern some hosts.
fn advice(dice: &mut Dice) -> Vec<(String, String)> {
    let mut all: Vec<_> = (0..20).map(|number| advisory(number, dice.below(30), &format!("{}-1", 2 + dice.below(4)), number)).collect();
    let windows = "version,codename,series,created,release,eol,eol-lts,eol-elts\n12,Bookworm,bookworm,2021-08-14,2023-06-10,2020-06-10,2021-01-10,2036-06-30\n";
    all.push(("endoflife/distro-info-data/debian.csv".to_owned(), windows.to_owned()));
    all
}

async fn take(trial: &Trial, id: HostId, name: &str, dice: &mut Dice) {
    evaluate::take(trial.app(), id, canonical(report(name, dice)).unwrap(), Actor::server()).await.unwrap();
}

/// A server with hosts that were judged by a database and then, in part, by
/// another.
async fn fleet(dice: &mut Dice) -> (Trial, Vec<HostId>, Vec<(String, String)>) {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let mut ids = Vec::new();
    for number in 0..HOSTS {
        let name = format!("h{number}");
        let id: HostId = trial.host(&owner, &name, if number % 2 == 0 { "production" } else { "test" }).await.parse().unwrap();
        take(&trial, id, &name, dice).await;
        ids.push(id);
    }
    let mut all = advice(dice);
    advise(&trial, &all);
    let first = judged_again(&trial, None).await;
    all.push(advisory(100, 3, "3-1", 100));
    advise(&trial, &all);
    judged_again(&trial, Some(first)).await;
    (trial, ids, all)
}

/// Waits until everybody is judged; gives how many were taken up, and how many
/// judged.
async fn settled(trial: &Trial) -> (i64, u64) {
    let app = trial.app();
    for _ in 0..600 {
        let judged = app.fleet.read().hosts().all(|managed| managed.judged.is_some() || managed.registration.state == HostState::Retired);
        if judged && !app.notices.judging.load(Ordering::Acquire) {
            return (app.metrics.hosts_taken_up.get(), app.metrics.judgements.get());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server does not judge its hosts");
}

/// What lists answer.
async fn answers(trial: &Trial) -> Vec<String> {
    let asker = Asker { token: Some(trial.first.token.clone()), ..Asker::default() };
    let lists = [
        "hosts?take=500",
        "hosts?order=findings&take=3&skip=2",
        "findings?take=500",
        "findings?overdue=true&take=500",
        "advisories?take=500",
        "advisories/CVE-2026-0100",
        "packages?take=500",
        "packages/debian:12/lib4-1",
        "standings",
        "groups",
    ];
    let mut out = Vec::new();
    for list in lists {
        let said = trial.get(&asker, &format!("/api/v1/{list}")).await;
        assert!(said.status.is_success(), "{list}: {said:?}");
        out.push(format!("{list}\n{}", said.body));
    }
    out
}

/// Starts again without what was kept, and holds the answers against it.
async fn alike(trial: Trial) -> Trial {
    let before = answers(&trial).await;
    let hosts = trial.app().fleet.read().all().len();
    let trial = trial.restart(|data| std::fs::remove_file(at(data)).unwrap()).await;
    assert_eq!(settled(&trial).await, (0, hosts));
    for (kept, anew) in before.iter().zip(&answers(&trial).await) {
        assert_eq!(kept, anew);
    }
    assert!(before.iter().any(|list| list.contains("DSA-100-1")), "nothing was found: {before:?}");
    trial
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_again_judges_nobody_and_answers_the_same() {
    let (trial, ..) = fleet(&mut Dice(1)).await;
    let trial = trial.restart(|_| {}).await;
    assert_eq!(settled(&trial).await, (HOSTS as i64, 0));
    assert_eq!(trial.app().metrics.hosts_judged_at_start.get(), 0);
    let written = std::fs::metadata(path(trial.app())).unwrap();
    assert_eq!(written.permissions().mode() & 0o777, 0o600);
    // Once more from what was taken up, then from nothing.
    let trial = trial.restart(|_| {}).await;
    assert_eq!(settled(&trial).await, (HOSTS as i64, 0));
    alike(trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_judged_anew_and_nothing_else() {
    let mut dice = Dice(2);
    let (trial, ids, _) = fleet(&mut dice).await;
    let trial = trial.restart(|_| {}).await;
    settled(&trial).await;
    let old = bytes(&trial);
    let owner = trial.owner().await;
    take(&trial, ids[0], "h0", &mut dice).await;
    let host = |number: usize| format!("/api/v1/hosts/{}", ids[number]);
    let sent = [
        ("PATCH", host(1), json!({ "exposure": "open" })),
        ("POST", format!("{}/retire", host(2)), json!({})),
        ("PATCH", host(3), json!({ "owner": "somebody whom no judgement asks for" })),
        ("POST", "/api/v1/groups".to_owned(), json!({ "name": "production", "query": "stream = debian:12, environment = production" })),
    ];
    for (method, path, wish) in sent {
        let said = trial.send(&owner, method, &path, &wish).await;
        assert!(said.status.is_success(), "{said:?}");
    }
    let trial = trial.restart(|data| std::fs::write(at(data), &old).unwrap()).await;
    assert_eq!(settled(&trial).await, (HOSTS as i64 - 3, 2));
    let trial = alike(trial).await;
    // Support ended since one of them was judged.
    let id = ids[4];
    let now = trial.app().fleet.read().host(id).unwrap().basis.unwrap();
    let earlier = "2021-01-10T12:00:00Z".parse::<Timestamp>().unwrap().as_second();
    trial.app().fleet.write().rest(id, Some(basis::Basis { at: earlier, ..now }));
    let trial = trial.restart(|_| {}).await;
    assert_eq!(settled(&trial).await, (HOSTS as i64 - 2, 1));
    trial.app().fleet.write().rest(id, Some(basis::Basis { at: earlier + 86_400, ..now }));
    let trial = trial.restart(|_| {}).await;
    assert_eq!(settled(&trial).await, (HOSTS as i64 - 1, 0));
    alike(trial).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_another_database_or_policy_everybody_is_judged_anew() {
    let mut dice = Dice(3);
    let (trial, _, mut all) = fleet(&mut dice).await;
    let trial = trial.restart(|_| {}).await;
    settled(&trial).await;
    let (old, place) = (bytes(&trial), trial.app().configuration.advisories.clone());
    let database = std::fs::read(&place).unwrap();
    // The database is followed while the server runs, and then goes back: of
    // some hosts the journal went on meanwhile.
    all.push(advisory(101, 6, "3-1", 101));
    advise(&trial, &all);
    let before = trial.app().advisories.held().map(|held| held.named.digest.clone());
    judged_again(&trial, before).await;
    let moved = {
        let fleet = trial.app().fleet.read();
        fleet.under(fleet.names.find("DSA-101-1").unwrap()).unwrap().len() as usize
    };
    assert!((1..HOSTS).contains(&moved), "{moved} hosts are affected");
    let newer = std::fs::read(&place).unwrap();
    let trial = trial
        .restart(|data| {
            std::fs::write(at(data), &old).unwrap();
            std::fs::write(&place, &database).unwrap();
        })
        .await;
    assert_eq!(settled(&trial).await, ((HOSTS - moved) as i64, moved as u64));
    let trial = alike(trial).await;
    let trial = trial.restart(|_| std::fs::write(&place, &newer).unwrap()).await;
    assert_eq!(settled(&trial).await, (0, HOSTS as u64));
    let trial = alike(trial).await;
    let trial = trial.restart(|_| {}).await;
    assert_eq!(settled(&trial).await, (HOSTS as i64, 0));
    let (old, owner) = (bytes(&trial), trial.owner().await);
    let wish = json!({ "text": preset("essential-eight-ml3").unwrap(), "reason": "a test", "accept_longer": true });
    let said = trial.send(&owner, "PUT", "/api/v1/policy/file", &wish).await;
    assert!(said.status.is_success(), "{said:?}");
    for _ in 0..600 {
        if trial.app().metrics.judgements.get() >= HOSTS as u64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let trial = trial.restart(|data| std::fs::write(at(data), &old).unwrap()).await;
    assert_eq!(settled(&trial).await, (0, HOSTS as u64));
    alike(trial).await;
}

/// Its parts before compression.
fn parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &bytes[16..bytes.len() - 32];
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let length = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let (plain, packed) = (length(0), length(4));
        parts.push(zstd::bulk::decompress(&rest[8..8 + packed], plain).unwrap());
        rest = &rest[8 + packed..];
    }
    parts
}

fn together(mark: &[u8], parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = mark.to_vec();
    for part in parts {
        let packed = zstd::bulk::compress(part, 1).unwrap();
        out.extend((part.len() as u32).to_le_bytes());
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
    }
    out.extend(Sha256::digest(&out));
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_anywhere_or_with_any_byte_flipped_it_is_not_used() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let mut dice = Dice(4);
    let id: HostId = trial.host(&owner, "h0", "production").await.parse().unwrap();
    take(&trial, id, "h0", &mut dice).await;
    advise(&trial, &[advisory(100, 3, "9-1", 100), advisory(101, 5, "9-1", 101)]);
    judged_again(&trial, None).await;
    let trial = trial.restart(|_| {}).await;
    assert_eq!(settled(&trial).await, (1, 0));
    let (whole, head) = (bytes(&trial), Head::of(trial.app()).unwrap());
    assert!(parse(&whole, &head).is_ok());
    for length in 0..whole.len() {
        assert!(parse(&whole[..length], &head).is_err(), "cut after {length} bytes");
    }
    let mut flipped = whole.clone();
    for place in 0..whole.len() {
        flipped[place] ^= 1 << (place % 8);
        assert!(parse(&flipped, &head).is_err(), "byte {place} flipped");
        flipped[place] = whole[place];
    }
    // With a checksum that holds, as a mistake of ours would have: no answer
    // is promised then, but that nothing breaks.
    let (mark, parts) = (&whole[..16], parts(&whole));
    assert_eq!(together(mark, &parts), whole);
    let (registration, read) = {
        let fleet = trial.app().fleet.read();
        let managed = fleet.host(id).unwrap();
        (managed.registration.clone(), managed.basis.unwrap().at)
    };
    let mut used = 0;
    for (number, part) in parts.iter().enumerate() {
        for place in (0..part.len()).step_by(5) {
            let mut forged = parts.clone();
            forged[number][place] ^= 1 << (dice.below(8));
            let Ok((kept, index)) = parse(&together(mark, &forged), &head) else { continue };
            let mut state = State::default();
            state.register(registration.clone(), 0);
            state.take_up(kept, index, |_, _| true);
            state.recount(Timestamp::from_second(read).unwrap());
            let all = state.all();
            used += state.list_findings(&all, |_| true, (0, 100), Timestamp::UNIX_EPOCH).total;
            state.index.search("lib", &all, None, 100);
            state.index.remove(registration.number);
        }
    }
    assert!(used > 0, "no forged one was taken up");
    // A server that finds a damaged one judges anew, and writes a good one.
    let before = answers(&trial).await;
    let trial = trial
        .restart(|data| {
            flipped[whole.len() / 2] ^= 1;
            std::fs::write(at(data), &flipped).unwrap();
        })
        .await;
    assert_eq!(settled(&trial).await, (0, 1));
    assert_eq!(answers(&trial).await, before);
    let trial = trial.restart(|_| {}).await;
    assert_eq!(settled(&trial).await, (1, 0));
}

#[test]
fn what_others_could_have_written_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (at(folder.path()), folder.path().join("link"));
    assert_eq!(file::read(&path), Ok(None));
    file::replace(&path, |writer| writer.part(&1u8)).unwrap();
    assert!(file::read(&path).unwrap().is_some());
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(file::read(&link).is_err(), "a link");
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    mode(&path, 0o640);
    assert!(file::read(&path).unwrap_err().contains("open to others"));
    mode(&path, 0o600);
    mode(folder.path(), 0o777);
    assert!(file::read(&path).unwrap_err().contains("everybody may write"));
    mode(folder.path(), 0o700);
    assert!(file::read(&path).unwrap().is_some());
}

#[test]
fn a_disk_that_fails_leaves_the_one_before() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let write = |out: Full| -> io::Result<Full> {
        let mut writer = file::Writer::begin(out)?;
        writer.part(&"a part")?;
        writer.end()
    };
    let left = write(Full(1000)).unwrap().0;
    for room in 0..1000 - left {
        assert_eq!(write(Full(room)).err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull), "room for {room} bytes");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = at(folder.path());
    file::replace(&path, |writer| writer.part(&7u8)).unwrap();
    let full = |writer: &mut file::Writer<_>| writer.part(&8u8).and(Err(io::ErrorKind::StorageFull.into()));
    assert!(file::replace(&path, full).is_err());
    assert_eq!(number(&path), 7);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

/// What a snapshot of one number holds, repeated as often.
fn number(path: &Path) -> u8 {
    let bytes = file::read(path).unwrap().unwrap();
    let mut reader = file::Reader::open(&bytes).unwrap();
    let first: u8 = reader.part().unwrap().unwrap();
    while let Some(next) = reader.part::<u8>().unwrap() {
        assert_eq!(next, first);
    }
    first
}

#[test]
fn child_that_writes() {
    let Some(path) = std::env::var_os("PLIMSOLL_SNAPSHOT").map(PathBuf::from) else { return };
    println!("writes");
    for number in (1..=250u8).cycle() {
        let many = |writer: &mut file::Writer<_>| (0..2000).try_for_each(|_| writer.part(&number));
        file::replace(&path, many).unwrap();
    }
}

#[test]
fn killed_while_it_is_written_the_one_before_stays() {
    use std::io::BufRead;
    let folder = tempfile::tempdir().unwrap();
    let path = at(folder.path());
    file::replace(&path, |writer| writer.part(&0u8)).unwrap();
    let (mut dice, mut cut, mut seen) = (Dice(5), 0, std::collections::BTreeSet::new());
    // A busy machine writes slowly: longer waits until kills fell on both sides.
    for round in 0..200 {
        if round >= 25 && cut > 0 && seen.len() > 1 {
            break;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "snapshot::tests::child_that_writes", "--nocapture"])
            .env("PLIMSOLL_SNAPSHOT", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = io::BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("writes")));
        std::thread::sleep(Duration::from_micros(dice.below(60_000 + 5_000 * round)));
        child.kill().unwrap();
        child.wait().unwrap();
        seen.insert(number(&path));
        cut += usize::from(path.with_extension("new").exists());
    }
    assert!(cut > 0 && seen.len() > 1, "{cut} were cut off, {seen:?} were left");
    file::replace(&path, |writer| writer.part(&251u8)).unwrap();
    assert_eq!(number(&path), 251);
}
