//! Versions to test with: real ones, mutated the way that reaches the odd corners of every scheme.

use plimsoll_version::Scheme;

use super::vectors;

/// Real versions of several kinds, for machines without the vectors.
const SEEDS: &[&str] = &[
    "0",
    "1",
    "1.0",
    "1.0.0",
    "1.2.3-4",
    "2:8.9.1-1.1+deb12u1",
    "1:9.18.19-1~deb12u1",
    "0.9.8c-4etch3+m68k1",
    "5.10.0~rc4-2",
    "1.0^20240101git-3.fc40",
    "32:9.16.23-11.el9_2.1",
    "3.10.0-229.1.2.ael7b",
    "1.06-r6",
    "1.9.5p1-r1",
    "2.9.11_pre20061021-r2",
    "1.2.3-alpha.1+build.5",
    "v1.21.0-rc.2",
    "go1.21rc2",
    "1.0-alpha-1-SNAPSHOT",
    "2.0.1.Final",
    "1!2.0rc1.post2.dev3+local.4",
    "1.0.a.10",
    "1.0RC1",
    "dev-master",
    "1.0.0.1-BETA.x",
    "20240101",
    "1.0.0-1",
    "2.0.1+cu118",
    "6.1.0rc3",
    "0.0.0-20190101000000-abcdef123456",
];

const CHARACTERS: &[char] = &[
    '0', '1', '2', '9', '0', '1', '.', '.', '-', '-', '+', '~', '^', ':', '_', 'a', 'b', 'c', 'r',
    'p', 'z', 'A', 'Z', '!', '#', '*', 'α',
];

const ENDS: &[&str] = &[
    "~rc1",
    "~",
    "^",
    "^git1",
    "+deb12u1",
    "+b1",
    "-1",
    "-0",
    ".0",
    ".0.1",
    "-r1",
    "_rc1",
    "_p2",
    "-alpha",
    "-SNAPSHOT",
    ".el9",
    "+build.1",
    ".dev1",
    ".post1",
    "rc2",
    "a",
    "-beta.2",
    ".00",
    "-",
    ".",
    ".sp",
    "-ga",
    ".Final",
];

/// A small generator of numbers that are random enough to choose with and the same in every run (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// Collects real versions: the seeds, and those of the scheme's own vectors.
pub(crate) fn real(scheme: Scheme) -> Vec<String> {
    let files: &[&str] = match scheme {
        Scheme::Debian => &["debian-versions.txt", "debian-versions-generated-part1.txt"],
        Scheme::Rpm | Scheme::Pacman => {
            &["redhat-versions.txt", "debian-versions-generated-part1.txt"]
        }
        Scheme::Alpine => &["alpine-versions.txt"],
        Scheme::Maven => &["maven-versions.txt", "maven-versions-generated-part1.txt"],
        Scheme::PyPi => &["pypi-versions.txt", "pypi-versions-generated-part1.txt"],
        Scheme::RubyGems => &["rubygems-versions.txt"],
        Scheme::Packagist => &["packagist-versions.txt"],
        Scheme::NuGet => &["nuget-versions.txt"],
        _ => &[
            "semver-versions.txt",
            "pub-versions.txt",
            "cran-versions.txt",
        ],
    };
    let mut versions: Vec<String> = SEEDS.iter().map(|&seed| seed.to_owned()).collect();
    for file in files {
        for (a, _, b) in vectors::lines(file).unwrap_or_default() {
            versions.extend([a, b]);
        }
    }
    versions
}

/// Makes a version and one to compare it with: most often a relative that differs in a few places.
pub(crate) fn pair(real: &[String], dice: &mut Dice) -> (String, String) {
    let first = mutated(dice.of(real).as_str(), dice);
    let second = if dice.below(4) == 0 {
        mutated(dice.of(real).as_str(), dice)
    } else {
        mutated(&first, dice)
    };
    (first, second)
}

pub(crate) fn mutated(version: &str, dice: &mut Dice) -> String {
    let mut characters: Vec<char> = version.chars().collect();
    for _ in 0..dice.below(4) {
        let place = dice.below(characters.len() + 1);
        match dice.below(6) {
            0 => characters.insert(place, *dice.of(CHARACTERS)),
            1 if place < characters.len() => drop(characters.remove(place)),
            2 if place < characters.len() => characters[place] = *dice.of(CHARACTERS),
            3 => characters.extend(dice.of(ENDS).chars()),
            4 => characters.truncate(place),
            _ => {
                let other = dice.below(characters.len() + 1);
                let copied = characters[place.min(other)..place.max(other)].to_vec();
                if characters.len() + copied.len() < 60 {
                    characters.splice(place..place, copied);
                }
            }
        }
    }
    characters.into_iter().collect()
}
