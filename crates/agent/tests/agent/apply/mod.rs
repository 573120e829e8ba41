//! Signed packages applied by the real helper with real package managers.

mod apt;
mod carried;
mod cleared;
mod deal;
mod dnf;
mod drained;
mod ground;
mod killed;
mod refused;
mod strangers;
mod systemd;
#[cfg(target_arch = "x86_64")]
mod tracer;
#[cfg(target_arch = "x86_64")]
mod walk;
