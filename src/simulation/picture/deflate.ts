// A tiny zlib writer (RFC 1950, RFC 1951): one block of fixed Huffman codes whose only matches repeat
// the byte before. Charts are runs of one colour, so that is enough; and unlike the system's zlib its
// output does not depend on version or processor, so a picture's bytes can be compared.

/** First length of each length code 257.., and its extra bits (RFC 1951, 3.2.5). */
const LENGTH_FIRST: readonly number[] = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
];
const LENGTH_BITS: readonly number[] = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const RUN_MAX = 258;

interface BitWriter {
  bytes: Uint8Array;
  at: number;
  held: number;
  count: number;
}

function bits(writer: BitWriter, value: number, count: number): void {
  writer.held |= value << writer.count;
  writer.count += count;
  while (writer.count >= 8) {
    if (writer.at === writer.bytes.length) {
      const larger = new Uint8Array(writer.bytes.length * 2);
      larger.set(writer.bytes);
      writer.bytes = larger;
    }
    writer.bytes[writer.at++] = writer.held & 255;
    writer.held >>>= 8;
    writer.count -= 8;
  }
}

/** Huffman codes go in from their highest bit. */
function code(writer: BitWriter, value: number, count: number): void {
  let reversed = 0;
  for (let bit = 0; bit < count; bit++) reversed |= ((value >> bit) & 1) << (count - 1 - bit);
  bits(writer, reversed, count);
}

/** A literal byte, the end mark 256, or a length code, in the fixed code. */
function symbol(writer: BitWriter, value: number): void {
  if (value < 144) code(writer, 0x30 + value, 8);
  else if (value < 256) code(writer, 0x190 + value - 144, 9);
  else if (value < 280) code(writer, value - 256, 7);
  else code(writer, 0xc0 + value - 280, 8);
}

function run(writer: BitWriter, length: number): void {
  let index = LENGTH_FIRST.length - 1;
  while (LENGTH_FIRST[index]! > length) index--;
  symbol(writer, 257 + index);
  bits(writer, length - LENGTH_FIRST[index]!, LENGTH_BITS[index]!);
  code(writer, 0, 5); // distance 1
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

/** `bytes` as a zlib stream. */
export function zlibStream(bytes: Uint8Array): Uint8Array {
  const writer: BitWriter = { bytes: new Uint8Array(1 << 16), at: 0, held: 0, count: 0 };
  bits(writer, 0x78, 8);
  bits(writer, 0x01, 8);
  bits(writer, 1, 1); // last block
  bits(writer, 1, 2); // fixed codes
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at]!;
    symbol(writer, byte);
    at++;
    let length = 0;
    while (length < RUN_MAX && at + length < bytes.length && bytes[at + length] === byte) length++;
    if (length >= 3) {
      run(writer, length);
      at += length;
    }
  }
  symbol(writer, 256);
  if (writer.count > 0) bits(writer, 0, 8 - writer.count);
  const sum = adler32(bytes);
  for (const shift of [24, 16, 8, 0]) bits(writer, (sum >>> shift) & 255, 8);
  return writer.bytes.slice(0, writer.at);
}
