use proptest::prelude::*;
use quick_xml::escape::escape;

use super::*;
use crate::memory::LISTED_PAGE;
use crate::model::{BlobProperties, CopyState, CopyStatus};

/// Reads a page of any size; an error is returned as its text.
pub(super) fn parse(xml: &[u8]) -> Result<Page, String> {
    let size = PageSize { blobs: 5_000, bytes: LISTED_PAGE };
    super::parse(xml, size).map_err(|error| match error {
        Unreadable::TooLarge(bytes) => format!("more than {bytes} bytes"),
        Unreadable::Invalid(why) => why,
    })
}

fn page(blobs: &str, rest: &str) -> String {
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://a/\" \
         ContainerName=\"c\"><MaxResults>5000</MaxResults><Blobs>{blobs}</Blobs>{rest}</EnumerationResults>"
    )
}

/// The end of the last page.
const LAST: &str = "<NextMarker />";

fn small(name: &str) -> String {
    format!("<Blob>{name}<Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties></Blob>")
}

const FULL: &str = "<Blob><Name>a/b.mp4</Name><Properties><Creation-Time>x</Creation-Time>\
    <Last-Modified>Sun, 22 Nov 2026 19:50:50 GMT</Last-Modified><Etag>0x8DE</Etag><Content-Length>12</Content-Length>\
    <Content-Type>video/mp4</Content-Type><Content-Encoding>gzip</Content-Encoding><Content-Language>de</Content-Language>\
    <Content-CRC64 /><Content-MD5>AAECAwQFBgcICQoLDA0ODw==</Content-MD5><Cache-Control>no-cache</Cache-Control>\
    <Content-Disposition>inline</Content-Disposition><BlobType>BlockBlob</BlobType><AccessTier>Cool</AccessTier>\
    <AccessTierInferred>true</AccessTierInferred><CopyId>id-1</CopyId><CopySource>https://s/c/b?sv=1&amp;sp=r</CopySource>\
    <CopyStatus>pending</CopyStatus><CopyProgress>5/12</CopyProgress><CopyStatusDescription>502 x</CopyStatusDescription>\
    </Properties><Metadata><a_B>1 &lt; 2</a_B><E Encoded=\"true\">%C3%BC</E><x-ms-invalid-name>n</x-ms-invalid-name>\
    </Metadata><Tags><TagSet><Tag><Key>k</Key><Value>v&#32;w</Value></Tag><Tag><Key>e</Key><Value/></Tag></TagSet></Tags>\
    <OrMetadata><Name>not this</Name></OrMetadata></Blob>";

#[test]
fn every_field_is_read() {
    let page = parse(page(FULL, "<NextMarker>n&amp;m</NextMarker>").as_bytes()).unwrap();
    assert_eq!(page.next.as_deref(), Some("n&m"));
    let text = |text: &str| Some(text.to_owned());
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = Blob {
        name: "a/b.mp4".to_owned(),
        length: 12,
        etag: "\"0x8DE\"".to_owned(),
        last_modified: Some("2026-11-22T19:50:50Z".parse().unwrap()),
        properties: BlobProperties {
            content_type: text("video/mp4"),
            content_encoding: text("gzip"),
            content_language: text("de"),
            content_disposition: text("inline"),
            cache_control: text("no-cache"),
            content_md5: Some((0..16).collect()),
            metadata: [pair("a_B", "1 < 2"), pair("E", "ü")].into(),
            tags: [pair("k", "v w"), pair("e", "")].into(),
        },
        tier: text("Cool"),
        kind: crate::model::BlobKind::Block,
        copy: Some(CopyState {
            id: "id-1".to_owned(),
            status: CopyStatus::Pending,
            progress: Some((5, 12)),
            description: text("502 x"),
        }),
    };
    assert_eq!(page.blobs, [expected]);
}

#[test]
fn optional_fields_can_be_missing_and_are_not_taken_from_the_previous_blob() {
    let page = parse(page(&format!("{FULL}{}", small("<Name>z</Name>")), LAST).as_bytes()).unwrap();
    assert_eq!(page.next, None);
    let last = &page.blobs[1];
    assert_eq!((last.name.as_str(), last.length, &last.properties), ("z", 1, &BlobProperties::default()));
    assert_eq!((&last.copy, &last.tier), (&None, &None));
}

#[test]
fn a_directory_is_not_a_blob_but_a_folder_marker_of_a_flat_account_is_one() {
    let entry = |kind: &str| {
        let properties = format!("<Etag>0x1</Etag><Content-Length>0</Content-Length>{kind}");
        let metadata = "<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>";
        format!("<Blob><Name>d</Name><Properties>{properties}</Properties>{metadata}</Blob>")
    };
    for (kind, blobs) in
        [("<ResourceType>Directory</ResourceType>", 0), ("<ResourceType>file</ResourceType>", 1), ("", 1)]
    {
        let page = parse(page(&entry(kind), LAST).as_bytes()).unwrap();
        assert_eq!(page.blobs.len(), blobs, "{kind}");
        assert!(page.blobs.iter().all(Blob::is_folder_marker), "{kind}");
    }
}

#[test]
fn an_encoded_name_is_decoded() {
    let page = parse(page(&small("<Name Encoded=\"true\">a%EF%BF%BE%2Fb%25</Name>"), LAST).as_bytes()).unwrap();
    assert_eq!(page.blobs[0].name, "a\u{fffe}/b%");
}

#[test]
fn another_page_can_follow_an_empty_one() {
    let page = parse(page("", "<NextMarker>m</NextMarker>").as_bytes()).unwrap();
    assert_eq!(page, Page { next: Some("m".to_owned()), ..Page::default() });
}

#[test]
fn a_page_truncated_anywhere_is_refused_as_a_whole() {
    let whole = page(FULL, "<NextMarker/>");
    for cut in 0..whole.len() {
        assert!(parse(&whole.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}

/// Truncated after a whole entry and closed again, so that the text is well-formed.
#[test]
fn a_page_that_does_not_say_whether_another_follows_is_refused() {
    assert!(parse(page(FULL, LAST).as_bytes()).is_ok());
    assert_eq!(parse(page(FULL, "").as_bytes()).unwrap_err(), "it ends too early");
}

#[test]
fn a_document_that_is_not_a_plain_listing_is_refused() {
    let typed = page("", "").replace("<Enumeration", "<!DOCTYPE x [<!ENTITY e \"v\">]><Enumeration");
    assert!(parse(typed.as_bytes()).unwrap_err().contains("document type"));
    let deep = format!("{}{}", "<x>".repeat(40), "</x>".repeat(40));
    assert!(parse(page("", &deep).as_bytes()).unwrap_err().contains("deeper"));
    assert!(parse(page(&small("<Name>&unknown;</Name>"), LAST).as_bytes()).unwrap_err().contains("unknown"));
    let two_names = page(&small("<Name>a</Name><Name>b</Name>"), LAST);
    assert!(parse(two_names.as_bytes()).unwrap_err().contains("two names"));
    assert!(parse(b"<html><body/></html>").is_err());
    let unsized_blob = "<Blob><Name>a</Name><Properties><Etag>1</Etag></Properties></Blob>";
    assert!(parse(page(unsized_blob, LAST).as_bytes()).unwrap_err().contains("no length"));
}

proptest! {
    #[test]
    fn any_name_survives_being_printed_and_read(name in "[^\\p{Cc}\u{fffe}\u{ffff}]{1,60}") {
        let plain = parse(page(&small(&format!("<Name>{}</Name>", escape(name.as_str()))), LAST).as_bytes()).unwrap();
        prop_assert_eq!(&plain.blobs[0].name, &name);
    }

    #[test]
    fn any_bytes_give_a_page_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }
}

#[test]
fn a_page_is_refused_before_its_metadata_and_tags_exceed_the_memory_limit() {
    let size = PageSize { blobs: 5_000, bytes: 64 << 10 };
    let (metadata, tags): (String, String) =
        (0..500).map(|at| (format!("<m{at}/>"), format!("<Tag><Key>{at}</Key><Value/></Tag>"))).unzip();
    let properties = "<Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties>";
    let blob = format!(
        "<Blob><Name>a</Name>{properties}<Metadata>{metadata}</Metadata><Tags><TagSet>{tags}</TagSet></Tags></Blob>"
    );
    let blob = page(&blob, LAST);
    assert_eq!(super::parse(blob.as_bytes(), size), Err(Unreadable::TooLarge(64 << 10)));
    let read = parse(blob.as_bytes()).unwrap();
    assert!(read.blobs[0].bytes_in_memory() > 128_000, "{}", read.blobs[0].bytes_in_memory());
}
