// Everything that a search has found worth keeping, once more: entries that reach what others do not, and those that broke
// something before it was mended.
import { describe, expect, test } from "vitest";
import { readCorpus } from "./corpus.js";
import { TARGETS } from "./targets/all.js";

describe("fuzz corpus", () => {
  for (const target of TARGETS) {
    const corpus = readCorpus(target);

    test(`${target.name}: ${corpus.length} entries and the seeds break nothing`, async () => {
      const seeds = Object.entries(target.seeds).map(([name, bytes]) => ({ name, bytes }));
      for (const { name, bytes } of [...corpus, ...seeds]) {
        let thrown: unknown;
        try {
          await target.run(bytes, true);
        } catch (cause) {
          thrown = cause;
        }
        expect(thrown, name).toBeUndefined();
      }
    });
  }
});
