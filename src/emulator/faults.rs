//! Where answers will be spoiled on purpose. Nothing is injected yet: the services ask here before they act and
//! before they answer, and are told to go on.

/// The fault plan. Empty for now.
#[derive(Debug, Default)]
pub(crate) struct Faults;
