//! What keeps a plugin away from the runner and from other workers: no CAP_SYS_PTRACE, a Landlock
//! domain that signals and abstract sockets do not leave, no new privileges.
//!
//! A plugin is trusted code, so this is a second line of defence. Each protection is best effort:
//! a kernel that lacks one costs a debug line, never a run. Files and the network stay open to a
//! plugin, because modules need them.
//!
//! The kernel keeps all three per thread, and a new thread or process inherits them. So a worker
//! confines itself while it has one thread, and what `modules --json` reports is measured on a
//! thread of its own.

use landlock::{
    ABI, Access as _, CompatLevel, Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use rustix::process::DumpableBehavior;
use rustix::thread::CapabilitySet;
use serde::Serialize;

/// The first Landlock ABI that keeps signals and abstract sockets inside a domain (Linux 6.12).
const SCOPES_SINCE: ABI = ABI::V6;

/// Which protections are active in a worker.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Protections {
    /// Other processes of the same user cannot read the worker's memory.
    pub non_dumpable: bool,
    /// Programs that it runs gain no privileges from their files.
    pub no_new_privs: bool,
    /// It has no CAP_SYS_PTRACE and cannot get it back by running a program.
    pub cap_sys_ptrace_dropped: bool,
    /// Absent where Landlock does not protect.
    pub landlock: Option<Landlock>,
    /// Why Landlock does not protect, unless it was not asked to.
    #[serde(skip)]
    pub landlock_problem: Option<String>,
}

/// A Landlock domain that is in force.
#[derive(Debug, Serialize)]
pub struct Landlock {
    /// The version of the kernel's Landlock interface.
    pub abi: i32,
    /// What does not leave the domain.
    pub scoped: [&'static str; 2],
}

/// Confines the calling thread and whatever it starts from now on.
pub fn confine() -> Protections {
    drop_ptrace();
    if needs_no_new_privs() {
        // Fails on kernels before 3.5 only.
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

/// The protections of the calling thread as the kernel reports them. It does not report a Landlock
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

/// The protections that a worker has on this machine. Measured on a thread that confines itself as
/// a worker does; `None` if there can be no thread.
pub fn measure(confined: bool) -> Option<Protections> {
    // The whole process's, as in a worker.
    let _ = crate::process::protect();
    let measure = if confined { confine } else { active };
    std::thread::Builder::new().spawn(measure).ok()?.join().ok()
}

/// Takes CAP_SYS_PTRACE out of every set of the thread; the ambient set follows the permitted one.
/// With it, root reads the memory and opens the descriptors of any process, dumpable or not.
fn drop_ptrace() {
    // Without this, root gets the capability back by running a program. It takes CAP_SETPCAP.
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

/// Whether to give up privileges that programs gain from their files. Landlock asks that of a
/// process without CAP_SYS_ADMIN. Root keeps them: there is nothing for it to gain.
fn needs_no_new_privs() -> bool {
    let sets = rustix::thread::capabilities(None);
    let is_admin = sets.is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
    !(rustix::process::geteuid().is_root() && is_admin)
}

/// Enters a Landlock domain without rules on files or the network: only signals, abstract
/// sockets and, as in every domain, ptrace are kept inside. The worker's own children are inside.
fn restrict_scopes() -> Result<Landlock, String> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .scope(Scope::from_all(SCOPES_SINCE))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.no_new_privs(false).restrict_self())
        .map_err(|error| error_chain(&error))?;
    let abi = match status.landlock {
        LandlockStatus::NotImplemented => return Err("the kernel has none".to_owned()),
        LandlockStatus::NotEnabled => return Err("it is switched off at boot".to_owned()),
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            kernel_abi.unwrap_or(effective_abi as i32)
        }
    };
    if status.ruleset != RulesetStatus::FullyEnforced {
        return Err(format!(
            "the kernel's version {abi} cannot scope signals, which begins with version {}",
            SCOPES_SINCE as i32
        ));
    }
    Ok(Landlock { abi, scoped: ["signal", "abstractUnixSocket"] })
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", error_chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}
