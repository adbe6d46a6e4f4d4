//! The binary. All code is in the library, so that fuzz targets can link it.

fn main() -> std::process::ExitCode {
    virtual_host_gatherer::main()
}
