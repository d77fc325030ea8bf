//! Copies in blocks.

use super::*;

#[tokio::test]
async fn blocks_cover_the_blob_and_are_listed_in_order() {
    let (fake, target) = target([answer(201, CREATED)]);
    target.put_blocks_from_url(&destination(), &source(THREE)).await.unwrap();
    let asked = fake.asked();
    let ranges: Vec<&str> = asked[..3].iter().map(|asked| asked.header("x-ms-source-range")).collect();
    assert_eq!(ranges, ["bytes=0-67108863", "bytes=67108864-134217727", "bytes=134217728-134217730"]);
    let mut listed = String::new();
    for block in &asked[..3] {
        assert_eq!(block.header("x-ms-source-if-match"), "\"0xOLD\"");
        let id = block.url.query_pairs().find(|(name, _)| name == "blockid").unwrap().1.into_owned();
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric()) && id.len() == 32, "{id}");
        listed = format!("{listed}<Latest>{id}</Latest>");
    }
    let list = asked.last().unwrap();
    assert!(list.body.contains(&listed), "{}", list.body);
    assert!(list.url.query().unwrap().contains("comp=blocklist"));
    assert_arrives_whole(list);
}

#[tokio::test]
async fn a_blob_without_content_is_an_empty_block_list() {
    let (fake, target) = target([answer(201, CREATED)]);
    target.put_blocks_from_url(&destination(), &source(0)).await.unwrap();
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].body.contains("Latest"), "{}", asked[0].body);
}

#[tokio::test]
async fn blocks_of_another_program_are_cleared_once() {
    let script = [refusal(400, "InvalidBlobOrBlock"), answer(201, CREATED)];
    let (fake, target) = target(script);
    target.put_blocks_from_url(&destination(), &source(5)).await.unwrap();
    // Refused block, clearing list, block, list.
    assert_eq!(fake.asked().len(), 4);
    let (fake, target) =
        self::target([refusal(400, "InvalidBlobOrBlock"), answer(201, CREATED), refusal(400, "InvalidBlobOrBlock")]);
    let error = target.put_blocks_from_url(&destination(), &source(5)).await.unwrap_err();
    assert!(error.to_string().contains("InvalidBlobOrBlock"), "{error}");
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn a_blob_with_content_is_never_emptied_to_clear_blocks_of_another_program() {
    let unfit = || refusal(400, "InvalidBlobOrBlock");
    let (fake, target) = target([unfit(), refusal(409, "BlobAlreadyExists"), answer(201, CREATED)]);
    target.put_blocks_from_url(&destination(), &source(5)).await.unwrap();
    let asked = fake.asked();
    assert_eq!((asked.len(), asked[1].header("if-none-match")), (3, "*"));
    assert_eq!(asked[2].url.query(), None, "Put Blob From URL replaces content and blocks in one request");
    let (fake, target) = self::target([unfit(), refusal(409, "BlobAlreadyExists")]);
    let error = target.put_blocks_from_url(&destination(), &source(PUT_LIMIT + 1)).await.unwrap_err();
    assert!(error.to_string().contains("InvalidBlobOrBlock"), "{error}");
    let written = |asked: &&Asked| asked.url.query().is_none_or(|query| query.contains("blocklist"));
    assert_eq!(fake.asked().iter().filter(written).count(), 1, "the list that was refused");
}

/// Three blocks.
const THREE: u64 = (128 << 20) + 3;

/// The ids that the blocks of a source are given.
async fn block_ids_of(source: &CopySource<'_>) -> Vec<String> {
    let (fake, target) = target([answer(201, CREATED)]);
    target.put_blocks_from_url(&destination(), source).await.unwrap();
    fake.asked().iter().filter_map(block_id).collect()
}

fn block_id(asked: &Asked) -> Option<String> {
    asked.url.query_pairs().find(|(name, _)| name == "blockid").map(|(_, id)| id.into_owned())
}

fn staged(blocks: &[(&str, u64)]) -> Answer {
    let blocks: Vec<String> =
        blocks.iter().map(|(id, size)| format!("<Block><Name>{id}</Name><Size>{size}</Size></Block>")).collect();
    let blocks = blocks.concat();
    let list = format!("<BlockList><UncommittedBlocks>{blocks}</UncommittedBlocks></BlockList>");
    answer(200, &[("content-type", "application/xml")]).with_body(list)
}

#[tokio::test]
async fn blocks_that_an_earlier_run_left_are_not_copied_again() {
    let source = source(THREE);
    let ids = block_ids_of(&source).await;
    let (fake, target) = target([staged(&[(&ids[0], 64 << 20), (&ids[2], 3)]), answer(201, CREATED)]);
    target.finish_blocks_from_url(&destination(), &source).await.unwrap();
    let asked = fake.asked();
    assert_eq!(asked[0].method, "GET");
    assert!(asked[0].url.query().unwrap().contains("blocklisttype=uncommitted"));
    assert_eq!(asked.iter().filter_map(block_id).collect::<Vec<_>>(), [ids[1].clone()]);
    let listed = format!("<Latest>{}</Latest>", ids.join("</Latest><Latest>"));
    assert!(asked.last().unwrap().body.contains(&listed), "{}", asked.last().unwrap().body);
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn blocks_of_another_state_or_length_are_not_used() {
    let source = source(THREE);
    let ids = block_ids_of(&source).await;
    let theirs = BASE64.encode([b'0'; 24]);
    for left in [staged(&[(&ids[0], 5), (&theirs, 64 << 20)]), staged(&[]), refusal(404, "BlobNotFound")] {
        let (fake, target) = target([left, answer(201, CREATED)]);
        target.finish_blocks_from_url(&destination(), &source).await.unwrap();
        assert_eq!(fake.asked().iter().filter_map(block_id).collect::<Vec<_>>(), ids);
    }
}

#[tokio::test]
async fn the_blocks_of_a_blob_of_one_block_are_not_listed() {
    let (fake, target) = target([answer(201, CREATED)]);
    target.finish_blocks_from_url(&destination(), &source(64 << 20)).await.unwrap();
    assert_eq!(fake.asked().len(), 2, "the block and the list");
}

#[tokio::test]
async fn no_block_is_copied_again_if_the_tier_is_refused_at_the_end() {
    let created = || answer(201, CREATED);
    let (fake, target) = target([created(), created(), created(), refusal(400, "InvalidBlobTier"), created()]);
    target.put_blocks_from_url(&destination(), &source(THREE)).await.unwrap();
    // Three blocks, a list with a tier, a list without.
    assert_eq!(fake.asked().len(), 5);
}

#[tokio::test]
async fn a_blob_with_too_many_blocks_is_not_started() {
    let (fake, target) = target([answer(201, CREATED)]);
    let error = target.put_blocks_from_url(&destination(), &source(50_000 * (4_000 << 20) + 1)).await.unwrap_err();
    assert!(matches!(error, Error::Found { .. }), "{error}");
    assert!(fake.asked().is_empty());
}
