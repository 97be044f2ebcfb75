import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-commands-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function tidemark(...args: string[]): { status: number | null; out: string; err: string } {
  const launcher = join(root, 'scripts', 'tidemark-launcher.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], { encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

/** A definitions file that stands alone, so that these tests do not depend on the language. */
function definitions(name: string, code: string): string {
  const file = join(folder, name)
  writeFileSync(file, code)
  return file
}

test('--help shows every command with an example', () => {
  const { status, out } = tidemark('--help')
  expect(status).toBe(0)
  for (const command of ['check', 'start', 'dead-letters', 'sources', 'source', 'generate', 'bench', 'train'])
    expect(out).toContain(`npx tidemark ${command}`)
})

test('a mistyped command is refused and names its neighbour', () => {
  expect(tidemark('chekc')).toMatchObject({ status: 2, err: expect.stringContaining('Did you mean "check"?') })
})

test('check counts what is declared, and --json gives one object', () => {
  const file = definitions(
    'good.ts',
    'export const definitions = { spec: { entities: [1, 2], sources: [1], views: [], services: [1] } }',
  )
  expect(tidemark('check', file).out).toContain('2 entities, 1 source, 0 views, 1 service')
  expect(JSON.parse(tidemark('check', file, '--json').out)).toMatchObject({ ok: true, counts: { entities: 2 } })
})

test('check prints a broken definition without a stack, and exits 1', () => {
  const file = definitions(
    'broken.ts',
    "const e = new Error('view user_stats has two features named clicks')\ne.name = 'DefinitionError'\nthrow e",
  )
  const { status, err } = tidemark('check', file)
  expect(status).toBe(1)
  expect(err).toContain('view user_stats has two features named clicks')
  expect(err).not.toContain('    at ')
})

test('check says how to name a file that is missing', () => {
  expect(tidemark('check', 'nowhere.ts')).toMatchObject({
    status: 2,
    err: expect.stringContaining('nowhere.ts does not exist'),
  })
})
