//! A disk that remembers in which order it was written and flushed, so that
//! the power can be cut at any moment afterwards.
//!
//! The kernel here has neither dm-log-writes nor ublk, so the disk is a file
//! that this process serves by FUSE, a loop device over it, and a real ext4 on
//! that. FUSE without write-back passes each write of the loop device on at
//! once, and each flush as an fsync.

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty,
    ReplyEntry, ReplyWrite, Request, WriteFlags,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

const SECTOR: usize = 512;
/// Name and number of the only file.
const NAME: &str = "disk";
const FILE: INodeNo = INodeNo(2);
const FOREVER: Duration = Duration::from_secs(3600);

#[derive(Clone)]
enum Event {
    Write { offset: usize, bytes: Vec<u8> },
    Flush,
}

/// What happened to the disk since it was formatted.
pub struct Story {
    formatted: Vec<u8>,
    now: Vec<u8>,
    events: Vec<Event>,
}

impl Story {
    /// Writes and flushes so far.
    pub fn length(&self) -> usize {
        self.events.len()
    }

    /// Flushes so far.
    pub fn flushes(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Flush)).count()
    }

    /// What the disk may hold when the power goes at a moment: all that was
    /// written before the last flush, and of what came after it any sectors.
    /// A disk that lies about flushes holds any sectors of its last writes.
    pub fn cut(&self, moment: usize, lies: bool, mut is_lucky: impl FnMut() -> bool) -> Vec<u8> {
        let past = &self.events[..moment];
        let flushed = past.iter().rposition(|event| matches!(event, Event::Flush)).map_or(0, |at| at + 1);
        let safe = if lies { moment.saturating_sub(400) } else { flushed };
        let mut disk = self.formatted.clone();
        for (at, event) in past.iter().enumerate() {
            let Event::Write { offset, bytes } = event else { continue };
            for (sector, part) in bytes.chunks(SECTOR).enumerate() {
                if at < safe || is_lucky() {
                    let start = offset + sector * SECTOR;
                    disk[start..start + part.len()].copy_from_slice(part);
                }
            }
        }
        disk
    }
}

struct Served(Arc<Mutex<Story>>);

impl Served {
    fn attributes(&self, number: INodeNo) -> FileAttr {
        let is_root = number == INodeNo::ROOT;
        let size = if is_root { 0 } else { self.0.lock().expect("the disk").now.len() as u64 };
        FileAttr {
            ino: number,
            size,
            blocks: size / SECTOR as u64,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_root { FileType::Directory } else { FileType::RegularFile },
            perm: if is_root { 0o700 } else { 0o600 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == NAME { reply.entry(&FOREVER, &self.attributes(FILE), Generation(0)) } else { reply.error(Errno::ENOENT) }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&FOREVER, &self.attributes(number));
    }

    fn read(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, size: u32, _: OpenFlags, _: Option<LockOwner>, reply: ReplyData) {
        let story = self.0.lock().expect("the disk");
        let start = (offset as usize).min(story.now.len());
        reply.data(&story.now[start..(start + size as usize).min(story.now.len())]);
    }

    fn write(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, data: &[u8], _: WriteFlags, _: OpenFlags, _: Option<LockOwner>, reply: ReplyWrite) {
        let (mut story, offset) = (self.0.lock().expect("the disk"), offset as usize);
        if offset + data.len() > story.now.len() {
            return reply.error(Errno::ENOSPC);
        }
        story.now[offset..offset + data.len()].copy_from_slice(data);
        story.events.push(Event::Write { offset, bytes: data.to_vec() });
        reply.written(data.len() as u32);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.0.lock().expect("the disk").events.push(Event::Flush);
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}

/// A mounted file system, unmounted with the test however it ends.
pub struct Mounted(PathBuf);

impl Mounted {
    /// Mounts an image or a disk; an error is mount's own.
    pub fn new(image: &Path, at: PathBuf) -> Result<Self, String> {
        std::fs::create_dir_all(&at).expect("a folder");
        let output = Command::new("mount").args(["-o", "loop"]).arg(image).arg(&at).output().expect("mount");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let mounted = Self(at);
        watch(&mounted.0);
        Ok(mounted)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A shell that unmounts when this process was killed.
fn watch(at: &Path) {
    let wait = format!("while kill -0 {} 2>/dev/null; do sleep 1; done; umount -l '{}'", std::process::id(), at.display());
    let null = Stdio::null;
    let _ = Command::new("setsid").args(["sh", "-c", &wait]).stdin(null()).stdout(null()).stderr(null()).spawn();
}

/// A disk with a real ext4 on it.
pub struct Disk {
    pub story: Arc<Mutex<Story>>,
    pub files: Option<Mounted>,
    served: Option<BackgroundSession>,
}

impl Disk {
    /// Makes one of so many mebibytes and mounts it; none where this process
    /// may not, which in CI as root is a failure.
    pub fn new(folder: &Path, mebibytes: u32) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: a disk needs root");
            return None;
        }
        if !Path::new("/dev/fuse").exists() || !Path::new("/dev/loop-control").exists() {
            assert!(std::env::var_os("CI").is_none(), "CI as root needs FUSE and loop devices");
            eprintln!("skipped: no FUSE or no loop devices");
            return None;
        }
        let image = folder.join("formatted");
        let output = Command::new("mkfs.ext4").args(["-q", "-J", "size=4"]).arg(&image).arg(format!("{mebibytes}M")).output().expect("mkfs.ext4");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let formatted = std::fs::read(&image).expect("the image");
        let story = Arc::new(Mutex::new(Story { now: formatted.clone(), formatted, events: Vec::new() }));
        let at = folder.join("served");
        std::fs::create_dir(&at).expect("a folder");
        let served = fuser::spawn_mount(Served(Arc::clone(&story)), &at, &Config::default()).expect("FUSE");
        watch(&at);
        let files = Mounted::new(&at.join(NAME), folder.join("files")).expect("ext4");
        Some(Self { story, files: Some(files), served: Some(served) })
    }

    pub fn length(&self) -> usize {
        self.story.lock().expect("the disk").length()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.files = None;
        // The loop device lets go of the file a moment after the unmounting.
        std::thread::sleep(Duration::from_millis(200));
        drop(self.served.take());
    }
}
