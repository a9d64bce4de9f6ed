export class MuHash {
  insert(_: Uint8Array): void {}
  encode(): Uint8Array {
    return new Uint8Array(0);
  }
  combine(_: MuHash): void {}
  digest(): Uint8Array {
    return new Uint8Array(0);
  }
  static decode(_: Uint8Array): MuHash {
    return new MuHash();
  }
}
