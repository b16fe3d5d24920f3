/**
 * What the structure check knows of a source file: what it imports, in every spelling, and what it exports. Read with
 * TypeScript's own parser, so that a comment or a string that looks like an import is none.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import ts from 'typescript'

/** One import of a file: the specifier as written, and the names it takes; `*` stands for all of them. */
interface Import {
  readonly specifier: string
  readonly names: readonly string[]
}

export interface Source {
  readonly imports: readonly Import[]
  /** Names that it exports. */
  readonly exports: readonly string[]
  /** Names that a program in a string takes from a module, as tests run them in processes of their own. */
  readonly namesInText: readonly string[]
}

/** Every `.ts`, `.cts` and `.tsx` file below `folder`, as paths relative to `root`. */
export function sourceFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:c?ts|tsx)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

/** Parses the file at `path`, relative to `root`. */
export function readSource(root: string, path: string): Source {
  return parseSource(readFileSync(join(root, path), 'utf8'), path.endsWith('x'))
}

/** The imports and exports of `text`; `jsx`: it holds elements. */
export function parseSource(text: string, jsx = false): Source {
  const file = ts.createSourceFile(jsx ? 'x.tsx' : 'x.ts', text, ts.ScriptTarget.ES2022, true)
  const imports: Import[] = []
  const exports: string[] = []
  for (const statement of file.statements) {
    if (isExported(statement)) exports.push(...declaredNames(statement))
    else if (ts.isExportDeclaration(statement)) exports.push(...elementNames(statement.exportClause, false))
  }
  const visit = (node: ts.Node): void => {
    const found = importIn(node)
    if (found !== null) imports.push(found)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return { imports, exports, namesInText: namesInText(text) }
}

function namesInText(text: string): string[] {
  const found = [...text.matchAll(/\{ ([\w, ]+) \} = await import\(\$/g)]
  return found.flatMap((match) => match[1]!.split(', '))
}

function isExported(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false
  return ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText())
  const { name } = statement as ts.Statement & { name?: ts.Identifier }
  return name === undefined ? [] : [name.text]
}

/** Names in braces: as they are called outside (`source`), or here. */
function elementNames(clause: ts.NamedImportBindings | ts.NamedExportBindings | undefined, source: boolean): string[] {
  if (clause === undefined || !('elements' in clause)) return source ? ['*'] : []
  return clause.elements.map((element) => (source ? (element.propertyName ?? element.name) : element.name).text)
}

function importIn(node: ts.Node): Import | null {
  if (ts.isImportDeclaration(node)) {
    return relativeImport(node.moduleSpecifier, elementNames(node.importClause?.namedBindings, true))
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    return relativeImport(node.moduleSpecifier, elementNames(node.exportClause, true))
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return relativeImport(node.argument.literal, [node.qualifier?.getText().split('.')[0] ?? '*'])
  }
  if (ts.isCallExpression(node) && isLoader(node.expression)) return relativeImport(node.arguments[0], ['*'])
  if (ts.isNewExpression(node) && node.expression.getText() === 'URL') return relativeImport(node.arguments?.[0], ['*'])
  return null
}

/** `import(…)`, `require(…)`, and what createRequire() made. */
function isLoader(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || /^(?:require|createRequire\(.*\))$/s.test(callee.getText())
}

/** A template counts with the text before its first part that is computed. */
function relativeImport(node: ts.Node | undefined, names: readonly string[]): Import | null {
  if (node === undefined) return null
  const specifier = ts.isStringLiteralLike(node) ? node.text : ts.isTemplateExpression(node) ? node.head.text : null
  return specifier === null || !/^\.{1,2}\//.test(specifier) ? null : { specifier, names }
}

/**
 * The file that `specifier` means in `file`, both relative to `root`: the source of a compiled module where there is
 * one, else the path itself.
 */
export function targetOf(root: string, file: string, specifier: string): string {
  const path = normalize(join(dirname(file), specifier))
  const sources = [path.replace(/\.(c?)js$/, '.$1ts'), path.replace(/\.js$/, '.tsx')]
  return sources.find((source) => existsSync(join(root, source))) ?? path
}
