//! Results of outside scanners: all are kept, what the newest says in full.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::scanner::{Reading, Scanner, ScannerResult};
use plimsoll_store::{Result, Scope, Store};
use std::collections::BTreeMap;

fn result(client: ClientId, host: HostId, scanner: Scanner, moment: i64) -> ScannerResult {
    ScannerResult { digest: format!("{:064x}", moment), client, host, scanner, version: Some("1".to_owned()), database: Some(at(moment - 5)), moment: at(moment), received: at(moment + 5), there: 3 }
}

fn reading(result: &ScannerResult) -> Reading {
    Reading { scanner: result.scanner, version: None, database: None, moment: Some(result.moment), target: None, system: true, packages: BTreeMap::new(), said: Vec::new() }
}

async fn add(store: &Store, result: &ScannerResult) -> Result<()> {
    let mut change = store.begin(intent(10, "scanner-result.bring", "scanner-result")).await?;
    change.add_scanner_result(result, &reading(result)).await?;
    change.commit(None).await.map(drop)
}

#[test]
fn all_are_kept_and_the_newest_in_full() {
    each(|database| async move {
        let store = &database.store;
        let (own, foreign) = (client(store, "Own").await, client(store, "Foreign").await);
        let (one, other) = (host(store, own, "one").await.id, host(store, foreign, "other").await.id);
        let trivy = |moment| result(own, one, Scanner::Trivy, moment);
        let grype = result(own, one, Scanner::Grype, 50);
        for result in [&trivy(100), &trivy(300), &trivy(200), &grype, &result(foreign, other, Scanner::Trivy, 400)] {
            add(store, result).await.unwrap();
        }
        assert_eq!(add(store, &trivy(300)).await.unwrap_err().problem.code, "E-STATE");
        let kept = store.scanner_results(&Scope::All, Some(one), 10).await.unwrap();
        assert_eq!(kept, [trivy(300), trivy(200), trivy(100), grype.clone()]);
        let readings = store.scanner_readings(one).await.unwrap();
        assert_eq!(readings, [(grype.clone(), reading(&grype)), (trivy(300), reading(&trivy(300)))], "one a scanner, the newest look and not the newest file");
        assert_eq!(store.newest_scanner_results(own).await.unwrap(), BTreeMap::from([(one, vec![grype, trivy(300)])]));
        assert_eq!(store.scanner_results(&Scope::client(foreign), None, 10).await.unwrap().len(), 1);
    });
}
