//! Whether the disk has room.

use plimsoll_core::model::problem::Problem;
use rustix::fs::statvfs;
use std::path::Path;

/// What dpkg and rpm write of their own besides the files: copies of their
/// databases.
const DATABASE: u64 = 32 << 20;
/// What an initial ram disk and a kernel take in `/boot`.
const KERNEL: u64 = 160 << 20;

/// Checks that what packages unpack has room beside what it replaces.
///
/// `unpacked` is the sum of their installed sizes, in bytes; dpkg and rpm write
/// a file's new version before they remove the old one.
///
/// # Errors
///
/// `E-HOST-SPACE` naming the file system, what it needs and what it has.
pub fn room(unpacked: u64, kernels: u64) -> Result<(), Problem> {
    let places = [("/usr", unpacked + unpacked / 10), ("/var", DATABASE), ("/var/lib/dpkg", DATABASE), ("/var/lib/rpm", DATABASE), ("/boot", kernels * KERNEL)];
    places.iter().try_for_each(|(place, needs)| enough(Path::new(place), *needs))
}

/// Checks that a file system has room; one that is not there needs none.
///
/// # Errors
///
/// `E-HOST-SPACE`.
pub(super) fn enough(place: &Path, needs: u64) -> Result<(), Problem> {
    let Ok(found) = statvfs(place) else { return Ok(()) };
    let has = found.f_bavail.saturating_mul(found.f_frsize);
    if has >= needs {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(Problem::new(
        "E-HOST-SPACE",
        place.to_string_lossy(),
        format!("needs {} MiB, has {} MiB; nothing was changed", mib(needs), has >> 20),
        "free space or exclude the host",
    ))
}
