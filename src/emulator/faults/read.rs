//! Reads a fault plan from TOML and checks it; an error names key, line and remedy.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use super::plan::{Fault, FaultPlan, Rule};
use crate::emulator::settings::SettingsError;

impl FaultPlan {
    /// Reads and checks a TOML file.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = SettingsError::text_of(path, "fault rules")?;
        Self::parse(&text).map_err(|error| error.in_file(path))
    }

    /// Reads and checks a plan written in TOML.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let plan: Self = toml::from_str(text).map_err(|error| SettingsError::from_toml(text, &error))?;
        plan.check().map_err(|fault| SettingsError { line: line_of(text, &fault.key), ..fault })?;
        Ok(plan)
    }

    /// Reports the first invalid rule.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.rules.iter().enumerate().try_for_each(|(index, rule)| rule.check(index))
    }
}

impl Rule {
    fn check(&self, index: usize) -> Result<(), SettingsError> {
        let wrong = |key: &str, problem: String, remedy: &str| SettingsError {
            file: None,
            line: None,
            key: format!("rule[{index}].{key}"),
            problem,
            remedy: remedy.to_owned(),
        };
        for (key, text) in [("account", &self.account), ("operation", &self.operation), ("name", &self.name)] {
            glob(text).map_err(|why| wrong(key, format!("{text:?}: {why}"), "write a glob such as *.mp4 or {a,b}"))?;
        }
        for (key, value) in [("nth", self.nth), ("every", self.every), ("from", self.from), ("to", self.to)] {
            if value == Some(0) {
                return Err(wrong(key, "is 0".to_owned(), "requests are counted from 1"));
            }
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(wrong("to", format!("{to} is less than from = {from}"), "give the larger number as `to`"));
        }
        if let Some(probability) = self.probability.filter(|p| !(0.0..=1.0).contains(p)) {
            return Err(wrong("probability", format!("{probability} is none"), "give a number from 0 to 1"));
        }
        for (key, value) in [("after_s", self.after_s), ("until_s", self.until_s)] {
            if value.is_some_and(|seconds| !seconds.is_finite() || seconds < 0.0) {
                return Err(wrong(key, "is not a length of time".to_owned(), "give seconds since the plan was set"));
            }
        }
        match &self.fault {
            Fault::Refuse(refuse) if !(400..600).contains(&refuse.status) => {
                Err(wrong("fault", format!("status {} is no error", refuse.status), "give a status from 400 to 599"))
            }
            Fault::Redirect(redirect) if !(300..400).contains(&redirect.status) => {
                Err(wrong("fault", format!("status {} is no redirect", redirect.status), "give 301, 302, 307 or 308"))
            }
            Fault::Slow(slow) if slow.bytes == 0 => {
                Err(wrong("fault", "slow: 0 bytes at once".to_owned(), "give 1 byte or more, or use `hang`"))
            }
            _ => Ok(()),
        }
    }
}

/// A glob whose `*` crosses slashes.
pub(super) fn glob(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text).literal_separator(false).build().map_err(|error| error.kind().to_string())?;
    Ok(glob.compile_matcher())
}

/// The line of a key such as `rule[2].probability`: in the table of that number, or that table's first line.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (rule, leaf) = key.strip_prefix("rule[")?.split_once("].")?;
    let wanted: usize = rule.parse().ok()?;
    let (mut seen, mut header) = (0, None);
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with("[[rule]]") {
            if seen > wanted {
                break;
            }
            if seen == wanted {
                header = Some(number + 1);
            }
            seen += 1;
        } else if seen == wanted + 1 && line.split(['=', '.']).next().is_some_and(|name| name.trim() == leaf) {
            return Some(number + 1);
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Mangle, Refuse, ResetAt, TaskFailure};
    use super::*;

    const GOOD: &str = r#"
seed = 7
clock_skew_s = -600

[[rule]]
plane = "blob"
operation = "{ListBlobs,PutBlobFromUrl}"
name = "*.mp4"
probability = 0.1
fault = { refuse = { status = 503, code = "ServerBusy", retry_after = "date+60" } }

[[rule]]
account = "mediawest"
nth = 3
fault = "lost-answer"

[[rule]]
from = 2
to = 4
fault = { reset = "headers" }

[[rule]]
[rule.fault]
mangle = "marker-loop"
"#;

    #[test]
    fn a_plan_is_read_completely() {
        let plan = FaultPlan::parse(GOOD).unwrap();
        assert_eq!((plan.seed, plan.clock_skew_s, plan.rules.len()), (7, -600, 4));
        let refuse = Refuse::status(503).code("ServerBusy").retry_after("date+60");
        assert_eq!(plan.rules[0].fault, Fault::Refuse(refuse));
        assert_eq!((plan.rules[1].nth, &plan.rules[1].fault), (Some(3), &Fault::LostAnswer));
        assert_eq!(plan.rules[2].fault, Fault::Reset(ResetAt::Headers));
        assert_eq!(plan.rules[3].fault, Fault::Mangle(Mangle::MarkerLoop));
    }

    #[test]
    fn an_encoding_task_gets_the_fault_of_its_own_rule() {
        let text = "[[rule]]\nname = \"*/H264*\"\nfault = { encode = { code = \"E\", message = \"no\" } }";
        let plan = FaultPlan::parse(text).unwrap();
        assert_eq!(plan.rules[0].fault, Fault::Encode(TaskFailure::new("E", "no")));
        assert!(FaultPlan::parse(&text.replace("message", "words")).is_err());
    }

    #[test]
    fn an_error_is_reported_with_its_line_and_remedy() {
        for (from, to, line, problem) in [
            ("probability = 0.1", "probability = 10", 9, "0 to 1"),
            ("nth = 3", "nth = 0", 14, "counted from 1"),
            ("nth = 3", "nht = 3", 14, "unknown field `nht`"),
            ("to = 4", "to = 1", 19, "the larger number"),
            ("status = 503", "status = 200", 10, "400 to 599"),
            ("\"lost-answer\"", "\"lost-anwser\"", 15, "unknown variant"),
            ("*.mp4", "[a", 8, "glob"),
        ] {
            let error = FaultPlan::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.line, Some(line), "{to}: {error}");
            assert!(error.to_string().contains(problem), "{to}: {error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = FaultPlan::read(Path::new("no/such/faults.toml")).unwrap_err();
        assert!(error.to_string().starts_with("no/such/faults.toml: cannot be read"), "{error}");
    }
}
