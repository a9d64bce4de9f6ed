// A verifier: a worker thread that runs scripts and nothing else.
import { loadSecp256k1 } from "../../crypto/secp256k1.ts";
import {
  type VerifyBatch,
  type VerifyFailure,
  verifyBatch,
} from "../../planes/execution/verify-batch.ts";
import { serve } from "./serve.ts";

serve<VerifyBatch, VerifyFailure | null>(() => {
  loadSecp256k1();
  return verifyBatch;
});
