//! Decides whether one asset would play from the target now, from its copy, the endpoint and the probe. Pure.

use super::endpoint::{Endpoint, EndpointState};
use crate::engine::health::{AssetHealth, Playable};
use crate::play::Probed;
use crate::verdict::{Cause, Finding};

/// Decides whether it would play. `through_endpoint`: viewers play the library through locators on the endpoint.
pub(super) fn verdict(health: &AssetHealth, endpoint: &Endpoint, probed: Option<&Probed>) -> Playable {
    match &health.playable {
        // A copy that cannot play has its own cause, and its own remedy.
        Playable::NotExpected | Playable::Not(_) => health.playable.clone(),
        Playable::Ready | Playable::Unknown(_) => match endpoint.state {
            EndpointState::Stopped => Playable::Not(Cause::TargetNotStreaming.into()),
            EndpointState::Unreachable => {
                Playable::Unknown(Finding::new(Cause::ProbeUnanswered, endpoint.detail.clone()))
            }
            EndpointState::Running | EndpointState::NotNeeded => by_probe(&health.playable, probed),
        },
    }
}

fn by_probe(playable: &Playable, probed: Option<&Probed>) -> Playable {
    match (playable, probed) {
        (_, Some(Probed::Fails(finding))) => Playable::Not(finding.clone()),
        (Playable::Ready, Some(Probed::Unknown(finding))) => Playable::Unknown(finding.clone()),
        // A successful probe proves more than a record.
        (Playable::Unknown(finding), Some(Probed::Plays { .. })) if finding.cause == Cause::NotProven => {
            Playable::Ready
        }
        (playable, _) => playable.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::health::{Replication, Shield, Tier};
    use crate::model::AssetId;

    fn health(playable: Playable) -> AssetHealth {
        AssetHealth {
            asset: AssetId::new("a"),
            name: "film".to_owned(),
            copy: None,
            replication: Replication::Current,
            playable,
            tier: Tier::Online,
            protection: Shield::Clear,
            locators: (1, 1),
            bytes: 1,
            pending: None,
            proven: None,
        }
    }

    fn endpoint(state: EndpointState) -> Endpoint {
        Endpoint { state, hosts: Vec::new(), detail: String::new() }
    }

    fn judged(playable: Playable, state: EndpointState, probed: Option<&Probed>) -> Playable {
        verdict(&health(playable), &endpoint(state), probed)
    }

    #[test]
    fn nothing_plays_from_a_stopped_endpoint_and_a_broken_copy_keeps_its_own_cause() {
        let stopped = judged(Playable::Ready, EndpointState::Stopped, None);
        assert_eq!(stopped, Playable::Not(Cause::TargetNotStreaming.into()));
        let broken = Playable::Not(Cause::CopyAltered.into());
        assert_eq!(judged(broken.clone(), EndpointState::Stopped, None), broken);
        assert_eq!(judged(Playable::NotExpected, EndpointState::Stopped, None), Playable::NotExpected);
    }

    #[test]
    fn a_probe_overrides_a_record_and_replaces_a_missing_one() {
        let running = EndpointState::Running;
        let fails = Finding::new(Cause::DoesNotPlay, "HTTP 404");
        let refuted = judged(Playable::Ready, running, Some(&Probed::Fails(fails.clone())));
        assert_eq!(refuted, Playable::Not(fails));
        let unproven = Playable::Unknown(Cause::NotProven.into());
        assert_eq!(judged(unproven.clone(), running, Some(&Probed::Plays { urls: 3 })), Playable::Ready);
        assert_eq!(judged(unproven.clone(), running, None), unproven);
        let unanswered = Playable::Unknown(Cause::ProbeUnanswered.into());
        assert_eq!(judged(Playable::Ready, running, Some(&Probed::Unknown(Cause::ProbeUnanswered.into()))), unanswered);
        assert_eq!(judged(Playable::Ready, EndpointState::Unreachable, None), unanswered);
    }
}
