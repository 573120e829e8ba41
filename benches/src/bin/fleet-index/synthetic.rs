//! Hosts as they are: few images, patched in waves, drifted one by one.
//!
//! Forty images share the streams that have the most records; their sizes
//! follow Zipf. An image has its packages from its stream's records (where a
//! stream has fewer, from its family's others, which no rule then concerns)
//! and goes through twelve waves of patches; hosts stand evenly over all of
//! them, which is wider than a cared-for fleet. Every host then has a share
//! of its packages at another version, lacks two and has two more, drawn for
//! it alone: no two hosts are alike. Numbers are given in the order of
//! joining, so neighbours in number have nothing in common.

use crate::records::Released;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::stream::Stream;
use plimsoll_version::key;

/// Images.
const IMAGES: usize = 40;
/// Waves of patches.
const WAVES: u64 = 12;
/// Packages that a host lacks, and has more.
const ODD: u64 = 2;

/// Numbers by chance, the same every time (SplitMix64).
pub struct Chance(u64);

impl Chance {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % limit.max(1)
    }
}

/// One package of an image.
struct Slot {
    /// Its versions in the pool, oldest first.
    versions: Vec<u32>,
    /// When within a wave it is patched.
    phase: u64,
}

impl Slot {
    fn at(&self, wave: u64) -> u32 {
        let count = self.versions.len() as u64;
        let index = ((wave * count + self.phase) / WAVES).min(count - 1);
        self.versions[index as usize]
    }
}

struct Image {
    slots: Vec<Slot>,
    /// Slots with more than one version.
    movable: Vec<usize>,
    /// Packages that are not on the image.
    others: Vec<Slot>,
}

/// The images and every component that a host may have.
pub struct Synthetic {
    pool: Vec<Component>,
    images: Vec<Image>,
    shares: Vec<u64>,
    drift: u64,
    packages: u64,
}

impl Synthetic {
    /// Makes the images.
    pub fn new(released: &Released, packages: usize, drift_in_thousand: u64) -> Result<Self, String> {
        let mut chance = Chance::new(0x0dd_f1ee);
        let mut streams: Vec<&String> = released.keys().collect();
        streams.sort_by_key(|stream| (std::cmp::Reverse(released.get(*stream).map_or(0, |names| names.len())), *stream));
        streams.truncate(10);
        if streams.is_empty() {
            return Err("the records name no released versions".to_owned());
        }
        let mut out = Self { pool: Vec::new(), images: Vec::new(), shares: Vec::new(), drift: drift_in_thousand, packages: packages as u64 };
        for number in 0..IMAGES {
            let stream = streams[number % streams.len()];
            // Streams come round with another architecture each time.
            let arch = ["x86_64", "aarch64"][number / streams.len() % 2];
            let image = out.image(released, stream, arch, packages, &mut chance);
            out.images.push(image);
            out.shares.push(1_000_000 / (number as u64 + 1));
        }
        Ok(out)
    }

    fn image(&mut self, released: &Released, stream: &str, arch: &str, packages: usize, chance: &mut Chance) -> Image {
        let family = stream.split(':').next().unwrap_or(stream);
        let own = released.get(stream).into_iter().flatten();
        let mut chosen: Vec<(&String, Vec<&String>)> = own.map(|(name, versions)| (name, versions.iter().collect())).collect();
        shuffle(&mut chosen, chance);
        chosen.truncate(packages + packages / 10);
        let siblings = released.iter().filter(|(other, _)| other.as_str() != stream && other.starts_with(family));
        let siblings = siblings.flat_map(|(_, names)| names.iter());
        for (name, versions) in siblings {
            if chosen.len() >= packages + packages / 10 {
                break;
            }
            if !chosen.iter().any(|(known, _)| *known == name) {
                chosen.push((name, versions.iter().collect()));
            }
        }
        let mut slots: Vec<Slot> = chosen.into_iter().map(|(name, versions)| self.slot(stream, arch, name, versions, chance)).collect();
        let others = slots.split_off(packages.min(slots.len() * 10 / 11));
        let movable = slots.iter().enumerate().filter(|(_, slot)| slot.versions.len() > 1).map(|(at, _)| at).collect();
        Image { slots, movable, others }
    }

    fn slot(&mut self, stream: &str, arch: &str, name: &str, mut versions: Vec<&String>, chance: &mut Chance) -> Slot {
        let stream = Stream::from_stored(stream);
        let scheme = stream.scheme();
        versions.sort_by_cached_key(|version| scheme.and_then(|scheme| key(scheme, version).ok()));
        let first = self.pool.len() as u32;
        let debian = stream.family() == "debian";
        let kind = if debian { "deb" } else { "rpm" };
        let arch = if debian { ["amd64", "arm64"][usize::from(arch == "aarch64")] } else { arch };
        self.pool.extend(versions.iter().map(|version| Component {
            purl: format!("pkg:{kind}/{}/{name}@{version}?arch={arch}&distro={stream}", stream.family()),
            stream: Some(stream.clone()),
            name: name.to_owned(),
            version: (*version).clone(),
            arch: Some(arch.to_owned()),
            source: Some(name.to_owned()),
            source_version: Some((*version).clone()),
            vendor: (!debian).then(|| "AlmaLinux".to_owned()),
            origin: debian.then(|| format!("Debian-Security:{stream}")),
            ..Component::default()
        }));
        Slot { versions: (first..self.pool.len() as u32).collect(), phase: chance.below(WAVES) }
    }

    /// A component of the pool.
    pub fn component(&self, number: u32) -> &Component {
        &self.pool[number as usize]
    }

    /// What one host has; `out` is filled anew.
    pub fn host(&self, chance: &mut Chance, out: &mut Vec<u32>) {
        out.clear();
        let mut point = chance.below(self.shares.iter().sum());
        let place = self.shares.iter().position(|share| {
            let here = point < *share;
            point = point.saturating_sub(*share);
            here
        });
        let image = &self.images[place.unwrap_or(0)];
        let wave = chance.below(WAVES);
        out.extend(image.slots.iter().map(|slot| slot.at(wave)));
        for _ in 0..self.packages * self.drift / 1000 {
            let Some(&at) = image.movable.get(chance.below(image.movable.len() as u64) as usize) else { break };
            let versions = &image.slots[at].versions;
            out[at] = versions[chance.below(versions.len() as u64) as usize];
        }
        for _ in 0..ODD {
            out.swap_remove(chance.below(out.len() as u64) as usize);
        }
        for _ in 0..ODD {
            if let Some(slot) = image.others.get(chance.below(image.others.len() as u64) as usize) {
                out.push(slot.at(wave));
            }
        }
    }

    /// Puts some packages of a host to another version of themselves.
    pub fn patch(&self, host: &mut [u32], chance: &mut Chance, count: usize) {
        for _ in 0..count {
            let at = chance.below(host.len() as u64) as usize;
            let old = host[at];
            let mut slots = self.images.iter().flat_map(|image| image.slots.iter().chain(&image.others));
            let slot = slots.find(|slot| slot.versions.binary_search(&old).is_ok());
            let next = slot.and_then(|slot| slot.versions.last());
            host[at] = next.copied().unwrap_or(old);
        }
    }
}

fn shuffle<T>(list: &mut [T], chance: &mut Chance) {
    for at in (1..list.len()).rev() {
        list.swap(at, chance.below(at as u64 + 1) as usize);
    }
}
