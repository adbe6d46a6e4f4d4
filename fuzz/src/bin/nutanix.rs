//! Fuzz targets of the crate gatherer_plugin_nutanix.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_nutanix::fuzzing::TARGETS);
