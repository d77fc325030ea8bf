// Loaded with `node --require`: ends the program when whoever started it is gone, however that came about.
'use strict'

process.stdin.on('end', function () { process.exit() }).resume()
