//! **Presets**: what outside rules demand, as dated policy files.

/// One preset.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name, for `extends` and the command line.
    pub name: &'static str,
    /// The policy file; title, source, date and status stand in it.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        /// Every preset, by name.
        pub const PRESETS: &[Preset] = &[
            $(Preset { name: $name, text: include_str!(concat!("presets/", $name, ".toml")) }),*
        ];
    };
}

presets![
    "cis-v8",
    "cisa-bod-26-04",
    "cyber-essentials-3.3",
    "dora",
    "essential-eight-ml1",
    "essential-eight-ml2",
    "essential-eight-ml3",
    "fedramp-rev5-legacy",
    "fedramp-vdr-2026",
    "generic-30-90",
    "hipaa-nprm",
    "iso-27001-a.8.8",
    "legacy-bod-19-02",
    "legacy-bod-22-01",
    "nerc-cip-007-6",
    "nis2-2024-2690",
    "pci-dss-4.0.1",
    "samm",
    "ssvc-deployer",
];

/// The text of a preset.
pub fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.text)
}
