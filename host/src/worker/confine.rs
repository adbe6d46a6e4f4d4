//! Confinement of a worker: no CAP_SYS_PTRACE, a Landlock domain for signals and abstract sockets, and no new
//! privileges. It keeps a plugin from accessing the runner and other workers.
//!
//! A plugin is trusted code, so this is a second line of defence. Each protection is best effort: if the
//! kernel lacks one, the worker logs that at debug level and continues. Files and the network stay accessible,
//! because modules need them.
//!
//! The kernel keeps all three per thread, and new threads and processes inherit them. So a worker confines
//! itself while it has one thread, and `modules --json` measures the protections on a separate thread.

use landlock::{
    ABI, Access as _, CompatLevel, Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use rustix::process::DumpableBehavior;
use rustix::thread::CapabilitySet;
use serde::Serialize;

/// The first Landlock ABI that can scope signals and abstract sockets (Linux 6.12).
const SCOPES_SINCE: ABI = ABI::V6;

/// The protections that are active in a worker.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Protections {
    /// Other processes of the same user cannot read the worker's memory.
    pub non_dumpable: bool,
    /// Programs that it runs gain no privileges from set-user-ID bits or file capabilities.
    pub no_new_privs: bool,
    /// It has no CAP_SYS_PTRACE and cannot regain it by running a program.
    pub cap_sys_ptrace_dropped: bool,
    /// The Landlock domain; absent if there is none.
    pub landlock: Option<Landlock>,
    /// Why there is no Landlock domain, if one was requested.
    #[serde(skip)]
    pub landlock_problem: Option<String>,
}

/// An active Landlock domain.
#[derive(Debug, Serialize)]
pub struct Landlock {
    /// The version of the kernel's Landlock interface.
    pub abi: i32,
    /// The scoped operations: they cannot reach a process outside of the domain.
    pub scoped: [&'static str; 2],
}

/// Confines the calling thread, and the threads and processes that it starts from now on.
pub fn confine() -> Protections {
    drop_ptrace();
    if needs_no_new_privs() {
        // Fails only on kernels before 3.5.
        let _ = rustix::thread::set_no_new_privs(true);
    }
    let landlock = restrict_scopes();
    let mut protections = active();
    match landlock {
        Ok(landlock) => protections.landlock = Some(landlock),
        Err(problem) => protections.landlock_problem = Some(problem),
    }
    protections
}

/// The protections of the calling thread as the kernel reports them. The kernel does not report a Landlock
/// domain.
pub fn active() -> Protections {
    let no_new_privs = rustix::thread::no_new_privs().unwrap_or(false);
    let dumpable = rustix::process::dumpable_behavior();
    Protections {
        non_dumpable: matches!(dumpable, Ok(behavior) if behavior != DumpableBehavior::Dumpable),
        no_new_privs,
        cap_sys_ptrace_dropped: !has_ptrace(no_new_privs),
        landlock: None,
        landlock_problem: None,
    }
}

/// The protections that a worker has on this machine, measured on a thread that confines itself as a worker
/// does; `None` if the thread cannot be started.
pub fn measure(confined: bool) -> Option<Protections> {
    // For the whole process, as in a worker.
    let _ = crate::process::protect();
    let measure = if confined { confine } else { active };
    std::thread::Builder::new().spawn(measure).ok()?.join().ok()
}

/// Removes CAP_SYS_PTRACE from all capability sets of the thread; the ambient set follows the permitted one.
/// With this capability, root can read the memory and open the descriptors of any process, dumpable or
/// not.
fn drop_ptrace() {
    // Otherwise root would regain the capability by running a program. This requires CAP_SETPCAP.
    let _ = rustix::thread::remove_capability_from_bounding_set(CapabilitySet::SYS_PTRACE);
    if let Ok(mut sets) = rustix::thread::capabilities(None) {
        sets.effective.remove(CapabilitySet::SYS_PTRACE);
        sets.permitted.remove(CapabilitySet::SYS_PTRACE);
        sets.inheritable.remove(CapabilitySet::SYS_PTRACE);
        let _ = rustix::thread::set_capabilities(None, sets);
    }
}

fn has_ptrace(no_new_privs: bool) -> bool {
    let Ok(sets) = rustix::thread::capabilities(None) else { return true };
    let held = sets.effective | sets.permitted | sets.inheritable;
    let bounded =
        rustix::thread::capability_is_in_bounding_set(CapabilitySet::SYS_PTRACE).unwrap_or(true);
    held.contains(CapabilitySet::SYS_PTRACE) || (bounded && !no_new_privs)
}

/// Whether to set `no_new_privs`. Landlock requires it of a process without CAP_SYS_ADMIN. Root does not need
/// it, because it has all privileges already.
fn needs_no_new_privs() -> bool {
    let sets = rustix::thread::capabilities(None);
    let is_admin = sets.is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
    !(rustix::process::geteuid().is_root() && is_admin)
}

/// Enters a Landlock domain without rules on files or the network. Only signals, abstract sockets and, as in
/// every domain, ptrace are restricted to the domain, which includes the worker's children.
fn restrict_scopes() -> Result<Landlock, String> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .scope(Scope::from_all(SCOPES_SINCE))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.no_new_privs(false).restrict_self())
        .map_err(|error| error_chain(&error))?;
    let abi = match status.landlock {
        LandlockStatus::NotImplemented => return Err("the kernel does not support it".to_owned()),
        LandlockStatus::NotEnabled => return Err("it is disabled at boot".to_owned()),
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            kernel_abi.unwrap_or(effective_abi as i32)
        }
    };
    if status.ruleset != RulesetStatus::FullyEnforced {
        return Err(format!(
            "the kernel has version {abi}, which cannot scope signals; that requires version {}",
            SCOPES_SINCE as i32
        ));
    }
    Ok(Landlock { abi, scoped: ["signal", "abstractUnixSocket"] })
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", error_chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}
