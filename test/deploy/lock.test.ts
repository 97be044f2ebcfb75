import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { takeLock } from '../../scripts/deploy/lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const own = { pid: process.pid, startedMs: 1 }

test('the second of two deployments of a region is told who has it; of another region it goes on', () => {
  const release = takeLock(folder, 'weur', own)
  expect(takeLock(folder, 'weur', { pid: 2, startedMs: 2 })).toEqual({ heldBy: own })
  expect(takeLock(folder, 'enam', own)).toBeTypeOf('function')
  if (typeof release === 'function') release()
  expect(takeLock(folder, 'weur', own)).toBeTypeOf('function')
})

test('a deployment that was killed holds nothing, and neither does a file that is torn', () => {
  takeLock(folder, 'apac', own)
  expect(takeLock(folder, 'apac', own, () => false)).toBeTypeOf('function')
  writeFileSync(join(folder, 'deploy-oc.lock'), '{"pid":')
  expect(takeLock(folder, 'oc', own)).toBeTypeOf('function')
})
