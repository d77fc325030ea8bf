//! (being built)
use std::path::Path;

use super::LibraryError;
use crate::emulator::world::World;

pub(crate) async fn load(_world: &World, _region: usize, _dir: &Path) -> Result<(), LibraryError> {
    Ok(())
}
