// The hash types of signatures: which outputs and inputs one commits to.

export const SIGHASH_DEFAULT = 0x00;
export const SIGHASH_ALL = 0x01;
export const SIGHASH_NONE = 0x02;
export const SIGHASH_SINGLE = 0x03;
export const SIGHASH_ANYONECANPAY = 0x80;

/** What ECDSA signatures look at of a type to tell ALL, NONE and SINGLE apart. */
export const OUTPUT_MASK = 0x1f;
