// The language of wire scripts: what is refused when it is read, with file and line, and what fails when it is played.
import { describe, expect, test } from "vitest";
import { play } from "./player.js";
import { parseScript, ScriptError } from "./script.js";

const HEAD = ["case A title", "rule a rule", "endpoint server rtt=20ms"];

/** A script of one case with these steps, the first of which is on line 4. */
const scriptOf = (...steps: readonly string[]): string => [...HEAD, ...steps].join("\n");

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
  return "no error";
}

/** What playing the only case of a script fails with. */
function failureOf(...steps: readonly string[]): string {
  const [one] = parseScript("x.wire", scriptOf(...steps)).cases;
  if (one === undefined) throw new Error("no case");
  return messageOf(() => play("x.wire", one));
}

describe("a script is read", () => {
  test("case by case, with comments and blank lines left out", () => {
    const text = [
      "# About this file.",
      "",
      ...HEAD,
      "",
      "  > DATA seq=1 last  # behind a step",
      "case Another",
      "rule b",
      'endpoint client versionText="a # b"',
      "  quiet",
    ].join("\n");
    const { file, cases } = parseScript("x.wire", text);
    expect([file, cases.map(({ title, rule, role, line }) => [title, rule, role, line])]).toEqual([
      "x.wire",
      [
        ["A title", "a rule", "server", 3],
        ["Another", "b", "client", 8],
      ],
    ]);
    expect(cases[1]?.settings.get("versionText")).toBe('"a # b"');
  });

  test.each([
    ["quiet", 0, 0, 1],
    ["+100ms quiet", 100_000, 0, 1],
    ["+1.5s quiet", 1_500_000, 0, 1],
    ["+2m quiet", 120_000_000, 0, 1],
    ["~5ms < BUSY", 0, 5_000, 1],
    ["+1s~250us < BUSY", 1_000_000, 250, 1],
    ["+500ms*23 < BUSY", 500_000, 0, 23],
    ["+1ms~2ms*3 < BUSY", 1_000, 2_000, 3],
  ])("the time of %s", (step, afterUs, slackUs, times) => {
    expect(parseScript("x.wire", scriptOf(step)).cases[0]?.steps).toMatchObject([
      { line: 4, afterUs, slackUs, times },
    ]);
  });

  test("a packet with its argument, fields, flags and call", () => {
    const [step] = parseScript(
      "x.wire",
      scriptOf("< ACK@2 OutOfSequence first=3 acks=4-5,7 serial>$a+1 rwind!=0 !client slow-start"),
    ).cases[0]?.steps ?? [undefined];
    expect(step).toMatchObject({
      kind: "out",
      packet: {
        word: "ACK",
        callIndex: 2,
        argument: 3,
        flagsSet: 0x20,
        flagsClear: 1,
        fields: [
          { name: "first", relation: "=", value: { kind: "number", number: 3 } },
          { name: "acks", relation: "=", value: { kind: "list", numbers: [4, 5, 7] } },
          { name: "serial", relation: ">", value: { kind: "name", name: "a", plus: 1 } },
          { name: "rwind", relation: "!=", value: { kind: "number", number: 0 } },
        ],
      },
    });
  });

  test.each([
    ["+5 > DATA", '"5" is no time: 0, 5us, 100ms, 1.5s, 2m'],
    ["+5ms~ > DATA", '"+5ms~" is no time'],
    ["+5ms", "a time with nothing behind it"],
    ["~5ms > DATA seq=1", "only what is expected may be late"],
    ["~5ms quiet", "only what is expected may be late"],
    ["> ", "a packet type is missing"],
    ["> DATUM seq=1", 'there is no packet type "DATUM"'],
    ["> DATA seq=1 first=1", 'DATA has no field "first"'],
    ["> DATA seq=x", '"x" is no number'],
    ["> DATA seq=9..3", '"9..3" is no range'],
    ["> DATA seq=1 seq=2", 'field "seq" is given twice'],
    ["> DATA seq>1", '"seq>1": only = is possible here'],
    ["> DATA seq=1 urgent", 'there is no flag "urgent"'],
    ["> DATA seq=1 to=peer", '"to" is for packets of the other direction'],
    ["< DATA seq=1 from=peer", '"from" is for packets of the other direction'],
    ["< VERSION text>a", '"text>a": no order there'],
    ["> ACK Idel", 'ACK has no "Idel": Requested, Duplicate'],
    ["> ACK Idle acks=3,2", '"3,2" does not go up'],
    ["> ACK Idle acks=a", '"a" is no list: 1-4,6 or none'],
    ["call fly", '"call" has no action "fly"'],
    ["call write", '"write" needs something behind it'],
    ["call write many", '"many" is no number'],
    ["call is Happy", '"is" knows no "Happy"'],
    ["call", '"call" does nothing'],
    ["dance", 'there is no verb "dance"'],
    ["quiet@2", '"quiet@2": only packets and "call" take a number'],
    ["endpoint client", "a case has one endpoint"],
    ["rule another", "a case cites its rule once"],
  ])("%s is refused with file and line", (step, what) => {
    const read = (): unknown => parseScript("x.wire", scriptOf("quiet", step));
    expect(read).toThrow(ScriptError);
    expect(messageOf(read).startsWith(`x.wire:5: ${what}`)).toBe(true);
  });

  test.each([
    ["", "x.wire:1: there is no case"],
    ["quiet", 'x.wire:1: "quiet" stands before the first case'],
    ["case", "x.wire:1: a case needs a title"],
    ["case A\nrule r\nquiet", "x.wire:3: the endpoint comes before the first step"],
    ["case A\nendpoint server\nquiet", 'x.wire:1: case "A" cites no rule'],
    ["case A\nrule r", 'x.wire:1: case "A" has no endpoint'],
    ["case A\nrule r\nendpoint server", 'x.wire:1: case "A" has no step'],
    ["case A\nrule r\nendpoint host", "x.wire:3: an endpoint is a server or a client"],
    ["case A\nrule r\nendpoint server color=1", 'x.wire:3: there is no setting "color"'],
    ["case A\nrule r\nendpoint server rtt", 'x.wire:3: "rtt" is not of the form name=value'],
    ["case A\nrule r\nendpoint server rtt=1s rtt=2s", 'x.wire:3: setting "rtt" is given twice'],
    [`${scriptOf("quiet")}\n${scriptOf("quiet")}`, 'x.wire:5: there is a case "A title" already'],
  ])("a script that is not whole: %j", (text, message) => {
    expect(messageOf(() => parseScript("x.wire", text))).toBe(message);
  });
});

describe("a case fails", () => {
  const REQUEST = "> DATA seq=1 last";

  test("not when all is as it says", () => {
    expect(failureOf(REQUEST, "+100ms < ACK Delay first=2", "call end", "< DATA seq=1 last")).toBe(
      "no error",
    );
  });

  test.each([
    ["a field", "+100ms < ACK Delay first=3", "first is 2: < ACK s>c"],
    ["an argument", "+100ms < ACK Idle first=2", "it says Delay: < ACK s>c"],
    ["a type", "+100ms < DATA seq=1", "another type: < ACK s>c"],
    ["a list", "+100ms < ACK Delay acks=3", "acks is none: < ACK s>c"],
    ["a flag that is missing", "+100ms < ACK Delay client", "flag client is not set: < ACK s>c"],
    ["a flag that is there", "+100ms < ACK Delay !slow-start", "flag slow-start is set: < ACK s>c"],
    ["an order", "+100ms < ACK Delay rwind<32", "rwind is 32: < ACK s>c"],
    ["an address", "+100ms < ACK Delay to=stranger", "to is peer: < ACK s>c"],
    ["a packet that comes too late", "+99ms < ACK Delay", "nothing was sent"],
    [
      "a packet that comes too early",
      "+101ms < ACK Delay",
      "it came 100 ms after the line before: < ACK s>c",
    ],
    ["a packet that comes later than it may", "+90ms~9ms < ACK Delay", "nothing was sent"],
    ["a packet that nobody expects", "+1s quiet", "not expected, 100 ms after the line before: < ACK s>c"],
    [
      "the state of a call",
      "call is ServerRecvRequest",
      "state of the call: ServerAckRequest, not ServerRecvRequest",
    ],
    ["the end of a call", "call ended Succeeded", "end of the call: None, not Succeeded"],
    ["a counter", "count DropShort 1", "DropShort: 0, not 1"],
    ["a call that is not there", "call@2 end", "there is no call 2"],
    ["a name that is not there", "+100ms < ACK Delay of=$x", "no packet was named x before"],
  ])("on %s", (_what, step, why) => {
    const message = failureOf(REQUEST, step);
    expect(message.split("\n").slice(0, 2)).toEqual([
      `x.wire:5: ${step}`,
      expect.stringContaining(`  ${why}`) as unknown,
    ]);
    expect(message).toContain("0.000 ms  > DATA c>s");
  });

  test.each([
    ["rtt=20ms security=fake", "x.wire:1: rtt is for unsecured endpoints"],
    ["backlog=many", "x.wire:1: setting backlog=many is no number"],
    ["policy=shrug", "x.wire:1: policy=shrug is none of busy, drop, abort:CODE"],
    ["peer=nobody", 'x.wire:1: "nobody" is no address'],
  ])("on an endpoint that cannot be: %s", (settings, message) => {
    const [one] = parseScript("x.wire", `case A\nrule r\nendpoint server ${settings}\nquiet`).cases;
    if (one === undefined) throw new Error("no case");
    expect(messageOf(() => play("x.wire", one))).toBe(message);
  });

  test("on what is sent at the very end", () => {
    expect(failureOf("> DATA seq=1 request-ack")).toContain("x.wire:1: the end\n  not expected, 0 ms after");
  });

  test("on the packet of a range that is missing, of the right call, in order", () => {
    expect(failureOf(REQUEST, "call write 3*1412", "< DATA seq=1..4")).toContain("nothing was sent (seq 4)");
    expect(failureOf(REQUEST, "call write 2*1412", "< DATA seq=2", "< DATA seq=1")).toContain("seq is 1: <");
    expect(failureOf(REQUEST, "> DATA channel=1 seq=1 last", "call@2 end", "< DATA@1 seq=1")).toContain(
      "not of call 1: <",
    );
  });
});
