//! Fuzz targets of the crate gatherer_plugin_libvirt.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_libvirt::fuzzing::TARGETS);
