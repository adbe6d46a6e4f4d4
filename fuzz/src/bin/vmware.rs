//! Fuzz targets of the crate gatherer_plugin_vmware.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_vmware::fuzzing::TARGETS);
