// The last step of a 32-bit hash for tables in memory: every bit of the input reaches every bit of the
// result. Constants: "lowbias32" by C. Wellons (hash-prospector).

/** An unsigned 32-bit integer. */
export function mix32(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
