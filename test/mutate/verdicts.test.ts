import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { hashOf, type Verdict, VerdictCache } from '../../scripts/mutate/cache.ts'
import { readJudged, stale } from '../../scripts/mutate/judged.ts'
import { type Mutant, mutantsOf } from '../../scripts/mutate/mutants.ts'
import { MutationProgress } from '../../scripts/mutate/progress.ts'
import { asJson, asText, scoreOf } from '../../scripts/mutate/report.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-verdicts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const KILLED: Verdict = { status: 'killed', how: 'failed', by: 'a.test.ts > x' }
const SURVIVED: Verdict = { status: 'survived' }

test('what was killed stays so while its file does; a survivor is tried again when tests change', () => {
  const path = join(folder, 'cache.json')
  const cache = new VerdictCache(path)
  cache.set('k', 'file 1', 'tests 1', KILLED)
  cache.set('s', 'file 1', 'tests 1', SURVIVED)
  cache.save()
  const again = new VerdictCache(path)
  expect(again.get('k', 'file 1', 'tests 2')).toMatchObject(KILLED)
  expect(again.get('s', 'file 1', 'tests 1')).toMatchObject(SURVIVED)
  expect(again.get('s', 'file 1', 'tests 2')).toBeUndefined()
  expect(again.get('k', 'file 2', 'tests 1')).toBeUndefined()
  expect(again.get('other', 'file 1', 'tests 1')).toBeUndefined()
})

test('a cache that was cut off or is missing is empty', () => {
  const path = join(folder, 'broken.json')
  writeFileSync(path, '{"k": ')
  expect(new VerdictCache(path).get('k', '', '')).toBeUndefined()
  expect(new VerdictCache(join(folder, 'nowhere.json')).get('k', '', '')).toBeUndefined()
})

test('a hash tells apart where one text ends and the next begins', () => {
  expect(hashOf('ab', 'c')).not.toBe(hashOf('a', 'bc'))
})

const mutants = mutantsOf('x.ts', 'f(a + b)\ng(a * b)\n').filter(({ mutator }) => mutator === 'arithmetic') as [
  Mutant,
  Mutant,
]

test('the score is what was killed of what was counted', () => {
  const tried = [
    { mutant: mutants[0], verdict: KILLED },
    { mutant: mutants[1], verdict: SURVIVED },
  ]
  const result = { seed: 1, outOf: 9, tried, judged: [{ ...mutants[0], why: 'for a reason' }], stale: [], leftOut: [] }
  expect(scoreOf(tried)).toBe(0.5)
  expect(scoreOf([])).toBe(1)
  expect(asJson(result)).toMatchObject({
    sample: 3,
    killed: 1,
    score: 0.5,
    survivors: [{ file: 'x.ts', code: 'g(a * b)', line: 2 }],
  })
  expect(asText(result)).toContain('a * b  ->  a / b')
  expect(asText(result)).toContain('for a reason')
  expect(asText(result)).toContain('50.0 % killed: 1 of 2')
})

test('a judgement without a reason is refused, and one of code that is gone is told', () => {
  const path = join(folder, 'judged.json')
  const one = { file: 'x.ts', in: '', code: 'f(a + b)', from: 'a + b', to: 'a - b', why: 'it is never called' }
  writeFileSync(path, JSON.stringify([one, { ...one, code: 'f(gone)' }]))
  expect(stale(readJudged(path), mutants)).toEqual([{ ...one, code: 'f(gone)' }])
  writeFileSync(path, JSON.stringify([{ ...one, why: ' ' }]))
  expect(() => readJudged(path)).toThrow('f(a + b)')
})

test('the judgements of this repository can be read', () => {
  expect(readJudged()).toBeInstanceOf(Array)
})

test('progress on a terminal is one line that says what is left; in a log some lines', () => {
  for (const isTTY of [true, false]) {
    let text = ''
    let nowMs = 0
    const progress = new MutationProgress({ isTTY, write: (more) => (text += more) }, 100, () => nowMs)
    progress.add('survived', true)
    for (let i = 0; i < 99; i++) {
      nowMs += 60_000
      progress.add('killed', false)
    }
    expect(text).toContain('50/100, 49 killed, 1 survived, 50 min left')
    expect(text.replace('\u001b[K\n', '\n')).toContain('100/100, 99 killed, 1 survived\n')
    expect(text.split('\n').length).toBe(isTTY ? 2 : 21)
  }
})
