import { stripTypeScriptTypes } from 'node:module';
import { type AnyNode, parse } from 'acorn';

/** A function or method, by its first line and its length. */
export interface FunctionLength {
  line: number;
  name: string;
  lines: number;
}

/** Every function of a TypeScript source, those within others too. */
export function functionsIn(source: string): FunctionLength[] {
  const plain = stripTypeScriptTypes(source);
  const found: FunctionLength[] = [];
  const visit = (node: AnyNode, name: string): void => {
    if (isFunction(node) && node.loc) {
      const { start, end } = node.loc;
      const own = 'id' in node && node.id !== null && 'name' in node.id ? node.id.name : name;
      found.push({ line: start.line, name: own, lines: end.line - start.line + 1 });
    }
    for (const child of childrenOf(node)) visit(child, nameOf(node) ?? name);
  };
  visit(parse(plain, { ecmaVersion: 'latest', sourceType: 'module', locations: true }), '');
  return found;
}

const isFunction = ({ type }: AnyNode): boolean =>
  type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression';

/** The name that a declaration, a member or a method gives to the function in it. */
function nameOf(node: AnyNode): string | undefined {
  const named = node.type === 'VariableDeclarator' ? node.id : 'key' in node ? node.key : undefined;
  return named && 'name' in named && typeof named.name === 'string' ? named.name : undefined;
}

const childrenOf = (node: AnyNode): AnyNode[] =>
  Object.values(node)
    .flat()
    .filter((value): value is AnyNode => typeof value === 'object' && value !== null && typeof value.type === 'string');
