//! Fuzz targets of the crate gatherer_plugin_azure.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_azure::fuzzing::TARGETS);
