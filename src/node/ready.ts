// Is the node fit for work, and if not, why and since when: what /readyz tells.
import type { NodeContext } from "./lifecycle.ts";

export interface Check {
  readonly component: string;
  /** Null when it is well. */
  readonly reason: string | null;
  /** Milliseconds since 1970. */
  readonly since: number;
}

type Look = (context: NodeContext) => string | null;

const LOOKS: readonly (readonly [component: string, look: Look])[] = [
  ["chain", (context) => context.control.warmup()],
  [
    "sync",
    (context) => {
      if (context.control.warmup() !== null) return "the chain is not open yet";
      if (context.params.name === "regtest" || !context.chain.initialDownload()) return null;
      return `still downloading: ${context.network.why}`;
    },
  ],
  ["disk", (context) => context.control.diskRefusal()],
];

/** Looks at everything; remembers when each answer changed between well and not. */
export function readiness(context: NodeContext): () => readonly Check[] {
  const last = new Map<string, Check>();
  return () =>
    LOOKS.map(([component, look]) => {
      const reason = look(context);
      const known = last.get(component);
      const same = known !== undefined && (known.reason === null) === (reason === null);
      const check = { component, reason, since: same ? known.since : Date.now() };
      last.set(component, check);
      return check;
    });
}
