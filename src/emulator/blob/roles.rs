//! What the built-in roles for blobs permit (documentation of the roles' data actions).

use crate::emulator::settings::Role;

/// The permission letters of a role; `None` = everything.
pub(super) fn letters(role: Role) -> Option<&'static str> {
    match role {
        Role::Reader => Some("rl"),
        // Everything except index tags, which need separate data actions.
        Role::Contributor => Some("racwdxylme"),
        Role::Owner => None,
        Role::Delegator => Some(""),
    }
}
