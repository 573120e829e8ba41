//! Files written by the real tools, and by hand where a tool was not to be
//! had; `fixtures/components/README.md` says which.

use super::*;

/// What every tool for npm resolved the same project to.
const NPM: [&str; 17] = [
    "pkg:npm/%40babel/code-frame@7.22.5",
    "pkg:npm/%40babel/helper-validator-identifier@7.29.7",
    "pkg:npm/%40babel/highlight@7.25.9",
    "pkg:npm/ansi-styles@3.2.1",
    "pkg:npm/chalk@2.4.2",
    "pkg:npm/color-convert@1.9.3",
    "pkg:npm/color-name@1.1.3",
    "pkg:npm/debug@4.3.4",
    "pkg:npm/escape-string-regexp@1.0.5",
    "pkg:npm/fsevents@2.3.3 (optional)",
    "pkg:npm/has-flag@3.0.0",
    "pkg:npm/is-number@7.0.0 (development)",
    "pkg:npm/js-tokens@4.0.0",
    "pkg:npm/ms@2.0.0",
    "pkg:npm/ms@2.1.2",
    "pkg:npm/picocolors@1.1.1",
    "pkg:npm/supports-color@5.5.0",
];

#[test]
fn seven_lock_files_of_one_project_agree_on_packages_and_scopes() {
    for (kind, name) in [
        (FileKind::NpmPackageLock, "npm/v1.package-lock.json"),
        (FileKind::NpmPackageLock, "npm/v2.package-lock.json"),
        (FileKind::NpmShrinkwrap, "npm/v3.package-lock.json"),
        (FileKind::PnpmLock, "pnpm/pnpm7.pnpm-lock.yaml"),
        (FileKind::PnpmLock, "pnpm/pnpm8.pnpm-lock.yaml"),
        (FileKind::PnpmLock, "pnpm/pnpm10.pnpm-lock.yaml"),
        (FileKind::BunLock, "bun/bun.lock"),
    ] {
        let found = read_fixture(kind, name);
        let libraries: Vec<String> =
            found.components.iter().filter(|each| each.kind == ComponentKind::Library).map(line).collect();
        assert_eq!(libraries, NPM, "{name}");
        assert_eq!((found.problems, found.incomplete), (vec![], None), "{name}");
    }
}

#[test]
fn both_yarn_formats_name_the_same_packages() {
    let plain: Vec<&str> = NPM.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let classic = read_fixture(FileKind::YarnLock, "yarn/classic.yarn.lock");
    assert_eq!(lines(&classic), plain);
    // Berry also locks what the patched `fsevents` needs to be built, and the
    // project itself.
    let berry = lines(&read_fixture(FileKind::YarnLock, "yarn/berry.yarn.lock"));
    for package in plain {
        assert!(berry.iter().any(|line| line == package), "{package} is missing");
    }
    let own: Vec<&String> = berry.iter().filter(|line| line.contains("application")).collect();
    assert_eq!(own, ["pkg:npm/plimsoll-fixture@0.0.0-use.local (no stream) (application)"]);
    let text = String::from_utf8(fixture("yarn/berry.yarn.lock")).unwrap();
    let entries = text.lines().filter(|line| line.starts_with('"')).count();
    // `fsevents` stands there twice, once patched.
    assert_eq!(berry.len(), entries - 1);
}

const PYTHON: [&str; 5] = [
    "pkg:pypi/iniconfig@2.0.0 (development)",
    "pkg:pypi/jinja2@3.1.2",
    "pkg:pypi/markupsafe@3.0.4",
    "pkg:pypi/setuptools@84.2.1",
    "pkg:pypi/zope-interface@6.0",
];

#[test]
fn python_lock_files_of_one_project_agree() {
    assert_eq!(lines(&read_fixture(FileKind::PoetryLock, "python/poetry.lock")), PYTHON);
    let uv = read_fixture(FileKind::UvLock, "python/uv.lock");
    let mut expected = PYTHON.to_vec();
    expected.insert(3, "pkg:pypi/plimsoll-fixture@1.0.0 (no stream) (application)");
    assert_eq!(lines(&uv), expected);
    // Exports and Pipenv's lock leave out what does not belong to a group.
    for (kind, name) in [
        (FileKind::PyLock, "python/pylock.toml"),
        (FileKind::Requirements, "python/requirements.txt"),
        (FileKind::PipfileLock, "python/Pipfile.lock"),
    ] {
        let found = read_fixture(kind, name);
        let names: Vec<String> =
            found.components.iter().map(|each| format!("{}@{}", each.name, each.version)).collect();
        assert_eq!(names, ["iniconfig@2.0.0", "jinja2@3.1.2", "markupsafe@3.0.4", "setuptools@84.2.1", "zope-interface@6.0"], "{name}");
        assert_eq!((found.problems, found.incomplete), (vec![], None), "{name}");
    }
    let pipfile = read_fixture(FileKind::PipfileLock, "python/Pipfile.lock");
    assert_eq!(line(&pipfile.components[0]), PYTHON[0]);
}

#[test]
fn requirements_take_pins_and_name_the_rest() {
    let found = read_fixture(FileKind::Requirements, "python/hand.requirements.txt");
    assert_eq!(
        lines(&found),
        [
            "pkg:pypi/django@3.2.1",
            "pkg:pypi/pip@22.0?download_url=https:%2F%2Fexample.com%2Fwheels%2Fpip-22.0-py3-none-any.whl (no stream)",
            "pkg:pypi/requests@2.28.0",
            "pkg:pypi/zope-interface@6.0",
        ]
    );
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].place, "python/hand.requirements.txt: line 17");
    insta::assert_snapshot!(found.incomplete.unwrap(), @"it includes base.txt, which is read on its own if it is there; it takes constraints from constraints.txt, which were not applied; git+https://github.com/example/project.git#egg=project is installed from its source folder or repository; ./local/package.tar.gz is a file or address without a name; 4 requirements state no exact version: flask, uvicorn, numpy, attrs (from git+https://github.com/python-attrs/attrs.git@main)");
    let frozen = read_fixture(FileKind::Requirements, "python/frozen.requirements.txt");
    assert_eq!(lines(&frozen), ["pkg:pypi/iniconfig@2.0.0", "pkg:pypi/zope-interface@6.0"]);
}

#[test]
fn installed_metadata_is_one_component() {
    let found = read_fixture(FileKind::DistInfoMetadata, "python/METADATA");
    assert_eq!(lines(&found), ["pkg:pypi/iniconfig@2.0.0"]);
    let found = read_fixture(FileKind::GemSpec, "ruby/net-telnet-0.2.0.gemspec");
    assert_eq!(lines(&found), ["pkg:gem/net-telnet@0.2.0"]);
    let place = "specifications/nokogiri-1.13.3-x86_64-darwin-22.gemspec";
    let found = read(FileKind::GemSpec, place, b"").unwrap();
    assert_eq!(lines(&found), ["pkg:gem/nokogiri@1.13.3"]);
    let manifest = br#"{"name":"@scope/Thing","version":"1.0.0-rc.1","_resolved":"git+ssh://git@github.com/a/b.git#c0ffee"}"#;
    let found = read(FileKind::NodeModulesPackageJson, "p", manifest).unwrap();
    assert_eq!(
        lines(&found),
        ["pkg:npm/%40scope/thing@1.0.0-rc.1?vcs_url=git%2Bssh:%2F%2Fgit%40github.com%2Fa%2Fb.git%23c0ffee (no stream)"]
    );
}

#[test]
fn cargo_tells_crates_io_from_everything_else() {
    let expected =
        ["pkg:cargo/bitflags@1.3.2", "pkg:cargo/cfg-if@1.0.0", "pkg:cargo/plimsoll-fixture@1.0.0 (no stream) (application)"];
    assert_eq!(lines(&read_fixture(FileKind::CargoLock, "cargo/Cargo.v3.lock")), expected);
    assert_eq!(lines(&read_fixture(FileKind::CargoLock, "cargo/Cargo.v4.lock")), expected);
    assert_eq!(
        lines(&read_fixture(FileKind::CargoLock, "cargo/hand-v1.Cargo.lock")),
        [
            "pkg:cargo/bitflags@0.7.0",
            "pkg:cargo/inner@2.0.0?download_url=registry%2Bhttps:%2F%2Fcrates.example.com%2Findex (no stream)",
            "pkg:cargo/itoa@1.0.9?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Fdtolnay%2Fitoa%3Ftag%3D1.0.9%23d37b6ad6a2c4c2ce3c4ae9a2f4b5e0c1d2e3f4a5 (no stream)",
            "pkg:cargo/old-project@0.1.0 (no stream) (application)",
        ]
    );
}

#[test]
fn go_mod_replaces_excludes_and_names_what_it_cannot_know() {
    let found = read_fixture(FileKind::GoMod, "go/go.mod");
    assert_eq!(lines(&found), ["pkg:golang/github.com/google/uuid@v1.3.0", "pkg:golang/stdlib@1.21.0"]);
    let versions: Vec<&str> = found.components.iter().map(|each| each.version.as_str()).collect();
    assert_eq!(versions, ["1.3.0", "1.21.0"]);

    let found = read_fixture(FileKind::GoMod, "go/hand.go.mod");
    assert_eq!(
        lines(&found),
        [
            "pkg:golang/example.com/local@v0.0.0-00010101000000-000000000000 (no stream) (application)",
            "pkg:golang/example.com/quoted@v1.0.0",
            "pkg:golang/example.org/our/fork@v1.2.4%2Bincompatible",
            "pkg:golang/github.com/masterminds/semver/v3@v3.1.1",
            "pkg:golang/golang.org/x/text@v0.3.7",
            "pkg:golang/stdlib@1.21.0-rc.2",
        ]
    );
    // The specification wants the URL in lower case; advisories do not.
    assert_eq!(found.components[3].name, "github.com/Masterminds/semver/v3");
    let places: Vec<&str> = found.problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["go/hand.go.mod: line 30"]);
    insta::assert_snapshot!(found.incomplete.unwrap(), @"example.com/bad v1.0.0 is required and excluded, so Go takes a later one; a go.mod before Go 1.17 lists only the modules it needs directly; Go 1.21.0-rc.2 is the oldest that may build it; the build information of the program states the real one");
}

#[test]
fn java_formats_resolve_what_the_file_itself_says() {
    let found = read_fixture(FileKind::MavenPom, "java/pom.xml");
    assert_eq!(
        lines(&found),
        [
            "pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.9.0",
            "pkg:maven/commons-io/commons-io@2.6",
            "pkg:maven/junit/junit@4.12 (development)",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "pkg:maven/org.example/shop@7 (no stream) (application)",
            "pkg:maven/org.example/sibling@7 (optional)",
        ]
    );
    assert_eq!(found.components[0].name, "com.fasterxml.jackson.core:jackson-databind");
    insta::assert_snapshot!(found.incomplete.unwrap(), @"it imports versions from a bill of materials, which was not read; org.example:loop has no exact version: ${circle}; org.example:range has no exact version: [1.0,2.0); org.springframework:spring-core takes its version from elsewhere; its parent org.example:parent was not read; a pom.xml names direct dependencies only");
    assert_eq!(
        lines(&read_fixture(FileKind::GradleLock, "java/gradle.lockfile")),
        [
            "pkg:maven/ch.qos.logback/logback-classic@1.2.3",
            "pkg:maven/junit/junit@4.12 (development)",
            "pkg:maven/org.projectlombok/lombok@1.18.24 (development)",
        ]
    );
    let found = read_fixture(FileKind::GradleVerification, "java/verification-metadata.xml");
    assert_eq!(lines(&found), ["pkg:maven/com.google.guava/guava@30.1-jre"]);
    assert_eq!((found.problems.len(), found.incomplete.is_some()), (1, true));
}

#[test]
fn dotnet_ruby_and_php() {
    let found = read_fixture(FileKind::NugetLock, "nuget/packages.lock.json");
    assert_eq!(lines(&found), ["pkg:nuget/Newtonsoft.Json@12.0.1", "pkg:nuget/System.Text.Encodings.Web@4.5.0"]);
    assert_eq!(found.components[0].name, "newtonsoft.json");
    assert_eq!(found.problems[0].place, "nuget/packages.lock.json: damaged");
    assert_eq!(
        lines(&read_fixture(FileKind::NugetPackagesConfig, "nuget/packages.config")),
        ["pkg:nuget/jQuery@3.1.1", "pkg:nuget/NUnit@3.10.1 (development)"]
    );
    assert_eq!(
        lines(&read_fixture(FileKind::NugetDepsJson, "nuget/shop.deps.json")),
        [
            "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@6.0.1",
            "pkg:nuget/Newtonsoft.Json@12.0.1",
            "pkg:nuget/shop@1.0.0 (no stream) (application)",
        ]
    );
    let found = read_fixture(FileKind::NugetProject, "nuget/shop.csproj");
    assert_eq!(
        lines(&found),
        ["pkg:nuget/Newtonsoft.Json@12.0.1", "pkg:nuget/Serilog@2.10.0", "pkg:nuget/StyleCop.Analyzers@1.1.118 (development)"]
    );
    insta::assert_snapshot!(found.incomplete.unwrap(), @"Floating has no exact version: 1.*; Central takes its version from elsewhere; a project file names direct dependencies only");
    assert_eq!(
        lines(&read_fixture(FileKind::GemfileLock, "ruby/Gemfile.lock")),
        ["pkg:gem/net-telnet@0.2.0", "pkg:gem/rake@13.0.6", "pkg:gem/webrick@1.8.1", "pkg:gem/xmlrpc@0.3.2"]
    );
    let composer =
        ["pkg:composer/monolog/monolog@2.9.1", "pkg:composer/psr/cache@3.0.0 (development)", "pkg:composer/psr/log@1.1.4"];
    assert_eq!(lines(&read_fixture(FileKind::ComposerLock, "php/composer.lock")), composer);
    assert_eq!(
        lines(&read_fixture(FileKind::ComposerInstalled, "php/installed.json")),
        [composer[0], composer[1], "pkg:composer/shop/core@dev-main (no stream) (application)"]
    );
}

#[test]
fn addresses_aliases_and_workspaces_of_yarn_and_pnpm() {
    let yarn = br#"# yarn lockfile v1


"@scope/a@^1", "@scope/a@>=1 <2":
  version "1.2.3"
  resolved "https://registry.yarnpkg.com/@scope/a/-/a-1.2.3.tgz#00"

forked@example/forked:
  version "2.0.0"
  resolved "https://codeload.github.com/example/forked/tar.gz/c0ffee"

"beside@file:../beside":
  version "0.1.0"

"broken@^1":
  resolved "https://registry.yarnpkg.com/broken/-/broken-1.0.0.tgz#00"
"#;
    let found = read(FileKind::YarnLock, "yarn.lock", yarn).unwrap();
    assert_eq!(
        lines(&found),
        [
            "pkg:npm/%40scope/a@1.2.3",
            "pkg:npm/beside@0.1.0 (no stream) (application)",
            "pkg:npm/forked@2.0.0?download_url=https:%2F%2Fcodeload.github.com%2Fexample%2Fforked%2Ftar.gz%2Fc0ffee (no stream)",
        ]
    );
    assert_eq!(found.problems[0].place, "yarn.lock: broken@");

    let pnpm = b"lockfileVersion: 5.3\npackages:\n  /@a/b/1.0.0_peer@2.0.0+x@1.0.0:\n    dev: true\n  /c/2.0.0-rc.1_react@17.0.0:\n    optional: true\n  github.com/example/d/c0ffee:\n    resolution: {tarball: 'https://codeload.github.com/example/d/tar.gz/c0ffee'}\n    name: d\n    version: 3.0.0\n  bad/key: {}\n";
    let found = read(FileKind::PnpmLock, "pnpm-lock.yaml", pnpm).unwrap();
    assert_eq!(
        lines(&found),
        [
            "pkg:npm/%40a/b@1.0.0 (development)",
            "pkg:npm/c@2.0.0-rc.1 (optional)",
            "pkg:npm/d@3.0.0?download_url=https:%2F%2Fcodeload.github.com%2Fexample%2Fd%2Ftar.gz%2Fc0ffee (no stream)",
        ]
    );
    assert_eq!(found.problems[0].place, "pnpm-lock.yaml: bad/key");
}
