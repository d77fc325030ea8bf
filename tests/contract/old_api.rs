//! Older versions of the media API.

use mediamirror::config::{Config, ServiceConfig};

/// Configures that `x-ms-version` for both sides.
pub(crate) fn speak(config: &mut Config, version: &str) {
    for account in [&mut config.source, &mut config.target] {
        if let ServiceConfig::AmsV2(settings) = &mut account.service {
            version.clone_into(&mut settings.api_version);
        }
    }
}
