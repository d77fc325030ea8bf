//! mediamirror mirrors a whole media library to a second region with server-side copies, at the same URL paths.

#[cfg(feature = "emulator")]
pub mod emulator;
