//! Append and page blobs.

use mediamirror::model::BlobKind;

use super::*;

const APPEND: (&str, &str) = ("x-ms-blob-type", "AppendBlob");
const PAGE: (&str, &str) = ("x-ms-blob-type", "PageBlob");

impl Fixture {
    /// `VERB` of a blob in the container, with that query.
    fn request(&self, verb: &str, blob: &str, query: &str) -> String {
        format!("{verb} {}/{blob}?{query}", self.container)
    }

    /// Makes an append blob of the source with that content.
    async fn append_blob(&self, blob: &str, content: &'static str) {
        let headers = [APPEND, ("x-ms-blob-content-type", "text/plain"), ("x-ms-meta-owner", "c")];
        self.raw.source.ask(&self.request("PUT", blob, ""), &headers, "").await.expect(201);
        self.append(blob, &[], content).await.expect(201);
    }

    async fn append(&self, blob: &str, headers: &[(&str, &str)], content: &'static str) -> Answer {
        self.raw.source.ask(&self.request("PUT", blob, "comp=appendblock"), headers, content).await
    }

    /// Makes a page blob of the source with 1,024 bytes, the second half of which are ones.
    async fn page_blob(&self, blob: &str) {
        let headers = [PAGE, ("x-ms-blob-content-length", "1024"), ("x-ms-blob-sequence-number", "7")];
        self.raw.source.ask(&self.request("PUT", blob, ""), &headers, "").await.expect(201);
        self.write_pages(blob, "bytes=512-1023", &[]).await.expect(201);
    }

    async fn write_pages(&self, blob: &str, range: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [&[("x-ms-page-write", "update"), ("x-ms-range", range)], headers].concat();
        self.raw.source.ask(&self.request("PUT", blob, "comp=page"), &headers, vec![1_u8; 512]).await
    }

    /// The bytes and the headers of a blob of the target.
    async fn read_copy(&self, blob: &str) -> Answer {
        self.raw.target.ask(&self.request("GET", blob, ""), &[], "").await.expect(200)
    }
}

/// An append blob accepts blocks at its end if the conditions are met.
pub(crate) async fn an_append_blob_grows_at_its_end(fixture: &Fixture) {
    fixture.append_blob("log", "first ").await;
    let more = fixture.append("log", &[("x-ms-blob-condition-appendpos", "6")], "second").await.expect(201);
    assert_eq!(more.header("x-ms-blob-append-offset"), "6");
    assert_eq!(more.header("x-ms-blob-committed-block-count"), "2");
    let position = ("x-ms-blob-condition-appendpos", "6");
    fixture.append("log", &[position], "again").await.refused(412, "AppendPositionConditionNotMet");
    let most = ("x-ms-blob-condition-maxsize", "15");
    fixture.append("log", &[most], "too much").await.refused(412, "MaxBlobSizeConditionNotMet");
    fixture.append("missing", &[], "x").await.refused(404, "BlobNotFound");
    let listed = fixture.listed(&fixture.source).await.remove("log").unwrap();
    assert_eq!((listed.kind, listed.length, listed.tier.as_deref()), (BlobKind::Append, 12, None));
    assert_eq!(listed.properties.content_type.as_deref(), Some("text/plain"));
    let read = fixture.raw.source.ask(&fixture.request("GET", "log", ""), &[], "").await.expect(200);
    assert_eq!((&read.body[..], read.header("x-ms-blob-type")), (&b"first second"[..], "AppendBlob"));
    assert_eq!(read.header("x-ms-blob-committed-block-count"), "2");
    // A blob of one type cannot be written with operations of another type.
    fixture.seed("film", 10).await;
    fixture.append("film", &[], "x").await.refused(409, "InvalidBlobType");
    let block = fixture.request("PUT", "log", "comp=block&blockid=MDE%3D");
    fixture.raw.source.ask(&block, &[], "x").await.refused(409, "InvalidBlobType");
    let blob = fixture.source.properties(&fixture.at("log")).await.unwrap().unwrap();
    assert_eq!((blob.kind, blob.length), (BlobKind::Append, 12));
}

/// A page blob has zeros in unwritten pages, and a sequence number as a condition of writes.
pub(crate) async fn a_page_blob_is_written_in_pages(fixture: &Fixture) {
    fixture.page_blob("disk").await;
    let odd = [PAGE, ("x-ms-blob-content-length", "1000")];
    let answer = fixture.raw.source.ask(&fixture.request("PUT", "odd", ""), &odd, "").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    for (condition, met) in [("eq", true), ("le", true), ("lt", false)] {
        let header = format!("x-ms-if-sequence-number-{condition}");
        let answer = fixture.write_pages("disk", "bytes=512-1023", &[(&header, "7")]).await;
        if met {
            assert_eq!(answer.expect(201).header("x-ms-blob-sequence-number"), "7");
        } else {
            answer.refused(412, "SequenceNumberConditionNotMet");
        }
    }
    fixture.write_pages("disk", "bytes=1024-1535", &[]).await.expect(416);
    let read = fixture.raw.source.ask(&fixture.request("GET", "disk", ""), &[], "").await.expect(200);
    assert_eq!(read.body, [[0_u8; 512], [1; 512]].concat());
    assert_eq!((read.header("x-ms-blob-type"), read.header("x-ms-blob-sequence-number")), ("PageBlob", "7"));
    let clear = [("x-ms-page-write", "clear"), ("x-ms-range", "bytes=512-1023")];
    fixture.raw.source.ask(&fixture.request("PUT", "disk", "comp=page"), &clear, "").await.expect(201);
    for change in [("x-ms-sequence-number-action", "increment"), ("x-ms-blob-content-length", "1536")] {
        let request = fixture.request("PUT", "disk", "comp=properties");
        fixture.raw.source.ask(&request, &[change], "").await.expect(200);
    }
    let read = fixture.raw.source.ask(&fixture.request("GET", "disk", ""), &[], "").await.expect(200);
    assert_eq!((read.header("x-ms-blob-sequence-number"), read.body.len()), ("8", 1536));
    assert!(read.body.iter().all(|byte| *byte == 0));
    let listed = fixture.listed(&fixture.source).await.remove("disk").unwrap();
    assert_eq!((listed.kind, listed.length, listed.tier.as_deref()), (BlobKind::Page, 1536, None));
    fixture.append("disk", &[], "x").await.refused(409, "InvalidBlobType");
}

/// An asynchronous copy has the type of its source, and the attributes of this type.
pub(crate) async fn a_copy_has_the_type_of_its_source(fixture: &Fixture) {
    fixture.append_blob("log", "first").await;
    fixture.page_blob("disk").await;
    let blobs = fixture.listed(&fixture.source).await;
    for (name, kind) in [("log", BlobKind::Append), ("disk", BlobKind::Page)] {
        let from = fixture.source.copy_source(&fixture.container, &blobs[name]).await.unwrap();
        fixture.target.start_copy(&fixture.at(name), &from).await.unwrap();
        let arrived = copies::wait_for_copy(fixture, name).await;
        assert_eq!((arrived.kind, arrived.length), (kind, blobs[name].length), "{name}");
        assert_eq!(arrived.properties, blobs[name].properties, "{name}");
    }
    assert_eq!(fixture.read_copy("log").await.body, "first");
    let disk = fixture.read_copy("disk").await;
    assert_eq!(disk.body, [[0_u8; 512], [1; 512]].concat());
    assert_eq!(disk.header("x-ms-blob-sequence-number"), "7");
    if !fixture.abilities.documented_types {
        return;
    }
    // A blob is not overwritten by a copy of another type.
    fixture.seed("film", 10).await;
    let film = fixture.listed(&fixture.source).await.remove("film").unwrap();
    for (to, blob) in [("log", &film), ("log", &blobs["disk"]), ("disk", &blobs["log"])] {
        let from = fixture.source.copy_source(&fixture.container, blob).await.unwrap();
        let error = fixture.target.start_copy(&fixture.at(to), &from).await.unwrap_err();
        assert_eq!(error.failure().and_then(|failure| failure.code()), Some("InvalidBlobType"), "{error}");
    }
    // A synchronous copy copies only block blobs.
    let from = fixture.source.copy_source(&fixture.container, &blobs["log"]).await.unwrap();
    let headers = [("x-ms-copy-source", from.url.expose()), ("x-ms-requires-sync", "true")];
    let request = fixture.request("PUT", "sync", "");
    fixture.raw.target.ask(&request, &headers, "").await.refused(409, "InvalidBlobType");
}

/// A sealed append blob cannot be written, and its copy is sealed if the copy requests it.
pub(crate) async fn a_sealed_append_blob_is_written_no_more(fixture: &Fixture) {
    fixture.append_blob("log", "first").await;
    let request = fixture.request("PUT", "log", "comp=seal");
    let before = fixture.listed(&fixture.source).await.remove("log").unwrap();
    let sealed = fixture.raw.source.ask(&request, &[], "").await.expect(200);
    assert_eq!(sealed.header("x-ms-blob-sealed"), "true");
    fixture.raw.source.ask(&request, &[], "").await.expect(200);
    fixture.append("log", &[], "x").await.refused(409, "BlobIsSealed");
    let after = fixture.listed(&fixture.source).await.remove("log").unwrap();
    assert_eq!(after.kind, BlobKind::SealedAppend);
    assert!(after.etag == before.etag || !fixture.abilities.documented_types, "no entity tag changes");
    fixture.seed("film", 10).await;
    let film = fixture.request("PUT", "film", "comp=seal");
    fixture.raw.source.ask(&film, &[], "").await.refused(409, "InvalidBlobType");
    for (name, kind) in [("sealed", BlobKind::SealedAppend), ("open", BlobKind::Append)] {
        let blob = Blob { kind, ..after.clone() };
        let from = fixture.source.copy_source(&fixture.container, &blob).await.unwrap();
        fixture.target.start_copy(&fixture.at(name), &from).await.unwrap();
        assert_eq!(copies::wait_for_copy(fixture, name).await.kind, kind);
        let looked = fixture.target.properties(&fixture.at(name)).await.unwrap().unwrap();
        assert_eq!(looked.kind, kind);
    }
    // A blob that was copied without the seal can be sealed afterwards.
    let open = fixture.target.properties(&fixture.at("open")).await.unwrap().unwrap();
    fixture.target.seal(&fixture.at("open"), &open.etag).await.unwrap();
    assert_eq!(fixture.listed(&fixture.target).await["open"].kind, BlobKind::SealedAppend);
    // Only a blob that is created again is not sealed.
    let again = fixture.request("PUT", "log", "");
    if fixture.abilities.documented_types {
        fixture.raw.source.ask(&again, &[APPEND], "").await.refused(409, "BlobIsSealed");
    }
    fixture.raw.source.ask(&fixture.request("DELETE", "log", ""), &[], "").await.expect(202);
    fixture.raw.source.ask(&again, &[APPEND], "").await.expect(201);
    assert_eq!(fixture.listed(&fixture.source).await["log"].kind, BlobKind::Append);
}
