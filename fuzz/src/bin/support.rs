//! Fuzz targets of the crate gatherer_plugin_support.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_support::fuzzing::TARGETS);
