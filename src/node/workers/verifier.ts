// A verifier: a worker thread that runs scripts and nothing else, for the inputs of a block or for
// transactions on their own.
import { loadSecp256k1 } from "../../crypto/secp256k1.ts";
import {
  type JudgeBatch,
  type JudgeReply,
  judgeBatch,
} from "../../planes/execution/judge-transaction.ts";
import {
  type VerifyBatch,
  type VerifyFailure,
  verifyBatch,
} from "../../planes/execution/verify-batch.ts";
import { serve } from "./serve.ts";

export type VerifierRequest = VerifyBatch | JudgeBatch;
export type VerifierReply = VerifyFailure | null | JudgeReply;

serve<VerifierRequest, VerifierReply>(() => {
  loadSecp256k1();
  return (request) => ("transactions" in request ? judgeBatch(request) : verifyBatch(request));
});
