// Exercises a blob service with the vendor's own JavaScript library at its default API version.
//
//   node blob_exercise.js URL ACCOUNT KEY
//
// Prints one line of JSON, as blob_exercise.py does.
'use strict'

const assert = require('assert')
const sdk = require('@azure/storage-blob')

const HOUR = 3600 * 1000
const checks = []

function check (name, run) { checks.push({ name, run }) }

/** The service must answer this status and error code. */
async function fails (status, code, promise) {
  let error
  try { await promise } catch (caught) { error = caught }
  assert(error, 'it succeeds in place of ' + status + ' ' + code)
  if (error.statusCode === 501 && status !== 501) throw error
  assert.deepStrictEqual([error.statusCode, error.code], [status, code])
}

async function all (pages) {
  const found = []
  for await (const item of pages) found.push(item)
  return found
}

const names = items => items.map(item => item.name)
const id = text => Buffer.from(text).toString('base64')
const content = async (blob, ...range) => (await blob.downloadToBuffer(...range)).toString()

check('a container has its metadata', async ({ container }) => {
  await container.setMetadata({ owner: 'a b' })
  assert.deepStrictEqual((await container.getProperties()).metadata, { owner: 'a b' })
})
check('a container is listed with its metadata', async ({ account, container }) => {
  await container.setMetadata({ shelf: '1' })
  const found = await all(account.listContainers({ prefix: container.containerName, includeMetadata: true }))
  assert.deepStrictEqual(found.map(one => one.metadata), [{ shelf: '1' }])
})
check('a container that exists is not created again', async ({ container }) => {
  assert.strictEqual((await container.createIfNotExists()).succeeded, false)
  await fails(409, 'ContainerAlreadyExists', container.create())
})
check('a container keeps its access policies', async ({ container }) => {
  const expiresOn = new Date(Date.now() + HOUR)
  await container.setAccessPolicy(undefined, [{ id: 'readers', accessPolicy: { expiresOn, permissions: 'r' } }])
  assert.deepStrictEqual((await container.getAccessPolicy()).signedIdentifiers.map(one => one.id), ['readers'])
})
check('a deleted container is not found', async ({ container }) => {
  await container.delete()
  assert.strictEqual(await container.exists(), false)
})
check('a deleted container is restored', ({ account }) => account.undeleteContainer('gone', '01D60F8BB59A4652'))
check('the account has a kind', async ({ account }) => {
  assert.strictEqual((await account.getAccountInfo()).accountKind, 'StorageV2')
})
check('the properties of the service are read', ({ account }) => account.getProperties())
check('the statistics of the service are read', ({ account }) => account.getStatistics())
check('a blob keeps its content and properties', async ({ container }) => {
  const blob = container.getBlockBlobClient('niño/ä &%25#1.mp4')
  const blobHTTPHeaders = { blobContentType: 'video/mp4', blobContentLanguage: 'es', blobCacheControl: 'max-age=2' }
  await blob.upload('hello', 5, { blobHTTPHeaders, metadata: { m: '1' }, tags: { t: '2' } })
  const found = await blob.getProperties()
  assert.deepStrictEqual(
    [found.contentType, found.contentLanguage, found.cacheControl, found.metadata, found.contentLength, found.tagCount],
    ['video/mp4', 'es', 'max-age=2', { m: '1' }, 5, 1])
  assert.strictEqual(await content(blob), 'hello')
})
check('a large upload goes in blocks', async ({ container }) => {
  const blob = container.getBlockBlobClient('large')
  const data = Buffer.alloc(500000, 'abcdefg')
  await blob.uploadData(data, { blockSize: 100000, maxSingleShotSize: 1000, concurrency: 2 })
  assert.strictEqual((await blob.getBlockList('committed')).committedBlocks.length, 5)
  assert((await blob.downloadToBuffer()).equals(data))
})
check('blocks become a blob in the order of the list', async ({ container }) => {
  const blob = container.getBlockBlobClient('blocks')
  for (const text of ['a', 'b']) await blob.stageBlock(id(text), text, 1)
  await blob.commitBlockList([id('b'), id('a')])
  assert.strictEqual(await content(blob), 'ba')
})
check('a range is read', async ({ blob }) => assert.strictEqual(await content(blob, 2, 3), 'nte'))
check('a range behind the end is refused', ({ blob }) => fails(416, 'InvalidRange', blob.download(100, 5)))
check('a range has a checksum of its own', async ({ blob }) => {
  assert((await blob.download(1, 3, { rangeGetContentMD5: true })).contentMD5)
  assert((await blob.download(1, 3, { rangeGetContentCrc64: true })).contentCrc64)
})
check('a blob is written only if its etag matches', ({ blob }) =>
  fails(412, 'ConditionNotMet', blob.upload('new', 3, { conditions: { ifMatch: '"0x1"' } })))
check('an existing blob is not overwritten unasked', ({ blob }) =>
  fails(409, 'BlobAlreadyExists', blob.upload('new', 3, { conditions: { ifNoneMatch: '*' } })))
check('a blob is read if its tags match', ({ blob }) =>
  blob.download(0, undefined, { conditions: { tagConditions: '"a" = \'b\'' } }))
check('metadata and properties are changed', async ({ blob }) => {
  await blob.setMetadata({ two: '2' })
  await blob.setHTTPHeaders({ blobContentType: 'text/plain' })
  const found = await blob.getProperties()
  assert.deepStrictEqual([found.metadata, found.contentType], [{ two: '2' }, 'text/plain'])
})
check('tags are set and read', async ({ blob }) => {
  await blob.setTags({ state: 'final' })
  assert.deepStrictEqual((await blob.getTags()).tags, { state: 'final' })
})
check('blobs are found by tags', ({ account }) => all(account.findBlobsByTags('"a"=\'b\'')))
check('a tier is set', async ({ blob }) => {
  await blob.setAccessTier('Cool')
  assert.strictEqual((await blob.getProperties()).accessTier, 'Cool')
})
check('a lease is acquired, renewed, broken and released', async ({ blob }) => {
  const lease = blob.getBlobLeaseClient()
  await lease.acquireLease(-1)
  await lease.renewLease()
  await fails(412, 'LeaseIdMissing', blob.setMetadata({}))
  await lease.breakLease(0)
  assert.strictEqual((await blob.getProperties()).leaseState, 'broken')
  await lease.releaseLease()
  assert.strictEqual((await blob.getProperties()).leaseState, 'available')
})
check('a snapshot is made', ({ blob }) => blob.createSnapshot())
check('a version is read', ({ blob }) => blob.withVersion('2026-11-20T10:00:00.0000000Z').download())
check('a deleted blob is restored', ({ blob }) => blob.undelete())
check('a blob is deleted with the snapshots it does not have', async ({ blob }) => {
  await blob.delete({ deleteSnapshots: 'include' })
  assert.strictEqual(await blob.exists(), false)
})
check('an append blob is created', ({ container }) => container.getAppendBlobClient('append').create())
check('a page blob is created', ({ container }) => container.getPageBlobClient('page').create(512))
check('blobs are deleted in a batch', ({ account, blob }) => account.getBlobBatchClient().deleteBlobs([blob]))
check('a blob is queried', ({ blob }) => blob.query('SELECT * FROM BlobStorage'))
check('a blob has an immutability policy', ({ blob }) =>
  blob.setImmutabilityPolicy({ expiriesOn: new Date(Date.now() + HOUR), policyMode: 'Unlocked' }))
check('a blob has a legal hold', ({ blob }) => blob.setLegalHold(true))
check('a blob is copied', async ({ container, blob }) => {
  const copy = container.getBlockBlobClient('copy')
  const poller = await copy.beginCopyFromURL(blob.url, { intervalInMs: 50 })
  assert.strictEqual((await poller.pollUntilDone()).copyStatus, 'success')
  assert.strictEqual(await content(copy), 'content')
})
check('a blob is copied at once', async ({ container, signed }) => {
  const copy = container.getBlockBlobClient('copy')
  assert.strictEqual((await copy.syncCopyFromURL(signed('r'))).copyStatus, 'success')
})
check('a blob is uploaded from a URL', async ({ container, signed }) => {
  const copy = container.getBlockBlobClient('copy')
  await copy.syncUploadFromURL(signed('r'))
  assert.strictEqual(await content(copy), 'content')
})
check('a block is staged from a URL', async ({ container, signed }) => {
  const copy = container.getBlockBlobClient('copy')
  await copy.stageBlockFromURL(id('a'), signed('r'), 1, 3)
  await copy.commitBlockList([id('a')])
  assert.strictEqual(await content(copy), 'ont')
})
check('a signed URL reads a blob and does not write it', async ({ signed }) => {
  const reader = new sdk.BlockBlobClient(signed('r'), undefined, { retryOptions: { maxTries: 1 } })
  assert.strictEqual(await content(reader), 'content')
  await fails(403, 'AuthorizationPermissionMismatch', reader.upload('new', 3))
})
check('a signature is for some addresses', async ({ signed }) =>
  new sdk.BlockBlobClient(signed('r', { ipRange: { start: '127.0.0.1' } })).download())
check('a signature of the account lists containers', async ({ account, container }) => {
  const url = account.generateAccountSasUrl(new Date(Date.now() + HOUR), sdk.AccountSASPermissions.parse('l'), 's')
  const found = await all(new sdk.BlobServiceClient(url).listContainers())
  assert(names(found).includes(container.containerName))
})
check('blobs are listed in order and by prefix', async ({ container }) => {
  for (const name of ['b', 'a/2', 'a/1']) await container.uploadBlockBlob(name, 'x', 1)
  assert.deepStrictEqual(names(await all(container.listBlobsFlat())), ['a/1', 'a/2', 'b', 'blob'])
  assert.deepStrictEqual(names(await all(container.listBlobsFlat({ prefix: 'a/' }))), ['a/1', 'a/2'])
})
check('folders are listed by a delimiter', async ({ container }) => {
  await container.uploadBlockBlob('a/1', 'x', 1)
  const found = await all(container.listBlobsByHierarchy('/'))
  assert.deepStrictEqual(found.map(one => [one.kind, one.name]), [['prefix', 'a/'], ['blob', 'blob']])
})
check('blobs are listed in pages', async ({ container }) => {
  for (const name of ['a', 'c']) await container.uploadBlockBlob(name, 'x', 1)
  const pages = await all(container.listBlobsFlat().byPage({ maxPageSize: 2 }))
  assert.deepStrictEqual(pages.map(page => names(page.segment.blobItems)), [['a', 'blob'], ['c']])
})
check('listed blobs have metadata and tags', async ({ container }) => {
  await container.uploadBlockBlob('a', 'x', 1, { metadata: { m: '1' }, tags: { t: '2' } })
  const [found] = await all(container.listBlobsFlat({ prefix: 'a', includeMetadata: true, includeTags: true }))
  assert.deepStrictEqual([{ ...found.metadata }, found.tags], [{ m: '1' }, { t: '2' }])
})
check('uncommitted blobs are listed if asked for', async ({ container }) => {
  await container.getBlockBlobClient('new').stageBlock(id('a'), 'x', 1)
  assert.deepStrictEqual(names(await all(container.listBlobsFlat({ includeUncommitedBlobs: true }))), ['blob', 'new'])
})
check('a listing starts from a name', async ({ container }) => {
  for (const name of ['a', 'c']) await container.uploadBlockBlob(name, 'x', 1)
  assert.deepStrictEqual(names(await all(container.listBlobsFlat({ startFrom: 'blob' }))), ['blob', 'c'])
})
check('versions are listed', ({ container }) => all(container.listBlobsFlat({ includeVersions: true })))

/** One check's own container, and clients for it; `blob` holds "content". */
async function place (url, name, key, number) {
  const credential = new sdk.StorageSharedKeyCredential(name, key)
  const account = new sdk.BlobServiceClient(url, credential, { retryOptions: { maxTries: 1 } })
  const container = account.getContainerClient('script-' + number)
  await container.create()
  const blob = container.getBlockBlobClient('blob')
  await blob.upload('content', 7)
  const signed = (permissions, more) => blob.url + '?' + sdk.generateBlobSASQueryParameters({
    containerName: container.containerName,
    blobName: blob.name,
    permissions: sdk.BlobSASPermissions.parse(permissions),
    expiresOn: new Date(Date.now() + HOUR),
    ...more
  }, credential)
  return { account, container, blob, signed }
}

/** What the service says it does not implement; else the library's words. */
function why (error) {
  const text = String((error.response && error.response.bodyAsText) || error.message)
  const feature = /This emulator does not implement (.+?)\.(<\/Message>|\s|$)/.exec(text)
  return feature ? feature[1] : text.split('\n')[0]
}

async function main (url, name, key) {
  const report = { right: [], wrong: [], refused: [] }
  for (const [at, { name: check, run }] of checks.entries()) {
    const number = at + 1
    try {
      await run(await place(url, name, key, number))
      report.right.push(number)
    } catch (error) {
      report[error.statusCode === 501 ? 'refused' : 'wrong'].push({ number, check, why: why(error) })
    }
  }
  console.log(JSON.stringify(report))
}

main(...process.argv.slice(2)).catch(error => { console.error(error); process.exitCode = 1 })
