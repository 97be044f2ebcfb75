import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { binary, root } from '../../scripts/lib/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-lint-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What biome says about one planted file under the house's own configuration. */
function lint(name: string, code: string): { ok: boolean; output: string } {
  const place = join(folder, name)
  mkdirSync(place, { recursive: true })
  copyFileSync(join(root, 'biome.json'), join(place, 'biome.json'))
  writeFileSync(join(place, 'planted.ts'), code)
  const run = spawnSync(binary('biome'), ['ci', '--colors=off', '--vcs-enabled=false', 'planted.ts'], {
    cwd: place,
    encoding: 'utf8',
  })
  return { ok: run.status === 0, output: run.stdout + run.stderr }
}

const planted: [rule: string, code: string][] = [
  ['noExplicitAny', 'export const x: any = 1\n'],
  ['noNonNullAssertion', 'export const x = (list: number[]) => list[0]!\n'],
  ['noFloatingPromises', 'async function work(): Promise<void> {}\nexport function run() {\n  work()\n}\n'],
  ['noUnusedImports', "import { a } from './a.ts'\n\nexport const x = 1\n"],
  ['noUnusedVariables', 'const unused = 1\nexport const x = 1\n'],
  ['useImportExtensions', "export { a } from './a'\n"],
  ['format', 'export const x = "double";\n'],
]

test.each(planted)('%s fails the check', (rule, code) => {
  if (rule === 'useImportExtensions') {
    mkdirSync(join(folder, rule), { recursive: true })
    writeFileSync(join(folder, rule, 'a.ts'), 'export const a = 1\n')
  }
  const { ok, output } = lint(rule, code)
  expect(output).toContain(rule)
  expect(ok).toBe(false)
})

test('a clean file passes', () => {
  const { ok, output } = lint('clean', "export const x = 'single'\n")
  expect(output).not.toContain('×')
  expect(ok).toBe(true)
})
