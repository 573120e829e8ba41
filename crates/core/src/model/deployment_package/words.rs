//! What a package does in words, the same wherever it is shown.
//!
//! Names come from whoever drafted it: nothing in them reaches a terminal as
//! more than text.

use super::{Check, ConfigurationFiles, Drain, LooksAt, RebootRule, Remnants, ServiceState, Step};
use crate::model::problem::printable;
use std::fmt::{Display, Formatter, Result};

impl Display for Step {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::File { path, sha256, size, mode } => write!(out, "file {} of {size} bytes, mode {}, SHA-256 {sha256}", printable(path), printable(mode)),
            Self::Setting { path, key, separator, value } => write!(out, "in {}: {}", printable(path), printable(&format!("{key}{separator}{value}"))),
            Self::Service { unit, state } => write!(out, "service {} {state}", printable(unit)),
            Self::CleanUp { remnants: Remnants::Caches, .. } => write!(out, "clean up, at the end: {}", Remnants::Caches),
            Self::CleanUp { remnants, most } => write!(out, "clean up, at the end: {remnants}; at most {most} packages go, WHICH ARE NOT BROUGHT BACK"),
        }
    }
}

impl Display for Remnants {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str(match self {
            Self::Orphans => "what came for others' sake and nothing needs any more, by the package manager's own rule",
            Self::Kernels => "older kernels by the package manager's own rule, never the running one nor the one to fall back to",
            Self::Caches => "package files that the package manager keeps",
        })
    }
}

impl Display for ServiceState {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str(match self {
            Self::Enabled => "runs now and after a boot",
            Self::Disabled => "is stopped and does not come back",
            Self::Restarted => "is started again if it runs",
            Self::Reloaded => "reads its configuration again if it runs",
        })
    }
}

impl Display for LooksAt {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Service { unit } => write!(out, "service {} runs", printable(unit)),
            Self::Tcp { port } => write!(out, "port {port} accepts connections"),
            Self::Http { port, path, status, contains } => {
                write!(out, "http://localhost:{port}{} answers {status}", printable(path))?;
                if contains.is_empty() { Ok(()) } else { write!(out, " with {:?}", printable(contains)) }
            }
            Self::Tls { port, days } => write!(out, "port {port} has a certificate valid for {days} more days"),
            Self::Command { name } => write!(out, "the host's own /etc/plimsoll/checks.d/{} ends with 0", printable(name)),
        }
    }
}

impl Display for Drain {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let name = printable(&self.program);
        write!(out, "the host's own /etc/plimsoll/drain.d/{name} before and undrain.d/{name} after, within {} s each; where the first fails, nothing begins", self.timeout_seconds)
    }
}

impl Display for Check {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let when = if self.before { "before and after" } else { "after" };
        write!(out, "{}: {}, {when}, within {} s", printable(&self.name), self.looks_at, self.timeout_seconds)
    }
}

impl Display for RebootRule {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str(match self {
            Self::Never => "never; what needs one stays without effect",
            Self::IfNeeded => "where it is needed, in windows that allow it",
            Self::Always => "every host, in windows that allow it",
        })
    }
}

impl Display for ConfigurationFiles {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str(match self {
            Self::Keep => "those that their owner changed stay; the vendor's lie beside them",
            Self::Replace => "THE VENDOR'S REPLACE those that their owner changed; those lie beside them",
        })
    }
}
