// The verification flags of script, numbered and named as in Bitcoin Core (script/interpreter.h), so
// that its test vectors and its options mean the same here.

const NAMES = [
  "P2SH",
  "STRICTENC",
  "DERSIG",
  "LOW_S",
  "NULLDUMMY",
  "SIGPUSHONLY",
  "MINIMALDATA",
  "DISCOURAGE_UPGRADABLE_NOPS",
  "CLEANSTACK",
  "CHECKLOCKTIMEVERIFY",
  "CHECKSEQUENCEVERIFY",
  "WITNESS",
  "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM",
  "MINIMALIF",
  "NULLFAIL",
  "WITNESS_PUBKEYTYPE",
  "CONST_SCRIPTCODE",
  "TAPROOT",
  "DISCOURAGE_UPGRADABLE_TAPROOT_VERSION",
  "DISCOURAGE_OP_SUCCESS",
  "DISCOURAGE_UPGRADABLE_PUBKEYTYPE",
] as const;

export type FlagName = (typeof NAMES)[number];

/** One bit a flag. */
export const FLAG: Readonly<Record<FlagName | "NONE", number>> = {
  NONE: 0,
  /** BIP16. */
  P2SH: 1 << 0,
  /** Signatures, hash types and public keys in one of the defined encodings. */
  STRICTENC: 1 << 1,
  /** BIP66. */
  DERSIG: 1 << 2,
  /** BIP146: S at most half the order. */
  LOW_S: 1 << 3,
  /** BIP147: the extra item that CHECKMULTISIG takes must be empty. */
  NULLDUMMY: 1 << 4,
  SIGPUSHONLY: 1 << 5,
  /** Shortest pushes and numbers. */
  MINIMALDATA: 1 << 6,
  DISCOURAGE_UPGRADABLE_NOPS: 1 << 7,
  /** Exactly one item left; needs P2SH and WITNESS. */
  CLEANSTACK: 1 << 8,
  /** BIP65. */
  CHECKLOCKTIMEVERIFY: 1 << 9,
  /** BIP112. */
  CHECKSEQUENCEVERIFY: 1 << 10,
  /** BIP141; needs P2SH. */
  WITNESS: 1 << 11,
  DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM: 1 << 12,
  /** IF and NOTIF of witness version 0 take only an empty item or a single 1. */
  MINIMALIF: 1 << 13,
  /** BIP146: the signature of a failed check must be empty. */
  NULLFAIL: 1 << 14,
  /** Compressed keys only in witness version 0. */
  WITNESS_PUBKEYTYPE: 1 << 15,
  /** No CODESEPARATOR and no signature within the script code before witnesses. */
  CONST_SCRIPTCODE: 1 << 16,
  /** BIP341 and BIP342; needs WITNESS. */
  TAPROOT: 1 << 17,
  DISCOURAGE_UPGRADABLE_TAPROOT_VERSION: 1 << 18,
  DISCOURAGE_OP_SUCCESS: 1 << 19,
  DISCOURAGE_UPGRADABLE_PUBKEYTYPE: 1 << 20,
};

/** All flags there are. */
export const FLAGS_ALL: number = 2 ** NAMES.length - 1;

/** What blocks must obey once every deployment is active. */
export const FLAGS_CONSENSUS: number =
  FLAG.P2SH |
  FLAG.DERSIG |
  FLAG.NULLDUMMY |
  FLAG.CHECKLOCKTIMEVERIFY |
  FLAG.CHECKSEQUENCEVERIFY |
  FLAG.WITNESS |
  FLAG.TAPROOT;

/** What is relayed: all the rules there are (Bitcoin Core's STANDARD_SCRIPT_VERIFY_FLAGS). */
export const FLAGS_STANDARD: number = FLAGS_ALL & ~FLAG.SIGPUSHONLY;

/** Flags from "P2SH,WITNESS", "NONE" or ""; null when a name is unknown. */
export function parseFlags(text: string): number | null {
  if (text === "" || text === "NONE") return 0;
  let flags = 0;
  for (const word of text.split(",")) {
    const bit = (NAMES as readonly string[]).indexOf(word);
    if (bit < 0) return null;
    flags |= 1 << bit;
  }
  return flags;
}

/** "P2SH,WITNESS", or "NONE". */
export function flagsText(flags: number): string {
  const names = NAMES.filter((_, bit) => ((flags >>> bit) & 1) === 1);
  return names.length === 0 ? "NONE" : names.join(",");
}

/** Adds the flags that the given ones need. */
export function fillFlags(flags: number): number {
  let filled = flags;
  if ((filled & FLAG.CLEANSTACK) !== 0) filled |= FLAG.WITNESS;
  if ((filled & FLAG.TAPROOT) !== 0) filled |= FLAG.WITNESS;
  if ((filled & FLAG.WITNESS) !== 0) filled |= FLAG.P2SH;
  return filled;
}

/** Drops the flags whose needs are not among the given ones. */
export function trimFlags(flags: number): number {
  let trimmed = flags;
  if ((trimmed & FLAG.P2SH) === 0) trimmed &= ~FLAG.WITNESS;
  if ((trimmed & FLAG.WITNESS) === 0) trimmed &= ~(FLAG.CLEANSTACK | FLAG.TAPROOT);
  return trimmed;
}
