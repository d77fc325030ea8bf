// What the suite of node-ams-sdk wants to know, from the environment.
'use strict'

module.exports = {
  service: {
    client_id: process.env.MEDIAMIRROR_ACCOUNT,
    client_secret: process.env.MEDIAMIRROR_KEY
  },
  testAssetId: process.env.MEDIAMIRROR_ASSET,
  testQueueName: 'notifications'
}
