//! Versions of the policy.

use crate::databases::each;
use crate::values::{at, intent};
use plimsoll_store::policy_versions::{PolicyVersion, Said, SaidKind, VersionState};
use plimsoll_store::{Store, StoreError};

fn version(reason: &str) -> PolicyVersion {
    PolicyVersion {
        number: 0,
        digest: format!("{:064x}", 7),
        title: "acme 2".to_owned(),
        author: "person:1".to_owned(),
        author_name: Some("Ada".to_owned()),
        state: VersionState::Proposed,
        replaces: format!("{:064x}", 6),
        longer: 3,
        proposed: at(10),
        effective: Some(at(1000)),
        reason: reason.to_owned(),
        said: Vec::new(),
    }
}

async fn add(store: &Store, reason: &str) -> u64 {
    let mut change = store.begin(intent(10, "policy.propose", "policy")).await.unwrap();
    let number = change.add_policy_version(&version(reason), "id = \"acme\"\n").await.unwrap();
    change.commit(None).await.unwrap();
    number
}

fn said(kind: SaidKind, by: &str) -> Said {
    Said { at: at(20), by: by.to_owned(), name: None, kind, text: String::new() }
}

#[test]
fn a_version_is_kept_with_what_was_said_and_its_text_stays() {
    each(|database| async move {
        let store = &database.store;
        assert_eq!((add(store, "one").await, add(store, "two").await), (1, 2));
        assert_eq!(store.policy_version(2).await.unwrap(), PolicyVersion { number: 2, ..version("two") });
        assert_eq!(store.policy_text(1).await.unwrap(), "id = \"acme\"\n");
        assert_eq!(store.policy_versions().await.unwrap().iter().map(|version| version.number).collect::<Vec<_>>(), [2, 1]);
        let mut change = store.begin(intent(20, "policy.approve", "policy-version:2")).await.unwrap();
        let edit = |version: &mut PolicyVersion| {
            for (kind, by) in [(SaidKind::Approval, "a"), (SaidKind::Void, "server"), (SaidKind::Outline, "b"), (SaidKind::Approval, "b")] {
                version.said.push(said(kind, by));
            }
            version.state = VersionState::InForce;
            Ok(())
        };
        let changed = change.change_policy_version(2, edit).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.policy_version(2).await.unwrap(), changed);
        assert_eq!(changed.signed(SaidKind::Approval).map(|said| said.by.as_str()).collect::<Vec<_>>(), ["b"], "what is void does not count");
        assert_eq!(store.policy_versions_in(VersionState::InForce).await.unwrap(), [changed]);
        assert_eq!(store.policy_version(3).await.unwrap_err().problem.code, "E-NOT-FOUND");
        // What the edit refuses changes nothing, and neither does too much talk.
        let mut change = store.begin(intent(30, "policy.refuse", "policy-version:1")).await.unwrap();
        let refused = change.change_policy_version(1, |_| Err(StoreError::conflict("E-POLICY-OWN", "x", "no"))).await;
        assert_eq!(refused.unwrap_err().problem.code, "E-POLICY-OWN");
        let talk = |version: &mut PolicyVersion| {
            version.said = vec![said(SaidKind::Comment, "a"); 501];
            Ok(())
        };
        assert_eq!(change.change_policy_version(1, talk).await.unwrap_err().problem.code, "E-FULL");
        assert_eq!(change.commit(None).await.unwrap_err().problem.code, "E-NO-CHANGE");
        assert_eq!(store.policy_version(1).await.unwrap().said, []);

        // Whoever talks as much as is kept keeps nobody from deciding.
        let mut change = store.begin(intent(40, "policy.comment", "policy-version:1")).await.unwrap();
        let talk = |version: &mut PolicyVersion| {
            version.said = vec![said(SaidKind::Comment, "a"); 500];
            Ok(())
        };
        change.change_policy_version(1, talk).await.unwrap();
        change.commit(None).await.unwrap();
        let mut change = store.begin(intent(41, "policy.outline", "policy-version:1")).await.unwrap();
        let sign = |version: &mut PolicyVersion| {
            version.said.push(said(SaidKind::Outline, "b"));
            Ok(())
        };
        assert_eq!(change.change_policy_version(1, sign).await.unwrap().said.len(), 501);
        change.commit(None).await.unwrap();
    });
}
