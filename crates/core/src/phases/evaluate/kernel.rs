//! Kernels: running, next to boot, and merely lying on the disk.

use super::Verdict;
use crate::model::because::{Because, BecauseKind};
use crate::model::component::{Component, ComponentKind, KernelRole};
use crate::model::finding::State;

/// Says what part a kernel image plays, and clears images and headers that no
/// longer run.
///
/// A patched kernel that was never booted protects nobody, and an old image
/// that is neither running nor next endangers nobody; headers are not code
/// that runs. Where the roles are not known (an unpacked root), every image
/// counts.
pub(super) fn apply(component: &Component, verdicts: &mut [Verdict]) {
    let remark = match (component.kind, component.kernel) {
        (ComponentKind::KernelHeaders, _) => {
            let text = "these are kernel headers: build material, no code that runs";
            clear(verdicts, "headers", text);
            return;
        }
        (_, Some(KernelRole::Idle)) => {
            let text = "this kernel neither runs nor boots next";
            clear(verdicts, "idle-kernel", text);
            return;
        }
        (_, Some(KernelRole::Running)) => "this kernel is running",
        (_, Some(KernelRole::NextBoot)) => "this kernel boots next; another one is running",
        _ => return,
    };
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.state != State::Fixed) {
        verdict.because.push(Because::new(BecauseKind::Kernel, remark));
    }
}

fn clear(verdicts: &mut [Verdict], detail: &'static str, text: &str) {
    for verdict in verdicts.iter_mut().filter(|verdict| matches!(verdict.state, State::Affected | State::Unknown)) {
        verdict.state = State::NotAffected;
        verdict.detail = Some(detail);
        verdict.because.push(Because::new(BecauseKind::Kernel, text));
    }
}
