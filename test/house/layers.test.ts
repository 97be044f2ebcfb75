import { expect, test } from 'vitest'
import { layerViolations, transactionViolations } from '../../scripts/lib/layer-rules.ts'

/** Each case: a file, what it imports, and a piece of the message; undefined where the import is allowed. */
const cases: [file: string, code: string, message: string | undefined][] = [
  ['src/engine/state.ts', "import { x } from '../define/index.ts'", 'src/engine imports src/define'],
  ['src/engine/state.ts', "import { z } from 'zod'", 'no package'],
  ['src/engine/state.ts', "import { x } from '../util/bytes.ts'", undefined],
  ['src/engine/aggregates/sum.ts', "import { x } from '../aggregate.ts'", undefined],
  ['src/engine/state.ts', "export type { x } from '../contract/index.ts'", 'src/engine imports src/contract'],
  ['src/engine/state.ts', "const x = await import('../define/index.ts')", 'src/engine imports src/define'],
  ['src/engine/state.ts', "type X = import('../define/index.ts').X", 'src/engine imports src/define'],
  ['src/util/bytes.ts', "import { x } from '../engine/index.ts'", 'nothing but itself'],
  ['src/util/bytes.ts', "import { x } from './hash.ts'", undefined],
  ['src/define/entity.ts', "import { z } from 'zod'", undefined],
  ['src/define/entity.ts', "import * as z from 'zod/mini'", undefined],
  ['src/define/entity.ts', "import { Hono } from 'hono'", 'it may import zod'],
  ['src/define/entity.ts', "import { x } from '../contract/index.ts'", 'src/define imports src/contract'],
  ['src/define/entity.ts', "import { x } from '../engine/index.ts'", undefined],
  ['src/define/entity.ts', "import { x } from '../engine/state.ts'", 'enters by its door, src/engine/index.ts'],
  ['src/contract/parse.ts', "import { z } from 'zod'", 'no package'],
  ['src/contract/parse.ts', "import { x } from '../define/index.ts'", 'src/contract imports src/define'],
  ['src/shard/shard.ts', "import { x } from '../contract/parse.ts'", 'enters by its door'],
  ['src/shard/shard.ts', "import { x } from '../contract/index.ts'", undefined],
  [
    'src/shard/shard.ts',
    "import { x } from '../../durable-objects/feature-shard.ts'",
    'knows nothing of durable-objects/',
  ],
  ['src/shard/shard.ts', "import { x } from '../../workers/ingest/index.ts'", 'knows nothing of workers/'],
  ['src/shard/shard.ts', "import { x } from '../../scripts/lib/run.ts'", 'knows nothing of scripts/'],
  ['src/shard/shard.ts', "import { readFile } from 'node:fs/promises'", 'without Node'],
  ['workers/lookup/index.ts', "import { x } from '../../src/serve/assemble.ts'", 'enters by its door'],
  ['workers/lookup/index.ts', "import { x } from '../../src/serve/index.ts'", undefined],
  ['durable-objects/feature-shard.ts', "import { x } from '../src/util/bytes.ts'", undefined],
  ['workers/stores.ts', "import { openKv } from '../src/online/kv/index.ts'", undefined],
  ['workers/stores.ts', "import { KvStore } from '../src/online/kv/kv-store.ts'", 'enters by its door'],
  ['src/engine/state.ts', "// import { z } from 'zod'", undefined],
  ['src/engine/state.ts', "/** `import { z } from 'zod'` */", undefined],
  ['src/engine/state.ts', 'const text = "import { z } from \'zod\'"', undefined],
]

test.each(cases)('%s with %s', (file, code, message) => {
  const messages = layerViolations(file, code).map((violation) => violation.message)
  if (message === undefined) expect(messages).toEqual([])
  else expect(messages).toEqual([expect.stringContaining(message)])
})

test('a violation names its line', () => {
  const code = "import { a } from '../util/a.ts'\n\nimport {\n  b,\n} from '../define/index.ts'\n"
  expect(layerViolations('src/engine/state.ts', code)).toMatchObject([{ path: 'src/engine/state.ts', line: 5 }])
})

test('an await inside transactionSync is refused, on any line of it', () => {
  const code = "this.ctx.storage.transactionSync(() => {\n  const x = (1 + 2)\n  await put(')')\n})\n"
  expect(transactionViolations('durable-objects/x.ts', code)).toMatchObject([{ line: 3 }])
})

test('an async callback of transactionSync is refused', () => {
  const code = 'storage.transactionSync<number>(async () => 1)'
  expect(transactionViolations('durable-objects/x.ts', code)).toHaveLength(1)
})

test('an await beside transactionSync is fine, and so is the word in a comment or a string', () => {
  const code = "await a()\nstorage.transactionSync(() => {\n  // no await here\n  log('await (')\n})\nawait b()\n"
  expect(transactionViolations('durable-objects/x.ts', code)).toEqual([])
})
