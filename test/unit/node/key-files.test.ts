import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readServerKeys } from "../../../src/node/key-files.js";
import { KEY_FILE_BYTES_MAX, KeyType } from "../../../src/security/server-keys.js";
import type { RxError } from "../../../src/util/errors.js";

const KEY_FILE = Buffer.from("00000001000000030123456789abcdef", "hex");
const KEY_FILE_EXT = Buffer.from("0000000100000010000000020000000300000012000000020a0b", "hex");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rxrpc-keys-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function put(name: string, bytes: Uint8Array, mode = 0o600): void {
  writeFileSync(join(folder, name), bytes);
  chmodSync(join(folder, name), mode);
}

async function refusal(): Promise<string> {
  const cause = await readServerKeys(folder).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect((cause as RxError | undefined)?.code).toBe("RX_ERR_KEYS");
  return (cause as RxError).message;
}

describe("readServerKeys()", () => {
  test("reads both files, or the one that is there", async () => {
    put("KeyFileExt", KEY_FILE_EXT);
    expect((await readServerKeys(folder)).count).toBe(1);
    put("KeyFile", KEY_FILE);
    const keys = await readServerKeys(folder);
    expect(keys.count).toBe(2);
    expect(keys.find(KeyType.RxkadKrb5, 3, 18)?.key).toEqual(Uint8Array.of(10, 11));
  });

  test("H3: a file that others may read or write is refused, and the message says what to do", async () => {
    put("KeyFile", KEY_FILE);
    for (const mode of [0o640, 0o620, 0o604, 0o602, 0o666]) {
      put("KeyFileExt", KEY_FILE_EXT, mode);
      expect(await refusal()).toMatch(
        new RegExp(`KeyFileExt has mode 0${mode.toString(8)}: .*make it 0600$`),
      );
    }
    put("KeyFileExt", KEY_FILE_EXT, 0o400);
    expect((await readServerKeys(folder)).count).toBe(2);
  });

  test("H3: a damaged file is refused by its path, though the other one is sound", async () => {
    put("KeyFile", KEY_FILE);
    put("KeyFileExt", KEY_FILE_EXT.subarray(0, 20));
    expect(await refusal()).toContain(join(folder, "KeyFileExt"));
  });

  test("H3: a server does not run without keys", async () => {
    expect(await refusal()).toContain(`no keys in KeyFile or KeyFileExt of ${folder}`);
    put("KeyFile", new Uint8Array(4));
    expect(await refusal()).toContain("no keys");
  });

  test("H3: a huge file, a folder and a pipe are refused at once", async () => {
    put("KeyFile", new Uint8Array(KEY_FILE_BYTES_MAX + 1));
    expect(await refusal()).toContain(`more than ${KEY_FILE_BYTES_MAX}`);
    rmSync(join(folder, "KeyFile"));
    mkdirSync(join(folder, "KeyFile"), { mode: 0o700 });
    expect(await refusal()).toMatch(/KeyFile (is no file|cannot be read)/);
    rmSync(join(folder, "KeyFile"), { recursive: true });
    execFileSync("mkfifo", ["-m", "600", join(folder, "KeyFile")]);
    expect(await refusal()).toContain("is no file");
  });
});
