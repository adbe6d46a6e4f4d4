//! A context for unit tests, whose callbacks discard everything.

use gatherer_plugin_api::__private::abi_stable::std_types::{RErr, RResult, RStr, RString};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, Options};

extern "C" fn emit(_: usize, _: RStr<'_>) -> i32 {
    0
}

extern "C" fn log(_: usize, _: u8, _: RStr<'_>, _: RStr<'_>) {}

extern "C" fn cancelled(context: usize) -> u8 {
    u8::from(context == 1)
}

extern "C" fn call(_: usize, _: RStr<'_>, _: RStr<'_>) -> RResult<RString, RString> {
    RErr(RString::new())
}

fn context_of(state: usize, options: Options) -> Context {
    let callbacks = Callbacks { context: state, emit, log, cancelled, call };
    Context::new(callbacks, "endpoint".to_owned(), "Module".to_owned(), options)
}

/// A context that is not cancelled.
pub(crate) fn context(options: Options) -> Context {
    context_of(0, options)
}

/// A context that is cancelled.
pub(crate) fn cancelled_context(options: Options) -> Context {
    context_of(1, options)
}
