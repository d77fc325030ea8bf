// Runs every function of azure-media, an independent client of Media Services v2, against an emulator.
//
//   node azure_media_functions.js MEDIA_URL TOKEN_URL ACCOUNT KEY
//
// Prints one line of JSON: the names of the functions that work, and of the others with the reason. The client takes both
// addresses from its configuration; its code is as published.
'use strict'

const assert = require('assert')
const { Readable, PassThrough } = require('stream')
const AzureMedia = require('azure-media')
const endpoints = require('azure-media/endpoints')

const PATIENCE_MS = 10000
const KEY_ID = 'nb:kid:UUID:33333333-1111-4111-8111-111111111111'
const BODY = '<?xml version="1.0" encoding="utf-8"?><taskBody><inputAsset>JobInputAsset(0)</inputAsset>' +
  '<outputAsset>JobOutputAsset(0)</outputAsset></taskBody>'

/** What the functions leave for one another. */
const left = {}
const asset = () => left.asset
const named = Name => ({ Name })

/** What a function of an endpoint is called with, where it is not what all endpoints share. */
const ARGUMENTS = {
  'accesspolicy.create': () => [{ Name: 'policy', DurationInMinutes: 60, Permissions: 1 }],
  'accesspolicy.findOrCreate': () => [60, 2],
  'assetfile.create': () => [{ Name: 'movie.mp4', ParentAssetId: asset() }],
  'contentkey.create': () => [
    { Id: KEY_ID, ContentKeyType: 1, EncryptedContentKey: 'x', ProtectionKeyId: 'y', ProtectionKeyType: 0 }],
  'ingestmanifestasset.create': () => [{ ParentIngestManifestId: 'nb:mid:UUID:1', Asset: named('a') }],
  'ingestmanifestfile.create': () => [
    { Name: 'f', ParentIngestManifestId: 'nb:mid:UUID:1', ParentIngestManifestAssetId: 'nb:maid:UUID:1' }],
  'job.create': () => [{
    Name: 'job',
    InputMediaAssets: [{ __metadata: { uri: left.root + "Assets('" + encodeURIComponent(asset()) + "')" } }],
    Tasks: [{ Configuration: 'H264 Multiple Bitrate 720p', MediaProcessorId: left.mediaprocessor, TaskBody: BODY }]
  }],
  'locator.create': () => [{ AccessPolicyId: left.accesspolicy, AssetId: asset(), Type: 1 }],
  'locator.deleteAndCreate': () => [{ AccessPolicyId: left.accesspolicy, AssetId: asset(), Type: 1 }],
  'mediaprocessor.getCurrentByName': () => ['Media Encoder Standard'],
  // The client checks what it sends before it sends it.
  'assetfile.update': () => [left.assetfile, { Name: 'movie.mp4', ParentAssetId: asset() }],
  'ingestmanifestasset.update': () => ['nb:maid:UUID:1', { ParentIngestManifestId: 'nb:mid:UUID:1', Asset: named('a') }],
  'ingestmanifestfile.update': () => [
    'nb:mfid:UUID:1', { ParentIngestManifestId: 'nb:mid:UUID:1', ParentIngestManifestAssetId: 'nb:maid:UUID:1' }],
  'locator.update': () => [left.locator, { Type: 1 }],
  'task.create': () => [{ Configuration: 'x', MediaProcessorId: left.mediaprocessor, TaskBody: BODY }]
}

/** The functions of one endpoint, so that each finds what it needs: what deletes comes last. */
function order (calls) {
  const rank = name => ['create', 'findOrCreate', 'list'].indexOf(name) + 1 || (name === 'delete' ? 9 : 5)
  return Object.keys(calls).filter(name => typeof calls[name] === 'function').sort((a, b) => rank(a) - rank(b))
}

/** Waits for a callback; what is thrown inside the client's own callbacks counts too. */
function called (run) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it never calls back')), PATIENCE_MS)
    const end = (error, value) => { clearTimeout(timer); error ? reject(error) : resolve(value) }
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', end)
    try { run(end) } catch (error) { end(error) }
  })
}

function argumentsOf (endpoint, name) {
  const own = ARGUMENTS[endpoint + '.' + name]
  if (own) return own()
  if (name === 'list') return []
  if (name === 'create') return [named(endpoint)]
  const id = left[endpoint] || 'nb:none:UUID:00000000-0000-4000-8000-000000000000'
  return name === 'update' ? [id, named('changed')] : [id]
}

async function callOne (api, endpoint, name) {
  const given = argumentsOf(endpoint, name)
  const value = await called(done => api.rest[endpoint][name](...given, done))
  if (['create', 'deleteAndCreate', 'getCurrentByName'].includes(name)) left[endpoint] = value.Id
  if (name === 'list' && value.length && !left[endpoint]) left[endpoint] = value[value.length - 1].Id
  if (name === 'get') assert.strictEqual(value.Id, left[endpoint])
  if (endpoint === 'job' && name === 'cancel') assert.strictEqual(value, 204)
}

/** The functions of `api.media`, which string those of the endpoints together. */
const MEDIA = {
  async uploadStream (media) {
    const content = Buffer.from('content')
    left.uploaded = await called(done => media.uploadStream('movie.mp4', Readable.from([content]), content.length, done))
  },
  async getUploadUrl (media) {
    const place = await called(done => media.getUploadUrl('second.mp4', done))
    assert(place.path.includes('/second.mp4?'), place.path)
    left.place = place
  },
  doneUpload: media => called(done => media.doneUpload(left.place.assetId, left.place.locatorId, done)),
  generateMetadata: media => called(done => media.generateMetadata(left.uploaded, done)),
  async downloadStream (media) {
    const chunks = []
    const stream = new PassThrough().on('data', chunk => chunks.push(chunk))
    await called(done => media.downloadStream(left.uploaded, stream, done))
    assert.strictEqual(Buffer.concat(chunks).toString(), 'content')
  },
  async getUrl (media) {
    assert((await called(done => media.getUrl(left.uploaded, 60, 1, done))).includes('/movie.mp4?'))
  },
  async getDownloadURL (media) {
    assert((await called(done => media.getDownloadURL(left.uploaded, done))).includes('/movie.mp4?'))
  },
  async getOriginURL (media) {
    assert((await called(done => media.getOriginURL(left.uploaded, done))).endsWith('.ism/Manifest'))
  },
  encodeVideo: media => called(done => media.encodeVideo(left.uploaded, 'H264 Multiple Bitrate 720p', done)),
  getAssetByName: () => { throw new Error('its body is empty') },
  getAssetById: () => { throw new Error('its body is empty') }
}

/** Waits until the job has ended: a job that runs cannot be deleted. */
async function ended (api) {
  const until = Date.now() + PATIENCE_MS
  while ((await called(done => api.rest.job.get(left.job, done))).State < 3 && Date.now() < until) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Why a function does not work: what the service says it does not implement (`refused`), or the client's words. */
function failure (name, error) {
  const text = Array.isArray(error) ? error.join(', ') : String(error.message || error)
  const feature = /This emulator does not implement (.+?)\."/.exec(text)
  return { function: name, refused: Boolean(feature), why: feature ? feature[1] : text.split('\n')[0].slice(0, 200) }
}

/** Asks for the metadata document, for which the client has no function. */
async function metadataDocument (api) {
  const answer = await fetch(left.root + '$metadata', { headers: api.defaultHeaders() })
  if (!answer.ok) throw new Error(await answer.text())
}

async function main (media, token, account, key) {
  console.log = () => {} // The client prints where it is sent to.
  const api = new AzureMedia({ client_id: account, client_secret: key, base_url: media, oauth_url: token })
  const report = { works: [], fails: [] }
  const run = async (name, step) => {
    try { await step(); report.works.push(name) } catch (error) { report.fails.push(failure(name, error)) }
  }
  await run('init', () => called(done => api.init(done)))
  left.root = api.config.base_url
  await run('mediaprocessor.getCurrentByName', () => callOne(api, 'mediaprocessor', 'getCurrentByName'))
  const first = ['asset', 'accesspolicy', 'job', 'locator']
  const later = []
  for (const endpoint of [...first, ...Object.keys(endpoints).filter(name => !first.includes(name))]) {
    for (const name of order(endpoints[endpoint]).filter(name => name !== 'getCurrentByName')) {
      const step = () => run(endpoint + '.' + name, () => callOne(api, endpoint, name))
      if (name === 'delete') later.unshift(step); else await step()
    }
  }
  await run('createRequest with related entities', () => called(done =>
    api.createRequest('asset', { Name: 'a', ParentAssets: [{ Name: 'b' }] }, done)))
  await run('GET $metadata', () => metadataDocument(api))
  await ended(api)
  const functions = Object.keys(Object.getPrototypeOf(api.media))
  assert.deepStrictEqual(Object.keys(MEDIA).sort(), functions.sort(), 'each function of media has a step')
  for (const [name, step] of Object.entries(MEDIA)) await run('media.' + name, async () => step(api.media))
  for (const step of later) await step()
  process.stdout.write(JSON.stringify(report) + '\n')
}

main(...process.argv.slice(2)).then(() => process.exit(0), error => { console.error(error); process.exit(1) })
