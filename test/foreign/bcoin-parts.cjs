// As much of bcoin as a comparison of script interpreters needs, loaded where it is installed.
"use strict";

// Its native parts need a compiler; the plain ones do here.
process.env.NODE_BACKEND = "js";

const { Script, TX } = require("bcoin");

module.exports = { Script, TX, secp256k1: require("bcrypto/lib/secp256k1") };
