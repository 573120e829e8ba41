//! Which file is of which format: by its name, its folder's name, or its
//! first bytes.

/// A format that [`read`](super::read) understands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileKind {
    /// `Cargo.lock`, versions 1 to 4.
    CargoLock,
    /// npm's `package-lock.json`, versions 1 to 3.
    NpmPackageLock,
    /// `npm-shrinkwrap.json`; the same format, published with a package.
    NpmShrinkwrap,
    /// `package.json` of a package installed in `node_modules`.
    NodeModulesPackageJson,
    /// `yarn.lock` of Yarn 1 (classic) and of Yarn 2 and later (berry).
    YarnLock,
    /// `pnpm-lock.yaml`, versions 5 to 9.
    PnpmLock,
    /// `bun.lock`, JSON with comments and trailing commas.
    BunLock,
    /// `bun.lockb`, Bun's older binary format: refused with the way out.
    BunLockBinary,
    /// pip's `requirements.txt` and its relatives.
    Requirements,
    /// `poetry.lock`.
    PoetryLock,
    /// `uv.lock`.
    UvLock,
    /// `Pipfile.lock`.
    PipfileLock,
    /// `pylock.toml` (PEP 751).
    PyLock,
    /// `*.dist-info/METADATA` of an installed Python package.
    DistInfoMetadata,
    /// `*.egg-info/PKG-INFO` or a single file `*.egg-info`.
    EggInfo,
    /// `go.mod`.
    GoMod,
    /// A program: Go build information, cargo-auditable data, or neither.
    Executable,
    /// `pom.xml`.
    MavenPom,
    /// `gradle.lockfile`, or one of the older `gradle/dependency-locks/*.lockfile`.
    GradleLock,
    /// `buildscript-gradle.lockfile`: needed by the build only.
    GradleBuildscriptLock,
    /// `gradle/verification-metadata.xml`.
    GradleVerification,
    /// A JAR, WAR, EAR or Jenkins plugin.
    Jar,
    /// `Gemfile.lock` or `gems.locked`.
    GemfileLock,
    /// `specifications/*.gemspec` of an installed gem.
    GemSpec,
    /// `composer.lock`.
    ComposerLock,
    /// `vendor/composer/installed.json`.
    ComposerInstalled,
    /// NuGet's `packages.lock.json`.
    NugetLock,
    /// NuGet's older `packages.config`.
    NugetPackagesConfig,
    /// `*.deps.json` beside a published .NET program.
    NugetDepsJson,
    /// `obj/project.assets.json` of a restored .NET project.
    NugetAssets,
    /// `*.csproj` and relatives, or `Directory.Packages.props`.
    NugetProject,
}

impl FileKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 31] = [
        Self::CargoLock,
        Self::NpmPackageLock,
        Self::NpmShrinkwrap,
        Self::NodeModulesPackageJson,
        Self::YarnLock,
        Self::PnpmLock,
        Self::BunLock,
        Self::BunLockBinary,
        Self::Requirements,
        Self::PoetryLock,
        Self::UvLock,
        Self::PipfileLock,
        Self::PyLock,
        Self::DistInfoMetadata,
        Self::EggInfo,
        Self::GoMod,
        Self::Executable,
        Self::MavenPom,
        Self::GradleLock,
        Self::GradleBuildscriptLock,
        Self::GradleVerification,
        Self::Jar,
        Self::GemfileLock,
        Self::GemSpec,
        Self::ComposerLock,
        Self::ComposerInstalled,
        Self::NugetLock,
        Self::NugetPackagesConfig,
        Self::NugetDepsJson,
        Self::NugetAssets,
        Self::NugetProject,
    ];

    /// Whether the file tells what is really there (installed or built in),
    /// as against what a project asks for.
    pub fn is_installed(self) -> bool {
        matches!(
            self,
            Self::NodeModulesPackageJson
                | Self::DistInfoMetadata
                | Self::EggInfo
                | Self::Executable
                | Self::Jar
                | Self::GemSpec
                | Self::ComposerInstalled
                | Self::NugetDepsJson
        )
    }
}

/// Tells which reader a file of this path needs, if any.
///
/// Looks at the file's name and, where that is too common, at the folders
/// above it; either kind of slash separates. [`FileKind::Executable`] is never
/// an answer here: ask [`recognise_binary`].
pub fn recognise(path: &str) -> Option<FileKind> {
    let mut parts = path.rsplit(['/', '\\']);
    let name = parts.next()?;
    let folder = parts.next().unwrap_or_default();
    let above = parts.next().unwrap_or_default();
    let kind = match name {
        "Cargo.lock" => FileKind::CargoLock,
        "package-lock.json" => FileKind::NpmPackageLock,
        "npm-shrinkwrap.json" => FileKind::NpmShrinkwrap,
        "yarn.lock" => FileKind::YarnLock,
        "pnpm-lock.yaml" => FileKind::PnpmLock,
        "bun.lock" => FileKind::BunLock,
        "bun.lockb" => FileKind::BunLockBinary,
        "poetry.lock" => FileKind::PoetryLock,
        "uv.lock" => FileKind::UvLock,
        "Pipfile.lock" => FileKind::PipfileLock,
        "METADATA" if folder.ends_with(".dist-info") => FileKind::DistInfoMetadata,
        "PKG-INFO" if folder.ends_with(".egg-info") || folder == "EGG-INFO" => FileKind::EggInfo,
        "go.mod" => FileKind::GoMod,
        "pom.xml" => FileKind::MavenPom,
        "gradle.lockfile" => FileKind::GradleLock,
        "buildscript-gradle.lockfile" => FileKind::GradleBuildscriptLock,
        "verification-metadata.xml" if folder == "gradle" => FileKind::GradleVerification,
        "Gemfile.lock" | "gems.locked" => FileKind::GemfileLock,
        "composer.lock" => FileKind::ComposerLock,
        "installed.json" if folder == "composer" => FileKind::ComposerInstalled,
        "packages.lock.json" => FileKind::NugetLock,
        "packages.config" => FileKind::NugetPackagesConfig,
        "project.assets.json" => FileKind::NugetAssets,
        "Directory.Packages.props" => FileKind::NugetProject,
        "package.json" if is_package_folder(path) => FileKind::NodeModulesPackageJson,
        _ => return by_ending(name, folder, above),
    };
    Some(kind)
}

fn by_ending(name: &str, folder: &str, above: &str) -> Option<FileKind> {
    let (stem, ending) = name.rsplit_once('.')?;
    let kind = match ending {
        "jar" | "war" | "ear" | "jpi" | "hpi" => FileKind::Jar,
        "csproj" | "fsproj" | "vbproj" => FileKind::NugetProject,
        "egg-info" => FileKind::EggInfo,
        "gemspec" if folder == "specifications" || above == "specifications" => FileKind::GemSpec,
        "lockfile" if folder == "dependency-locks" => FileKind::GradleLock,
        "json" if stem.ends_with(".deps") => FileKind::NugetDepsJson,
        "toml" if stem == "pylock" || stem.starts_with("pylock.") => FileKind::PyLock,
        "txt" if stem.starts_with("requirements") || stem.ends_with("requirements") => FileKind::Requirements,
        "txt" if folder == "requirements" => FileKind::Requirements,
        _ => return None,
    };
    Some(kind)
}

/// Whether a `package.json` is that of an installed package and not one of
/// the many others inside it (`node_modules/name/esm/package.json`).
fn is_package_folder(path: &str) -> bool {
    let folders: Vec<&str> = path.split(['/', '\\']).collect();
    match folders.as_slice() {
        [.., "node_modules", scope, _, _] => scope.starts_with('@'),
        [.., "node_modules", name, _] => !name.starts_with(['@', '.']),
        _ => false,
    }
}

/// Tells by its first bytes whether a file is an executable (ELF, PE, Mach-O)
/// that may carry build information.
///
/// Eight bytes are enough. A Java class file shares its magic number with
/// Mach-O's universal files and is told apart by the number that follows.
pub fn recognise_binary(first: &[u8]) -> bool {
    match first {
        [0x7f, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] => true,
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => true,
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, count, ..] => (1..=40).contains(count),
        _ => false,
    }
}
