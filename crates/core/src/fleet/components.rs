//! Distinct components: what evaluation looks at, once, under a number.

use super::members::{Members, read_number, write_number};
use super::size;
use crate::model::component::{Component, ComponentKind, KernelRole};
use crate::model::problem::Problem;
use crate::model::stream::Stream;
use std::collections::HashMap;
use std::sync::Arc;

/// Longest text of one field that is kept, in bytes: no package system has
/// longer ones, and a hostile report shall not fill the memory of a server.
pub const FIELD_LIMIT: usize = 4096;

/// One distinct component and who has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Distinct {
    /// Its identity; none for a number that waits to be used again.
    identity: Option<Arc<[u8]>>,
    /// Bases that contain it, ascending.
    pub(super) bases: Vec<u32>,
    /// Hosts that have it beyond their base.
    pub(super) added: Members,
    /// Hosts that lack it although their base has it.
    pub(super) removed: Members,
}

/// All distinct components.
#[derive(Debug, Default)]
pub(super) struct Components {
    list: Vec<Distinct>,
    // The keys of a hash table are chosen at random by the standard library,
    // so that no report can be made to collide; nothing iterates over it.
    numbers: HashMap<Arc<[u8]>, u32>,
    free: Vec<u32>,
}

impl Components {
    /// The number of a component, and whether it is new.
    pub(super) fn number(&mut self, identity: &[u8]) -> (u32, bool) {
        if let Some(&number) = self.numbers.get(identity) {
            return (number, false);
        }
        let identity: Arc<[u8]> = identity.into();
        let distinct = Distinct { identity: Some(Arc::clone(&identity)), ..Distinct::default() };
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.list.push(Distinct::default());
                (self.list.len() - 1) as u32
            }
        };
        if let Some(place) = self.list.get_mut(number as usize) {
            *place = distinct;
        }
        self.numbers.insert(identity, number);
        (number, true)
    }

    /// Identities by number; an empty one is a number that is free.
    pub(super) fn keep(&self) -> Vec<Vec<u8>> {
        self.list.iter().map(|one| one.identity.as_deref().unwrap_or_default().to_vec()).collect()
    }

    /// What [`Self::keep`] gave, with nobody who has any of it; none where an
    /// identity cannot be read or stands twice.
    pub(super) fn restore(identities: Vec<Vec<u8>>) -> Option<Self> {
        let mut out = Self::default();
        for (number, identity) in identities.into_iter().enumerate() {
            let number = u32::try_from(number).ok()?;
            let mut distinct = Distinct::default();
            if identity.is_empty() {
                out.free.push(number);
            } else {
                read(&identity)?;
                let identity: Arc<[u8]> = identity.into();
                distinct.identity = Some(Arc::clone(&identity));
                out.numbers.insert(identity, number).is_none().then_some(())?;
            }
            out.list.push(distinct);
        }
        Some(out)
    }

    /// Numbers there are, free ones included.
    pub(super) fn places(&self) -> usize {
        self.list.len()
    }

    /// Whether a number stands for a component.
    pub(super) fn is_used(&self, number: u32) -> bool {
        self.get(number).is_some_and(|one| one.identity.is_some())
    }

    /// One component's entry, to be changed, where the number is in use.
    pub(super) fn used_mut(&mut self, number: u32) -> Option<&mut Distinct> {
        self.get_mut(number).filter(|one| one.identity.is_some())
    }

    /// One component's entry.
    pub(super) fn get(&self, number: u32) -> Option<&Distinct> {
        self.list.get(number as usize)
    }

    /// One component's entry, to be changed.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Distinct> {
        self.list.get_mut(number as usize)
    }

    /// The component without what evaluation does not look at.
    pub(super) fn component(&self, number: u32) -> Option<Component> {
        read(self.get(number)?.identity.as_deref()?)
    }

    /// Whether nobody has it any more.
    pub(super) fn is_unused(&self, number: u32) -> bool {
        self.get(number).is_some_and(|one| one.identity.is_some() && one.bases.is_empty() && one.added.is_empty())
    }

    /// Forgets a component that nobody has.
    pub(super) fn forget(&mut self, number: u32) {
        let Some(place) = self.list.get_mut(number as usize) else { return };
        if let Some(identity) = std::mem::take(place).identity {
            self.numbers.remove(&identity);
            self.free.push(number);
        }
    }

    /// Numbers in use, ascending.
    pub(super) fn used(&self) -> impl Iterator<Item = u32> + '_ {
        self.list.iter().enumerate().filter(|(_, one)| one.identity.is_some()).map(|(number, _)| number as u32)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len() - self.free.len()
    }

    /// Bytes it takes.
    pub(super) fn heap(&self) -> usize {
        let parts = self.list.iter().map(|one| {
            // Two counters stand before the bytes of an `Arc`.
            let identity = one.identity.as_ref().map_or(0, |bytes| size::block(bytes.len() + 16));
            identity + size::buffer(&one.bases) + one.added.heap() + one.removed.heap()
        });
        parts.sum::<usize>()
            + size::buffer(&self.list)
            + size::buffer(&self.free)
            + size::table::<Arc<[u8]>, u32>(self.numbers.capacity())
    }
}

const SOURCE_IS_NAME: u8 = 1;
const SOURCE_VERSION_IS_VERSION: u8 = 2;

/// Writes what distinguishes a component for evaluation: everything that
/// [`crate::phases::evaluate::decide`] reads of it.
///
/// Left out are the locations, the licence, the scope and the hold: they differ from host to
/// host and change no verdict.
pub(super) fn write(component: &Component, out: &mut Vec<u8>) {
    out.clear();
    let same = |option: &Option<String>, other: &str| option.as_deref() == Some(other);
    let source_is_name = same(&component.source, &component.name);
    let version_is_same = same(&component.source_version, &component.version);
    out.push(kind_code(component.kind));
    out.push(role_code(component.kernel));
    out.push((u8::from(source_is_name) * SOURCE_IS_NAME) | (u8::from(version_is_same) * SOURCE_VERSION_IS_VERSION));
    let mut put = |text: Option<&str>| match text {
        None => write_number(out, 0),
        Some(text) => {
            write_number(out, text.len() as u32 + 1);
            out.extend_from_slice(text.as_bytes());
        }
    };
    put(component.stream.as_ref().map(Stream::as_str));
    put(Some(&component.name));
    put(Some(&component.version));
    put(Some(&component.purl));
    put(component.arch.as_deref());
    put(component.source.as_deref().filter(|_| !source_is_name));
    put(component.source_version.as_deref().filter(|_| !version_is_same));
    put(component.vendor.as_deref());
    put(component.origin.as_deref());
    put(component.module.as_deref());
}

/// Reads what [`write`] wrote.
fn read(mut bytes: &[u8]) -> Option<Component> {
    let (head, rest) = bytes.split_at_checked(3)?;
    let &[kind, role, flags] = head else { return None };
    bytes = rest;
    let mut take = || -> Option<Option<String>> {
        let length = read_number(&mut bytes)?;
        let Some(length) = length.checked_sub(1) else { return Some(None) };
        let (text, rest) = bytes.split_at_checked(length as usize)?;
        bytes = rest;
        Some(Some(String::from_utf8_lossy(text).into_owned()))
    };
    let stream = take()?.map(|name| Stream::from_stored(&name));
    let name = take()??;
    let version = take()??;
    let purl = take()??;
    let arch = take()?;
    let source = take()?.or_else(|| (flags & SOURCE_IS_NAME != 0).then(|| name.clone()));
    let source_version = take()?.or_else(|| (flags & SOURCE_VERSION_IS_VERSION != 0).then(|| version.clone()));
    let (vendor, origin, module) = (take()?, take()?, take()?);
    Some(Component {
        purl,
        stream,
        name,
        version,
        arch,
        source,
        source_version,
        kind: *KINDS.get(usize::from(kind))?,
        vendor,
        origin,
        module,
        kernel: *ROLES.get(usize::from(role))?,
        ..Component::default()
    })
}

const KINDS: [ComponentKind; 10] = [
    ComponentKind::Package,
    ComponentKind::Library,
    ComponentKind::Application,
    ComponentKind::Kernel,
    ComponentKind::KernelHeaders,
    ComponentKind::Firmware,
    ComponentKind::Hardware,
    ComponentKind::OperatingSystem,
    ComponentKind::Container,
    ComponentKind::File,
];

fn kind_code(kind: ComponentKind) -> u8 {
    match kind {
        ComponentKind::Package => 0,
        ComponentKind::Library => 1,
        ComponentKind::Application => 2,
        ComponentKind::Kernel => 3,
        ComponentKind::KernelHeaders => 4,
        ComponentKind::Firmware => 5,
        ComponentKind::Hardware => 6,
        ComponentKind::OperatingSystem => 7,
        ComponentKind::Container => 8,
        ComponentKind::File => 9,
    }
}

const ROLES: [Option<KernelRole>; 4] =
    [None, Some(KernelRole::Running), Some(KernelRole::NextBoot), Some(KernelRole::Idle)];

fn role_code(role: Option<KernelRole>) -> u8 {
    match role {
        None => 0,
        Some(KernelRole::Running) => 1,
        Some(KernelRole::NextBoot) => 2,
        Some(KernelRole::Idle) => 3,
    }
}

/// Refuses a component with a text longer than [`FIELD_LIMIT`].
pub(super) fn check(component: &Component) -> Result<(), Problem> {
    let stream = component.stream.as_ref().map(Stream::as_str);
    let options = [&component.arch, &component.source, &component.source_version, &component.vendor, &component.origin, &component.module];
    let texts = [Some(component.name.as_str()), Some(&component.version), Some(&component.purl), stream];
    let longest = texts.into_iter().chain(options.map(Option::as_deref)).flatten().map(str::len).max().unwrap_or(0);
    if longest <= FIELD_LIMIT {
        return Ok(());
    }
    Err(Problem::new(
        "E-LIMIT",
        &component.name,
        format!("the component has a field of {longest} bytes; at most {FIELD_LIMIT} are taken"),
        "look at this package on the host itself; no package system writes such a field",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn component() -> impl Strategy<Value = Component> {
        let option = || proptest::option::of("[a-zé:\\x00 ]{0,6}");
        let texts = ("[a-c]{0,3}", "[0-2]{0,3}", "pkg:[a-c@/]{0,8}");
        let options = (option(), option(), option(), option(), option(), option(), option());
        (texts, options, 0..10usize, 0..4usize).prop_map(|((name, version, purl), options, kind, role)| {
            let (stream, arch, source, source_version, vendor, origin, module) = options;
            Component {
                purl,
                stream: stream.map(|stream| Stream::from_stored(&stream)),
                name,
                version,
                arch,
                source,
                source_version,
                kind: KINDS[kind],
                vendor,
                origin,
                module,
                kernel: ROLES[role],
                ..Component::default()
            }
        })
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(component in component()) {
            let mut bytes = Vec::new();
            write(&component, &mut bytes);
            prop_assert_eq!(read(&bytes), Some(component));
        }

        #[test]
        fn two_components_never_share_their_bytes(one in component(), other in component()) {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            write(&one, &mut first);
            write(&other, &mut second);
            prop_assert_eq!(first == second, one == other);
        }
    }
}
