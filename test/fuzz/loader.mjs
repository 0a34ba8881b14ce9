// Module hooks of the fuzzer, which run in a thread of their own: TypeScript becomes JavaScript as it is loaded, and code of
// src/ counts each branch that it takes. V8's own coverage costs milliseconds a reading; this one costs microseconds, so
// that it can be read after every single input.
import { readFile } from "node:fs/promises";
import ts from "typescript";

const SOURCE = new URL("../../src/", import.meta.url).href;
const COUNTERS = "__branches";

const OPTIONS = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  inlineSourceMap: true,
};

export function resolve(specifier, context, next) {
  const isOurs = specifier.startsWith(".") && context.parentURL?.endsWith(".ts") === true;
  if (!isOurs || !specifier.endsWith(".js")) return next(specifier, context);
  return next(`${specifier.slice(0, -3)}.ts`, context);
}

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const { outputText } = ts.transpileModule(await readFile(new URL(url), "utf8"), {
    fileName: url,
    compilerOptions: OPTIONS,
    transformers: url.startsWith(SOURCE) ? { before: [countBranches] } : {},
  });
  return { format: "module", source: outputText, shortCircuit: true };
}

/** A transformer that counts function entries, both ways of every condition, loop bodies and cases. */
function countBranches(context) {
  const { factory } = context;
  return (file) => {
    let count = 0;
    const bodies = new Set();
    const hit = () =>
      factory.createPostfixIncrement(
        factory.createElementAccessExpression(factory.createIdentifier(COUNTERS), count++),
      );
    const statement = () => factory.createExpressionStatement(hit());
    const counted = (expression) =>
      factory.createParenthesizedExpression(factory.createComma(hit(), expression));
    const block = (body) =>
      factory.createBlock([statement(), ...(ts.isBlock(body) ? body.statements : [body])], true);

    const visit = (node) => {
      if (ts.isFunctionLike(node) && node.body !== undefined) bodies.add(node.body);
      const isBody = bodies.has(node);
      const visited = ts.visitEachChild(node, visit, context);
      if (isBody) return ts.isBlock(visited) ? block(visited) : counted(visited);
      return withCounter(visited);
    };

    const withCounter = (node) => {
      switch (node.kind) {
        case ts.SyntaxKind.IfStatement:
          return factory.updateIfStatement(
            node,
            node.expression,
            block(node.thenStatement),
            node.elseStatement === undefined ? factory.createBlock([statement()]) : block(node.elseStatement),
          );
        case ts.SyntaxKind.ForStatement:
          return factory.updateForStatement(
            node,
            node.initializer,
            node.condition,
            node.incrementor,
            block(node.statement),
          );
        case ts.SyntaxKind.ForOfStatement:
          return factory.updateForOfStatement(
            node,
            node.awaitModifier,
            node.initializer,
            node.expression,
            block(node.statement),
          );
        case ts.SyntaxKind.WhileStatement:
          return factory.updateWhileStatement(node, node.expression, block(node.statement));
        case ts.SyntaxKind.CaseClause:
          return factory.updateCaseClause(node, node.expression, [statement(), ...node.statements]);
        case ts.SyntaxKind.DefaultClause:
          return factory.updateDefaultClause(node, [statement(), ...node.statements]);
        case ts.SyntaxKind.CatchClause:
          return factory.updateCatchClause(node, node.variableDeclaration, block(node.block));
        case ts.SyntaxKind.ConditionalExpression:
          return factory.updateConditionalExpression(
            node,
            node.condition,
            node.questionToken,
            counted(node.whenTrue),
            node.colonToken,
            counted(node.whenFalse),
          );
        case ts.SyntaxKind.BinaryExpression:
          return isShortCircuit(node.operatorToken.kind)
            ? factory.updateBinaryExpression(node, node.left, node.operatorToken, counted(node.right))
            : node;
        default:
          return node;
      }
    };

    const visited = ts.visitEachChild(file, visit, context);
    const declaration = factory.createVariableStatement(
      undefined,
      factory.createVariableDeclarationList(
        [
          factory.createVariableDeclaration(
            COUNTERS,
            undefined,
            undefined,
            factory.createCallExpression(
              factory.createPropertyAccessExpression(
                factory.createIdentifier("globalThis"),
                "rxrpcTakeCounters",
              ),
              undefined,
              [factory.createNumericLiteral(count)],
            ),
          ),
        ],
        ts.NodeFlags.Const,
      ),
    );
    return factory.updateSourceFile(visited, [declaration, ...visited.statements]);
  };
}

function isShortCircuit(kind) {
  return (
    kind === ts.SyntaxKind.AmpersandAmpersandToken ||
    kind === ts.SyntaxKind.BarBarToken ||
    kind === ts.SyntaxKind.QuestionQuestionToken
  );
}
