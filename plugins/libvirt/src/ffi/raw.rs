//! libvirt's constants and structs from its public headers.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

pub const CONNECT_RO: c_uint = 1 << 0;
pub const CRED_USERNAME: c_int = 1;
pub const CRED_AUTHNAME: c_int = 2;
pub const CRED_PASSPHRASE: c_int = 5;
pub const CRED_NOECHOPROMPT: c_int = 7;
pub const STATS_STATE: c_uint = 1 << 0;
pub const STATS_BALLOON: c_uint = 1 << 2;
pub const STATS_VCPU: c_uint = 1 << 3;
pub const STATS_NOWAIT: c_uint = 1 << 29;
pub const PARAM_INT: c_int = 1;
pub const PARAM_UINT: c_int = 2;
pub const PARAM_LLONG: c_int = 3;
pub const PARAM_ULLONG: c_int = 4;

/// `struct _virConnect`, `struct _virDomain`: opaque.
pub type ConnectPtr = *mut c_void;
pub type DomainPtr = *mut c_void;

/// The first fields of `struct _virError`; only read through libvirt's pointer.
#[repr(C)]
pub struct RawError {
    pub code: c_int,
    pub domain: c_int,
    pub message: *const c_char,
}

/// `struct _virConnectCredential`
#[repr(C)]
pub struct RawCredential {
    pub kind: c_int,
    pub prompt: *const c_char,
    pub challenge: *const c_char,
    pub default: *const c_char,
    pub result: *mut c_char,
    pub result_len: c_uint,
}

pub type CredentialCallback =
    unsafe extern "C" fn(*mut RawCredential, c_uint, *mut c_void) -> c_int;

/// `struct _virConnectAuth`
#[repr(C)]
pub struct RawAuth {
    pub types: *mut c_int,
    pub type_count: c_uint,
    pub callback: CredentialCallback,
    pub data: *mut c_void,
}

/// `struct _virNodeInfo`
#[repr(C)]
pub struct RawNodeInfo {
    pub model: [c_char; 32],
    pub memory_kib: c_ulong,
    pub cpus: c_uint,
    pub mhz: c_uint,
    pub nodes: c_uint,
    pub sockets: c_uint,
    pub cores: c_uint,
    pub threads: c_uint,
}

/// `struct _virDomainInfo`
#[repr(C)]
pub struct RawDomainInfo {
    pub state: u8,
    pub max_memory_kib: c_ulong,
    pub memory_kib: c_ulong,
    pub vcpus: u16,
    pub cpu_time: u64,
}

#[repr(C)]
pub union RawValue {
    pub int: c_int,
    pub uint: c_uint,
    pub long: i64,
    pub ulong: u64,
}

/// `struct _virTypedParameter`
#[repr(C)]
pub struct RawParameter {
    pub field: [c_char; 80],
    pub kind: c_int,
    pub value: RawValue,
}

/// `struct _virDomainStatsRecord`
#[repr(C)]
pub struct RawStatsRecord {
    pub domain: DomainPtr,
    pub parameters: *const RawParameter,
    pub parameter_count: c_int,
}

pub type ErrorHandler = unsafe extern "C" fn(*mut c_void, *mut RawError);
