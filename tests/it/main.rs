//! The library against the emulator.
#![cfg(feature = "emulator")]

mod media_v2;
