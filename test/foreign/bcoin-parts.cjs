// As much of bcoin as comparisons in process need, loaded where it is installed.
"use strict";

// Its native parts need a compiler; the plain ones do here.
process.env.NODE_BACKEND = "js";

const { Block, Chain, Network, Script, TX } = require("bcoin");

module.exports = { Block, Chain, Network, Script, TX, secp256k1: require("bcrypto/lib/secp256k1") };
