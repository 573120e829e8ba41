//! Results are brought, refused and shown by a whole server.

use crate::exceptions::tests::{days, ground, refused};
use jiff::Timestamp;
use serde_json::{Value, json};

fn grype(moment: Timestamp, id: &str) -> Value {
    json!({
        "matches": [{ "vulnerability": { "id": id }, "artifact": { "name": "libpng1.6", "version": "1", "type": "deb" } }],
        "distro": { "name": "debian", "version": "12" },
        "descriptor": { "name": "grype", "version": "0.116.0", "timestamp": moment.to_string(), "db": { "status": { "built": (moment - days(1)).to_string() } } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_scanners_say_stands_beside_the_reasons() {
    let ground = ground(&["web"]).await;
    let (trial, owner, now) = (&ground.trial, &ground.owner, Timestamp::now());
    let path = format!("/api/v1/hosts/{}/scanner-results", ground.web);
    let bring = |query: &str, body: String| {
        let path = format!("{path}{query}");
        async move { trial.ask(owner, "POST", &path, "application/octet-stream", body).await }
    };
    let osv = json!({ "results": [{ "source": { "path": "/var/lib/dpkg/status" }, "packages": [] }] }).to_string();
    assert_eq!(refused(&bring("", osv.clone()).await).1, "E-SCANNER-MOMENT");
    assert_eq!(refused(&bring("?moment=yesterday", osv.clone()).await).1, "E-PARAMETER");
    assert_eq!(refused(&bring("", grype(now + days(1), "TEST-2026-1").to_string()).await).1, "E-PARAMETER", "the future");
    assert_eq!(refused(&bring("", "<!DOCTYPE x><oval_results/>".to_owned()).await).1, "E-XML-DTD");
    assert_eq!(refused(&bring("", "hello".to_owned()).await).1, "E-FORMAT");
    let of = |host: &str| format!("<TestResult end-time=\"{now}\" test-system=\"cpe:/a:redhat:openscap:1.3.7\"><target>{host}</target><rule-result><result>pass</result><ident>TEST-2026-1</ident></rule-result></TestResult>");
    let (status, code, detail) = refused(&bring("", of("db.example.org")).await);
    assert!((status, code.as_str()) == (400, "E-SCANNER-HOST") && detail.contains("db.example.org"), "{detail}");
    assert_eq!(bring("", of("WEB.example.org")).await.json()["scanner"], "openscap");
    assert_eq!(bring("?renamed=true", of("db.example.org")).await.json()["version"], "1.3.7");
    let taken = bring(&format!("?moment={}", now - days(1)), osv).await.json();
    assert_eq!((&taken["scanner"], &taken["there"], &taken["database"]), (&json!("osv-scanner"), &json!(0), &json!(null)));
    let taken = bring("", grype(now, "TEST-2026-1").to_string()).await.json();
    assert_eq!((&taken["scanner"], &taken["there"], taken["digest"].as_str().map(str::len)), (&json!("grype"), &json!(1), Some(64)));

    let shown = trial.get(owner, &format!("/api/v1/hosts/{}", ground.web)).await.json();
    let because = shown["scan"]["findings"][0]["because"].to_string();
    assert!(because.contains("Grype 0.116.0 of ") && because.contains("sees it as well"), "{because}");
    let page = trial.get(owner, &format!("/console/hosts/{}", ground.web)).await.body;
    assert!(page.contains("Grype 0.116.0") && page.contains("sees it as well") && page.contains("OSV-Scanner"), "{page}");
    // The log takes leaves in a moment later.
    let mut log = String::new();
    for _ in 0..100 {
        log = trial.get(owner, "/api/v1/evidence?take=1000").await.body;
        if log.contains(taken["digest"].as_str().unwrap()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(log.contains("scanner-result.bring") && log.contains(taken["digest"].as_str().unwrap()), "{log}");
    let found = trial.get(owner, "/api/v1/scanner-results?scanner=grype").await.json();
    assert_eq!((&found["total"], &found["rows"][0]["host_name"]), (&json!(1), &json!("web")));
}
