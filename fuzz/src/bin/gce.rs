//! Fuzz targets of the crate gatherer_plugin_gce.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_gce::fuzzing::TARGETS);
