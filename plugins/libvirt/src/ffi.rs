//! libvirt's C library behind safe Rust: this file and its folder are the ones with `unsafe`.
//!
//! Here are the calls; `ffi/api.rs` opens the library, `ffi/auth.rs` connects, `ffi/home.rs`
//! asks the C library for a home folder. Declarations
//! follow libvirt's public headers (libvirt-host.h, libvirt-domain.h, virterror.h), whose
//! layouts are stable for good. Nothing here decides anything: `client` does.

#![allow(unsafe_code)]

mod api;
mod auth;
mod home;
mod raw;

use std::ffi::{CStr, c_char, c_int, c_ulong};
use std::ptr::null_mut;
use std::sync::Arc;

use crate::map::{NodeInfo, Stats};
use raw::{
    ConnectPtr, DomainPtr, PARAM_INT, PARAM_LLONG, PARAM_UINT, PARAM_ULLONG, RawDomainInfo,
    RawNodeInfo, RawParameter, RawStatsRecord, STATS_BALLOON, STATS_NOWAIT, STATS_STATE,
    STATS_VCPU,
};

pub use api::{Api, ErrorCode, Failure, LIBRARY, LoadError};
pub use auth::Credentials;
pub use home::home_of_user;

/// An open connection, closed when dropped.
pub struct Connection {
    api: &'static Api,
    pointer: ConnectPtr,
}

// SAFETY: libvirt's connections count their references with atomics, and any number of threads may
// call through one at a time; errors are kept for each thread.
unsafe impl Send for Connection {}
// SAFETY: as above.
unsafe impl Sync for Connection {}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the pointer is an open connection, and this is its last use.
        unsafe { (self.api.close)(self.pointer) };
    }
}

impl Connection {
    /// Whether the daemon can still be heard.
    pub fn is_alive(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { (self.api.is_alive)(self.pointer) == 1 }
    }

    /// The driver's name, as libvirt writes it.
    pub fn driver(&self) -> Result<String, Failure> {
        // SAFETY: the connection is open; the result is null or a static C string.
        unsafe { text((self.api.get_type)(self.pointer)) }.ok_or_else(|| self.api.failure())
    }

    /// The hypervisor's version: major * 1,000,000 + minor * 1,000 + release.
    pub fn hypervisor_version(&self) -> Result<u64, Failure> {
        self.version(self.api.get_version)
    }

    /// The version of the libvirt at the other end, in the same notation.
    pub fn library_version(&self) -> Result<u64, Failure> {
        self.version(self.api.get_lib_version)
    }

    fn version(
        &self,
        function: unsafe extern "C" fn(ConnectPtr, *mut c_ulong) -> c_int,
    ) -> Result<u64, Failure> {
        let mut version = 0;
        // SAFETY: the connection is open, and the number is written to before the return.
        self.api.check(unsafe { function(self.pointer, &raw mut version) })?;
        Ok(version)
    }

    /// The host name of the machine at the other end.
    pub fn hostname(&self) -> Result<String, Failure> {
        // SAFETY: the connection is open; the result is null or a string of ours to free.
        unsafe { self.api.take((self.api.get_hostname)(self.pointer)) }
    }

    /// The capabilities, as XML.
    pub fn capabilities(&self) -> Result<String, Failure> {
        // SAFETY: the connection is open; the result is null or a string of ours to free.
        unsafe { self.api.take((self.api.get_capabilities)(self.pointer)) }
    }

    /// Processors and memory of the machine.
    pub fn node_info(&self) -> Result<NodeInfo, Failure> {
        let mut info = std::mem::MaybeUninit::<RawNodeInfo>::zeroed();
        // SAFETY: the connection is open, and the struct has the layout of the header.
        self.api.check(unsafe { (self.api.node_get_info)(self.pointer, info.as_mut_ptr()) })?;
        // SAFETY: all zeros is a value of the struct, and libvirt has filled it in.
        let info = unsafe { info.assume_init() };
        Ok(NodeInfo {
            model: field_text(&info.model),
            memory_kib: info.memory_kib,
            cpus: info.cpus,
            mhz: info.mhz,
            nodes: info.nodes,
            sockets: info.sockets,
            cores: info.cores,
            threads: info.threads,
        })
    }

    /// Every guest, persistent and transient, in every state: one call.
    pub fn domains(&self) -> Result<Vec<Domain>, Failure> {
        let mut list: *mut DomainPtr = null_mut();
        // SAFETY: the connection is open, the list is written to, and 0 means no filter.
        let count = unsafe { (self.api.list_all_domains)(self.pointer, &raw mut list, 0) };
        let count = usize::try_from(self.api.check(count)?).unwrap_or(0);
        let domains = (0..count)
            // SAFETY: the list holds that many domains, each a reference of ours.
            .map(|index| Handle { api: self.api, pointer: unsafe { *list.add(index) } })
            .map(|handle| Domain(Arc::new(handle)))
            .collect();
        // SAFETY: the array is from malloc and ours; its references live on in `domains`.
        unsafe { libc::free(list.cast()) };
        Ok(domains)
    }

    /// State, virtual CPUs and memory of some guests (at least one): one call. A guest that is
    /// gone is left out, hence the UUIDs. `nowait` never waits for a hypervisor that hangs.
    pub fn stats(
        &self,
        domains: &[Domain],
        nowait: bool,
    ) -> Result<Vec<([u8; 16], Stats)>, Failure> {
        let mut pointers: Vec<DomainPtr> = domains.iter().map(|domain| domain.0.pointer).collect();
        pointers.push(null_mut());
        let kinds = STATS_STATE | STATS_BALLOON | STATS_VCPU;
        let flags = if nowait { STATS_NOWAIT } else { 0 };
        let mut list: *mut *mut RawStatsRecord = null_mut();
        // SAFETY: the domains live, their array ends in null, and the list is written to.
        let count = unsafe {
            (self.api.domain_list_get_stats)(pointers.as_ptr(), kinds, &raw mut list, flags)
        };
        let count = usize::try_from(self.api.check(count)?).unwrap_or(0);
        let records = (0..count)
            .map(|index| {
                // SAFETY: the list holds that many records, which live until it is freed below.
                let record = unsafe { &**list.add(index) };
                let uuid = self.api.uuid(record.domain)?;
                // SAFETY: as the record's two members say, and it lives until freed below.
                let parameters = unsafe { slice(record.parameters, record.parameter_count) };
                Ok((uuid, stats_of(parameters)))
            })
            .collect();
        // SAFETY: the list is ours, is freed once, and nothing of it is used afterwards.
        unsafe { (self.api.stats_list_free)(list) };
        records
    }
}

/// A guest's handle, released when its last copy is dropped.
#[derive(Clone)]
pub struct Domain(Arc<Handle>);

struct Handle {
    api: &'static Api,
    pointer: DomainPtr,
}

// SAFETY: what a domain holds never changes after it was made, but for its count of references,
// which is atomic, and the connection it belongs to, for which the same holds as above.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the pointer is a domain's reference of ours, and this is its last use.
        unsafe { (self.api.domain_free)(self.pointer) };
    }
}

impl Domain {
    /// The name; known without asking the daemon.
    pub fn name(&self) -> Result<String, Failure> {
        // SAFETY: the domain lives; the result is null or a C string that belongs to it.
        unsafe { text((self.0.api.domain_get_name)(self.0.pointer)) }
            .ok_or_else(|| self.0.api.failure())
    }

    /// The UUID; known without asking the daemon.
    pub fn uuid(&self) -> Result<[u8; 16], Failure> {
        self.0.api.uuid(self.0.pointer)
    }

    /// State, virtual CPUs and memory of this guest: one call.
    pub fn info(&self) -> Result<Stats, Failure> {
        let mut info = std::mem::MaybeUninit::<RawDomainInfo>::zeroed();
        let Handle { api, pointer } = *self.0;
        // SAFETY: the domain lives, and the struct has the layout of the header.
        api.check(unsafe { (api.domain_get_info)(pointer, info.as_mut_ptr()) })?;
        // SAFETY: all zeros is a value of the struct, and libvirt has filled it in.
        let info = unsafe { info.assume_init() };
        Ok(Stats {
            state: Some(i32::from(info.state)),
            vcpus: Some(u32::from(info.vcpus)),
            max_memory_kib: Some(info.max_memory_kib),
        })
    }
}

fn stats_of(parameters: &[RawParameter]) -> Stats {
    let mut stats = Stats::default();
    for parameter in parameters {
        // SAFETY: the kind says which member of the union libvirt has set.
        let value = unsafe {
            match parameter.kind {
                PARAM_INT => i64::from(parameter.value.int),
                PARAM_UINT => i64::from(parameter.value.uint),
                PARAM_LLONG => parameter.value.long,
                // What is beyond i64 is no number of anything: -1 becomes absent below.
                PARAM_ULLONG => i64::try_from(parameter.value.ulong).unwrap_or(-1),
                _ => continue,
            }
        };
        match field_text(&parameter.field).as_str() {
            "state.state" => stats.state = i32::try_from(value).ok(),
            "vcpu.current" => stats.vcpus = u32::try_from(value).ok(),
            "balloon.maximum" => stats.max_memory_kib = u64::try_from(value).ok(),
            _ => {}
        }
    }
    stats
}

/// The text of a fixed-size field, up to its first NUL if it has one.
fn field_text(field: &[c_char]) -> String {
    let bytes: Vec<u8> =
        field.iter().map(|byte| byte.cast_unsigned()).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Copies a C string; `None` for null.
///
/// # Safety
/// The pointer is null or a C string that lives as long as the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, so a C string, as the caller promises.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// A C array as a slice; empty for null or a count below one.
///
/// # Safety
/// The pointer is null or that of an array of `count` elements which lives as long as `'a`.
unsafe fn slice<'a, T>(pointer: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: not null, so an array of that length, as the caller promises.
        Ok(count) if !pointer.is_null() => unsafe { std::slice::from_raw_parts(pointer, count) },
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
