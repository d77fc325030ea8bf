//! Mirrored libraries that play.

use mediamirror::config::{AccountConfig, ServiceConfig};
use mediamirror::engine::Outcome;

use crate::world::World;

const MASTER: &str = "#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",URI=\"audio.m3u8\"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"English\",LANGUAGE=\"en\",URI=\"sub.m3u8\"
#EXT-X-STREAM-INF:BANDWIDTH=800000,AUDIO=\"a\",SUBTITLES=\"s\"
v/high.m3u8?quality=high
#EXT-X-STREAM-INF:BANDWIDTH=300000,AUDIO=\"a\",SUBTITLES=\"s\"
v/low.m3u8
";
const HIGH: &str = "#EXTM3U
#EXT-X-TARGETDURATION:6
#EXT-X-MAP:URI=\"init.mp4\"
#EXTINF:6,
1.m4s
#EXTINF:6,
2.m4s
#EXTINF:6,
3.m4s?token=a%2Fb
#EXT-X-ENDLIST
";
const LOW: &str = "#EXTM3U
#EXT-X-TARGETDURATION:6
#EXT-X-MAP:URI=\"../low.mp4\",BYTERANGE=\"4@0\"
#EXTINF:6,
#EXT-X-BYTERANGE:3@4
../low.mp4
#EXTINF:6,
#EXT-X-BYTERANGE:5
../low.mp4
#EXT-X-ENDLIST
";
const AUDIO: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na/1.aac\n#EXTINF:6,\na/2.aac\n#EXT-X-ENDLIST\n";
const SUBTITLES: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXTINF:12,\nen.vtt\n#EXT-X-ENDLIST\n";
const DESCRIPTION: &str = r#"<?xml version="1.0"?><MPD mediaPresentationDuration="PT6S"><Period>
<AdaptationSet contentType="video"><Representation id="0" bandwidth="800000"><SegmentTemplate timescale="1"
 initialization="d/init-$RepresentationID$.m4s" media="d/chunk-$RepresentationID$-$Number$.m4s" duration="2"/></Representation></AdaptationSet>
<AdaptationSet contentType="text"><Representation id="1"><BaseURL>en.vtt</BaseURL></Representation></AdaptationSet>
</Period></MPD>"#;

/// The blobs of the container `films`.
pub(super) const FILM: &[(&str, &str, &str)] = &[
    ("bars/a/1.aac", "a one", "audio/aac"),
    ("bars/a/2.aac", "a two", "audio/aac"),
    ("bars/audio.m3u8", AUDIO, "audio/mpegurl"),
    ("bars/d/chunk-0-1.m4s", "d one", "video/mp4"),
    ("bars/d/chunk-0-3.m4s", "d three", "video/mp4"),
    ("bars/d/init-0.m4s", "d", "video/mp4"),
    ("bars/en.vtt", "WEBVTT\n", "text/vtt"),
    ("bars/low.mp4", "headonetwo..", "video/mp4"),
    ("bars/manifest.mpd", DESCRIPTION, "application/dash+xml"),
    ("bars/master.m3u8", MASTER, "audio/mpegurl"),
    ("bars/sub.m3u8", SUBTITLES, "audio/mpegurl"),
    ("bars/v/1.m4s", "v one", "video/mp4"),
    ("bars/v/3.m4s", "v 333", "video/mp4"),
    ("bars/v/high.m3u8", HIGH, "audio/mpegurl"),
    ("bars/v/init.mp4", "v", "video/mp4"),
    ("bars/v/low.m3u8", LOW, "audio/mpegurl"),
    (
        "second film.m3u8",
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nbars/v/1.m4s\n#EXT-X-ENDLIST\n",
        "audio/mpegurl",
    ),
];

/// Two storage accounts with one container of films, mirrored.
pub(super) async fn films() -> World {
    let mut world = World::empty().await;
    for account in [&mut world.config.source, &mut world.config.target] {
        let AccountConfig { service, account, storage, .. } = account;
        *service = ServiceConfig::Blobs;
        account.clone_from(&storage[0].account);
    }
    let container = mediamirror::model::ContainerName::new("films");
    world.pair().source.storage[0].create_container(&container).await.unwrap();
    for (name, text, content_type) in FILM {
        assert!(world.emulator.put_blob("storewest", "films", name, *text, Some(content_type)));
    }
    mirrored(world).await
}

/// Two accounts of Media Services with a film that plays, mirrored.
pub(super) async fn media_services() -> World {
    mirrored(World::generated("assets=2,blobs=4,sizes=small,awkward=false,real=true").await).await
}

async fn mirrored(world: World) -> World {
    let (summary, _) = world.sync().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert!(summary.assets.mirrored > 0);
    world
}
