// The eight characters behind a descriptor: a BCH code over GF(32), as specified in BIP380.

const INPUT =
  "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const OUTPUT = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

function step(checksum: bigint, value: number): bigint {
  const top = checksum >> 35n;
  let next = ((checksum & 0x7ffffffffn) << 5n) ^ BigInt(value);
  GENERATOR.forEach((term, bit) => {
    if (((top >> BigInt(bit)) & 1n) === 1n) next ^= term;
  });
  return next;
}

/** The checksum of `text`, or null when a character of it cannot stand in a descriptor. */
export function descriptorChecksum(text: string): string | null {
  let checksum = 1n;
  let group = 0;
  let count = 0;
  for (const char of text) {
    const place = INPUT.indexOf(char);
    if (place < 0) return null;
    checksum = step(checksum, place & 31);
    group = group * 3 + (place >> 5);
    if (++count === 3) {
      checksum = step(checksum, group);
      group = 0;
      count = 0;
    }
  }
  if (count > 0) checksum = step(checksum, group);
  for (let left = 8; left > 0; left--) checksum = step(checksum, 0);
  checksum ^= 1n;
  let out = "";
  for (let place = 7; place >= 0; place--) {
    out += OUTPUT[Number((checksum >> BigInt(place * 5)) & 31n)];
  }
  return out;
}

/** The descriptor with its checksum. */
export function withChecksum(text: string): string {
  return `${text}#${descriptorChecksum(text) ?? ""}`;
}
