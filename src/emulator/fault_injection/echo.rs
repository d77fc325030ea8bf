//! Repeats the secrets of a request.

use axum::body::to_bytes;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::emulator::faults::plan::EchoForm;
use crate::emulator::http::Request;

/// Parameters of queries and forms that are secrets.
const SECRET: [&str; 3] = ["sig", "client_secret", "wrap_password"];
/// The largest form that is read.
const LARGEST: usize = 1 << 16;

/// The request's secrets in that form, each followed by a space.
pub(super) async fn echoed(form: EchoForm, request: Request) -> String {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let mut secrets = of_headers(&parts.headers);
    secrets.extend(of_form(parts.uri.query().unwrap_or_default()));
    secrets.extend(of_form(std::str::from_utf8(&body).unwrap_or_default()));
    secrets.iter().map(|secret| written(form, secret) + " ").collect()
}

/// A signature or a token, and the signature of the URL that a copy reads.
fn of_headers(headers: &HeaderMap) -> Vec<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = text("authorization").split_once(' ').map(|(_, credential)| credential);
    let credential = credential.map(|all| all.rsplit_once(':').map_or(all, |(_, signature)| signature).to_owned());
    let source = text("x-ms-copy-source").split_once('?').map(|(_, query)| query);
    credential.into_iter().chain(of_form(source.unwrap_or_default())).collect()
}

fn of_form(form: &str) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs.filter(|(name, _)| SECRET.contains(&name.as_ref())).map(|(_, value)| value.into_owned()).collect()
}

fn written(form: EchoForm, secret: &str) -> String {
    let escaped = |escape: &dyn Fn(u32) -> String| {
        secret.chars().map(|c| if c.is_ascii_alphanumeric() { c.into() } else { escape(c.into()) }).collect::<String>()
    };
    match form {
        EchoForm::Raw => secret.to_owned(),
        EchoForm::Capitals => secret.to_ascii_uppercase(),
        EchoForm::Url => escaped(&|number| format!("%{number:02x}")),
        EchoForm::UrlTwice => escaped(&|number| format!("%25{number:02X}")),
        EchoForm::Json => escaped(&|number| format!("\\u{number:04x}")),
        EchoForm::Xml => escaped(&|number| format!("&#x{number:x};")),
        EchoForm::Base64Url => secret.trim_end_matches('=').replace('+', "-").replace('/', "_"),
        EchoForm::Within => BASE64.encode(format!("user:{secret}!")),
        EchoForm::CutOff => secret.chars().take(secret.len() * 2 / 3).collect(),
    }
}
