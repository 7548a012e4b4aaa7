//! Where the checks start: on a bare processor, as a WebAssembly module, or as an ordinary program.
//!
//! On a bare processor there is no operating system, and the target has no `std` that could be linked. All memory is one static
//! block; a debugger's call (semihosting) ends the run with the status. QEMU answers that call, loads the program and gives it a
//! stack; on a board a runtime crate would.

#![cfg_attr(any(target_os = "none", target_family = "wasm"), no_std, no_main)]

/// All the memory there is; 64 KiB are enough.
#[global_allocator]
static HEAP: emballoc::Allocator<{ 1 << 20 }> = emballoc::Allocator::new();

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    semihosting::eprintln!("{info}");
    semihosting::process::exit(101)
}

/// Ends a bare machine's run with the status, or returns the status to the caller of a WebAssembly module.
#[cfg(any(target_os = "none", target_family = "wasm"))]
#[expect(unsafe_code, reason = "a program without std has no other way to name its entry point")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> u32 {
    let status = palinode_no_std::run();
    #[cfg(target_os = "none")]
    semihosting::process::exit(status as i32);
    #[cfg(not(target_os = "none"))]
    status
}

#[cfg(not(any(target_os = "none", target_family = "wasm")))]
fn main() {
    std::process::exit(palinode_no_std::run() as i32)
}
