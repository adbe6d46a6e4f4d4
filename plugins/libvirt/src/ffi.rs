//! libvirt's C library behind safe Rust: opened at run time, and the one file with `unsafe`.
//!
//! Declarations follow libvirt's public headers (libvirt-host.h, libvirt-domain.h,
//! virterror.h), whose layouts are stable for good. Nothing here decides anything: `client`
//! does.

#![allow(unsafe_code)]

mod raw;

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::ptr::null_mut;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::map::{NodeInfo, Stats};
use raw::{
    CONNECT_RO, CRED_AUTHNAME, CRED_NOECHOPROMPT, CRED_PASSPHRASE, CRED_USERNAME, ConnectPtr,
    DomainPtr, ErrorHandler, PARAM_INT, PARAM_LLONG, PARAM_UINT, PARAM_ULLONG, RawAuth,
    RawCredential, RawDomainInfo, RawError, RawNodeInfo, RawParameter, RawStatsRecord,
    STATS_BALLOON, STATS_NOWAIT, STATS_STATE, STATS_VCPU,
};

/// libvirt's client library, by the name that every distribution gives it.
pub const LIBRARY: &str = "libvirt.so.0";

/// The number of a libvirt error (`virErrorNumber`).
pub type ErrorCode = c_int;

/// The environment is changed once, however often the library is opened (tests do).
static AUTOSTART_OFF: std::sync::Once = std::sync::Once::new();

/// Declares the table of functions and how it is filled.
macro_rules! functions {
    ($($field:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)+) => {
        /// libvirt's functions, as far as they are used here.
        pub struct Api {
            $($field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)+
        }

        impl Api {
            fn resolve(library: &Library) -> Result<Self, LoadError> {
                Ok(Self {$(
                    // SAFETY: the type is the one of libvirt's public header for this name,
                    // and the library is never closed.
                    $field: *unsafe {
                        library.get::<unsafe extern "C" fn($($argument),*) $(-> $result)?>(
                            $symbol.as_bytes(),
                        )
                    }
                    .map_err(|_| LoadError::Lacks($symbol))?,
                )+})
            }
        }
    };
}

functions! {
    get_last_error = "virGetLastError": fn() -> *const RawError;
    set_error_func = "virSetErrorFunc": fn(*mut c_void, ErrorHandler);
    open_auth = "virConnectOpenAuth": fn(*const c_char, *mut RawAuth, c_uint) -> ConnectPtr;
    close = "virConnectClose": fn(ConnectPtr) -> c_int;
    is_alive = "virConnectIsAlive": fn(ConnectPtr) -> c_int;
    get_type = "virConnectGetType": fn(ConnectPtr) -> *const c_char;
    get_version = "virConnectGetVersion": fn(ConnectPtr, *mut c_ulong) -> c_int;
    get_lib_version = "virConnectGetLibVersion": fn(ConnectPtr, *mut c_ulong) -> c_int;
    get_hostname = "virConnectGetHostname": fn(ConnectPtr) -> *mut c_char;
    get_capabilities = "virConnectGetCapabilities": fn(ConnectPtr) -> *mut c_char;
    node_get_info = "virNodeGetInfo": fn(ConnectPtr, *mut RawNodeInfo) -> c_int;
    list_all_domains = "virConnectListAllDomains":
        fn(ConnectPtr, *mut *mut DomainPtr, c_uint) -> c_int;
    domain_free = "virDomainFree": fn(DomainPtr) -> c_int;
    domain_get_name = "virDomainGetName": fn(DomainPtr) -> *const c_char;
    domain_get_uuid = "virDomainGetUUID": fn(DomainPtr, *mut u8) -> c_int;
    domain_get_info = "virDomainGetInfo": fn(DomainPtr, *mut RawDomainInfo) -> c_int;
    domain_list_get_stats = "virDomainListGetStats":
        fn(*const DomainPtr, c_uint, *mut *mut *mut RawStatsRecord, c_uint) -> c_int;
    stats_list_free = "virDomainStatsRecordListFree": fn(*mut *mut RawStatsRecord);
}

/// Why the library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// There is no such library.
    Missing,
    /// The loader refuses it; its own text.
    Refused(String),
    /// It has no function of this name.
    Lacks(&'static str),
}

/// What libvirt said when a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `virErrorNumber`; 0 if libvirt left none.
    pub code: ErrorCode,
    /// `virErrorDomain`: the part of libvirt that failed.
    pub domain: c_int,
    /// libvirt's text.
    pub message: String,
}

/// What libvirt may be told when it asks who we are.
#[derive(Default)]
pub struct Credentials {
    /// The user name.
    pub username: Option<CString>,
    /// The password.
    pub password: Option<CString>,
}

impl Api {
    /// Opens the library, for good: it is never closed, as libvirt does not allow that.
    pub fn load(library: &str) -> Result<&'static Self, LoadError> {
        // A session URI would start a daemon of its own; asking must not do that.
        #[expect(clippy::disallowed_methods, reason = "libvirt has no other switch for it")]
        AUTOSTART_OFF.call_once(|| {
            // SAFETY: the worker calls a plugin from its main thread, before libvirt is loaded
            // and before this plugin has started a thread: nothing reads the environment now.
            unsafe { std::env::set_var("LIBVIRT_AUTOSTART", "0") };
        });

        // SAFETY: libvirt's initialisers are what every program that links it runs too.
        let opened = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) };
        let opened = opened.map_err(|error| {
            let text = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            // A library that it needs in turn may be the missing one: that is another matter.
            let missing = text.starts_with(library) && text.contains("No such file or directory");
            if missing { LoadError::Missing } else { LoadError::Refused(text) }
        })?;
        let api: &'static Self = Box::leak(Box::new(Self::resolve(&opened)?));
        std::mem::forget(opened);
        // SAFETY: the handler ignores its arguments; libvirt would print to stderr otherwise.
        unsafe { (api.set_error_func)(null_mut(), ignore_error) };
        Ok(api)
    }

    /// Connects read-only. Blocks as long as libvirt likes to.
    pub fn connect(
        &'static self,
        uri: &CStr,
        credentials: &Credentials,
    ) -> Result<Connection, Failure> {
        let mut types = Vec::new();
        if credentials.username.is_some() {
            types.extend([CRED_USERNAME, CRED_AUTHNAME]);
        }
        if credentials.password.is_some() {
            types.extend([CRED_PASSPHRASE, CRED_NOECHOPROMPT]);
        }
        let mut auth = RawAuth {
            types: types.as_mut_ptr(),
            // At most the four above.
            type_count: c_uint::try_from(types.len()).unwrap_or(0),
            callback: answer,
            data: std::ptr::from_ref(credentials).cast_mut().cast(),
        };
        // SAFETY: the text ends in NUL; `auth`, `types` and the credentials outlive the call,
        // after which libvirt no longer uses them.
        let pointer = unsafe { (self.open_auth)(uri.as_ptr(), &raw mut auth, CONNECT_RO) };
        if pointer.is_null() { Err(self.failure()) } else { Ok(Connection { api: self, pointer }) }
    }

    /// What libvirt says of the call of this thread that has just failed.
    fn failure(&self) -> Failure {
        // SAFETY: takes no arguments; the result is null or this thread's error, which stays
        // as it is until the thread's next call of libvirt.
        let error = unsafe { (self.get_last_error)().as_ref() };
        match error {
            None => Failure { code: 0, domain: 0, message: "no reason given".to_owned() },
            Some(error) => Failure {
                code: error.code,
                domain: error.domain,
                // SAFETY: the message is null or a C string that belongs to the error.
                message: unsafe { text(error.message) }.unwrap_or_default(),
            },
        }
    }

    fn check(&self, result: c_int) -> Result<c_int, Failure> {
        if result < 0 { Err(self.failure()) } else { Ok(result) }
    }

    /// Takes over a C string that libvirt allocated.
    ///
    /// # Safety
    /// The pointer is null or a C string from malloc that nobody else uses.
    unsafe fn take(&self, pointer: *mut c_char) -> Result<String, Failure> {
        if pointer.is_null() {
            return Err(self.failure());
        }
        // SAFETY: not null, so a C string, as the caller promises.
        let owned = unsafe { text(pointer) }.unwrap_or_default();
        // SAFETY: from malloc, used by nobody else, freed once.
        unsafe { libc::free(pointer.cast()) };
        Ok(owned)
    }
}

/// An open connection, closed when dropped.
pub struct Connection {
    api: &'static Api,
    pointer: ConnectPtr,
}

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
            .map(|index| Domain { api: self.api, pointer: unsafe { *list.add(index) } })
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
        let mut pointers: Vec<DomainPtr> = domains.iter().map(|domain| domain.pointer).collect();
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

/// A guest's handle, released when dropped.
pub struct Domain {
    api: &'static Api,
    pointer: DomainPtr,
}

impl Drop for Domain {
    fn drop(&mut self) {
        // SAFETY: the pointer is a domain's reference of ours, and this is its last use.
        unsafe { (self.api.domain_free)(self.pointer) };
    }
}

impl Domain {
    /// The name; known without asking the daemon.
    pub fn name(&self) -> Result<String, Failure> {
        // SAFETY: the domain lives; the result is null or a C string that belongs to it.
        unsafe { text((self.api.domain_get_name)(self.pointer)) }.ok_or_else(|| self.api.failure())
    }

    /// The UUID; known without asking the daemon.
    pub fn uuid(&self) -> Result<[u8; 16], Failure> {
        self.api.uuid(self.pointer)
    }

    /// State, virtual CPUs and memory of this guest: one call.
    pub fn info(&self) -> Result<Stats, Failure> {
        let mut info = std::mem::MaybeUninit::<RawDomainInfo>::zeroed();
        // SAFETY: the domain lives, and the struct has the layout of the header.
        self.api.check(unsafe { (self.api.domain_get_info)(self.pointer, info.as_mut_ptr()) })?;
        // SAFETY: all zeros is a value of the struct, and libvirt has filled it in.
        let info = unsafe { info.assume_init() };
        Ok(Stats {
            state: Some(i32::from(info.state)),
            vcpus: Some(u32::from(info.vcpus)),
            max_memory_kib: Some(info.max_memory_kib),
        })
    }
}

impl Api {
    fn uuid(&self, domain: DomainPtr) -> Result<[u8; 16], Failure> {
        let mut uuid = [0; 16];
        // SAFETY: the domain lives, and libvirt writes exactly 16 bytes.
        self.check(unsafe { (self.domain_get_uuid)(domain, uuid.as_mut_ptr()) })?;
        Ok(uuid)
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
                PARAM_ULLONG => i64::try_from(parameter.value.ulong).unwrap_or(i64::MAX),
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

/// libvirt calls this on every error instead of printing to stderr.
unsafe extern "C" fn ignore_error(_data: *mut c_void, _error: *mut RawError) {}

/// libvirt calls this to learn who we are. 0 = answered, -1 = we cannot. It does nothing that
/// could panic: a panic would end the process here.
unsafe extern "C" fn answer(
    asked: *mut RawCredential,
    count: c_uint,
    credentials: *mut c_void,
) -> c_int {
    // SAFETY: libvirt hands back the pointer that `connect` gave it, which lives meanwhile.
    let Some(credentials) = (unsafe { credentials.cast::<Credentials>().as_ref() }) else {
        return -1;
    };
    for index in 0..count as usize {
        // SAFETY: libvirt hands over an array of `count` questions, ours to write to.
        let asked = unsafe { &mut *asked.add(index) };
        let answer = match asked.kind {
            CRED_USERNAME | CRED_AUTHNAME => credentials.username.as_deref(),
            CRED_PASSPHRASE | CRED_NOECHOPROMPT => credentials.password.as_deref(),
            _ => None,
        };
        let Some(answer) = answer else { return -1 };
        // SAFETY: a C string; libvirt frees the copy, which therefore is from malloc.
        asked.result = unsafe { libc::strdup(answer.as_ptr()) };
        if asked.result.is_null() {
            return -1;
        }
        // libvirt's own lengths are 32-bit; a longer answer does not exist.
        asked.result_len = c_uint::try_from(answer.count_bytes()).unwrap_or(0);
    }
    0
}

#[cfg(test)]
mod tests;
