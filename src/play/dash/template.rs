//! Segments by template: `$Number$` and `$Time$`, with a timeline or of one duration (ISO/IEC 23009-1, 5.3.9.4 and 5.3.9.6).

use std::fmt::Write as _;

use super::xml::Element;

/// The values of a template's identifiers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) representation: &'a str,
    pub(super) bandwidth: &'a str,
    pub(super) number: u64,
    pub(super) time: u64,
}

/// A template with its values.
///
/// # Errors
/// It has an identifier that is not defined.
pub(super) fn expand(template: &str, values: Values<'_>) -> Result<String, String> {
    let mut parts = template.split('$');
    let mut url = parts.next().unwrap_or_default().to_owned();
    while let Some(identifier) = parts.next() {
        // `$Number$x` is split at both `$`: the text after them is the next part.
        let text = parts.next().ok_or_else(|| format!("a `$` of the template {template:?} is open"))?;
        let (name, width) = match identifier.split_once("%0") {
            Some((name, format)) => {
                let width = format.strip_suffix('d').and_then(|digits| digits.parse::<u8>().ok());
                (name, usize::from(width.ok_or_else(|| unknown(template))?))
            }
            None => (identifier, 1),
        };
        match name {
            "" => url.push('$'),
            "RepresentationID" => url.push_str(values.representation),
            "Bandwidth" => drop(write!(url, "{:0>width$}", values.bandwidth)),
            "Number" => drop(write!(url, "{:0width$}", values.number)),
            "Time" => drop(write!(url, "{:0width$}", values.time)),
            _ => return Err(unknown(template)),
        }
        url.push_str(text);
    }
    Ok(url)
}

fn unknown(template: &str) -> String {
    format!("the template {template:?} has an unknown identifier")
}

/// The first and last segments of a timeline, as number and time. `end`: that of the period, in units of the timeline.
/// The last one is `None` if its position is unknown.
///
/// # Errors
/// A number is missing or too large.
pub(super) fn of_timeline(timeline: &Element, number: u64, end: Option<u64>) -> Result<Ends, String> {
    let large = || "a number in a timeline is missing or too large".to_owned();
    let value = |entry: &Element, name: &str| entry.attribute(name).map(|text| text.trim().parse::<i64>());
    let entries: Vec<&Element> = timeline.all("S").collect();
    let (mut time, mut count, mut first, mut last) = (0_u64, 0_u64, None, None);
    for (index, entry) in entries.iter().enumerate() {
        let given = |name| value(entry, name).transpose().map_err(|_| large());
        if let Some(start) = given("t")? {
            time = u64::try_from(start).map_err(|_| large())?;
        }
        let length =
            given("d")?.and_then(|length| u64::try_from(length).ok()).filter(|length| *length > 0).ok_or_else(large)?;
        first.get_or_insert((number, time));
        let repeats = if let repeats @ 0.. = given("r")?.unwrap_or(0) {
            repeats.unsigned_abs()
        } else {
            // It repeats until the start of the next entry, or the end of the period.
            let next = entries.get(index + 1).map(|next| value(next, "t").ok_or_else(large)?.map_err(|_| large()));
            let until = next.transpose()?.map(|start| u64::try_from(start).map_err(|_| large())).transpose()?.or(end);
            let Some(until) = until else { return Ok(Ends { first, last: None }) };
            until.saturating_sub(time).div_ceil(length).saturating_sub(1)
        };
        let past = length.checked_mul(repeats).and_then(|past| time.checked_add(past)).ok_or_else(large)?;
        count = count.checked_add(repeats).ok_or_else(large)?;
        last = Some((number.checked_add(count).ok_or_else(large)?, past));
        time = past.checked_add(length).ok_or_else(large)?;
        count = count.checked_add(1).ok_or_else(large)?;
    }
    Ok(Ends { first, last })
}

/// The first and last segments, as number and time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) first: Option<(u64, u64)>,
    pub(super) last: Option<(u64, u64)>,
}

/// The same for segments of equal length. `end`: that of the period, in the same units; `None` if it is unknown.
///
/// # Errors
/// A number is zero or too large.
pub(super) fn of_duration(length: u64, number: u64, end: Option<u64>) -> Result<Ends, String> {
    if length == 0 {
        return Err("the duration of segments is 0".to_owned());
    }
    let Some(end) = end else { return Ok(Ends { first: Some((number, 0)), last: None }) };
    let after = end.div_ceil(length).saturating_sub(1);
    let last = number.checked_add(after).ok_or("a segment's number is too large")?;
    Ok(Ends { first: Some((number, 0)), last: Some((last, after * length)) })
}

#[cfg(test)]
mod tests {
    use super::super::xml;
    use super::*;

    fn timeline(entries: &str, end: Option<u64>) -> Result<Ends, String> {
        let document = xml::read(&format!("<SegmentTimeline>{entries}</SegmentTimeline>")).unwrap();
        of_timeline(&document.children[0], 1, end)
    }

    #[test]
    fn a_template_is_filled_with_its_values() {
        let values = Values { representation: "v 1", bandwidth: "800000", number: 7, time: 12 };
        for (template, url) in [
            ("a/$RepresentationID$/$Number$.m4s", "a/v 1/7.m4s"),
            ("$RepresentationID$_$Number%05d$.m4s?x=$$", "v 1_00007.m4s?x=$"),
            ("Fragments(video=$Time$)", "Fragments(video=12)"),
            ("$Bandwidth$", "800000"),
            ("fixed", "fixed"),
        ] {
            assert_eq!(expand(template, values).unwrap(), url, "{template}");
        }
        for wrong in ["$Number", "$Nummer$", "$Number%05x$", "$Number%0999d$"] {
            expand(wrong, values).unwrap_err();
        }
    }

    #[test]
    fn a_timeline_gives_the_first_and_the_last_segment() {
        let ends = |first, last| Ends { first: Some(first), last };
        assert_eq!(timeline(r#"<S t="100" d="10" r="2"/><S d="5"/>"#, None), Ok(ends((1, 100), Some((4, 130)))));
        assert_eq!(timeline(r#"<S d="10" r="-1"/>"#, Some(95)), Ok(ends((1, 0), Some((10, 90)))));
        assert_eq!(timeline(r#"<S d="10" r="-1"/><S t="30" d="7"/>"#, None), Ok(ends((1, 0), Some((4, 30)))));
        assert_eq!(timeline(r#"<S d="10" r="-1"/>"#, None), Ok(ends((1, 0), None)));
        for wrong in [r#"<S t="1"/>"#, r#"<S d="0"/>"#, r#"<S d="9223372036854775807" r="9223372036854775807"/>"#] {
            timeline(wrong, None).unwrap_err();
        }
        assert_eq!(timeline("", None), Ok(Ends { first: None, last: None }));
    }

    #[test]
    fn segments_of_equal_length_end_with_their_period() {
        assert_eq!(of_duration(4, 1, Some(10)).unwrap().last, Some((3, 8)));
        assert_eq!(of_duration(5, 0, Some(10)).unwrap().last, Some((1, 5)));
        assert_eq!(of_duration(5, 0, None).unwrap().last, None);
        of_duration(0, 1, Some(1)).unwrap_err();
    }
}
