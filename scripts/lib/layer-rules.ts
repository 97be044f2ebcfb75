/**
 * The rules between the rooms, as pure functions of (path, text). Biome's noRestrictedImports sees only the text of an
 * import, not the file it means (`../engine/x.ts` from one folder is another room from the next), so the rule is here.
 */
import { dirname, join } from 'node:path/posix'
import { blank, lineAt } from './source-text.ts'

export interface Violation {
  readonly path: string
  readonly line: number
  readonly message: string
}

/** What a room of src/ may import beside itself: other rooms of src/, and packages. A room not named here is only held by the general rules. */
const allowed: Readonly<Record<string, { readonly rooms: readonly string[]; readonly packages: readonly string[] }>> = {
  util: { rooms: [], packages: [] },
  engine: { rooms: ['util'], packages: [] },
  define: { rooms: ['engine', 'util'], packages: ['zod'] },
  contract: { rooms: ['engine', 'util'], packages: [] },
  online: {
    rooms: ['contract', 'engine', 'plan', 'shard', 'util'],
    packages: ['@upstash/redis', '@libsql/client', 'drizzle-orm'],
  },
}

/** Rooms with side doors beside their index.ts: what enters by the main one must not carry these into its bundle. */
const sideDoors: Readonly<Record<string, readonly string[]>> = {
  online: ['redis', 'libsql', 'kv'],
  offline: ['node', 'served', 'training'],
}

/** What runs on a machine and never in a Worker (training sets, imports): the only part of src/ that may use Node. */
const onMachines = 'src/offline/node/'

/** Folders that src/ never reaches into: it is what they are built of. */
const outside = ['workers', 'durable-objects', 'scripts', 'features', 'examples', 'test']

/** Imports of one file that cross a line. `path` is from the repository's root, with `/`. */
export function layerViolations(path: string, text: string): Violation[] {
  return importsOf(text).flatMap(({ specifier, line }) => {
    const message = specifier.startsWith('.')
      ? refuseFile(path, join(dirname(path), specifier))
      : refusePackage(path, specifier)
    return message === undefined ? [] : [{ path, line, message }]
  })
}

function refuseFile(from: string, to: string): string | undefined {
  const room = roomOf(from)
  const target = roomOf(to)
  if (room !== undefined && outside.includes(to.split('/')[0] ?? '')) {
    return `src/ imports ${to}: src/ is the library and knows nothing of ${to.split('/')[0]}/. Hand it in as a parameter.`
  }
  if (target === undefined || target === room) return undefined
  const rule = room === undefined ? undefined : allowed[room]
  if (rule !== undefined && !rule.rooms.includes(target)) {
    const may = rule.rooms.length === 0 ? 'nothing but itself' : `only itself and ${listed(rule.rooms)}`
    return `src/${room} imports src/${target}: it may import ${may}.`
  }
  // util is a shelf of small files, each imported by name: a barrel would tie them together.
  if (target === 'util' || to === `src/${target}/index.ts`) return undefined
  if (sideDoors[target]?.some((door) => to === `src/${target}/${door}/index.ts`)) return undefined
  return `${to} is inside src/${target}: another room enters by its door, src/${target}/index.ts.`
}

function refusePackage(from: string, specifier: string): string | undefined {
  const room = roomOf(from)
  if (room === undefined) return undefined
  if (from.startsWith(onMachines)) return undefined
  if (specifier.startsWith('node:')) return `src/ imports ${specifier}: the library runs in Workers, without Node.`
  const rule = allowed[room]
  if (rule === undefined) return undefined
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  if (rule.packages.includes(name)) return undefined
  return `src/${room} imports the package ${specifier}: it may import ${rule.packages.length === 0 ? 'no package' : listed(rule.packages)}.`
}

/** `engine` of `src/engine/state.ts`; undefined outside of src/ and for files that stand directly in it. */
function roomOf(path: string): string | undefined {
  const [first, room, ...rest] = path.split('/')
  return first === 'src' && rest.length > 0 ? room : undefined
}

function listed(names: readonly string[]): string {
  return names.join(', ')
}

/** Static imports, re-exports, dynamic imports and `import('...')` types, with their lines. */
function importsOf(text: string): { specifier: string; line: number }[] {
  const code = blank(text, { strings: false })
  const outsideStrings = blank(text, { strings: true })
  const pattern = /\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g
  return [...code.matchAll(pattern)]
    .filter((match) => /^(?:from|import)/.test(outsideStrings.slice(match.index)))
    .map((match) => ({ specifier: match[2] ?? '', line: lineAt(text, match.index) }))
}

/**
 * `await` (or an async callback) inside `transactionSync(...)`. An await there ends the transaction before the work: under
 * SIGKILL the dedupe row was kept and the state update lost for good.
 */
export function transactionViolations(path: string, text: string): Violation[] {
  const code = blank(text, { strings: true })
  return [...code.matchAll(/\btransactionSync\s*(?:<[^()]*>)?\s*\(/g)].flatMap((match) => {
    const open = match.index + match[0].length
    const body = code.slice(open, closing(code, open))
    return [...body.matchAll(/\b(?:await|async)\b/g)].map((word) => ({
      path,
      line: lineAt(text, open + word.index),
      message: `${word[0]} inside transactionSync(): the transaction is over before what is awaited. Do it before or after.`,
    }))
  })
}

/** The offset of the bracket that closes the call whose arguments begin at `open`. */
function closing(code: string, open: number): number {
  let depth = 1
  for (let at = open; at < code.length; at++) {
    if (code[at] === '(') depth++
    if (code[at] === ')') depth--
    if (depth === 0) return at
  }
  return code.length
}
