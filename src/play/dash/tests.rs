use super::*;

fn names(text: &str) -> Vec<(String, Kind, Part)> {
    let contents = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    contents.named.into_iter().map(|named| (named.references.join(" "), named.kind, named.part)).collect()
}

fn whole(url: &str, kind: Kind) -> (String, Kind, Part) {
    (url.to_owned(), kind, Part::Whole)
}

fn in_period(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT9.5S\"><Period id=\"0\">{inside}</Period></MPD>"
    )
}

/// The format of ffmpeg: a template in each representation, with a timeline.
#[test]
fn a_template_with_a_timeline_names_the_first_and_the_last_segment() {
    let text = in_period(
        r#"<AdaptationSet id="0" contentType="video"><Representation id="0" mimeType="video/mp4" bandwidth="400000">
        <SegmentTemplate timescale="12800" initialization="init-stream$RepresentationID$.m4s"
          media="chunk-stream$RepresentationID$-$Number%05d$.m4s" startNumber="1">
          <SegmentTimeline><S t="0" d="25600" r="3" /><S d="19200" /></SegmentTimeline>
        </SegmentTemplate></Representation></AdaptationSet>"#,
    );
    let expected = [
        whole("init-stream0.m4s", Kind::Init),
        whole("chunk-stream0-00001.m4s", Kind::Segment),
        whole("chunk-stream0-00005.m4s", Kind::Segment),
    ];
    assert_eq!(names(&text), expected);
}

/// The format of Media Services v2: `$Time$` in a template of the set.
#[test]
fn a_representation_inherits_from_its_set_and_period() {
    let text = in_period(
        r#"<BaseURL>p/</BaseURL><SegmentTemplate timescale="10" startNumber="5"/><AdaptationSet>
        <SegmentTemplate timescale="1000" media="QualityLevels($Bandwidth$)/Fragments(video=$Time$,format=mpd-time-csf)"
          initialization="QualityLevels($Bandwidth$)/Fragments(video=i,format=mpd-time-csf)">
          <SegmentTimeline><S d="2000" r="-1"/></SegmentTimeline></SegmentTemplate>
        <Representation id="1" bandwidth="1"/><Representation id="2" bandwidth="2"><BaseURL>q/</BaseURL></Representation>
        </AdaptationSet>"#,
    );
    let url = |base: &str, level: u8, time: &str| {
        format!("{base} QualityLevels({level})/Fragments(video={time},format=mpd-time-csf)")
    };
    let expected = [
        whole(&url("p/", 1, "i"), Kind::Init),
        whole(&url("p/", 1, "0"), Kind::Segment),
        whole(&url("p/", 1, "8000"), Kind::Segment),
        whole(&url("p/ q/", 2, "i"), Kind::Init),
        whole(&url("p/ q/", 2, "0"), Kind::Segment),
        whole(&url("p/ q/", 2, "8000"), Kind::Segment),
    ];
    assert_eq!(names(&text), expected);
}

#[test]
fn segments_of_equal_duration_end_with_their_period_and_periods_are_consecutive() {
    let set = |id: &str| {
        format!(
            "<AdaptationSet><SegmentTemplate duration=\"2\" media=\"$RepresentationID$-$Number$.m4s\"/>\
             <Representation id=\"{id}\"/></AdaptationSet>"
        )
    };
    let text = format!(
        "<MPD mediaPresentationDuration=\"PT10S\"><Period duration=\"PT3S\">{}</Period><Period>{}</Period></MPD>",
        set("a"),
        set("b")
    );
    let urls: Vec<String> = names(&text).into_iter().map(|(url, ..)| url).collect();
    assert_eq!(urls, ["a-1.m4s", "a-2.m4s", "b-1.m4s", "b-4.m4s"]);
    let live = text.replace("mediaPresentationDuration=\"PT10S\"", "type=\"dynamic\"").replace("duration=\"PT3S\"", "");
    let contents = read(live.as_bytes()).unwrap();
    assert_eq!(contents.gaps.len(), 2, "{:?}", contents.gaps);
}

#[test]
fn lists_and_single_files_are_read_as_ranges() {
    let list = in_period(
        r#"<AdaptationSet><Representation id="1"><BaseURL>v/</BaseURL><SegmentList duration="2">
        <Initialization sourceURL="i.mp4" range="0-99"/><SegmentURL media="1.m4s"/><SegmentURL media="2.m4s"/>
        <SegmentURL media="3.m4s" mediaRange="5-9"/></SegmentList></Representation></AdaptationSet>"#,
    );
    let expected = [
        ("v/ i.mp4".to_owned(), Kind::Init, Part::Range(0, 100)),
        whole("v/ 1.m4s", Kind::Segment),
        ("v/ 3.m4s".to_owned(), Kind::Segment, Part::Range(5, 5)),
    ];
    assert_eq!(names(&list), expected);
    let file = in_period(
        r#"<AdaptationSet><Representation id="1"><BaseURL>a&amp;b.mp4</BaseURL><SegmentBase indexRange="700-1299">
        <Initialization range="0-699"/></SegmentBase></Representation></AdaptationSet>
        <AdaptationSet contentType="text"><Representation id="2"><BaseURL>en.vtt</BaseURL></Representation></AdaptationSet>"#,
    );
    let expected = [
        ("a&b.mp4".to_owned(), Kind::Init, Part::Range(0, 700)),
        ("a&b.mp4".to_owned(), Kind::Init, Part::Range(700, 600)),
        ("a&b.mp4".to_owned(), Kind::File, Part::Ends),
        ("en.vtt".to_owned(), Kind::File, Part::Ends),
    ];
    assert_eq!(names(&file), expected);
}

#[test]
fn second_bases_and_locations_are_not_requested_and_remote_elements_are_gaps() {
    let text = r#"<MPD mediaPresentationDuration="PT2S"><Location>https://a.example/x.mpd</Location>
        <BaseURL>https://a.example/</BaseURL><BaseURL>https://b.example/</BaseURL>
        <Period xlink:href="https://c.example/p.xml" xmlns:xlink="x"><AdaptationSet><Representation id="1"><BaseURL>v.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"#;
    let contents = read(text.as_bytes()).unwrap();
    let urls: Vec<_> = contents.named.iter().map(|named| (named.references.join(" "), named.kind)).collect();
    let expected = [
        ("https://a.example/x.mpd", Kind::Name),
        ("https://b.example/", Kind::Name),
        ("https://c.example/p.xml", Kind::Name),
        ("https://a.example/ v.mp4", Kind::File),
    ];
    assert_eq!(urls, expected.map(|(url, kind)| (url.to_owned(), kind)));
    assert_eq!(contents.gaps, ["the period at https://c.example/p.xml"]);
}

#[test]
fn a_text_that_is_not_a_description_is_refused_with_a_reason() {
    let deep = "<MPD>".repeat(100);
    for (text, reason) in [
        ("", "not a DASH"),
        ("<html/>", "not a DASH"),
        ("<MPD>", "cut off"),
        ("<!DOCTYPE x [<!ENTITY a \"b\">]><MPD/>", "document type"),
        ("<MPD><a></MPD>", "well-formed"),
        ("<MPD/>", "no segment"),
        (deep.as_str(), "too deep"),
        (&in_period("<AdaptationSet><Representation id=\"7\"/></AdaptationSet>"), "\"7\" has no URL"),
        (&in_period("<AdaptationSet><SegmentTemplate/><Representation id=\"7\"/></AdaptationSet>"), "without `media`"),
        (&in_period("<AdaptationSet><SegmentList/><Representation id=\"7\"/></AdaptationSet>"), "without segments"),
    ] {
        let error = read(text.as_bytes()).unwrap_err();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}
