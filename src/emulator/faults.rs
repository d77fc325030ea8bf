//! Where answers will be spoiled on purpose. Nothing is injected yet: every request passes here before its service
//! sees it, and is told to go on.

use super::world::Route;
use super::{Request, Response};

/// Looks at a request and, to spoil it, answers in the service's place.
type Spoil = fn(Route, &Request) -> Option<Response>;

/// The fault plan. Empty for now.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    spoil: Option<Spoil>,
}

impl Faults {
    /// The answer to give in the service's place; `None` to let the request go on.
    pub(super) fn before(&self, route: Route, request: &Request) -> Option<Response> {
        self.spoil.and_then(|spoil| spoil(route, request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_plan_lets_everything_go_on_and_a_full_one_answers() {
        let request = Request::default();
        assert!(Faults::default().before(Route::Admin, &request).is_none());
        let plan = Faults { spoil: Some(|route, _| (route == Route::Blob(1)).then(Response::default)) };
        assert!(plan.before(Route::Blob(0), &request).is_none());
        assert!(plan.before(Route::Blob(1), &request).is_some());
    }
}
