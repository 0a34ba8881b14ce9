import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyType, parseKeyFile, parseKeyFileExt, ServerKeys } from "../../../src/security/server-keys.js";
import { RxError } from "../../../src/util/errors.js";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const shown = (key: Uint8Array): string => Buffer.from(key).toString("hex");

// Files as OpenAFS's asetkey writes them.
const KEY_FILE = hex("00000001 00000003 0123456789abcdef");
const KEY_FILE_EXT = hex(`00000002
  00000010 00000001 0000012c 00000011 00000010 f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff
  00000010 00000002 00000003 00000012 00000020 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f`);

/** Code and message of what `run` throws. */
function failure(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    expect(cause).toBeInstanceOf(RxError);
    expect((cause as RxError).code).toBe("RX_ERR_KEYS");
    return (cause as RxError).message;
  }
  return "nothing thrown";
}

describe("KeyFile", () => {
  test("has DES keys by version", () => {
    expect(parseKeyFile(KEY_FILE).map((one) => ({ ...one, key: shown(one.key) }))).toEqual([
      { type: KeyType.Rxkad, kvno: 3, subtype: 0, key: "0123456789abcdef" },
    ]);
  });

  test("may be longer than its keys, as the fixed 100 bytes of old installations are", () => {
    const bytes = new Uint8Array(100);
    bytes.set(KEY_FILE);
    expect(parseKeyFile(bytes)).toHaveLength(1);
  });

  test("has eight versions at most", () => {
    const versions = (count: number): Uint8Array =>
      hex(
        `0000000${count.toString(16)}${Array.from({ length: count }, (_, i) => `0000000${i}0123456789abcdef`).join("")}`,
      );
    expect(parseKeyFile(versions(8))).toHaveLength(8);
    expect(failure(() => parseKeyFile(versions(9)))).toContain("more than 8 versions");
  });
});

describe("KeyFileExt", () => {
  test("has keys of any type, version and subtype", () => {
    expect(parseKeyFileExt(KEY_FILE_EXT).map((one) => ({ ...one, key: shown(one.key) }))).toEqual([
      { type: KeyType.Rxgk, kvno: 300, subtype: 17, key: "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff" },
      {
        type: KeyType.RxkadKrb5,
        kvno: 3,
        subtype: 18,
        key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      },
    ]);
  });

  test("may have entries with more fixed fields than are known", () => {
    const bytes = hex("00000001 00000014 00000002 00000001 00000012 deadbeef 00000002 abcd");
    expect(parseKeyFileExt(bytes).map(({ key }) => shown(key))).toEqual(["abcd"]);
  });
});

describe("a damaged file", () => {
  test("H3: is refused wherever it ends too early, and says where", () => {
    for (let length = 0; length < KEY_FILE.length; length++) {
      expect(failure(() => parseKeyFile(KEY_FILE.subarray(0, length), "/etc/KeyFile"))).toMatch(
        /^RX_ERR_KEYS: \/etc\/KeyFile (ends within|says that it has 1 keys).*none of the keys is used$/,
      );
    }
    for (let length = 0; length < KEY_FILE_EXT.length; length++)
      expect(failure(() => parseKeyFileExt(KEY_FILE_EXT.subarray(0, length)))).toContain("KeyFileExt");
  });

  test("H3: is refused with counts and lengths that cannot be, before anything is allocated by them", () => {
    expect(failure(() => parseKeyFile(hex("7fffffff")))).toContain("says that it has 2147483647 keys");
    expect(failure(() => parseKeyFile(hex("ffffffff")))).toContain("says that it has -1 keys");
    expect(failure(() => parseKeyFileExt(hex("7fffffff")))).toContain("says that it has 2147483647 keys");
    const entry = (fixed: string, length: string): Uint8Array =>
      hex(`00000001 ${fixed} 00000002 00000003 00000012 ${length} 00112233`);
    expect(failure(() => parseKeyFileExt(entry("0000000f", "00000004")))).toContain(
      "fixed part has 15 bytes",
    );
    expect(failure(() => parseKeyFileExt(entry("7fffffff", "00000004")))).toContain("ends within an entry");
    expect(failure(() => parseKeyFileExt(entry("00000010", "7fffffff")))).toContain(
      "a key of 2147483647 bytes",
    );
    expect(failure(() => parseKeyFileExt(entry("00000010", "ffffffff")))).toContain("a key of -1 bytes");
    expect(failure(() => parseKeyFileExt(entry("00000010", "00000000")))).toContain("a key of 0 bytes");
    expect(failure(() => parseKeyFileExt(entry("00000010", "00000005")))).toContain("ends within a key");
  });

  test("H3: whatever the bytes are, they are keys or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const parse of [parseKeyFile, parseKeyFileExt]) {
          try {
            const total = parse(bytes).reduce((sum, { key }) => sum + key.length, 0);
            expect(total).toBeLessThanOrEqual(bytes.length);
          } catch (cause) {
            expect((cause as RxError).code).toBe("RX_ERR_KEYS");
          }
        }
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });
});

describe("ServerKeys", () => {
  test("finds exactly the key that is asked for, and of two alike the later one", () => {
    const key = (first: number, kvno = 3) => ({
      type: KeyType.RxkadKrb5,
      kvno,
      subtype: 18,
      key: Uint8Array.of(first),
    });
    const keys = new ServerKeys([key(1), key(2), key(9, 4)]);
    expect([keys.count, [...keys].length]).toEqual([2, 2]);
    expect(keys.find(KeyType.RxkadKrb5, 3, 18)?.key).toEqual(Uint8Array.of(2));
    expect(keys.find(KeyType.RxkadKrb5, 5, 18)).toBeUndefined();
    expect(keys.find(KeyType.RxkadKrb5, 3, 17)).toBeUndefined();
    expect(keys.find(KeyType.Rxgk, 3, 18)).toBeUndefined();
  });

  test("leaves no key behind when it is cleared", () => {
    const key = Uint8Array.of(1, 2, 3);
    const keys = new ServerKeys([{ type: KeyType.Rxkad, kvno: 1, subtype: 0, key }]);
    keys.clear();
    expect([keys.count, ...key]).toEqual([0, 0, 0, 0]);
  });
});
