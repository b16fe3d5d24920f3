/**
 * The JSON Schemas of what commands print with `--json`, each as text: made of the types in src/cli/documents, so that
 * the compiler holds the commands to them. They are open: a later version may add members.
 */
import { join } from 'node:path'
import { createGenerator, type Schema } from 'ts-json-schema-generator'

const TYPES = 'src/cli/documents/documents.ts'

type Definitions = Readonly<Record<string, unknown>>

/** Every schema by its file, below docs/schemas/, of the checkout at `root`. */
export function schemaFiles(root: string): Map<string, string> {
  const whole = createGenerator({
    path: join(root, TYPES),
    tsconfig: join(root, 'tsconfig.json'),
    type: 'Documents',
    skipTypeCheck: true,
    expose: 'export',
    topRef: false,
    additionalProperties: true,
    encodeRefs: false,
  }).createSchema('Documents')
  const definitions = (whole.definitions ?? {}) as Definitions
  const commands = Object.entries((whole.properties ?? {}) as Definitions)
  return new Map(commands.map(([command, schema]) => [schemaFile(command), textOf(command, schema, definitions)]))
}

/** The file of `command` (`image list`). */
export function schemaFile(command: string): string {
  return `${command.replaceAll(' ', '-')}.json`
}

function textOf(command: string, schema: unknown, definitions: Definitions): string {
  const { $ref, ...rest } = schema as Schema
  const own = $ref === undefined ? rest : (definitions[nameOf($ref)] as Schema)
  const used = [...usedBy(own, definitions)].sort().map((name) => [name, definitions[name]])
  const document = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: `stratafs ${command}${command.includes('inspect') ? '' : ' --json'}`,
    ...own,
    ...(used.length === 0 ? {} : { definitions: Object.fromEntries(used) }),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

/** Names of the definitions that `schema` leads to. */
function usedBy(schema: unknown, definitions: Definitions, known = new Set<string>()): Set<string> {
  for (const [, ref] of JSON.stringify(schema).matchAll(/"\$ref":"([^"]+)"/g)) {
    const name = nameOf(ref!)
    if (known.has(name)) continue
    known.add(name)
    usedBy(definitions[name], definitions, known)
  }
  return known
}

function nameOf(ref: string): string {
  return ref.replace('#/definitions/', '')
}
