// Lets Node run this repository's TypeScript as it stands: types are erased, nothing is checked and nothing is written.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const OPTIONS = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  inlineSourceMap: true,
  inlineSources: true,
};

/** @type {import("node:module").ResolveHook} */
export function resolve(specifier, context, next) {
  const isOurs = context.parentURL?.endsWith(".ts") === true && specifier.startsWith(".");
  return next(isOurs && specifier.endsWith(".js") ? `${specifier.slice(0, -2)}ts` : specifier, context);
}

/** @type {import("node:module").LoadHook} */
export function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const fileName = fileURLToPath(url);
  const { outputText } = ts.transpileModule(readFileSync(fileName, "utf8"), {
    fileName,
    compilerOptions: OPTIONS,
  });
  return { format: "module", source: outputText, shortCircuit: true };
}
