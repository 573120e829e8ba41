//! Giving up what is not needed: Landlock, seccomp, capabilities.
//!
//! Each layer stands alone; where the kernel lacks one, that is a problem of
//! the report and the others are put on all the same. The lists name what is
//! forbidden, not what is allowed: the C library of a distribution not yet
//! made may use a call not yet thought of, and an agent that dies of it after
//! an update is worse than what the list would stop.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
};
use plimsoll_core::model::problem::Problem;
use rustix::thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Landlock's rights up to Linux 6.10; later ones (resolving Unix sockets)
/// would cut the agent off its helper.
const LANDLOCK: ABI = ABI::V5;

/// What name resolution, certificates and the C library read. `/proc` is for
/// the boot id; the folders above `/etc/ssl` are where distributions keep
/// certificates.
const READABLE: [&str; 12] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/proc/sys/kernel/random",
    "/proc/self",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/nscd",
    "/var/lib/ca-certificates",
    "/dev/urandom",
];

/// Where package managers keep caches, locks and logs that even a question
/// touches, and temporary files.
const HELPER_WRITABLE: [&str; 17] = [
    "/tmp",
    "/var/tmp",
    "/dev/null",
    "/dev/shm",
    "/dev/tty",
    "/run/lock",
    "/var/lock",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/cache/yum",
    "/var/cache/zypp",
    "/var/lib/dnf",
    "/var/lib/rpm",
    "/usr/lib/sysimage/rpm",
    "/usr/lib/sysimage/libdnf5",
    "/var/log",
    "/run/dnf",
];

/// Shuts in the agent: its own folder to write, settings and libraries to
/// read, the server's and the proxy's ports to connect to, no programs, no
/// listening, no capabilities. Gives what could not be had.
pub(crate) fn agent(state: &Path, ca_file: Option<&Path>, ports: &[u16]) -> Vec<Problem> {
    const WHO: &str = "plimsoll-agent";
    let mut problems = Vec::new();
    problems.extend(privileges(WHO).err());
    problems.extend(capabilities(WHO).err());
    let mut readable: Vec<PathBuf> = READABLE.iter().map(PathBuf::from).collect();
    // A certificate file is replaced by renaming, so its folder must be open.
    readable.extend(ca_file.and_then(Path::parent).map(Path::to_owned));
    let mut open: Vec<u16> = ports.to_vec();
    open.push(53);
    problems.extend(landlock(WHO, &readable, &[state.to_owned(), PathBuf::from("/dev/null")], Some(&open)).err());
    problems.extend(seccomp(WHO, &agent_filter()).err());
    problems
}

/// Shuts in the helper: everything to read; temporary files, package managers'
/// caches and its own folder to write; no network at all.
pub(crate) fn helper(socket: Option<&Path>, state: Option<&Path>) -> Vec<Problem> {
    const WHO: &str = "plimsoll-helper";
    let mut problems = Vec::new();
    problems.extend(privileges(WHO).err());
    let mut writable: Vec<PathBuf> = HELPER_WRITABLE.iter().map(PathBuf::from).collect();
    writable.extend(socket.and_then(Path::parent).map(Path::to_owned));
    writable.extend(state.map(Path::to_owned));
    writable.extend(std::env::var_os("TMPDIR").map(PathBuf::from));
    problems.extend(landlock(WHO, &[PathBuf::from("/")], &writable, None).err());
    problems.extend(seccomp(WHO, &helper_filter()).err());
    problems
}

fn lacking(who: &str, what: &str, why: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        "W-SANDBOX",
        who,
        format!("runs without {what}: {why}"),
        "update the kernel, or let the service manager shut it in",
    )
}

fn privileges(who: &str) -> Result<(), Problem> {
    set_no_new_privs(true).map_err(|error| lacking(who, "no_new_privs", &error))
}

/// Drops every capability; an agent started as root keeps only its files.
fn capabilities(who: &str) -> Result<(), Problem> {
    let none = CapabilitySets { effective: CapabilitySet::empty(), permitted: CapabilitySet::empty(), inheritable: CapabilitySet::empty() };
    // Not there before Linux 4.3, where there is nothing to clear either.
    let _ = clear_ambient_capability_set();
    set_capabilities(None, none).map_err(|error| lacking(who, "dropped capabilities", &error))
}

fn landlock(who: &str, readable: &[PathBuf], writable: &[PathBuf], ports: Option<&[u16]>) -> Result<(), Problem> {
    let status = restrict(readable, writable, ports).map_err(|error| lacking(who, "Landlock", &error))?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err(lacking(who, "all of Landlock", &"the kernel knows an older version")),
        RulesetStatus::NotEnforced => Err(lacking(who, "Landlock", &"the kernel does not have it")),
    }
}

fn restrict(readable: &[PathBuf], writable: &[PathBuf], ports: Option<&[u16]>) -> Result<RestrictionStatus, landlock::RulesetError> {
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(LANDLOCK))?;
    if ports.is_some() {
        ruleset = ruleset.handle_access(AccessNet::from_all(LANDLOCK))?;
    }
    let mut created = ruleset
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::from_read(LANDLOCK)))?
        .add_rules(path_beneath_rules(writable, AccessFs::from_all(LANDLOCK)))?;
    for port in ports.unwrap_or_default() {
        created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    created.restrict_self()
}

/// Forbidden system calls; empty conditions forbid every call.
type Filter = BTreeMap<i64, Vec<SeccompRule>>;

fn seccomp(who: &str, filter: &Result<Filter, seccompiler::BackendError>) -> Result<(), Problem> {
    let applied = filter.as_ref().map_err(ToString::to_string).and_then(|rules| {
        let arch = std::env::consts::ARCH.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
        let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(rules.clone(), SeccompAction::Allow, denied, arch).map_err(|error| error.to_string())?;
        let program: BpfProgram = filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
        apply_filter(&program).map_err(|error| error.to_string())
    });
    applied.map_err(|error| lacking(who, "seccomp", &error))
}

/// Calls that neither program ever makes, nor anything it starts.
const NEVER: [i64; 38] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// What the agent does not do either: start programs, listen, change root or
/// user.
const NEVER_AGENT: [i64; 15] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_chroot,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_mknodat,
];

/// The helper reads with open and stat; it makes no devices and changes no
/// host name.
const NEVER_HELPER: [i64; 4] = [libc::SYS_chroot, libc::SYS_mknodat, libc::SYS_sethostname, libc::SYS_setdomainname];

fn agent_filter() -> Result<Filter, seccompiler::BackendError> {
    let mut filter = forbidden(NEVER.iter().chain(&NEVER_AGENT));
    // Internet, helper and name services; netlink is how the C library sees
    // which address families the host has.
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    only_families(&mut filter, &families)?;
    Ok(filter)
}

fn helper_filter() -> Result<Filter, seccompiler::BackendError> {
    let mut filter = forbidden(NEVER.iter().chain(&NEVER_HELPER));
    only_families(&mut filter, &[libc::AF_UNIX])?;
    Ok(filter)
}

fn forbidden<'a>(calls: impl Iterator<Item = &'a i64>) -> Filter {
    let mut filter = Filter::new();
    for call in calls {
        filter.insert(*call, Vec::new());
        other_spelling(*call, &mut |call| {
            filter.insert(call, Vec::new());
        });
    }
    filter
}

/// Forbids sockets of every other family.
fn only_families(filter: &mut Filter, families: &[i32]) -> Result<(), seccompiler::BackendError> {
    let others = families
        .iter()
        .map(|family| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, u64::from(family.unsigned_abs())))
        .collect::<Result<Vec<_>, _>>()?;
    let rule = SeccompRule::new(others)?;
    filter.insert(libc::SYS_socket, vec![rule.clone()]);
    other_spelling(libc::SYS_socket, &mut |call| {
        filter.insert(call, vec![rule.clone()]);
    });
    Ok(())
}

/// On x86-64 most calls have a second number, of the x32 interface, which the
/// check of the architecture lets through.
#[cfg(target_arch = "x86_64")]
fn other_spelling(call: i64, each: &mut dyn FnMut(i64)) {
    const X32: i64 = 0x4000_0000;
    each(X32 | call);
    // Source: arch/x86/entry/syscalls/syscall_64.tbl, the x32 part.
    match call {
        libc::SYS_execve => each(X32 | 520),
        libc::SYS_execveat => each(X32 | 545),
        libc::SYS_ptrace => each(X32 | 521),
        libc::SYS_kexec_load => each(X32 | 528),
        libc::SYS_process_vm_readv => each(X32 | 539),
        libc::SYS_process_vm_writev => each(X32 | 540),
        libc::SYS_move_pages => each(X32 | 533),
        _ => {}
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn other_spelling(_: i64, _: &mut dyn FnMut(i64)) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_made_and_forbid_what_they_should() {
        let (agent, helper) = (agent_filter().unwrap(), helper_filter().unwrap());
        assert!(agent.contains_key(&libc::SYS_execve) && !helper.contains_key(&libc::SYS_execve));
        for filter in [&agent, &helper] {
            assert!([libc::SYS_bpf, libc::SYS_io_uring_setup, libc::SYS_ptrace].iter().all(|call| filter.contains_key(call)));
            assert!(!filter.contains_key(&libc::SYS_clone) && !filter.contains_key(&libc::SYS_openat));
        }
    }
}
