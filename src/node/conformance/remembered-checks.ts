// Signature checks that remember their answers: the same case is judged under many sets of flags,
// which all ask the same few questions of secp256k1.
import type { Bytes } from "../../base/bytes.ts";
import { checkTaprootTweak, verifyEcdsa, verifySchnorr } from "../../crypto/secp256k1.ts";
import type { SignatureCheck } from "../../ledger/bitcoin/sighash.ts";

/** Answers kept before all are forgotten. */
const ANSWERS_MAX = 4096;

function remember<A extends readonly (Bytes | number)[]>(
  ask: (...question: A) => boolean,
): (...question: A) => boolean {
  const answers = new Map<string, boolean>();
  return (...question) => {
    let key = "";
    for (const part of question) {
      key += typeof part === "number" ? part : Buffer.from(part).toString("latin1");
      key += "|";
    }
    let answer = answers.get(key);
    if (answer === undefined) {
      if (answers.size >= ANSWERS_MAX) answers.clear();
      answer = ask(...question);
      answers.set(key, answer);
    }
    return answer;
  };
}

export function rememberedChecks(): SignatureCheck {
  return {
    ecdsa: remember(verifyEcdsa),
    schnorr: remember(verifySchnorr),
    tweak: remember(checkTaprootTweak),
  };
}
