//! The credentials of requests, and the forms in which a service can repeat them.

use azure_core::http::Request;
use azure_core::http::headers::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mediamirror::emulator::faults::plan::EchoForm;

/// All forms in which the emulator repeats them.
pub(crate) const FORMS: [EchoForm; 9] = [
    EchoForm::Raw,
    EchoForm::Capitals,
    EchoForm::Url,
    EchoForm::UrlTwice,
    EchoForm::Json,
    EchoForm::Xml,
    EchoForm::Base64Url,
    EchoForm::Within,
    EchoForm::CutOff,
];

/// The token or signature of a request, and the signature of the source that it names.
pub(crate) fn sent_with(request: &Request) -> Vec<String> {
    let header = |name: &'static str| request.headers().get_optional_str(&HeaderName::from_static(name));
    let credential = header("authorization").and_then(|value| value.split_once(' ')).map(|(_, rest)| rest);
    let credential = credential.map(|all| all.rsplit_once(':').map_or(all, |(_, signature)| signature).to_owned());
    let source = header("x-ms-copy-source").and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let signature = url::form_urlencoded::parse(source.as_bytes()).find(|(name, _)| name == "sig");
    credential.into_iter().chain(signature.map(|(_, value)| value.into_owned())).collect()
}

/// The texts that must not be found: the last characters of a secret in every form, and the first ones of a truncated
/// signature.
pub(crate) fn needles(secret: &str) -> Vec<String> {
    let bare = secret.trim_end_matches('=');
    let last = &bare[bare.len() - 16..];
    let escaped = |escape: &dyn Fn(u32) -> String| {
        last.chars().map(|c| if c.is_ascii_alphanumeric() { c.into() } else { escape(c.into()) }).collect::<String>()
    };
    let mut needles = vec![
        last.to_owned(),
        last.to_uppercase(),
        escaped(&|number| format!("%{number:02x}")),
        escaped(&|number| format!("%25{number:02X}")),
        escaped(&|number| format!("\\u{number:04x}")),
        escaped(&|number| format!("&#x{number:x};")),
        last.replace('+', "-").replace('/', "_"),
    ];
    if secret.len() < 50 {
        needles.push(bare[..16].to_owned());
    }
    let within = BASE64.encode(format!("user:{secret}!"));
    needles.push(within[within.len() - 28..within.len() - 12].to_owned());
    needles
}
