/**
 * `npx tidemark check [FILE] [--json]`: loads the definitions, which declares them, and a mistake is an error when it is
 * declared. Prints what was found. Exit codes: 0 all well, 1 a definition is wrong, 2 the file was not found.
 * With `--registry` or `--schema` it is about schemas of writers: see check-registry.ts.
 */
import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './lib/paths.ts'

const isAboutSchemas = process.argv.some((argument) => /^--(?:registry|schema)(?:=|$)/.test(argument))
if (isAboutSchemas) await import('./check-registry.ts')

const kinds = ['entities', 'sources', 'views', 'services'] as const
const one = { entities: 'entity', sources: 'source', views: 'view', services: 'service' }
const json = process.argv.includes('--json')
const given = process.argv.slice(2).find((argument) => !argument.startsWith('-'))
const file = given === undefined ? resolve(root, 'features/index.ts') : resolve(given)
const shown = relative(process.cwd(), file)

if (!existsSync(file)) {
  finish(2, {
    ok: false,
    file: shown,
    message: `${shown} does not exist. Name the file that exports \`definitions\`: npx tidemark check features/index.ts`,
  })
}
try {
  const loaded: unknown = await import(pathToFileURL(file).href)
  const counts = countsOf(loaded)
  if (counts === undefined) {
    finish(1, {
      ok: false,
      file: shown,
      message: `${shown} exports no definitions. Add: export default definitions({ services: [...] })`,
    })
  }
  finish(0, { ok: true, file: shown, counts })
} catch (error) {
  const expected = error instanceof Error && error.name === 'DefinitionError'
  const message = expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
  finish(1, { ok: false, file: shown, message })
}

type Report = { ok: true; file: string; counts: Record<string, number> } | { ok: false; file: string; message: string }

function finish(code: number, report: Report): never {
  if (json) console.log(JSON.stringify(report))
  else if (report.ok) console.log(`${report.file} is right: ${sentence(report.counts)}`)
  else console.error(`${report.file} is not right:\n  ${report.message.replaceAll('\n', '\n  ')}`)
  process.exit(code)
}

function sentence(counts: Record<string, number>): string {
  return kinds.map((kind) => `${counts[kind]} ${counts[kind] === 1 ? one[kind] : kind}`).join(', ')
}

/** How many of each kind the export `definitions`, or the default one, declares; undefined when there is neither. */
function countsOf(loaded: unknown): Record<string, number> | undefined {
  const spec = property(property(loaded, 'definitions') ?? property(loaded, 'default'), 'spec')
  if (spec === undefined) return undefined
  return Object.fromEntries(kinds.map((kind) => [kind, Object.keys(property(spec, kind) ?? {}).length]))
}

function property(value: unknown, name: string): object | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return typeof found === 'object' && found !== null ? found : undefined
}
