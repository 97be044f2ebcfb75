/** `workers/stores.ts`: the adapters of online stores that the Workers carry. */
import type { Region, StoreKind } from '../../src/plan/index.ts'
import { STORE_KINDS } from '../../src/plan/index.ts'

const OPENERS: Readonly<Record<StoreKind, string>> = { redis: 'openRedis', libsql: 'openLibsql', kv: 'openKv' }

/** The kinds of stores that regions name, in a fixed order. */
export function storeKindsOf(regions: readonly Region[]): readonly StoreKind[] {
  const named = new Set(regions.flatMap(({ stores = [] }) => stores.map(({ kind }) => kind)))
  return STORE_KINDS.filter((kind) => named.has(kind))
}

/** The text of the module: it imports the adapters of the kinds that regions name and no other, for each is code in every bundle. */
export function storeAdaptersModule(regions: readonly Region[]): string {
  const kinds = storeKindsOf(regions)
  const imports = kinds.map((kind) => `import { ${OPENERS[kind]} } from '../src/online/${kind}/index.ts'\n`)
  const members = kinds.map((kind) => `${kind}: ${OPENERS[kind]}`).join(', ')
  return [
    '// Generated from regions.ts by `npm run generate`. Do not edit.\n',
    "import type { StoreAdapters } from '../src/online/index.ts'\n",
    // As the linter sorts them.
    ...imports.toSorted((a, b) => (a.slice(a.indexOf("'")) < b.slice(b.indexOf("'")) ? -1 : 1)),
    '\n/** The adapters of the kinds of online stores that regions.ts names. */\n',
    `export const stores: StoreAdapters = {${members === '' ? '' : ` ${members} `}}\n`,
  ].join('')
}
