//! A safe interface to libvirt's C library. All `unsafe` code of this crate is in this module.
//!
//! This file has the calls of a connection; `api.rs` loads the library, `auth.rs` connects,
//! `home.rs` reads a home folder from the user database, `raw.rs` has the C declarations. They
//! follow libvirt's public headers (libvirt-host.h, libvirt-domain.h, virterror.h), whose layouts
//! never change. The functions here only make calls; `client` decides which ones.

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

/// An open connection. Dropping it closes the connection.
pub struct Connection {
    api: &'static Api,
    pointer: ConnectPtr,
}

// SAFETY: libvirt's connections have an atomic reference count, and several threads may use one
// connection at the same time; libvirt keeps the last error for each thread.
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
    /// Whether the connection to the daemon is still open.
    pub fn is_alive(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { (self.api.is_alive)(self.pointer) == 1 }
    }

    /// The driver's name in libvirt's spelling.
    pub fn driver(&self) -> Result<String, Failure> {
        // SAFETY: the connection is open; the result is null or a static C string.
        unsafe { text((self.api.get_type)(self.pointer)) }.ok_or_else(|| self.api.failure())
    }

    /// The hypervisor's version: major * 1,000,000 + minor * 1,000 + release.
    pub fn hypervisor_version(&self) -> Result<u64, Failure> {
        self.version(self.api.get_version)
    }

    /// The version of libvirt on the hypervisor's side, in the same notation.
    pub fn library_version(&self) -> Result<u64, Failure> {
        self.version(self.api.get_lib_version)
    }

    fn version(
        &self,
        function: unsafe extern "C" fn(ConnectPtr, *mut c_ulong) -> c_int,
    ) -> Result<u64, Failure> {
        let mut version = 0;
        // SAFETY: the connection is open, and the function writes the number before it returns.
        self.api.check(unsafe { function(self.pointer, &raw mut version) })?;
        Ok(version)
    }

    /// The host name of the hypervisor's machine.
    pub fn hostname(&self) -> Result<String, Failure> {
        // SAFETY: the connection is open; the result is null or a string that we must free.
        unsafe { self.api.take((self.api.get_hostname)(self.pointer)) }
    }

    /// The capabilities, as XML.
    pub fn capabilities(&self) -> Result<String, Failure> {
        // SAFETY: the connection is open; the result is null or a string that we must free.
        unsafe { self.api.take((self.api.get_capabilities)(self.pointer)) }
    }

    /// Processors and memory of the hypervisor's machine.
    pub fn node_info(&self) -> Result<NodeInfo, Failure> {
        let mut info = std::mem::MaybeUninit::<RawNodeInfo>::zeroed();
        // SAFETY: the connection is open, and the struct has the layout of the C header.
        self.api.check(unsafe { (self.api.node_get_info)(self.pointer, info.as_mut_ptr()) })?;
        // SAFETY: all zeros is a valid value of the struct, and libvirt has filled it in.
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

    /// All guests, persistent and transient, in every state, in one call.
    pub fn domains(&self) -> Result<Vec<Domain>, Failure> {
        let mut list: *mut DomainPtr = null_mut();
        // SAFETY: the connection is open, the function writes the list, and 0 means no filter.
        let count = unsafe { (self.api.list_all_domains)(self.pointer, &raw mut list, 0) };
        let count = usize::try_from(self.api.check(count)?).unwrap_or(0);
        let domains = (0..count)
            // SAFETY: the list has that many domains, and we own one reference to each.
            .map(|index| Handle { api: self.api, pointer: unsafe { *list.add(index) } })
            .map(|handle| Domain(Arc::new(handle)))
            .collect();
        // SAFETY: we own the array, which comes from malloc; `domains` keeps its references.
        unsafe { libc::free(list.cast()) };
        Ok(domains)
    }

    /// State, virtual CPUs and memory of `domains` (at least one) in one call, with the UUID of
    /// each guest, because the answer leaves out guests that no longer exist. With `nowait` the
    /// daemon does not wait for a guest that another call has locked.
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
        // SAFETY: the domains are alive, their array ends in null, and the function writes the list.
        let count = unsafe {
            (self.api.domain_list_get_stats)(pointers.as_ptr(), kinds, &raw mut list, flags)
        };
        let count = usize::try_from(self.api.check(count)?).unwrap_or(0);
        let records = (0..count)
            .map(|index| {
                // SAFETY: the list has that many records, which live until it is freed below.
                let record = unsafe { &**list.add(index) };
                let uuid = self.api.uuid(record.domain)?;
                // SAFETY: the record has an array of this length, which lives until freed below.
                let parameters = unsafe { slice(record.parameters, record.parameter_count) };
                Ok((uuid, stats_of(parameters)))
            })
            .collect();
        // SAFETY: we own the list, free it once, and use nothing of it afterwards.
        unsafe { (self.api.stats_list_free)(list) };
        records
    }
}

/// A guest's handle. Dropping the last copy releases it.
#[derive(Clone)]
pub struct Domain(Arc<Handle>);

struct Handle {
    api: &'static Api,
    pointer: DomainPtr,
}

// SAFETY: a domain is immutable after its creation, except for its reference count, which is atomic,
// and its connection, which is `Send` and `Sync` as above.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: we own this reference to the domain, and this is its last use.
        unsafe { (self.api.domain_free)(self.pointer) };
    }
}

impl Domain {
    /// The name; the client library knows it without a call to the daemon.
    pub fn name(&self) -> Result<String, Failure> {
        // SAFETY: the domain is alive; the result is null or a C string that belongs to it.
        unsafe { text((self.0.api.domain_get_name)(self.0.pointer)) }
            .ok_or_else(|| self.0.api.failure())
    }

    /// The UUID; the client library knows it without a call to the daemon.
    pub fn uuid(&self) -> Result<[u8; 16], Failure> {
        self.0.api.uuid(self.0.pointer)
    }

    /// State, virtual CPUs and memory of this guest, in one call.
    pub fn info(&self) -> Result<Stats, Failure> {
        let mut info = std::mem::MaybeUninit::<RawDomainInfo>::zeroed();
        let Handle { api, pointer } = *self.0;
        // SAFETY: the domain is alive, and the struct has the layout of the C header.
        api.check(unsafe { (api.domain_get_info)(pointer, info.as_mut_ptr()) })?;
        // SAFETY: all zeros is a valid value of the struct, and libvirt has filled it in.
        let info = unsafe { info.assume_init() };
        Ok(Stats {
            state: Some(i32::from(info.state)),
            vcpus: Some(u32::from(info.vcpus)),
            max_memory_kib: Some(info.max_memory_kib),
        })
    }

    /// The description of this guest, as XML without secrets, in one call.
    pub fn description(&self) -> Result<String, Failure> {
        let Handle { api, pointer } = *self.0;
        // SAFETY: the domain is alive; the result is null or a string that we must free. The flags 0 leave out secrets.
        unsafe { api.take((api.domain_get_xml)(pointer, 0)) }
    }
}

fn stats_of(parameters: &[RawParameter]) -> Stats {
    let mut stats = Stats::default();
    for parameter in parameters {
        // SAFETY: `kind` identifies the member of the union that libvirt has set.
        let value = unsafe {
            match parameter.kind {
                PARAM_INT => i64::from(parameter.value.int),
                PARAM_UINT => i64::from(parameter.value.uint),
                PARAM_LLONG => parameter.value.long,
                // A number above i64::MAX is not a real amount; the -1 becomes absent below.
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

/// The text of a fixed-size field, up to its first NUL or its end.
fn field_text(field: &[c_char]) -> String {
    let bytes: Vec<u8> =
        field.iter().map(|byte| byte.cast_unsigned()).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Copies a C string; `None` for null.
///
/// # Safety
/// The pointer must be null or a C string that lives as long as the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, so the caller guarantees a C string.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// A C array as a slice; empty for null or a count below one.
///
/// # Safety
/// The pointer must be null or point to an array of `count` elements that lives as long as `'a`.
unsafe fn slice<'a, T>(pointer: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: not null, so the caller guarantees an array of that length.
        Ok(count) if !pointer.is_null() => unsafe { std::slice::from_raw_parts(pointer, count) },
        _ => &[],
    }
}

#[cfg(test)]
mod ffi_tests;
