// The TypeScript types of values; the compiler is the judge of most of it.
import { describe, expect, expectTypeOf, test } from "vitest";
import type { Infer } from "../../../src/xdr/type.js";
import * as xdr from "../../../src/xdr/xdr.js";

const Colour = { Red: 0, Green: 5 } as const;

describe("Infer", () => {
  test("a struct's fields have their types, and what may be undefined may be left out", () => {
    const request = xdr.struct({
      name: xdr.string(256),
      size: xdr.uint,
      big: xdr.hyper,
      isOld: xdr.bool,
      data: xdr.opaqueVar(64),
      colours: xdr.list(xdr.enumeration(Colour), 4),
      owner: xdr.optional(xdr.struct({ id: xdr.int })),
    });
    type Request = Infer<typeof request>;
    expectTypeOf<Request>().toEqualTypeOf<{
      name: string;
      size: number;
      big: bigint;
      isOld: boolean;
      data: Uint8Array;
      colours: (0 | 5)[];
      owner?: { id: number } | undefined;
    }>();
    const value: Request = {
      name: "a",
      size: 1,
      big: 2n,
      isOld: false,
      data: new Uint8Array(1),
      colours: [Colour.Green],
    };
    expect(xdr.decode(request, xdr.encode(request, value))).toStrictEqual({ ...value, owner: undefined });
  });

  test("a union is told apart by its kind", () => {
    const answer = xdr.union(
      xdr.int,
      { 1: xdr.string(8), [-2]: xdr.list(xdr.int, 2), 3: xdr.void },
      xdr.opaque(4),
    );
    type Answer = Infer<typeof answer>;
    expectTypeOf<Extract<Answer, { kind: 1 }>["value"]>().toEqualTypeOf<string>();
    expectTypeOf<Extract<Answer, { kind: -2 }>["value"]>().toEqualTypeOf<number[]>();
    expectTypeOf<Extract<Answer, { kind: "default" }>>().toEqualTypeOf<
      { kind: "default"; value: Uint8Array } & { discriminant: number }
    >();
    const show = (of: Answer): string => {
      switch (of.kind) {
        case 1:
          return of.value.toUpperCase();
        case -2:
          return of.value.join();
        case 3:
          return "nothing";
        case "default":
          return `${of.discriminant}: ${of.value.length} bytes`;
      }
    };
    expect(show(xdr.decode(answer, xdr.encode(answer, { kind: 3 })))).toBe("nothing");
    expect(show({ kind: -2, value: [1, 2] })).toBe("1,2");
  });

  test("a union by a boolean has kinds true and false", () => {
    const found = xdr.union(xdr.bool, { true: xdr.int, false: xdr.void });
    expectTypeOf<Infer<typeof found>>().toEqualTypeOf<
      { kind: true; value: number } | { kind: false; value?: undefined }
    >();
    expect([...xdr.encode(found, { kind: true, value: 7 })]).toEqual([0, 0, 0, 1, 0, 0, 0, 7]);
    expect(xdr.decode(found, new Uint8Array(4))).toEqual({ kind: false, value: undefined });
  });

  test("what may be undefined already cannot be made optional", () => {
    // @ts-expect-error absent and present but void would look the same
    xdr.optional(xdr.void);
    // @ts-expect-error as would absent, and present but absent
    expect(xdr.optional(xdr.optional(xdr.int)).minBytes).toBe(4);
  });
});
