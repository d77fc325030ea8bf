//! The URL for players' key requests. This emulator delivers no keys: the URL is that of the real service.

use super::answer::{Answer, Weight};
use super::call::Call;
use super::errors::ApiError;
use super::input;
use super::render;
use super::service::Service;
use crate::emulator::media_account::guids::guid_of_id;
use crate::emulator::media_account::schema::KEYS;

/// The action of a content key, and its name in the statistics.
pub(super) const ACTION: &str = "GetKeyDeliveryUrl";

/// Answers the action with: the URL of a content key for a documented type of delivery.
pub(super) fn url(service: Service<'_>, call: &Call, key: &str, action: &str) -> Result<Answer, ApiError> {
    if action != ACTION {
        return Err(ApiError::no_segment(action));
    }
    service.check_exists(&KEYS, key)?;
    let body = input::object(&call.body)?;
    let wanted = body.get("keyDeliveryType").map(|value| value.to_string().trim_matches('"').to_owned());
    let path = match wanted.as_deref() {
        Some("1") => "PlayReady/".to_owned(),
        Some("2") => format!("?KID={}", guid_of_id(key)),
        _ => return Err(ApiError::bad("The value of property 'keyDeliveryType' is invalid.")),
    };
    let account = &service.region().settings.account;
    let url = format!("https://{account}.keydelivery.mediaservices.windows.net/{path}");
    Ok(Answer::json(call.reply, render::scalar(&service.root(), call.reply, ACTION, &url), Weight::Feed))
}
