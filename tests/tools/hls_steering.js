// What hls.js does with a steering manifest: hls_steering.js FILE PLAYLIST LIVING_HOST...
//
// The playlist is as media services write it, and names the steering manifest. Of all other hosts than the living ones, every
// answer is 503. Prints the pathways and all URLs that the player asked for, as JSON.
'use strict'
const fs = require('fs')
const path = require('path')

const [file, playlist, ...living] = process.argv.slice(2)
const STEERING = 'https://steering.media.test/steering.json'
const RUNS_FOR_MS = 2000

// The player reads what a browser has.
globalThis.self = globalThis
globalThis.navigator ??= { userAgent: '' }
globalThis.location = new URL('https://player.media.test/')
globalThis.SourceBuffer = class { appendBuffer () {} remove () {} }
globalThis.MediaSource = class { static isTypeSupported () { return true } addSourceBuffer () {} }
const Hls = require(path.join(__dirname, 'node_modules/hls.js/dist/hls.js'))

const MULTIVARIANT = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-CONTENT-STEERING:SERVER-URI="${STEERING}"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="en",DEFAULT=YES,URI="QualityLevels(96000)/Manifest(audio,format=m3u8-aapl)"
#EXT-X-STREAM-INF:BANDWIDTH=400000,CODECS="avc1.4d401f,mp4a.40.2",AUDIO="audio"
QualityLevels(400000)/Manifest(video,format=m3u8-aapl)
`
const MEDIA = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nFragments(video=0)\n#EXT-X-ENDLIST\n'

function answer (url) {
  if (url.startsWith(STEERING)) return JSON.parse(fs.readFileSync(file, 'utf8'))
  if (url === playlist) return MULTIVARIANT
  return living.includes(new URL(url).hostname) ? MEDIA : null
}

const asked = []
class Loader {
  constructor () {
    const times = () => ({ start: 0, first: 0, end: 0 })
    this.stats = { aborted: false, loaded: 0, retry: 0, total: 0, chunkCount: 0, bwEstimate: 0 }
    Object.assign(this.stats, { loading: times(), parsing: times(), buffering: times() })
  }

  load (context, _config, callbacks) {
    this.context = context
    asked.push(context.url)
    const data = answer(context.url)
    const send = data === null
      ? () => callbacks.onError({ code: 503, text: 'not available' }, context, null, this.stats)
      : () => callbacks.onSuccess({ url: context.url, data, code: 200 }, this.stats, context, null)
    setTimeout(send, 0)
  }

  getCacheAge () { return null }
  getResponseHeader () { return null }
  abort () {}
  destroy () {}
}

const hls = new Hls({ loader: Loader, enableWorker: false })
let accepted = null
hls.on(Hls.Events.STEERING_MANIFEST_LOADED, (_, data) => { accepted = data.steeringManifest })
hls.loadSource(playlist)
hls.startLoad()
setTimeout(() => {
  const levels = hls.levels.map(level => level.uri)
  process.stdout.write(JSON.stringify({ accepted, pathways: hls.pathways, levels, asked }))
  process.exit(0)
}, RUNS_FOR_MS)
