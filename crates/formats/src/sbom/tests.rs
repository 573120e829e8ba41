//! Whole documents: real ones counted by other means, small ones of every
//! version, and hostile ones.

use super::*;

fn count(document: &Document, family: &str) -> usize {
    let of_family = |component: &&Component| {
        component.stream.as_ref().is_some_and(|stream| stream.as_str().starts_with(family))
    };
    document.components.iter().filter(of_family).count()
}

/// Components as counted with Python's json over the same files
/// (`metadata.component` included, SPDX packages only).
#[test]
fn real_documents_yield_every_component() {
    let Some(data) = crate::test_data::folder() else { return };
    let expected = [
        ("cyclonedx/cern-lhc-vdm-editor-e564943/bom.json", "CycloneDX 1.2 JSON", 44, "npm", 44),
        ("cyclonedx/dropwizard-1.3.15/bom.json", "CycloneDX 1.2 JSON", 168, "maven", 168),
        ("cyclonedx/juice-shop/v11.1.2/bom.json", "CycloneDX 1.2 JSON", 841, "npm", 841),
        ("cyclonedx/keycloak-10.0.2/bom.json", "CycloneDX 1.2 JSON", 904, "maven", 904),
        ("cyclonedx/laravel-7.12.0/bom.1.4.json", "CycloneDX 1.4 JSON", 63, "packagist", 63),
        ("cyclonedx/proton-bridge/proton-bridge-v1.6.3.bom.json", "CycloneDX 1.2 JSON", 202, "go", 202),
        ("cyclonedx/proton-bridge/proton-bridge-v1.6.3.bom.xml", "CycloneDX 1.2 XML", 202, "go", 202),
        ("dependency-track/dtrack-apiserver-4.5.0.bom.json", "CycloneDX 1.4 JSON", 133, "maven", 133),
        ("redhat/cyclonedx/application.cdx.json", "CycloneDX 1.4 JSON", 89, "maven", 89),
        ("redhat/cyclonedx/openssl-3.0.7-18.el9_2.cdx_1.6.sbom.json", "CycloneDX 1.6 JSON", 38, "rhel:9", 37),
        ("redhat/ubi9-9.2-755.1697625012.json", "SPDX 2.2 JSON", 610, "rhel:9", 605),
        ("spdx/example12/spdx2.2/hello-dist.spdx.json", "SPDX 2.2 JSON", 1, "", 0),
        ("spdx/example8/spdx2.3/examplemaven-0.0.1.spdx.json", "SPDX 2.3 JSON", 6, "", 0),
        ("spdx/example9/spdx2.2/appbomination.spdx.json", "SPDX 2.2 JSON", 7, "maven", 4),
        ("spdx/example6/spdx2.2/example6-lib.spdx", "SPDX 2.2 tag-value", 5, "", 0),
        ("spdx/example6/spdx2.2/example6-bin.spdx", "SPDX 2.2 tag-value", 1, "", 0),
        ("spdx/example6/spdx2.2/example6-src.spdx", "SPDX 2.2 tag-value", 1, "", 0),
        ("spdx/example6/spdx3.0/example6-lib.json", "SPDX 3.0.1 JSON-LD", 5, "", 0),
        ("spdx/example6/spdx3.0/example6-bin.json", "SPDX 3.0.1 JSON-LD", 1, "", 0),
        ("spdx/example6/spdx3.0/example6-src.json", "SPDX 3.0.1 JSON-LD", 1, "", 0),
        ("spdx/example8/spdx3.0/examplemaven-0.0.1.spdx3.json", "SPDX 3.0.1 JSON-LD", 6, "", 0),
        ("spdx/example9/spdx3.0/appbomination.spdx3.json", "SPDX 3.0.1 JSON-LD", 7, "maven", 4),
        ("spdx/example12/spdx3.0/hello-dist.spdx3.json", "SPDX 3.0.1 JSON-LD", 1, "", 0),
        ("spdx/example12/spdx3.0/hello-src.spdx3.json", "SPDX 3.0.1 JSON-LD", 1, "", 0),
    ];
    let mut wrong = Vec::new();
    for (file, format, components, family, in_family) in expected {
        let bytes = std::fs::read(data.join("sbom").join(file)).unwrap();
        let document = read(file, &bytes).unwrap();
        let found_family = if family.is_empty() { 0 } else { count(&document, family) };
        let found = (document.format.as_str(), document.components.len(), found_family, document.created.is_some());
        // Two of the generators wrote no timestamp.
        let dated = found.3 || file.contains("application.cdx") || file.contains("laravel");
        if (found.0, found.1, found.2) != (format, components, in_family) || !dated || !document.problems.is_empty() {
            wrong.push(format!("{file}: {found:?} {:?}", document.problems.first()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// JSON and XML of one program by one tool must read the same.
#[test]
fn json_and_xml_of_one_program_agree() {
    let Some(data) = crate::test_data::folder() else { return };
    let folder = data.join("sbom/cyclonedx/proton-bridge");
    let json = read("json", &std::fs::read(folder.join("proton-bridge-v1.6.3.bom.json")).unwrap()).unwrap();
    let xml = read("xml", &std::fs::read(folder.join("proton-bridge-v1.6.3.bom.xml")).unwrap()).unwrap();
    assert_eq!(json.components, xml.components);
    assert!(json.components.iter().any(|component| component.name == "github.com/0xAX/notificator"));
}

fn summary(document: &Document) -> String {
    let mut out = format!("{} | {} | os {}\n", document.name, document.format, document.os.as_ref().and_then(|os| os.stream.as_ref()).map_or("-", Stream::as_str));
    for component in &document.components {
        out.push_str(&format!(
            "{} {} {} source {}@{} {:?} {:?} {} {}\n",
            component.stream.as_ref().map_or("-", Stream::as_str),
            component.name,
            component.version,
            component.source.as_deref().unwrap_or("-"),
            component.source_version.as_deref().unwrap_or("-"),
            component.kind,
            component.scope,
            component.licence.as_deref().unwrap_or("-"),
            component.purl,
        ));
    }
    for statement in &document.statements {
        out.push_str(&format!("{:?} {:?} {:?} {:?} {:?}\n", statement.status, statement.vulnerabilities, statement.products, statement.justification, statement.text));
    }
    for problem in &document.problems {
        out.push_str(&format!("{} {}: {}\n", problem.code, problem.place, problem.text));
    }
    out
}

const SYFT_LIKE: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.7","version":1,
"metadata":{"timestamp":"2026-01-02T03:04:05Z","component":{"type":"container","name":"web","version":"1"}},
"components":[
 {"type":"operating-system","name":"debian","version":"12","bom-ref":"os"},
 {"type":"library","bom-ref":"a","name":"libssl3","version":"3.0.11-1~deb12u2","purl":"pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
  "licenses":[{"license":{"id":"Apache-2.0"}},{"expression":"MIT OR BSD-2-Clause"}]},
 {"type":"library","bom-ref":"b","name":"libz","version":"1","purl":"pkg:deb/debian/libz@1%2Bb2","properties":[{"name":"aquasecurity:trivy:SrcName","value":"zlib"},{"name":"aquasecurity:trivy:SrcVersion","value":"1.2"}]},
 {"type":"application","bom-ref":"b","group":"acme","name":"thing","version":"2","scope":"optional","components":[
   {"type":"library","name":"inner","version":"3","purl":"pkg:npm/inner@3","properties":[{"name":"cdx:npm:package:development","value":"true"}]}]},
 {"type":"library","name":"range","isExternal":true,"versionRange":"vers:npm/>=1|<2","purl":"pkg:npm/range"},
 {"type":"library","name":"odd","version":7,"purl":"no purl"},
 "not an object"],
"vulnerabilities":[
 {"id":"CVE-2026-1","references":[{"id":"GHSA-x"}],"analysis":{"state":"not_affected","justification":"code_not_reachable","response":["will_not_fix"],"detail":"never called"},"affects":[{"ref":"a"},{"ref":"pkg:npm/inner@3"}]},
 {"id":"CVE-2026-2","analysis":{"state":"exploitable"},"affects":[{"ref":"b","versions":[{"version":"1","status":"affected"},{"version":"2","status":"unaffected"},{"range":"vers:deb/>3"}]}]},
 {"id":"CVE-2026-3","analysis":{"state":"who knows"},"affects":[{"ref":"a"}]},
 {"id":"CVE-2026-4","affects":[{"ref":"a"}]}]}"#;

#[test]
fn a_document_of_1_7_with_everything_odd_keeps_every_component_and_names_what_is_wrong() {
    insta::assert_snapshot!(summary(&read("x.json", SYFT_LIKE.as_bytes()).unwrap()));
}

const XML_1_7: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<c:bom xmlns:c="http://cyclonedx.org/schema/bom/1.7" serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79" version="1">
 <c:metadata><c:component type="application"><c:name>App &amp; more</c:name><c:version>1</c:version></c:component></c:metadata>
 <c:components>
  <c:component type="library" bom-ref="x"><c:group>org.acme</c:group><c:name>lib</c:name><c:version>1.0</c:version>
   <c:licenses><c:license><c:id>MIT</c:id></c:license></c:licenses><c:purl>pkg:maven/org.acme/lib@1.0?type=jar</c:purl>
   <c:pedigree><c:ancestors><c:component type="library"><c:name>not a component</c:name></c:component></c:ancestors></c:pedigree>
   <c:components><c:component type="library"><c:name><![CDATA[in&ner]]></c:name><c:version>&#50;</c:version></c:component></c:components>
  </c:component>
 </c:components>
 <c:vulnerabilities><c:vulnerability><c:id>CVE-2026-9</c:id>
  <c:analysis><c:state>resolved</c:state><c:responses><c:response>update</c:response></c:responses><c:detail>done</c:detail></c:analysis>
  <c:affects><c:target><c:ref>urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#x</c:ref><c:versions><c:version><c:version>1.1</c:version><c:status>unaffected</c:status></c:version></c:versions></c:target></c:affects>
 </c:vulnerability></c:vulnerabilities>
</c:bom>"#;

#[test]
fn xml_of_1_7_reads_like_json() {
    insta::assert_snapshot!(summary(&read("x.xml", XML_1_7.as_bytes()).unwrap()));
}

#[test]
fn every_version_from_1_2_to_1_7_is_read_and_others_are_named() {
    for minor in 2..=7 {
        let json = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.{minor}","components":[{{"type":"library","name":"a","version":"1"}}]}}"#);
        let document = read("j", json.as_bytes()).unwrap();
        assert_eq!((document.components.len(), document.problems.len()), (1, 0));
        assert_eq!(document.format, format!("CycloneDX 1.{minor} JSON"));
        let xml = format!(r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.{minor}"><components><component type="library"><name>a</name><version>1</version></component></components></bom>"#);
        assert_eq!(read("x", xml.as_bytes()).unwrap().components, document.components);
    }
    let newer = read("j", br#"{"bomFormat":"CycloneDX","specVersion":"1.8"}"#).unwrap();
    assert_eq!(newer.problems.first().unwrap().code, "W-VERSION");
    let code = |text: &str| read("j", text.as_bytes()).unwrap_err().code;
    assert_eq!(code(r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#), "E-UNSUPPORTED");
    assert_eq!(code(r#"{"spdxVersion":"SPDX-1.0"}"#), "E-UNSUPPORTED");
    assert_eq!(code("spdxVersion: \"SPDX-2.3\"\nname: x"), "E-UNSUPPORTED");
    assert_eq!(code(r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>"#), "E-UNSUPPORTED");
    assert_eq!(code(r#"{"@context":"https://openvex.dev/ns/v0.2.0"}"#), "E-UNSUPPORTED");
    assert_eq!(code("{}"), "E-FORMAT");
    assert_eq!(code(""), "E-FORMAT");
}

const TRIVY_LIKE: &str = r#"{"sbom":{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"image","creationInfo":{"created":"2026-01-02T03:04:05Z"},
"packages":[
 {"SPDXID":"SPDXRef-OS","name":"alpine","versionInfo":"3.19.1","primaryPackagePurpose":"OPERATING-SYSTEM"},
 {"SPDXID":"SPDXRef-1","name":"libcrypto3","versionInfo":"3.1.4-r5","supplier":"NOASSERTION","sourceInfo":"built package from: openssl 3.1.4-r5","licenseConcluded":"NOASSERTION","licenseDeclared":"Apache-2.0",
  "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:apk/alpine/libcrypto3@3.1.4-r5?arch=x86_64&distro=3.19.1"}]},
 {"SPDXID":"SPDXRef-2","name":"two","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/two@2"},{"referenceType":"http://spdx.org/rdf/references/purl","referenceLocator":"pkg:npm/zwei@2"},{"referenceType":"purl","referenceLocator":"junk"}]},
 3]}}"#;

#[test]
fn spdx_in_githubs_wrapper_with_trivys_sources() {
    insta::assert_snapshot!(summary(&read("x.spdx.json", TRIVY_LIKE.as_bytes()).unwrap()));
}

#[test]
fn a_tag_inside_free_text_is_no_package() {
    let text = "SPDXVersion: SPDX-2.3\nDocumentName: d\nPackageName: a\nPackageVersion: 1\nPackageComment: <text>x\nPackageName: ghost\n</text>\nExternalRef: PACKAGE-MANAGER purl pkg:npm/a@1\n";
    let document = read("t", text.as_bytes()).unwrap();
    assert_eq!(document.components.len(), 1);
    assert_eq!(document.components.first().unwrap().purl, "pkg:npm/a@1");
    let open = read("t", b"SPDXVersion: SPDX-2.3\nPackageComment: <text>never closed\n").unwrap_err();
    assert_eq!((open.code.as_str(), open.place.as_str()), ("E-FORMAT", "t:2"));
}

#[test]
fn packages_without_distro_take_the_documents_operating_system() {
    let json = br#"{"bomFormat":"CycloneDX","specVersion":"1.4","components":[
     {"type":"operating-system","name":"debian","version":"12.5"},
     {"type":"library","name":"curl","version":"7.88.1-10","purl":"pkg:deb/debian/curl@7.88.1-10"},
     {"type":"library","name":"x","version":"1","purl":"pkg:deb/ubuntu/x@1"}]}"#;
    let document = read("j", json).unwrap();
    let streams: Vec<_> = document.components.iter().map(|component| component.stream.as_ref().map(Stream::as_str)).collect();
    assert_eq!(streams, [None, Some("debian:12"), None]);
    assert_eq!(document.problems.first().unwrap().code, "W-SOURCE-ASSUMED");
}

#[test]
fn hostile_documents_end_in_one_named_problem() {
    let code = |bytes: &[u8]| read("h", bytes).unwrap_err().code;
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE bom [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><bom xmlns="http://cyclonedx.org/schema/bom/1.4">&b;</bom>"#;
    assert_eq!(code(bomb.as_bytes()), "E-XML-DTD");
    assert_eq!(code(br#"<bom xmlns="http://cyclonedx.org/schema/bom/1.4">&own;</bom>"#), "E-XML-DTD");
    let wide: String = (0..800_000).map(|number| format!(" a{number}=\"\"")).collect();
    assert_eq!(code(format!("<bom{wide}/>").as_bytes()), "E-XML-LIMIT");
    let deep = format!("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\">{}", "<components><component>".repeat(10_000));
    assert_eq!(code(deep.as_bytes()), "E-XML-LIMIT");
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.4",{}{}}}"#,
        r#""components":[{"#.repeat(10_000),
        "}]".repeat(10_000)
    );
    assert_eq!(code(deep.as_bytes()), "E-LIMIT");
    assert_eq!(code(format!("[{}", "{".repeat(5)).as_bytes()), "E-FORMAT");
    assert_eq!(code(format!("{{{}", "{".repeat(1_100_000)).as_bytes()), "E-LIMIT");
    assert_eq!(code(b"\xff\xfe{\0"), "E-FORMAT");
    for cut in 0..SYFT_LIKE.len() {
        if SYFT_LIKE.is_char_boundary(cut) {
            assert!(read("h", &SYFT_LIKE.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
    }
    for cut in 0..XML_1_7.len() - 1 {
        assert!(read("h", &XML_1_7.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}
