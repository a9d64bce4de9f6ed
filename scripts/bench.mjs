// `npm run bench -- NAME [--quick]`: builds if needed and runs a bench (see docs/performance.md).
import { prepare } from "./prepare.mjs";

prepare();
await import("../dist/bench/run.js");
