//! Fuzz targets of the crate gatherer_plugin_proxmox.
#![no_main]

gatherer_fuzz::fuzz_main!(gatherer_plugin_proxmox::fuzzing::TARGETS);
