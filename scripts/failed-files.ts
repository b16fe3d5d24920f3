/**
 * A reporter of node:test that names the files with a failed test, one a line, each once. scripts/test.sh runs those
 * once more by themselves: what fails only beside others, on a busy machine, is told apart from what is broken.
 */
interface TestEvent {
  readonly type: string
  readonly data: { readonly file?: string; readonly todo?: unknown; readonly skip?: unknown }
}

export default async function* failedFiles(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const told = new Set<string>()
  for await (const { type, data } of source) {
    if (type !== 'test:fail' || data.file === undefined || data.todo !== undefined) continue
    if (told.has(data.file)) continue
    told.add(data.file)
    yield `${data.file}\n`
  }
}
