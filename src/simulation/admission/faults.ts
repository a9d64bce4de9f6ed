// Rules that belong to the host, not to the handlers: the simulation can take these away as well.

export interface HostRules {
  /** Messages leave only after everything written before them is durable. */
  readonly durableBeforeReply: boolean;
  /** An old owner's writes are refused. */
  readonly fence: boolean;
  /** Templates wait until every partition is settled. */
  readonly templateAfterSettled: boolean;
}

export const ALL_HOST_RULES: HostRules = Object.freeze({
  durableBeforeReply: true,
  fence: true,
  templateAfterSettled: true,
});
