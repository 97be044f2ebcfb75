import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Mutant, mutantsOf } from '../../scripts/mutate/mutants.ts'
import { Sandbox } from '../../scripts/mutate/sandbox.ts'

const SOURCE = `export function sumTo(n: number): number {
  let sum = 0
  for (let i = 1; i <= n; i++) sum += i
  return sum
}
`
const TEST = `import { expect, test } from 'vitest'
import { sumTo } from '../src/sum.ts'
test('of three', () => expect(sumTo(3)).toBe(6))
`

const project = mkdtempSync(join(tmpdir(), 'tidemark-mutate-'))
for (const [file, text] of [
  ['src/sum.ts', SOURCE],
  ['test/sum.test.ts', TEST],
  ['package.json', '{ "type": "module" }'],
] as const) {
  mkdirSync(join(project, file, '..'), { recursive: true })
  writeFileSync(join(project, file), text)
}
const sandbox = new Sandbox(project)
afterAll(() => {
  sandbox.remove()
  rmSync(project, { recursive: true, force: true })
})

const STAGES = [{ tests: ['test/sum.test.ts'], isolate: false }]
const limit = () => 20_000

function mutant(to: string): Mutant {
  const found = mutantsOf('src/sum.ts', SOURCE).find((one) => one.to === to)
  if (found === undefined) throw new Error(`no mutant becomes ${to}`)
  return found
}

test('without a mutant the tests pass, and say how long they took', async () => {
  const { status, times } = await sandbox.run(STAGES[0] as (typeof STAGES)[number], limit)
  expect(status).toBe('passed')
  expect([...times.keys()]).toEqual(['test/sum.test.ts > of three'])
})

test('a mutant that a test notices is killed by that test, and taken out again', async () => {
  const outcome = await sandbox.try(mutant('sum -= i'), STAGES, limit)
  expect(outcome).toMatchObject({ status: 'failed', by: 'test/sum.test.ts > of three' })
  expect(readFileSync(join(sandbox.folder, 'src/sum.ts'), 'utf8')).toBe(SOURCE)
  expect(readFileSync(join(project, 'src/sum.ts'), 'utf8')).toBe(SOURCE)
})

test('a mutant that never ends is ended', async () => {
  const outcome = await sandbox.try(mutant('i--'), STAGES, (test) => (test === undefined ? 20_000 : 1_000))
  expect(outcome).toMatchObject({ status: 'timeout', by: 'test/sum.test.ts > of three' })
  expect(readFileSync(join(sandbox.folder, 'src/sum.ts'), 'utf8')).toBe(SOURCE)
})

test('a mutant that no test notices passes', async () => {
  const source = SOURCE.replace('let i = 1', 'let i = 0')
  const [unnoticed] = mutantsOf('src/sum.ts', source).filter(({ from, to }) => from === '0' && to === '1')
  expect(
    await sandbox.try({ ...mutant('1'), ...unnoticed, start: 0, end: 0, text: ' ' } as Mutant, STAGES, limit),
  ).toMatchObject({
    status: 'passed',
  })
})

test('what cannot be loaded is killed, by no test', async () => {
  const outcome = await sandbox.try({ ...mutant('sum -= i'), text: '<<<' }, STAGES, limit)
  expect(outcome).toMatchObject({ status: 'broken' })
  expect(outcome.by).toBeUndefined()
})

test('the sandbox leaves nothing', () => {
  const other = new Sandbox(project)
  other.remove()
  expect(existsSync(other.folder)).toBe(false)
})
