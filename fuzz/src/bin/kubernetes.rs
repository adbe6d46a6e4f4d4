//! Fuzz targets of the crate gatherer_plugin_kubernetes.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_kubernetes::fuzzing::TARGETS);
