// The numbers of relay policy: Bitcoin Core's defaults (policy/policy.h, version 31).

/** Fee rates in base units per 1,000 virtual bytes. */
export const RELAY_FEE_RATE = 100;
export const INCREMENTAL_FEE_RATE = 100;
export const DUST_FEE_RATE = 3_000;
export const TRANSACTION_WEIGHT_MAX = 400_000;
export const STRIPPED_BYTES_MIN = 65;
export const SCRIPT_SIG_BYTES_MAX = 1_650;
export const SIGOP_COST_MAX = 16_000;
/** A signature check weighs as many bytes. */
export const BYTES_PER_SIGOP = 20;
export const SCRIPT_HASH_SIGOPS_MAX = 15;
/** BIP54: signature checks outside of witnesses that the inputs may run. */
export const LEGACY_SIGOPS_MAX = 2_500;
export const WITNESS_SCRIPT_BYTES_MAX = 3_600;
export const WITNESS_ITEMS_MAX = 100;
export const WITNESS_ITEM_BYTES_MAX = 80;
export const TAPSCRIPT_ITEM_BYTES_MAX = 80;
export const DUST_OUTPUTS_MAX = 1;
export const DATA_BYTES_MAX = 100_000;
export const VERSION_MAX = 3;
