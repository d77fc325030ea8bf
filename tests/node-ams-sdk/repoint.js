// Loaded with `mocha --require`: points the suite of node-ams-sdk at an emulator, without a change to its code.
//
//   MEDIAMIRROR_FRONT   front door,    such as http://127.0.0.1:5002
//   MEDIAMIRROR_TOKEN   token service, such as http://127.0.0.1:5001
//
// The client keeps its own URIs (one of its tests compares them); each request is sent elsewhere at the last moment.
'use strict'

const Module = require('module')
const path = require('path')

function needed (name) {
  const value = process.env[name]
  if (!value) throw new Error('set ' + name + ', see tests/node-ams-sdk/README.md')
  return value.replace(/\/+$/, '')
}

const moved = [
  ['https://media.windows.net/', needed('MEDIAMIRROR_FRONT') + '/'],
  ['https://wamsprodglobal001acs.accesscontrol.windows.net/', needed('MEDIAMIRROR_TOKEN') + '/']
]

function repointed (options) {
  const found = moved.find(function (pair) { return options.uri.startsWith(pair[0]) })
  if (!found) return options
  return Object.assign({}, options, { uri: found[1] + options.uri.slice(found[0].length) })
}

const load = Module._load
Module._load = function (name, parent) {
  const loaded = load.apply(this, arguments)
  const fromClient = parent && parent.filename && parent.filename.includes(path.join('node-ams-sdk', 'lib'))
  if (name !== 'request' || !fromClient) return loaded
  return function (options, done) { return loaded(repointed(options), done) }
}

// Its tests read ../test-config, which the package does not contain.
const resolve = Module._resolveFilename
Module._resolveFilename = function (name) {
  if (name === '../test-config') return path.join(__dirname, 'test-config.js')
  return resolve.apply(this, arguments)
}
