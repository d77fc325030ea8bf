//! Reads the URLs of a DASH description (ISO/IEC 23009-1): for each representation, the initialization segment and the
//! first and last segments.

mod template;
mod xml;

use jiff::{SignedDuration, Span, SpanRelativeTo};

use self::template::{Ends, Values, expand, of_duration, of_timeline};
use self::xml::Element;
use super::named::{Contents, Kind, Named, Part};

/// Reads a description.
///
/// # Errors
/// The problem of the text.
pub(super) fn read(text: &[u8]) -> Result<Contents, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    let document = xml::read(text.trim_start_matches('\u{feff}'))?;
    let mpd = document.child("MPD").ok_or("it is not a DASH description")?;
    let mut reading = Reading { contents: Contents::default(), total: duration(mpd, "mediaPresentationDuration") };
    for location in mpd.all("Location") {
        reading.contents.add(Named::whole(location.text(), Kind::Name));
    }
    let bases = reading.bases(&[], mpd);
    let periods: Vec<&Element> = mpd.all("Period").collect();
    let mut start = Some(SignedDuration::ZERO);
    for (index, period) in periods.iter().enumerate() {
        start = duration(period, "start").or(start);
        let next = periods
            .get(index + 1)
            .and_then(|next| duration(next, "start"))
            .or(reading.total.filter(|_| index + 1 == periods.len()));
        let until = next.zip(start).map(|(next, start)| next - start);
        let length = duration(period, "duration").or(until);
        reading.period(&bases, period, length)?;
        start = start.zip(length).map(|(start, length)| start + length);
    }
    if reading.contents.named.iter().all(|named| named.kind == Kind::Name) && reading.contents.gaps.is_empty() {
        return Err("it names no segment".to_owned());
    }
    Ok(reading.contents)
}

/// The results so far.
struct Reading {
    contents: Contents,
    total: Option<SignedDuration>,
}

/// A representation with the elements from which it inherits: itself, its set, its period.
struct Representation<'a> {
    levels: [&'a Element; 3],
    bases: Vec<String>,
    /// The duration of its period.
    length: Option<SignedDuration>,
}

impl Reading {
    fn period(&mut self, bases: &[String], period: &Element, length: Option<SignedDuration>) -> Result<(), String> {
        self.remote(period, "period");
        let bases = self.bases(bases, period);
        for set in period.all("AdaptationSet") {
            self.remote(set, "adaptation set");
            let bases = self.bases(&bases, set);
            for representation in set.all("Representation") {
                let bases = self.bases(&bases, representation);
                let one = Representation { levels: [representation, set, period], bases, length };
                self.representation(&one)?;
            }
        }
        Ok(())
    }

    /// The bases below that element. Players use the first `BaseURL`; the others are fallbacks.
    fn bases(&mut self, above: &[String], element: &Element) -> Vec<String> {
        let mut written = element.all("BaseURL").map(Element::text);
        let first = written.next();
        for other in written {
            let references = above.iter().cloned().chain([other.to_owned()]).collect();
            self.contents.add(Named { references, kind: Kind::Name, part: Part::Whole });
        }
        above.iter().cloned().chain(first.map(str::to_owned)).collect()
    }

    /// Records an element that is stored elsewhere.
    fn remote(&mut self, element: &Element, what: &str) {
        if let Some(url) = element.attribute("href") {
            self.contents.add(Named::whole(url, Kind::Name));
            self.contents.gaps.push(format!("the {what} at {url}"));
        }
    }

    fn representation(&mut self, one: &Representation<'_>) -> Result<(), String> {
        let has = |name: &str| one.levels.iter().any(|level| level.child(name).is_some());
        if has("SegmentTemplate") {
            return self.by_template(one);
        }
        if has("SegmentList") {
            return self.by_list(one);
        }
        let base = one.inherited("SegmentBase");
        if base.is_empty() && one.bases.is_empty() {
            return Err(format!("representation {:?} has no URL", one.id()));
        }
        self.initialization(one, &base)?;
        if let Some(range) = first(&base, "indexRange") {
            self.add(one, None, Kind::Init, Part::of(Some(range_of(range)?)));
        }
        // A file that is played by ranges, or a complete file of subtitles.
        self.add(one, None, Kind::File, Part::Ends);
        Ok(())
    }

    fn by_template(&mut self, one: &Representation<'_>) -> Result<(), String> {
        let levels = one.inherited("SegmentTemplate");
        let at = |(number, time)| Values { representation: one.id(), bandwidth: one.bandwidth(), number, time };
        match first(&levels, "initialization") {
            Some(template) => {
                let url = expand(template, at((0, 0)))?;
                self.add(one, Some(url), Kind::Init, Part::Whole);
            }
            None => self.initialization(one, &levels)?,
        }
        let Some(media) = first(&levels, "media") else {
            return Err(format!("representation {:?} has a template without `media`", one.id()));
        };
        let Ends { first, last } = ends(&levels, one.length)?;
        for place in first.into_iter().chain(last) {
            let url = expand(media, at(place))?;
            self.add(one, Some(url), Kind::Segment, Part::Whole);
        }
        if last.is_none() {
            self.contents.gaps.push(format!("the last segment of representation {:?}", one.id()));
        }
        Ok(())
    }

    fn by_list(&mut self, one: &Representation<'_>) -> Result<(), String> {
        let levels = one.inherited("SegmentList");
        self.initialization(one, &levels)?;
        let listing = levels.iter().find(|level| level.child("SegmentURL").is_some());
        let segments: Vec<&Element> = listing.map(|listing| listing.all("SegmentURL").collect()).unwrap_or_default();
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
            return Err(format!("representation {:?} has a list without segments", one.id()));
        };
        for segment in [first, last] {
            let range = segment.attribute("mediaRange").map(range_of).transpose()?;
            self.add(one, segment.attribute("media").map(str::to_owned), Kind::Segment, Part::of(range));
        }
        Ok(())
    }

    /// The initialization segment of a representation, if an element has it.
    fn initialization(&mut self, one: &Representation<'_>, levels: &[&Element]) -> Result<(), String> {
        if let Some(element) = levels.iter().find_map(|level| level.child("Initialization")) {
            let range = element.attribute("range").map(range_of).transpose()?;
            self.add(one, element.attribute("sourceURL").map(str::to_owned), Kind::Init, Part::of(range));
        }
        Ok(())
    }

    fn add(&mut self, one: &Representation<'_>, url: Option<String>, kind: Kind, part: Part) {
        let references = one.bases.iter().cloned().chain(url).collect();
        self.contents.add(Named { references, kind, part });
    }
}

impl<'a> Representation<'a> {
    fn id(&self) -> &'a str {
        self.levels[0].attribute("id").unwrap_or_default()
    }

    fn bandwidth(&self) -> &'a str {
        self.levels[0].attribute("bandwidth").unwrap_or_default()
    }

    /// The elements of that name, the innermost first: missing attributes are taken from the next one.
    fn inherited(&self, name: &str) -> Vec<&'a Element> {
        self.levels.iter().filter_map(|level| level.child(name)).collect()
    }
}

/// The first and last segments of a template.
fn ends(levels: &[&Element], length: Option<SignedDuration>) -> Result<Ends, String> {
    let scale = number(levels, "timescale")?.unwrap_or(1);
    let offset = number(levels, "presentationTimeOffset")?.unwrap_or(0);
    let start = number(levels, "startNumber")?.unwrap_or(1);
    let units = length.and_then(|length| {
        let nanoseconds = u128::try_from(length.as_nanos()).ok()?.checked_mul(u128::from(scale))?;
        u64::try_from(nanoseconds.div_ceil(1_000_000_000)).ok()
    });
    if let Some(timeline) = levels.iter().find_map(|level| level.child("SegmentTimeline")) {
        return of_timeline(timeline, start, units.and_then(|units| units.checked_add(offset)));
    }
    match number(levels, "duration")? {
        Some(length) => of_duration(length, start, units),
        // One segment.
        None => Ok(Ends { first: Some((start, 0)), last: Some((start, 0)) }),
    }
}

fn first<'a>(levels: &[&'a Element], attribute: &str) -> Option<&'a str> {
    levels.iter().find_map(|level| level.attribute(attribute))
}

fn number(levels: &[&Element], attribute: &str) -> Result<Option<u64>, String> {
    let wrong = |_| format!("`{attribute}` is not a number");
    first(levels, attribute).map(|text| text.trim().parse().map_err(wrong)).transpose()
}

/// Parses `first-last` as the first byte and the length.
fn range_of(text: &str) -> Result<(u64, u64), String> {
    let read = || -> Option<(u64, u64)> {
        let (from, to) = text.trim().split_once('-')?;
        let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
        Some((from, to.checked_sub(from)?.checked_add(1)?))
    };
    read().ok_or_else(|| format!("{text:?} is not a range of bytes"))
}

/// A duration, such as `PT1H2M3.5S`. Years and months are not supported.
fn duration(element: &Element, attribute: &str) -> Option<SignedDuration> {
    let span: Span = element.attribute(attribute)?.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok().filter(|length| !length.is_negative())
}

#[cfg(test)]
mod tests;
