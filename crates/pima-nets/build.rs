//! Links this crate's own tests and programs against libtorch so that they start without `LD_LIBRARY_PATH`.
//!
//! Shared by every package that makes an executable on top of `tch` (`build = "../pima-nets/build.rs"`): a linker argument reaches only the
//! package whose build script prints it.

fn main() {
    // The metadata changes with libtorch, and cargo reruns the script then of itself. No path is named: this file is shared, and a relative path would be
    // looked for in each package and never be up to date there.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.to_string_lossy());
        // For `--version`. A libtorch inside a Python package has no such file.
        let version = std::fs::read_to_string(std::path::Path::new(&lib).with_file_name("build-version"));
        println!("cargo:rustc-env=PIMA_LIBTORCH={}", version.as_deref().map_or("of unknown version", str::trim));
    }
    // libtorch registers its CUDA kernels from static initialisers that nothing names. The linker drops such libraries unless they are named
    // again after this switch, which reaches only what follows it; libtorch.so names the rest.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-ltorch");
    }
}
