//! **Classes** of software: regimes give online services, office programs,
//! operating systems and firmware different days.

use crate::model::component::{Component, ComponentKind};
use std::collections::BTreeMap;

/// A class of software.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentClass {
    /// Part of the operating system.
    OperatingSystem,
    /// A kernel.
    Kernel,
    /// A service that is reached over networks.
    OnlineService,
    /// Office suites, browsers and extensions, mail clients, PDF, security
    /// products.
    Office,
    /// Any other application.
    Application,
    /// A language library.
    Library,
    /// A driver.
    Driver,
    /// Firmware or microcode.
    Firmware,
}

/// Words of the classes, in the order of [`ComponentClass`].
pub const WORDS: [&str; 8] = [
    "operating-system",
    "kernel",
    "online-service",
    "office",
    "application",
    "library",
    "driver",
    "firmware",
];

impl ComponentClass {
    /// All classes.
    pub const ALL: [Self; 8] = [
        Self::OperatingSystem,
        Self::Kernel,
        Self::OnlineService,
        Self::Office,
        Self::Application,
        Self::Library,
        Self::Driver,
        Self::Firmware,
    ];

    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        WORDS.get(self as usize).copied().unwrap_or("application")
    }

    /// Reads the policy's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

/// Names of packages by class: whole names, or prefixes written `name*`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ComponentClasses {
    exact: BTreeMap<String, ComponentClass>,
    prefixes: Vec<(String, ComponentClass)>,
}

/// What a class rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClassFrom {
    /// The list of names.
    Names,
    /// The kind of component, as the inventory knows it.
    Kind,
    /// Nothing better: a distribution's package that no list names counts as
    /// part of the operating system.
    Default,
}

impl ComponentClasses {
    /// Adds a name or prefix; later ones win over earlier ones of the same
    /// spelling.
    pub fn add(&mut self, name: &str, class: ComponentClass) {
        match name.strip_suffix('*') {
            Some(prefix) => {
                self.prefixes.retain(|(known, _)| known != prefix);
                self.prefixes.push((prefix.to_owned(), class));
                // The longest prefix says most.
                self.prefixes.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
            }
            None => {
                self.exact.insert(name.to_owned(), class);
            }
        }
    }

    /// The class that a name has by the lists; none where no list has it.
    pub fn named(&self, name: &str) -> Option<ComponentClass> {
        self.exact.get(name).copied().or_else(|| {
            self.prefixes
                .iter()
                .find(|(prefix, _)| name.starts_with(prefix.as_str()))
                .map(|(_, class)| *class)
        })
    }

    /// The class of a distribution's package of which the name is all that is
    /// known, as in a deployment package.
    pub fn of_name(&self, name: &str) -> ComponentClass {
        const KERNELS: [&str; 4] = ["linux-image-", "kernel-core", "kernel-modules", "kernel-uek"];
        const FIRMWARE: [&str; 4] = ["firmware-", "linux-firmware", "intel-microcode", "amd64-microcode"];
        let is = |prefixes: [&str; 4]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        match self.named(name) {
            Some(class) => class,
            None if name == "kernel" || is(KERNELS) => ComponentClass::Kernel,
            None if name == "microcode_ctl" || is(FIRMWARE) => ComponentClass::Firmware,
            None => ComponentClass::OperatingSystem,
        }
    }

    /// The class of a component, by its binary name, then its source name,
    /// then its kind.
    pub fn of(&self, component: &Component) -> (ComponentClass, ClassFrom) {
        if component.kernel.is_some() {
            return (ComponentClass::Kernel, ClassFrom::Kind);
        }
        let by_name = self
            .named(&component.name)
            .or_else(|| component.source.as_deref().and_then(|source| self.named(source)));
        if let Some(class) = by_name {
            return (class, ClassFrom::Names);
        }
        match component.kind {
            ComponentKind::Package => (ComponentClass::OperatingSystem, ClassFrom::Default),
            ComponentKind::Library => (ComponentClass::Library, ClassFrom::Kind),
            ComponentKind::Application | ComponentKind::Container | ComponentKind::File => {
                (ComponentClass::Application, ClassFrom::Kind)
            }
            ComponentKind::Kernel => (ComponentClass::Kernel, ClassFrom::Kind),
            ComponentKind::KernelHeaders | ComponentKind::OperatingSystem => {
                (ComponentClass::OperatingSystem, ClassFrom::Kind)
            }
            ComponentKind::Firmware | ComponentKind::Hardware => (ComponentClass::Firmware, ClassFrom::Kind),
        }
    }
}
