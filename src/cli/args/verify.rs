//! The arguments of `verify`.

use clap::Args;
use mediamirror::play::Sample;

use super::ScopeArgs;
use super::notify::NotifyArgs;

/// Arguments of `verify`. With one of the group `depth`, it compares more than listings.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
#[command(group = clap::ArgGroup::new("depth").multiple(true))]
pub(crate) struct VerifyArgs {
    /// Which assets.
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Also request manifests, first and last segments and subtitles from both hosts, as viewers do
    #[arg(long, group = "depth")]
    pub(crate) play: bool,
    /// Also read blobs on both sides and compare them byte by byte; `--bytes-per-second` limits it
    #[arg(long, group = "depth")]
    pub(crate) bytes: bool,
    /// Also compare stored access policies of containers, CORS rules and the static website; only for storage accounts
    #[arg(long)]
    pub(crate) settings: bool,
    /// Compare containers by name, even if another program such as object replication fills them; only for storage accounts
    #[arg(long)]
    pub(crate) by_name: bool,
    /// Play or read only this share, such as 5%, but at least one
    #[arg(long, value_name = "PERCENT", value_parser = part, requires = "depth")]
    pub(crate) sample: Option<f64>,
    /// Choose the sample by this text; by the date (UTC) when not given
    #[arg(long, hide_short_help = true, value_name = "TEXT", requires = "sample")]
    pub(crate) seed: Option<String>,
    /// Site of the web page that plays the assets, as browsers send it
    #[arg(long, hide_short_help = true, value_name = "URL", default_value = "https://viewer.example", value_parser = origin)]
    pub(crate) origin: String,
    /// The reports to other programs.
    #[command(flatten)]
    pub(crate) notify: NotifyArgs,
}

impl VerifyArgs {
    /// Which assets are chosen. `today`: the date.
    pub(crate) fn sample(&self, today: &str) -> Sample {
        match self.sample {
            Some(part) => Sample { part, seed: self.seed.clone().unwrap_or_else(|| today.to_owned()) },
            None => Sample::all(),
        }
    }
}

/// Parses a percentage as a fraction of 1.
pub(super) fn part(text: &str) -> Result<f64, String> {
    let wrong = || "write a percentage above 0% and up to 100%, such as 5% or 0.5%".to_owned();
    let digits = text.trim().strip_suffix('%').ok_or_else(wrong)?;
    let percent: f64 = digits.trim().parse().map_err(|_| wrong())?;
    if percent > 0.0 && percent <= 100.0 { Ok(percent / 100.0) } else { Err(wrong()) }
}

/// Parses a scheme and a host without a path.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let plain = url.host().is_some() && url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let plain = plain && matches!(url.scheme(), "http" | "https");
    if plain {
        Ok(url.origin().ascii_serialization())
    } else {
        Err("write only the scheme and the host, such as https://www.example.com".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_percentage_above_zero() {
        assert_eq!(part("5%"), Ok(0.05));
        assert_eq!(part(" 100 %"), Ok(1.0));
        for wrong in ["5", "0%", "-1%", "101%", "NaN%", "inf%", "%", ""] {
            part(wrong).unwrap_err();
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        assert_eq!(origin("https://www.example.com/").as_deref(), Ok("https://www.example.com"));
        assert_eq!(origin("http://localhost:8080").as_deref(), Ok("http://localhost:8080"));
        for wrong in ["www.example.com", "https://a.example/x", "https://u@a.example", "ftp://a.example", "data:x"] {
            origin(wrong).unwrap_err();
        }
    }
}
