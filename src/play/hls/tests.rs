use super::*;
use crate::play::named::Part;

/// Apple's example of 2016, shortened: audio and subtitles in groups, key frames, captions without a URL.
const MASTER: &str = r#"#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS

#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud1",LANGUAGE="eng",NAME="English",AUTOSELECT=YES,DEFAULT=YES,CHANNELS="2",URI="a1/prog_index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud1",LANGUAGE="ger",NAME="Deutsch, Ton",AUTOSELECT=YES,DEFAULT=NO,CHANNELS="2",URI="a2/prog_index.m3u8?track=2&x=a,b"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc1",LANGUAGE="eng",NAME="English",AUTOSELECT=YES,DEFAULT=YES,INSTREAM-ID="CC1"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="sub1",LANGUAGE="eng",NAME="English",AUTOSELECT=YES,DEFAULT=YES,FORCED=NO,URI="s1/en/prog_index.m3u8"
#EXT-X-I-FRAME-STREAM-INF:AVERAGE-BANDWIDTH=183689,BANDWIDTH=187492,CODECS="avc1.64002a",RESOLUTION=1920x1080,URI="v7/iframe_index.m3u8"
#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=2165224,BANDWIDTH=2215219,CODECS="avc1.640020,mp4a.40.2",RESOLUTION=960x540,FRAME-RATE=60.000,CLOSED-CAPTIONS="cc1",AUDIO="aud1",SUBTITLES="sub1"
v5/prog_index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=7976430,CODECS="avc1.64002a,mp4a.40.2",AUDIO="aud1"
v9/prog_index.m3u8?a=b
"#;

fn uris(contents: &Contents, kind: Kind) -> Vec<&str> {
    contents.named.iter().filter(|named| named.kind == kind).map(|named| named.references[0].as_str()).collect()
}

#[test]
fn a_playlist_of_renditions_has_video_audio_subtitles_and_key_frames() {
    let contents = read(MASTER.as_bytes()).unwrap();
    let mut found = uris(&contents, Kind::Hls);
    found.sort_unstable();
    let expected = [
        "a1/prog_index.m3u8",
        "a2/prog_index.m3u8?track=2&x=a,b",
        "s1/en/prog_index.m3u8",
        "v5/prog_index.m3u8",
        "v7/iframe_index.m3u8",
        "v9/prog_index.m3u8?a=b",
    ];
    assert_eq!(found, expected);
    assert_eq!(contents.named.len(), expected.len());
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = format!("\u{feff}{}", MASTER.replace('\n', "\r\n"));
    assert_eq!(read(windows.as_bytes()).unwrap(), read(MASTER.as_bytes()).unwrap());
    assert_eq!(read(MASTER.trim_end().as_bytes()).unwrap(), read(MASTER.as_bytes()).unwrap());
}

#[test]
fn a_playlist_of_segments_has_the_first_and_last_ones_keys_and_initialization() {
    let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n\
        #EXT-X-KEY:METHOD=AES-128,URI=\"key.bin\",IV=0x1\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:6.0,\n1.m4s\n\
        #EXTINF:6.0,Title, with a comma\n2.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init2.mp4\"\n#EXTINF:6,\n3.m4s?q=1&r=%20\n#EXT-X-ENDLIST\n";
    let contents = read(text.as_bytes()).unwrap();
    assert_eq!(uris(&contents, Kind::Segment), ["1.m4s", "3.m4s?q=1&r=%20"]);
    assert_eq!(uris(&contents, Kind::Init), ["init.mp4", "init2.mp4"]);
    assert_eq!(uris(&contents, Kind::Key), ["key.bin"]);
    assert_eq!(contents.named.len(), 5);
}

#[test]
fn ranges_without_an_offset_follow_the_previous_ones() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"700@0\"\n\
        #EXTINF:6,\n#EXT-X-BYTERANGE:100@700\na.mp4\n#EXTINF:6,\n#EXT-X-BYTERANGE:50\na.mp4\n\
        #EXTINF:6,\n#EXT-X-BYTERANGE:25\na.mp4\n#EXT-X-ENDLIST\n";
    let parts: Vec<Part> = read(text.as_bytes()).unwrap().named.iter().map(|named| named.part).collect();
    assert_eq!(parts, [Part::Range(0, 700), Part::Range(700, 100), Part::Range(850, 25)]);
    let other = text.replace("#EXT-X-BYTERANGE:50\na.mp4", "#EXT-X-BYTERANGE:50@0\nb.mp4");
    read(other.as_bytes()).unwrap_err();
}

#[test]
fn a_playlist_with_ignored_lines_is_refused() {
    for (text, reason) in [
        ("", "not an HLS playlist"),
        ("<html></html>", "not an HLS playlist"),
        ("#EXTM3U\n", "no segment"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", "has no URI"),
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"a\"\nv.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\nw.m3u8\n",
            "EXT-X-STREAM-INF",
        ),
        ("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nw.m3u8\n", "EXT-X-MEDIA"),
        ("#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"1@0\"\n#EXTINF:1,\na.ts\n", "EXT-X-MAP"),
        ("#EXTM3U\n#EXT-X-DEFINE:NAME=\"h\",VALUE=\"x\"\n#EXTINF:1,\n{$h}.ts\n", "EXT-X-DEFINE"),
    ] {
        let error = read(text.as_bytes()).unwrap_err();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}
